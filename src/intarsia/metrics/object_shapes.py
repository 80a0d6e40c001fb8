"""Shapes of objects, masks or boxes, and how much each of some shares with each of others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ..errors import DataError
from ..structures import CroppedMask
from .boundary import boundary

BOXES = (4,)  # the size of boxes, where that of masks is (H, W)


def crop(mask: np.ndarray) -> CroppedMask:
    """Cut a mask [H, W] to the box around it; the box of an empty one is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return CroppedMask((slice(0, 0), slice(0, 0)), mask[:0, :0], mask.shape)
    band = mask[rows[0] : rows[-1] + 1]
    columns = np.flatnonzero(band.any(axis=0))
    box = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    return CroppedMask(box, mask[box].copy(), mask.shape)


class Shapes(NamedTuple):
    """The shapes of one image's objects: boxes [M, 4], or masks, whose boxes are then [M, 0]."""

    size: tuple[int, ...]  # (H, W) of masks; BOXES of boxes
    boxes: np.ndarray
    masks: list[CroppedMask]

    def areas(self) -> np.ndarray:
        """[M] pixels of each mask, or of each box."""
        if self.size == BOXES:
            return _areas(self.boxes)
        return np.array([np.count_nonzero(mask.inside) for mask in self.masks], np.float64)


def shapes_of(given: Any, count: int, what: str) -> Shapes:
    """Read masks or boxes, as many as there are classes.

    Raises: DataError for shapes of several sizes, of another kind, or of another number.
    """
    if isinstance(given, list) and given and (isinstance(given[0], CroppedMask) or np.ndim(given[0]) == 2):
        shapes: Any = [m if isinstance(m, CroppedMask) else crop(plain(m).astype(bool, copy=False)) for m in given]
    else:
        shapes = plain(given)
        if shapes.ndim == 3:
            shapes = [crop(mask) for mask in shapes.astype(bool, copy=False)]
    sizes = {s.size if isinstance(s, CroppedMask) else np.shape(s) for s in shapes}
    size = next(iter(sizes), BOXES)
    if len(shapes) != count or len(sizes) > 1 or (size != BOXES and isinstance(shapes, np.ndarray)):
        told = f"of {len(sizes)} sizes" if len(sizes) > 1 else [len(shapes), *size]
        raise DataError(f"{what}: {count} classes for shapes {told}; give masks [M, H, W] or boxes [M, 4]")
    if isinstance(shapes, np.ndarray):
        return Shapes(BOXES, shapes.astype(np.float64).reshape(count, 4), [])
    return Shapes(size, np.zeros((count, 0)), shapes)


def spelled(size: tuple[int, ...]) -> str:
    """Name what shapes of a size are."""
    return "boxes" if size == BOXES else f"masks of {list(size)}"


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of each box of `a` [M, 4] with each of `b` [N, 4], (x0, y0, x1, y1): [M, N]."""
    return box_overlaps(np.asarray(a, np.float64), np.asarray(b, np.float64), np.zeros(len(b), bool))


def box_overlaps(ours: np.ndarray, theirs: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """[D, G] IoU of boxes; with a crowd, the share of the detection that lies in it."""
    low, high = np.maximum(ours[:, None, :2], theirs[:, :2]), np.minimum(ours[:, None, 2:], theirs[:, 2:])
    return _ratio((high - low).clip(0).prod(axis=2), _areas(ours), _areas(theirs), crowd)


def mask_overlaps(ours: list[CroppedMask], theirs: list[CroppedMask], crowd: np.ndarray) -> np.ndarray:
    """[D, G] IoU of masks; with a crowd, the share of the detection that lies in it."""
    both = np.zeros((len(ours), len(theirs)))
    for d, mine in enumerate(ours):
        for g, real in enumerate(theirs):
            low = [max(a.start, b.start) for a, b in zip(mine.box, real.box, strict=True)]
            high = [min(a.stop, b.stop) for a, b in zip(mine.box, real.box, strict=True)]
            if low[0] < high[0] and low[1] < high[1]:
                a, b = (
                    inside[low[0] - y.start : high[0] - y.start, low[1] - x.start : high[1] - x.start]
                    for (y, x), inside, _ in (mine, real)
                )
                both[d, g] = np.count_nonzero(a & b)
    area, size = (np.array([np.count_nonzero(m.inside) for m in masks], np.float64) for masks in (ours, theirs))
    return _ratio(both, area, size, crowd)


def edge_of(mask: CroppedMask, width: int) -> CroppedMask:
    """The inner boundary of a mask; where the image's border cuts it, that is boundary as well."""
    return mask._replace(inside=mask.inside & boundary(mask.inside, width))


def _ratio(both: np.ndarray, area: np.ndarray, size: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    union = np.where(crowd, area[:, None], area[:, None] + size - both)
    share: np.ndarray = np.divide(both, union, out=np.zeros_like(both), where=union > 0)
    return share


def _areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) if len(boxes) else np.zeros(0)


def plain(values: object) -> np.ndarray:
    """An array of a tensor, an array or a list."""
    return np.asarray(values.detach().cpu().numpy() if isinstance(values, Tensor) else values)
