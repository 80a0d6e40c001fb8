"""The masks and boxes of objects, whatever form they are kept in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..metrics.average_precision import crop
from ..structures import CroppedMask, Objects


class Found(NamedTuple):
    """The objects of one picture, in one form."""

    masks: list[CroppedMask] | None  # None for boxes alone
    boxes: np.ndarray  # [M, 4] float64  x0, y0, x1, y1 in pixels
    classes: np.ndarray  # [M] int64
    scores: np.ndarray | None  # [M] 0..1; None for the truth


def found(objects: Objects) -> Found:
    """Bring objects into one form.

    Args:
        objects: with masks of any form, or boxes alone.
    """
    shapes = objects.shapes
    classes = np.asarray(objects.classes, np.int64).reshape(-1)
    scores = None if objects.scores is None else np.asarray(objects.scores, np.float64).reshape(-1)
    boxes_alone = not isinstance(shapes, list) and shapes.ndim == 2
    masks = (
        None
        if boxes_alone
        else [one if isinstance(one, CroppedMask) else crop(np.asarray(one, bool)) for one in shapes]
    )
    if objects.boxes is not None:
        boxes = np.asarray(objects.boxes, np.float64)
    elif masks is None:
        boxes = np.asarray(shapes, np.float64)
    else:
        boxes = np.array([_around(mask) for mask in masks], np.float64)
    return Found(masks, boxes.reshape(-1, 4), classes, scores)


def whole(mask: CroppedMask) -> np.ndarray:
    """A mask in the size of its image, [H, W] bool."""
    full = np.zeros(mask.size, bool)
    full[mask.box] = mask.inside
    return full


def _around(mask: CroppedMask) -> list[int]:
    rows, columns = mask.box
    return [columns.start, rows.start, columns.stop, rows.stop]
