"""A detector of one stage: every anchor of every level has a class and a box, and the best that do not overlap are taken.

Lin, Goyal, Girshick, He, Dollar. "Focal Loss for Dense Object Detection." ICCV 2017. arXiv:1708.02002 (RetinaNet)
"""

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .boxes import clip_boxes, decode_boxes, in_full, left_by_suppression


def tower(channels: int, width: int, depth: int) -> nn.Sequential:
    """Stack 3x3 convolutions with ReLU, from `channels` to `width`, with small first weights."""
    layers: list[nn.Module] = []
    for n in range(depth):
        conv = nn.Conv2d(width if n else channels, width, 3, padding=1)
        small(conv)
        layers += [conv, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def small(conv: nn.Conv2d) -> nn.Conv2d:
    """Begin with small weights and no bias."""
    nn.init.normal_(conv.weight, std=0.01)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


class DenseHead(nn.Module):
    """Two towers of convolutions, the same at every level, that judge each anchor: each class by itself, and a box.

    Args:
        channels: of each level.
        num_classes: K.
        anchors: at each pixel.
        depth: 3x3 convolutions before the scores and the boxes.
        width: of the tower of the boxes; as wide as the level where it is None.
        prior: how probable each class is of each anchor before training, so that the many of nothing do not drown the rest.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        anchors: int,
        *,
        depth: int = 4,
        width: int | None = None,
        prior: float = 0.01,
    ) -> None:
        super().__init__()
        self.num_classes, width = num_classes, width or channels
        self.look, self.look_where = tower(channels, channels, depth), tower(channels, width, depth)
        self.classify = small(nn.Conv2d(channels, anchors * num_classes, 3, padding=1))
        self.move = small(nn.Conv2d(width, anchors * 4, 3, padding=1))
        nn.init.constant_(self.classify.bias, -log((1 - prior) / prior))  # type: ignore[arg-type]

    def forward(self, level: Tensor) -> tuple[Tensor, Tensor]:
        """Judge the anchors of a level [B, C, h, w]: logits [B, A, K] and codes [B, A, 4]."""
        logits, codes = self.classify(self.look(level)), self.move(self.look_where(level))
        b = level.shape[0]
        return (
            in_full(logits).permute(0, 2, 3, 1).reshape(b, -1, self.num_classes),
            in_full(codes).permute(0, 2, 3, 1).reshape(b, -1, 4),
        )


class Picked(NamedTuple):
    """The objects of B images, best first; zeros fill up."""

    scores: Tensor  # B x limit
    classes: Tensor  # B x limit
    boxes: Tensor  # B x limit x 4
    rows: Tensor  # B x limit, of the anchors of all levels


def pick(
    logits: Sequence[Tensor],
    codes: Sequence[Tensor],
    anchors: Sequence[Tensor],
    size: tuple[int, int] | None,
    *,
    weights: Sequence[float],
    score: float,
    candidates: int,
    overlap: float,
    limit: int,
) -> Picked:
    """Take the best boxes of all levels that do not overlap better ones of their class, in shapes that do not depend on them.

    Args:
        logits, codes, anchors: of each level [B, A, K], [B, A, 4] and [A, 4].
        size: (H, W) of the image, to which boxes are cut before they are compared; None: they are compared as they are.
        weights: of the codes.
        score: what is not more probable is left out, 0..1.
        candidates: of each level, a class of an anchor each.
        overlap: IoU above which the worse of two boxes of a class goes.
        limit: objects of an image.
    """
    found, start, k = [], 0, logits[0].shape[2]
    for logit, code, anchor in zip(logits, codes, anchors, strict=True):
        probable = logit.sigmoid().flatten(1)
        probable = F.pad(probable * (probable > score), (0, candidates))  # a level may have fewer
        best, at = probable.topk(candidates, dim=1)
        row = at // k
        places = row[..., None].expand(-1, -1, 4)
        code = F.pad(code, (0, 0, 0, candidates)).gather(1, places)
        boxes = decode_boxes(code, F.pad(anchor, (0, 0, 0, candidates))[row], weights)
        boxes = boxes if size is None else clip_boxes(boxes, size)
        found.append((best, at % k, boxes, row + start))
        start = start + anchor.shape[0]
    scores, classes, boxes, rows = (torch.cat(part, dim=1) for part in zip(*found, strict=True))
    b, n = scores.shape
    able = (scores > 0) & (boxes[..., 2:] > boxes[..., :2]).all(2)
    groups = classes + k * torch.arange(b, device=classes.device)[:, None]
    left = left_by_suppression(boxes.flatten(0, 1), scores.flatten(), overlap, groups.flatten(), able.flatten())
    scores, order = F.pad(scores.where(left.view(b, n), 0), (0, limit)).topk(limit, dim=1)
    kept = scores > 0
    boxes = F.pad(boxes, (0, 0, 0, limit)).gather(1, order[..., None].expand(-1, -1, 4)) * kept[..., None]
    classes, rows = (F.pad(part, (0, limit)).gather(1, order) * kept for part in (classes, rows))
    return Picked(scores, classes, boxes, rows)
