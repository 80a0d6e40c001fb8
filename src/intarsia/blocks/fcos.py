"""FCOS: every point of a pyramid says which class it lies in, how far the edges of its object are, and how near the middle.

Tian, Shen, Chen, He. "FCOS: Fully Convolutional One-Stage Object Detection." ICCV 2019. arXiv:1904.01355
"""

from collections.abc import Sequence
from math import log
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .box_head import Found
from .boxes import areas, clip_boxes, in_full
from .conv import norm_layer
from .one_stage import best_of_image, best_of_level

PRIOR = 0.01  # how probable a class is before anything was learned (RetinaNet, section 3.3)


class Points(NamedTuple):
    """The answers of one level of B images: P points, row after row."""

    logits: Tensor  # B x P x K
    distances: Tensor  # B x P x 4: to the left, top, right and lower edge, in strides; 0 or more
    centerness: Tensor  # B x P logits
    places: Tensor  # P x 2 (x, y) in pixels


class PointHead(nn.Module):
    """The head that all levels share, but for one factor of the distances each.

    Args:
        channels: of each level.
        num_classes: K.
        strides: of the levels, finest first.
        depth: 3x3 convolutions with group norm before the answers.
        ranges: the longest distance, in pixels, that a point of each level but the coarsest stands for.
        radius: points no further from the middle of an object than this many strides are the object's.

    Raises: ModelError for ranges that do not fit the levels.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        *,
        strides: Sequence[int],
        depth: int = 4,
        ranges: Sequence[float] = (64, 128, 256, 512),
        radius: float = 1.5,
    ) -> None:
        super().__init__()
        if len(ranges) != len(strides) - 1 or list(ranges) != sorted(set(ranges)) or ranges[0] <= 0:
            raise ModelError(
                f"ranges is {list(ranges)}; name {len(strides) - 1} growing numbers of pixels, one for each of the "
                f"{len(strides)} levels but the last, such as [64, 128, 256, 512]"
            )
        self.strides, self.ranges, self.radius = tuple(strides), tuple(ranges), radius

        def tower() -> nn.Sequential:
            layers: list[nn.Module] = []
            for _ in range(depth):
                layers += [nn.Conv2d(channels, channels, 3, padding=1), norm_layer("group", channels), nn.ReLU()]
            return nn.Sequential(*layers)

        self.look, self.measure = tower(), tower()
        self.classify = nn.Conv2d(channels, num_classes, 3, padding=1)
        self.reach = nn.Conv2d(channels, 4, 3, padding=1)
        self.center = nn.Conv2d(channels, 1, 3, padding=1)
        self.scales = nn.Parameter(torch.ones(len(strides)))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.classify.bias, -log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]

    def forward(self, pyramid: Sequence[Tensor]) -> list[Points]:
        found = []
        for x, stride, scale in zip(pyramid, self.strides, self.scales, strict=True):
            seen, measured = self.look(x), self.measure(x)
            distances = (self.reach(measured) * scale).relu()
            parts = (self.classify(seen), distances, self.center(measured))
            logits, distances, centerness = (in_full(part.flatten(2).transpose(1, 2)) for part in parts)
            found.append(Points(logits, distances, centerness[..., 0], places_of(x, stride).to(logits)))
        return found

    @torch.no_grad()
    def best(
        self, levels: Sequence[Points], size: tuple[int, int], *, score: float, overlap: float, most: int, limit: int
    ) -> Found:
        """Turn the points of B images into boxes that do not overlap others of their class: [B, limit], best first.

        Args:
            size: (H, W) of the image, which boxes end at.
            score: classes that are less probable at a point are left out, 0..1.
            overlap: IoU above which the worse of two boxes of a class goes.
            most: boxes of a level that are looked at.
            limit: boxes of an image at most.

        Returns: scores are the geometric mean of the class's probability and the centerness.
        """
        found = []
        for level, stride in zip(levels, self.strides, strict=True):
            reach = level.distances * stride
            boxes = torch.cat([level.places - reach[..., :2], level.places + reach[..., 2:]], dim=2)
            probable = level.logits.sigmoid()
            scores = (probable * level.centerness.sigmoid()[..., None]).sqrt()
            found.append(best_of_level(scores.where(probable > score, 0), clip_boxes(boxes, size), most))
        return best_of_image(found, levels[0].logits.shape[2], overlap, limit)

    @torch.no_grad()
    def match(
        self, levels: Sequence[Points], boxes: Tensor, classes: Tensor, ignored: Tensor, none: int
    ) -> tuple[Tensor, Tensor]:
        """Say what is wanted of each point of one image: a class [P], and distances [P, 4] in strides.

        A point stands for the smallest object that it lies near the middle of and that has the size of its level.

        Args:
            boxes, classes: [M, 4] and [M] of the true objects.
            ignored: [I, 4] boxes in which points are not background: they get the class -1.
            none: the number that stands for no object.
        """
        bounds = (-1.0, *self.ranges, torch.inf)
        wanted, reaches = [], []
        for n, (level, stride) in enumerate(zip(levels, self.strides, strict=True)):
            at = level.places
            reach = torch.cat(
                [at[:, None] - boxes[:, :2], boxes[:, 2:] - at[:, None]], dim=2
            )  # of each pair, P x M x 4
            far = (at[:, None] - (boxes[:, :2] + boxes[:, 2:]) / 2).abs().amax(2)
            longest = reach.amax(2)
            able = (reach.amin(2) > 0) & (far < self.radius * stride)
            able &= (longest >= bounds[n]) & (longest <= bounds[n + 1])
            kinds = torch.full((len(at),), none, device=boxes.device)
            if len(ignored):
                inside = torch.cat([at[:, None] - ignored[:, :2], ignored[:, 2:] - at[:, None]], dim=2).amin(2) > 0
                kinds[inside.any(1)] = -1
            if len(boxes):
                size, row = areas(boxes).expand(len(at), -1).where(able, torch.inf).min(1)
                kinds = torch.where(size.isfinite(), classes[row], kinds)
                reach = reach[torch.arange(len(at), device=row.device), row]
            wanted.append(kinds)
            reaches.append((reach if len(boxes) else boxes.new_zeros(len(at), 4)) / stride)
        return torch.cat(wanted), torch.cat(reaches)


def places_of(x: Tensor, stride: int) -> Tensor:
    """Find the middles, in pixels (x, y), of the cells of a map [B, C, h, w]: [h * w, 2], row after row.

    >>> places_of(torch.zeros(1, 1, 1, 2), 8).tolist()
    [[4.0, 4.0], [12.0, 4.0]]
    """
    h, w = x.shape[-2:]
    down, across = (torch.arange(n, device=x.device, dtype=torch.float32) * stride + stride // 2 for n in (h, w))
    y, x0 = torch.meshgrid(down, across, indexing="ij")
    return torch.stack([x0, y], dim=2).flatten(0, 1)
