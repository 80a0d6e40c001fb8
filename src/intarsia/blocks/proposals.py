"""The region proposal network: of the anchors all over the image, those that may hold an object, moved onto it.

Ren, He, Girshick, Sun. "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks." NeurIPS 2015.
arXiv:1506.01497 (with a level of the pyramid for each size of anchor: Lin et al. CVPR 2017. arXiv:1612.03144)
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelError
from .anchors import anchors_of
from .boxes import (
    box_iou,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    in_full,
    left_by_suppression,
    rows_of,
    suppress,
)
from .matching import excused, match, sampled

SMALLEST = 1e-3  # side of a box, in pixels, that is kept


class Proposed(NamedTuple):
    """The proposals of B images, and the scores and codes of all anchors."""

    boxes: list[Tensor]  # each P x 4, best first, no gradient
    anchors: Tensor  # A x 4
    objectness: Tensor  # B x A logits
    codes: Tensor  # B x A x 4: how to move each anchor


class Compared(NamedTuple):
    """A few anchors, and what is wanted of each."""

    objectness: Tensor  # S logits
    is_object: Tensor  # S of 0 or 1
    codes: Tensor  # P x 4, of those that are an object's
    wanted: Tensor  # P x 4


class RegionProposals(nn.Module):
    """Score every anchor, move it, and keep the best that do not overlap each other.

    Args:
        channels: of each level.
        strides: of each level, finest first.
        sizes: of the anchors, one for each level: square root of their area, in pixels.
        ratios: height over width.
        keep: proposals of an image in training and in evaluation; of each level as many are looked at.
        overlap: IoU above which the worse of two proposals of a level goes.
        low, high: anchors are compared as nothing below an IoU of `low`, and as an object's from `high` on.
        count, share: anchors that are compared in each image, and the share of objects' among them at most.
        depth: 3x3 convolutions before the scores.

    Raises: ModelError for sizes, ratios or numbers that make no anchors or no proposals.
    """

    def __init__(
        self,
        channels: int,
        *,
        strides: Sequence[int],
        sizes: Sequence[float],
        ratios: Sequence[float] = (0.5, 1, 2),
        keep: Sequence[int] = (2000, 1000),
        overlap: float = 0.7,
        low: float = 0.3,
        high: float = 0.7,
        count: int = 256,
        share: float = 0.5,
        depth: int = 1,
    ) -> None:
        super().__init__()
        if len(sizes) != len(strides) or min(sizes) <= 0:
            raise ModelError(
                f"sizes is {list(sizes)}; name the anchors' size on each of the {len(strides)} levels, in pixels, such as "
                "[32, 64, 128, 256, 512]"
            )
        if not ratios or min(ratios) <= 0:
            raise ModelError(
                f"ratios is {list(ratios)}; name at least one ratio of height over width, such as [0.5, 1, 2]"
            )
        if len(keep) != 2 or min(keep) < 1:
            raise ModelError(f"proposals is {list(keep)}; name how many in training and how many in evaluation")
        self.strides, self.sizes, self.ratios = tuple(strides), tuple(sizes), tuple(ratios)
        self.keep, self.overlap, self.low, self.high = (keep[0], keep[1]), overlap, low, high
        self.count, self.share = count, share
        convolutions = [nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth)]
        self.look = nn.Sequential(*(part for conv in convolutions for part in (conv, nn.ReLU(inplace=True))))
        self.score = nn.Conv2d(channels, len(self.ratios), 1)
        self.move = nn.Conv2d(channels, 4 * len(self.ratios), 1)
        for layer in (*convolutions, self.score, self.move):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, pyramid: Sequence[Tensor], size: tuple[int, int]) -> Proposed:
        scores, codes, anchors = [], [], []
        for x, stride, side in zip(pyramid, self.strides, self.sizes, strict=True):
            y = self.look(x)
            scores.append(in_full(self.score(y).permute(0, 2, 3, 1).flatten(1)))
            codes.append(in_full(self.move(y).permute(0, 2, 3, 1).reshape(len(y), -1, 4)))
            anchors.append(anchors_of(x, stride, side, self.ratios).to(scores[-1]))
        boxes = self._best(scores, codes, anchors, size)
        return Proposed(boxes, torch.cat(anchors), torch.cat(scores, dim=1), torch.cat(codes, dim=1))

    @torch.no_grad()
    def _best(
        self, scores: list[Tensor], codes: list[Tensor], anchors: list[Tensor], size: tuple[int, int]
    ) -> list[Tensor]:
        """The proposals of each image: of every level the best, without those that overlap better ones there."""
        most = self.keep[0] if self.training else self.keep[1]
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for n, (score, code, anchor) in enumerate(zip(scores, codes, anchors, strict=True)):
            score, row = score.topk(min(most, score.shape[1]), dim=1)
            code = code.gather(1, row[..., None].expand(-1, -1, 4))
            boxes = clip_boxes(decode_boxes(code, anchor[row]), size)
            found.append((score, boxes, torch.full_like(row, n)))
        parts = [torch.cat(part, dim=1) for part in zip(*found, strict=True)]
        best = []
        for score, boxes, level in zip(*parts, strict=True):
            large = rows_of((boxes[:, 2:] - boxes[:, :2] >= SMALLEST).all(1))
            score, boxes, level = score.sigmoid()[large], boxes[large], level[large]
            best.append(boxes[suppress(boxes, score, self.overlap, groups=level, fast=True)[:most]])
        return best

    def fixed(self, pyramid: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Propose a fixed number of boxes, for export: [B, P, 4], best first, filled up with boxes without area."""
        most = self.keep[1]
        scores, boxes = [], []
        for x, stride, side in zip(pyramid, self.strides, self.sizes, strict=True):
            y = self.look(x)
            score = in_full(self.score(y).permute(0, 2, 3, 1).flatten(1)).sigmoid()
            code = in_full(self.move(y).permute(0, 2, 3, 1).reshape(y.shape[0], -1, 4))  # len() would fix B in a graph
            anchor = anchors_of(x, stride, side, self.ratios).to(score)
            score = F.pad(score, (0, most), value=-1)  # a level may have fewer
            score, row = score.topk(most, dim=1)
            anchor, code = F.pad(anchor, (0, 0, 0, most)), F.pad(code, (0, 0, 0, most))
            code = code.gather(1, row[..., None].expand(-1, -1, 4))
            scores.append(score)
            boxes.append(clip_boxes(decode_boxes(code, anchor[row]), size))
        score, box = torch.cat(scores, dim=1), torch.cat(boxes, dim=1)  # of all levels [B, 5 P], [B, 5 P, 4]
        b, n = score.shape
        able = (score >= 0) & (box[..., 2:] - box[..., :2] >= SMALLEST).all(2)
        level = torch.arange(n, device=score.device) // most
        groups = torch.arange(b, device=score.device)[:, None] * len(self.strides) + level
        left = left_by_suppression(box.flatten(0, 1), score.flatten(), self.overlap, groups.flatten(), able.flatten())
        score, row = score.where(left.view(b, n), -1).topk(most, dim=1)
        box = box.gather(1, row[..., None].expand(-1, -1, 4))
        return box * (score >= 0)[..., None]

    def compare(self, proposed: Proposed, truth: Sequence[Tensor], ignored: Sequence[Tensor]) -> Compared:
        """Match the anchors with the true boxes of each image, and draw a few of them at random.

        Args:
            truth, ignored: of each image [M, 4] and [I, 4]; anchors in ignored boxes do not count as nothing.
        """
        parts = []
        for n, (boxes, left) in enumerate(zip(truth, ignored, strict=True)):
            matched = match(box_iou(boxes, proposed.anchors), self.low, self.high, rescue=True)
            matched = excused(matched, proposed.anchors, left)
            objects, nothing = sampled(matched, self.count, self.share)
            rows = torch.cat([objects, nothing])
            wanted = encode_boxes(boxes[matched[objects]], proposed.anchors[objects])
            is_object = (matched[rows] >= 0).to(proposed.objectness)
            parts.append((proposed.objectness[n, rows], is_object, proposed.codes[n, objects], wanted))
        return Compared(*map(torch.cat, zip(*parts, strict=True)))
