"""Regions of a feature pyramid: each box is cut out of the level that fits its size."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelError
from .boxes import areas, rows_of
from .regions import roi_align, roi_pool, roi_warp

Cut = Literal["align", "align_max", "warp", "warp_max", "pool"]
NORMAL, AT = 224, 4  # a box as large as the images of ImageNet is cut out of the level of stride 16 (FPN, equation 1)


class PyramidRegions(nn.Module):
    """Cut boxes of any size out of a pyramid, each to the same few cells.

    Args:
        cells: along each side.
        strides: of the levels, finest first; each twice the one before.
        cut: "align" rounds nothing, "warp" the box, "pool" the box and its cells. A cell of the first two is the mean of its
            points, or their maximum as "align_max" and "warp_max"; that of "pool" is the maximum of its pixels.
        samples: points along each side of a cell, of all but "pool".
        aligned: of "align": the center of the first pixel lies at 0.5; false: at 0, half a pixel off, as first released.

    Raises: ModelError for another way to cut.
    """

    def __init__(
        self,
        cells: int,
        *,
        strides: Sequence[int] = (4, 8, 16, 32),
        cut: Cut = "align",
        samples: int = 2,
        aligned: bool = True,
    ) -> None:
        super().__init__()
        if cut not in get_args(Cut):
            raise ModelError(f"roi is {cut!r}; choose 'align', 'align_max', 'warp', 'warp_max' or 'pool'")
        self.cells, self.strides, self.cut = cells, tuple(strides), cut
        self.samples, self.aligned = samples, aligned

    def forward(self, pyramid: Sequence[Tensor], boxes: Tensor, images: Tensor, level: Tensor | None = None) -> Tensor:
        """Cut boxes [M, 4] of images [M] out of their levels [M], or out of those of `levels`: [M, C, cells, cells]."""
        level = self.levels(boxes) if level is None else level
        parts, order = [], []
        for n, (x, stride) in enumerate(zip(pyramid, self.strides, strict=False)):  # the coarsest only proposes
            rows = rows_of(level == n)
            parts.append(self._cut(x, boxes[rows], images[rows], 1 / stride))
            order.append(rows)
        cells = torch.cat(parts)
        return cells.new_empty(boxes.shape[0], *cells.shape[1:]).index_copy(0, torch.cat(order), cells)

    def levels(self, boxes: Tensor) -> Tensor:
        """Choose the level of each box [M, 4]: [M] int64, 0 the finest (FPN, equation 1)."""
        first = self.strides[0].bit_length() - 1
        level = (AT + (areas(boxes).sqrt() / NORMAL).log2() + 1e-6).floor() - first
        return level.clamp(0, len(self.strides) - 1).long()

    def _cut(self, x: Tensor, boxes: Tensor, images: Tensor, scale: float) -> Tensor:
        if self.cut == "pool":
            return roi_pool(x, boxes, self.cells, images=images, scale=scale, fast=True)
        highest = self.cut.endswith("_max")  # each point is a cell of its own then
        cells, samples = (self.cells * self.samples, 1) if highest else (self.cells, self.samples)
        if self.cut.startswith("align"):
            points = roi_align(
                x, boxes, cells, images=images, scale=scale, samples=samples, aligned=self.aligned, fast=True
            )
        else:
            points = roi_warp(x, boxes, cells, images=images, scale=scale, samples=samples, reduce="average", fast=True)
        return F.max_pool2d(points, self.samples) if highest else points


@torch.no_grad()
def cut_masks(masks: Tensor, boxes: Tensor, rows: Tensor, cells: int, *, aligned: bool = True) -> Tensor:
    """Cut what a box should show out of the mask of its object.

    Args:
        masks: [M, H, W] bool.
        boxes: [N, 4].
        rows: [N] which of the masks each box is of.
        cells: along each side.
        aligned: as for `PyramidRegions`.

    Returns: [N, cells, cells] float32, 0..1: the share of each cell that is the object, read at one point a pixel at least.
    """
    from torchvision.ops import roi_align as compiled

    where = torch.cat([rows[:, None].to(boxes), boxes], dim=1)
    return compiled(masks[:, None].to(boxes), where, cells, 1.0, -1, aligned)[:, 0]
