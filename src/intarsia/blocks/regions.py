"""Regions of interest: cut boxes of any size out of a feature map, each to the same few cells.

    roi_pool    round the box to whole pixels, round each cell to whole pixels, take the maximum of each
    roi_warp    round the box, not the cells; read each cell at regular points, between pixels by interpolation
    roi_align   round nothing: box, cells and points lie where the detector put them

What rounding costs, as Mask R-CNN measured it on COCO (AP, AP50, AP75, in percent; from its table 2c):

    roi_pool  max 26.9 48.8 26.4
    roi_warp  max 27.2 49.2 27.1    average 27.1 48.9 27.1
    roi_align max 30.2 51.0 31.8    average 30.3 51.2 31.5

Boxes are (x0, y0, x1, y1) in pixels of the image; `scale` brings them to the map. These versions are written to be read;
`fast=True` calls torchvision's compiled ones, where there is one.

Girshick. "Fast R-CNN." ICCV 2015. arXiv:1504.08083 (RoIPool)
Dai, He, Sun. "Instance-Aware Semantic Segmentation via Multi-Task Network Cascades." CVPR 2016. arXiv:1512.04412 (RoIWarp)
He, Gkioxari, Dollar, Girshick. "Mask R-CNN." ICCV 2017. arXiv:1703.06870 (RoIAlign)
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import ModelError, nearest

Reduce = Literal["max", "average"]


def roi_pool(
    x: Tensor,
    boxes: Tensor,
    size: int | Sequence[int],
    *,
    images: Tensor | None = None,
    scale: float = 1.0,
    reduce: Reduce = "max",
    fast: bool = False,
) -> Tensor:
    """RoIPool: the maximum of each cell, box and cells rounded to whole pixels; a cell outside the map is 0.

    A box is rounded to its first and last pixel, both inside. Cells may overlap by a pixel, and miss none.

    Args:
        x: [B, C, h, w].
        boxes: [M, 4], (x0, y0, x1, y1) in pixels of the image.
        size: cells along each side, or (down, across).
        images: [M], which of the B images each box lies in; all in the first when absent.
        scale: of the map relative to the image: 1/16 for a feature of stride 16.
        fast: torchvision's; "max" only. Its float32 arithmetic adds a pixel to a cell at a few sizes, such as 57 / 7.

    Returns: [M, C, size, size].

    >>> x = torch.arange(16.0).view(1, 1, 4, 4)
    >>> roi_pool(x, torch.tensor([[0.4, 0.6, 2.7, 2.4]]), 2).squeeze().tolist()
    [[5.0, 7.0], [9.0, 11.0]]
    """
    index, (down, across) = _checked(x, boxes, size, images, reduce)
    if fast:
        from torchvision.ops import roi_pool as compiled

        _only(reduce, "max", "roi_pool")
        return compiled(x, torch.cat([index[:, None].to(boxes), boxes], dim=1), (down, across), scale)
    columns = _inside(cell_bounds(boxes[:, 0], boxes[:, 2], across, scale), x.shape[3])
    rows = _inside(cell_bounds(boxes[:, 1], boxes[:, 3], down, scale), x.shape[2])
    if reduce == "average":
        total = rows.to(x)[:, None] @ x[index] @ columns.to(x)[:, None].transpose(-2, -1)
        pixels = rows.sum(2)[:, :, None] * columns.sum(2)[:, None]
        return total / pixels[:, None].clamp(min=1)
    y = x[index]
    y = torch.stack([y.where(rows[:, i, None, :, None], -torch.inf).amax(2) for i in range(down)], dim=2)
    y = torch.stack([y.where(columns[:, j, None, None], -torch.inf).amax(3) for j in range(across)], dim=3)
    filled = rows.any(2)[:, None, :, None] & columns.any(2)[:, None, None]
    return y.where(filled, 0)


def roi_warp(
    x: Tensor,
    boxes: Tensor,
    size: int | Sequence[int],
    *,
    images: Tensor | None = None,
    scale: float = 1.0,
    samples: int = 2,
    reduce: Reduce = "max",
    fast: bool = False,
) -> Tensor:
    """RoIWarp: the box rounded as RoIPool does, its cells read at samples x samples points by bilinear interpolation.

    Args and returns: as `roi_align`; `fast` is torchvision's RoIAlign of the rounded box.
    """
    index, cells = _checked(x, boxes, size, images, reduce, samples)
    first, last = _rounded(boxes[:, :2] * scale), _rounded(boxes[:, 2:] * scale)
    if fast:
        from torchvision.ops import roi_align as compiled

        _only(reduce, "average", "roi_align")
        rounded = torch.cat([index[:, None].to(boxes), first, last + 1], dim=1)
        return compiled(x, rounded.to(x), cells, 1.0, samples, True)
    return _read(x[index], first - 0.5, last - first + 1, cells, samples, reduce)


def roi_align(
    x: Tensor,
    boxes: Tensor,
    size: int | Sequence[int],
    *,
    images: Tensor | None = None,
    scale: float = 1.0,
    samples: int = 2,
    reduce: Reduce = "average",
    aligned: bool = True,
    fast: bool = False,
) -> Tensor:
    """RoIAlign: cells where the box has them, each read at samples x samples points by bilinear interpolation.

    Args:
        x: [B, C, h, w].
        boxes: [M, 4], (x0, y0, x1, y1) in pixels of the image.
        size: cells along each side, or (down, across).
        images: [M], which of the B images each box lies in; all in the first when absent.
        scale: of the map relative to the image: 1/16 for a feature of stride 16.
        samples: points along each side of a cell; the paper has 2, and finds the number not to matter much.
        aligned: the center of the first pixel lies at 0.5; false: at 0, half a pixel off, as first released.
        fast: torchvision's; "average" only.

    Returns: [M, C, size, size]. Points more than a pixel outside the map read 0.

    >>> x = torch.arange(16.0).view(1, 1, 4, 4)
    >>> roi_align(x, torch.tensor([[0.5, 0.5, 2.5, 2.5]]), 2).squeeze().tolist()
    [[2.5, 3.5], [6.5, 7.5]]
    """
    index, cells = _checked(x, boxes, size, images, reduce, samples)
    if fast:
        from torchvision.ops import roi_align as compiled

        _only(reduce, "average", "roi_align")
        return compiled(x, torch.cat([index[:, None].to(boxes), boxes], dim=1), cells, scale, samples, aligned)
    start, length = boxes[:, :2] * scale, (boxes[:, 2:] - boxes[:, :2]) * scale
    if aligned:
        return _read(x[index], start - 0.5, length, cells, samples, reduce)
    return _read(x[index], start, length.clamp(min=1), cells, samples, reduce)


def cell_bounds(start: Tensor, end: Tensor, cells: int, scale: float = 1.0) -> Tensor:
    """Where RoIPool's cells begin and end along one side of boxes: [M, cells, 2], whole pixels, the end not inside.

    >>> cell_bounds(torch.tensor([0.4]), torch.tensor([6.3]), 3).tolist()
    [[[0, 3], [2, 5], [4, 7]]]
    """
    first, last = _rounded(start * scale).long()[:, None], _rounded(end * scale).long()[:, None]
    count = (last - first + 1).clamp(min=1)
    n = torch.arange(cells, device=start.device)
    return torch.stack([first + n * count // cells, first - (-(n + 1) * count) // cells], dim=2)


def sample_points(start: Tensor, length: Tensor, cells: int, samples: int) -> Tensor:
    """The middles of cells * samples equal parts of each side: [M, cells * samples], for start and length [M]."""
    parts = cells * samples
    middle = (torch.arange(parts, device=start.device) + 0.5) / parts
    return start[:, None] + length[:, None] * middle


def _read(x: Tensor, start: Tensor, length: Tensor, cells: tuple[int, int], samples: int, reduce: Reduce) -> Tensor:
    """Read `x` [M, C, h, w] at regular points of each box and reduce each cell's; (x, y) in numbers of pixels, [M, 2]."""
    down, across = cells
    columns = _tents(sample_points(start[:, 0], length[:, 0], across, samples), x.shape[3]).to(x)
    rows = _tents(sample_points(start[:, 1], length[:, 1], down, samples), x.shape[2]).to(x)
    points = rows[:, None] @ x @ columns[:, None].transpose(-2, -1)
    points = points.unflatten(3, (across, samples)).unflatten(2, (down, samples))
    return points.amax((3, 5)) if reduce == "max" else points.mean((3, 5))


def _tents(points: Tensor, n: int) -> Tensor:
    """[M, P, n]: how much of each of n pixels linear interpolation takes at each point; 0 far outside."""
    pixel = torch.arange(n, device=points.device)
    weight = (1 - (points.clamp(0, n - 1)[..., None] - pixel).abs()).clamp(min=0)
    return weight * ((points >= -1) & (points <= n))[..., None]


def _inside(bounds: Tensor, n: int) -> Tensor:
    """[M, cells, n]: which of n pixels each cell holds."""
    pixel = torch.arange(n, device=bounds.device)
    return (pixel >= bounds[..., :1]) & (pixel < bounds[..., 1:])


def _rounded(x: Tensor) -> Tensor:
    """To the nearest whole number, halves away from zero, as C rounds; torch.round takes halves to even numbers."""
    return x.sign() * (x.abs() + 0.5).floor()


def _checked(
    x: Tensor, boxes: Tensor, size: int | Sequence[int], images: Tensor | None, reduce: str, samples: int = 1
) -> tuple[Tensor, tuple[int, int]]:
    """The image of each box, and the cells down and across."""
    if x.ndim != 4 or boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ModelError(
            f"regions are cut out of maps [B, C, h, w] by boxes [M, 4]; these are {list(x.shape)} and "
            f"{list(boxes.shape)} (the number of each box's image goes into `images`)"
        )
    cells = (size, size) if isinstance(size, int) else tuple(size)
    if len(cells) != 2 or min(cells) < 1 or samples < 1:
        raise ModelError(
            f"{size} cells of {samples} samples a side hold nothing; take 1 or more of each, such as 7 and 2"
        )
    if reduce not in get_args(Reduce):
        raise ModelError(f"cells cannot be reduced by {reduce!r}{nearest(reduce, get_args(Reduce))}")
    blind = x.is_meta or torch.compiler.is_exporting()  # no box has a place then
    if not blind and (boxes[:, 2:] < boxes[:, :2]).any():
        raise ModelError("a box ends before it begins; boxes are (x0, y0, x1, y1), upper left before lower right")
    index = boxes.new_zeros(boxes.shape[0], dtype=torch.long) if images is None else images.long()
    known = not blind and len(index)
    if index.shape != boxes.shape[:1] or (known and not 0 <= int(index.min()) <= int(index.max()) < len(x)):
        raise ModelError(f"images must name one of {len(x)} images, 0 .. {len(x) - 1}, for each of {len(boxes)} boxes")
    return index, (cells[0], cells[1])


def _only(reduce: str, possible: str, what: str) -> None:
    if reduce != possible:
        raise ModelError(f"torchvision's {what} knows {possible!r} only; leave out fast=True for {reduce!r}")
