"""Where the pixels of a training sample come from: zoom, crop, flip and rotation, drawn once for all of a sample.

The box is cut before it is resized, so that only pixels of the result are ever computed; of a sample that is read window by
window (`windows.Windows`) no other pixels are read, and the result is the same. Image and labels are sampled
with half-pixel centers: a pixel of the labels names what lies at the middle of the same pixel of the image. Object
numbers, depth and planes are taken like labels, never blended. Depth keeps its meters at any zoom: a crop that is enlarged
shows the same scene from the same place.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...structures import Sample
from ..windows import Windows

Part = tuple[int, int, int, int]  # y0, x0, y1, x1


def place(
    sample: Sample | Windows,
    rng: np.random.Generator,
    *,
    ignore_index: int,
    shown: tuple[int, int] | None = None,
    crop: tuple[int, int] | None = None,
    scale: tuple[float, float] = (1.0, 1.0),
    flip: bool = False,
    rotate: float = 0.0,
    max_share: float = 1.0,
) -> Sample:
    """Cut a random box out of a sample, at a random zoom and angle, mirrored or not.

    Args:
        sample: read as a whole, or to be read where the box lies.
        ignore_index: the label of what lies outside of the picture; the image shows the mean color of what it cuts there.
        shown: (height, width) that the whole picture is resized to before all else; None: its own. It costs nothing more.
        crop: (height, width) of the result, in pixels; None: the picture's size, not zoomed.
        scale: range of the zoom, drawn evenly on a logarithmic scale; 2 shows things twice as large.
        flip: mirror left and right with probability one half.
        rotate: the angle is drawn from [-rotate, rotate] degrees.
        max_share: a box in which one class covers more than this share of the counted pixels is drawn again, ten times
            at most (as in mmsegmentation's `cat_max_ratio`).

    Returns: a Sample of size `crop`, with the dtypes of the one given.
    """
    height, width = sample.size if isinstance(sample, Windows) else tuple(sample.labels.shape)
    whole = (height, width) if shown is None else shown
    for attempt in range(10):
        if crop is None:
            size, box = whole, (0, 0, height, width)
        else:
            zoom = math.exp(rng.uniform(math.log(scale[0]), math.log(scale[1])))
            sides = (crop[0] / zoom * height / whole[0], crop[1] / zoom * width / whole[1])
            size, box = crop, _box(rng, (height, width), (max(round(sides[0]), 1), max(round(sides[1]), 1)))
        angle = math.radians(rng.uniform(-rotate, rotate)) if rotate else 0.0
        mirror = flip and rng.random() < 0.5
        part = _touched(box, size, angle, (height, width))
        known = sample.labels(part) if isinstance(sample, Windows) else _inside(sample.labels, part)
        labels = _cut_map(known, box, size, angle, ignore_index, part, (height, width))
        planes = None
        if not isinstance(sample, Windows) and sample.planes is not None:
            planes = _cut_map(sample.planes, box, size, angle, False)
        if max_share >= 1 or attempt == 9 or _largest_share(labels, planes, ignore_index) <= max_share:
            break
    pixels = sample.image(part) if isinstance(sample, Windows) else _inside(sample.image, part)
    image = _cut_image(pixels, box, size, angle, part, (height, width))
    if isinstance(sample, Windows):
        changed = Sample(image, labels, sample.name, tags=sample.tags)
        return flipped(changed) if mirror else changed
    outside = {"objects": 0, "previous": 0, "depth": math.nan, "masks": False}
    maps: dict[str, Any] = {
        what: _cut_map(values, box, size, angle, outside[what]) for what, values in _maps(sample) if what in outside
    }
    changed = sample._replace(image=image, labels=labels, planes=planes, **maps)
    return flipped(changed) if mirror else changed


def flipped(sample: Sample, *, vertical: bool = False) -> Sample:
    """Exchange left and right, or top and bottom."""
    axis = -2 if vertical else -1
    parts: dict[str, Any] = {what: part.flip(axis) for what, part in _maps(sample)}
    return sample._replace(image=sample.image.flip(axis), labels=sample.labels.flip(axis), **parts)


def _maps(sample: Sample) -> list[tuple[str, Tensor]]:
    """The parts of a sample, beside image and labels, that have a value for each pixel."""
    parts = [(what, getattr(sample, what)) for what in ("objects", "previous", "depth", "planes", "masks")]
    return [(what, part) for what, part in parts if part is not None]


def _box(rng: np.random.Generator, inside: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of a random box: within the picture where it fits, around the picture where not."""
    top, left = (
        int(rng.integers(min(0, have - want), max(0, have - want) + 1)) for have, want in zip(inside, size, strict=True)
    )
    return top, left, *size


def _touched(box: Part, size: tuple[int, int], angle: float, inside: tuple[int, int]) -> Part:
    """The part y0, x0, y1, x1 of a picture that a box top, left, height, width takes its pixels from, and no others."""
    if angle:
        y, x = _sources(box, size, angle)
        edges = [(math.floor(float(line.min())) - 1, math.ceil(float(line.max())) + 1) for line in (y, x)]
    else:
        edges = [(box[0], box[0] + box[2]), (box[1], box[1] + box[3])]
    (y0, y1), (x0, x1) = (
        (min(max(low, 0), n - 1), max(min(high, n), 1)) for (low, high), n in zip(edges, inside, strict=True)
    )
    return y0, x0, max(y1, y0 + 1), max(x1, x0 + 1)


def _inside(values: Tensor, part: Part) -> Tensor:
    """The part of a map [..., H, W]."""
    return values[..., part[0] : part[2], part[1] : part[3]]


def _cut_map(
    values: Tensor,
    box: Part,
    size: tuple[int, int],
    angle: float,
    outside: float,
    part: Part | None = None,
    whole: tuple[int, int] | None = None,
) -> Tensor:
    """Cut a map [..., h, w] of labels, object numbers, depths or planes: nearest, `outside` beyond the picture.

    Args:
        box: top, left, height, width in the picture.
        part, whole: which part of a picture of which (H, W) the map is, where it is not all of it.
    """
    height, width = values.shape[-2:] if whole is None else whole
    y0, x0, y1, x1 = (0, 0, height, width) if part is None else part
    top, left, *sides = box
    within = top >= 0 and left >= 0 and top + sides[0] <= height and left + sides[1] <= width
    if angle:
        y, x = (floor.long().numpy() for floor in map(torch.floor, _sources(box, size, angle)))
        cut = values.numpy()[..., y.clip(y0, y1 - 1) - y0, x.clip(x0, x1 - 1) - x0]
        cut[..., (y < 0) | (y >= height) | (x < 0) | (x >= width)] = outside
    elif within and tuple(sides) == tuple(size):  # each pixel is itself
        here = values[..., top - y0 : top - y0 + size[0], left - x0 : left - x0 + size[1]]
        return here.clone(memory_format=torch.contiguous_format)
    else:
        rows, columns = (_nearest(*line) for line in zip((top, left), sides, size, strict=True))
        taken = values.numpy().take(rows - y0, axis=-2, mode="clip")
        cut = taken.take(columns - x0, axis=-1, mode="clip")
        if not within:
            cut[..., (rows < 0) | (rows >= height), :] = outside
            cut[..., (columns < 0) | (columns >= width)] = outside
    return torch.from_numpy(cut)


def _nearest(begin: int, length: int, count: int) -> np.ndarray:
    """The pixel of the picture at the middle of each of `count` pixels that lie over `length` of its own, from `begin` on."""
    middles = (np.arange(count) + 0.5) * (length / count) + begin
    found: np.ndarray = np.floor(middles).astype(np.int64)
    return found


def _cut_image(
    image: Tensor, box: Part, size: tuple[int, int], angle: float, part: Part, whole: tuple[int, int]
) -> Tensor:
    """Cut a box out of the part [C, h, w] of a picture that it touches; the arithmetic knows nothing of the rest."""
    cut = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)  # of one layout in memory, wherever the part came from
    if angle:
        return _rotated(cut, box, size, angle, part)
    top, left, height, width = box
    if cut.shape[1:] != (height, width):
        fill = _mean_color(cut)
        around = image.new_empty(height, width, len(image))  # channels last, as decoded
        around.flatten(1)[:] = fill.repeat(width)  # a row at once: sixty times faster than pixel by pixel
        around = around.permute(2, 0, 1)
        around[:, max(-top, 0) : max(-top, 0) + cut.shape[1], max(-left, 0) : max(-left, 0) + cut.shape[2]] = cut
        cut = around
    return cut if (height, width) == tuple(size) else resize_image(cut, size)


def _mean_color(image: Tensor) -> Tensor:
    """The mean of every fourth row and column, [C] of the image's type; all of them would take longer than the resizing."""
    return image[:, ::4, ::4].to(torch.float32).mean(dim=(1, 2)).round().to(image.dtype)


def resize_image(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample raw integers [C, h, w] to [C, *size]: bilinear, half-pixel centers, averaged where it shrinks."""
    if image.dtype == torch.uint8:
        layout = image[None].contiguous(memory_format=torch.channels_last)  # as decoded: no copy
        return F.interpolate(layout, size, mode="bilinear", antialias=True)[0]
    resized = F.interpolate(image[None].to(torch.float32), size, mode="bilinear", antialias=True)[0]
    return resized.round_().to(image.dtype)


def _rotated(image: Tensor, box: Part, size: tuple[int, int], angle: float, part: Part) -> Tensor:
    y, x = _sources(box, size, angle)
    height, width = image.shape[1:]
    grid = torch.stack([2 * (x - part[1]) / width - 1, 2 * (y - part[0]) / height - 1], dim=-1)[None].to(torch.float32)
    fill = image.to(torch.float32).mean(dim=(1, 2)).view(1, -1, 1, 1)
    turned = F.grid_sample(image[None].to(torch.float32) - fill, grid, mode="bilinear", align_corners=False) + fill
    turned = turned[0].permute(1, 2, 0).contiguous().permute(2, 0, 1)
    return turned.round_().to(image.dtype)


def _sources(box: Part, size: tuple[int, int], angle: float) -> tuple[Tensor, Tensor]:
    """Where in the picture the middle of each pixel of the result lies: y and x, [H, W], in pixels from the corner."""
    top, left, height, width = box
    y = (torch.arange(size[0], dtype=torch.float64) + 0.5) * (height / size[0]) + top
    x = (torch.arange(size[1], dtype=torch.float64) + 0.5) * (width / size[1]) + left
    middle_y, middle_x = top + height / 2, left + width / 2
    dy, dx = (y - middle_y)[:, None], (x - middle_x)[None]
    return middle_y + math.cos(angle) * dy - math.sin(angle) * dx, middle_x + math.sin(angle) * dy + math.cos(
        angle
    ) * dx


def _largest_share(labels: Tensor, planes: Tensor | None, ignore_index: int) -> float:
    """The share of the counted pixels that the largest class covers, 0..1."""
    if planes is not None:
        counted = labels != ignore_index
        return float((planes & counted).flatten(1).sum(dim=1).max() / counted.sum().clamp(min=1))
    counts = torch.bincount(labels.flatten().to(torch.int64), minlength=ignore_index + 1)
    counts[ignore_index] = 0
    return float(counts.max() / counts.sum().clamp(min=1))
