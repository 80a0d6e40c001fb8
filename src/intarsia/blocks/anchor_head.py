"""RetinaNet's head: every anchor of a pyramid says which class it holds, and how it moves onto its object.

Lin, Goyal, Girshick, He, Dollar. "Focal Loss for Dense Object Detection." ICCV 2017. arXiv:1708.02002
"""

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .box_head import Found
from .boxes import box_iou, clip_boxes, decode_boxes, encode_boxes, in_full
from .fcos import PRIOR, places_of
from .matching import BETWEEN, excused, match
from .one_stage import best_of_image, best_of_level
from .statistics import require_two_values


class Anchored(NamedTuple):
    """The answers of one level of B images: P anchors, row after row, at each place all shapes."""

    logits: Tensor  # B x P x K
    codes: Tensor  # B x P x 4
    anchors: Tensor  # P x 4


class AnchorHead(nn.Module):
    """Two towers of convolutions that all levels share; each level has batch norms of its own.

    Args:
        channels: of each level.
        num_classes: K.
        strides: of the levels, finest first.
        depth: 3x3 convolutions before the answers.
        size: side of the smallest square anchor, in strides.
        steps: sizes of a level, each so many parts of an octave apart.
        ratios: width over height.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        *,
        strides: Sequence[int],
        depth: int = 4,
        size: float = 4.0,
        steps: int = 3,
        ratios: Sequence[float] = (1.0, 2.0, 0.5),
    ) -> None:
        super().__init__()
        self.num_classes, self.strides = num_classes, tuple(strides)
        sides = [(r**0.5, r**-0.5) for _ in range(steps) for r in ratios]
        scale = [size * 2 ** (n / steps) for n in range(steps) for _ in ratios]
        self.sides = tuple((w * s, h * s) for (w, h), s in zip(sides, scale, strict=True))  # in strides
        self.look, self.measure = (Tower(channels, depth, len(self.strides)) for _ in range(2))
        self.classify = nn.Conv2d(channels, num_classes * len(self.sides), 3, padding=1)
        self.move = nn.Conv2d(channels, 4 * len(self.sides), 3, padding=1)
        for layer in (self.classify, self.move):
            nn.init.normal_(layer.weight, std=1e-5)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.classify.bias, -log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]

    def forward(self, pyramid: Sequence[Tensor]) -> list[Anchored]:
        found = []
        for n, (x, stride) in enumerate(zip(pyramid, self.strides, strict=True)):
            parts = (self.classify(self.look(x, n)), self.move(self.measure(x, n)))
            logits, codes = (
                in_full(part.permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, wide)))
                for part, wide in zip(parts, (self.num_classes, 4), strict=True)
            )
            half = torch.tensor(self.sides, device=x.device) * stride / 2
            middle = places_of(x, stride)[:, None]
            anchors = torch.cat([middle - half, middle + half], dim=2).flatten(0, 1)
            found.append(Anchored(logits, codes, anchors.to(codes)))
        return found

    @torch.no_grad()
    def best(
        self, levels: Sequence[Anchored], size: tuple[int, int], *, score: float, overlap: float, most: int, limit: int
    ) -> Found:
        """Turn the anchors of B images into boxes that do not overlap others of their class: [B, limit], best first.

        Args:
            size: (H, W) of the image, which boxes end at.
            score: classes that are less probable are left out, 0..1.
            overlap: IoU above which the worse of two boxes of a class goes.
            most: boxes of a level that are looked at.
            limit: boxes of an image at most.
        """
        found = []
        for level in levels:
            boxes = clip_boxes(decode_boxes(level.codes, level.anchors), size)
            probable = level.logits.sigmoid()
            found.append(best_of_level(probable.where(probable > score, 0), boxes, most))
        return best_of_image(found, self.num_classes, overlap, limit)

    @torch.no_grad()
    def match(
        self, levels: Sequence[Anchored], boxes: Tensor, classes: Tensor, ignored: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Say what is wanted of each anchor of one image: a class [P], and codes [P, 4], zeros for none.

        Args:
            boxes, classes: [M, 4] and [M] of the true objects; an anchor is an object's from an IoU of 0.5 on, and each
                object keeps those that overlap it most.
            ignored: [I, 4] boxes in which anchors are not background: they get the class -1; background is K.
        """
        anchors = torch.cat([level.anchors for level in levels])
        matched = excused(match(box_iou(boxes, anchors), 0.5, 0.5, rescue=True), anchors, ignored)
        kinds = torch.where(matched == BETWEEN, -1, self.num_classes)
        codes, hit = torch.zeros_like(anchors), matched >= 0
        kinds[hit] = classes[matched[hit]]
        codes[hit] = encode_boxes(boxes[matched[hit]], anchors[hit])
        return kinds, codes


class Tower(nn.Module):
    """3x3 convolutions that all levels share, each followed by a batch norm of the level's own and ReLU."""

    def __init__(self, channels: int, depth: int, levels: int) -> None:
        super().__init__()
        self.convolve = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(depth))
        self.norms = nn.ModuleList(nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(levels)) for _ in range(depth))
        for layer in self.convolve:
            nn.init.normal_(layer.weight, std=0.01)  # type: ignore[arg-type]

    def forward(self, x: Tensor, level: int) -> Tensor:
        require_two_values(x, self.training, "the coarsest level of the pyramid")
        for convolve, norms in zip(self.convolve, self.norms, strict=True):
            x = norms[level](convolve(x)).relu()  # type: ignore[index]
        return x
