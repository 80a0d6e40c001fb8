"""The masks and boxes of objects, whatever form they are kept in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..metrics.image_matches import SURE
from ..metrics.object_shapes import crop
from ..structures import CroppedMask, Objects


def check_min_score(score: float) -> None:
    """Raises: DataError for a score outside 0..1."""
    if not 0 <= score <= 1:
        raise DataError(f"min_score is {score}; give the score from which on objects are drawn, 0 to 1")


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


def drawn_of(objects: Objects, min_score: float = SURE) -> tuple[Found, int]:
    """Choose the objects that pictures show: a detector also returns what is hardly probable, for its curves alone.

    Args:
        min_score: 0..1; objects that score less are left out; those without a score stay.

    Returns: the objects that stay, in their order, and how many are left out.

    Raises: DataError for a score outside 0..1.
    """
    check_min_score(min_score)
    parts = found(objects)
    if parts.scores is None:
        return parts, 0
    rows = np.flatnonzero(parts.scores >= min_score)
    masks = None if parts.masks is None else [parts.masks[n] for n in rows]
    left = len(parts.classes) - len(rows)
    return Found(masks, parts.boxes[rows], parts.classes[rows], parts.scores[rows]), left


def whole(mask: CroppedMask) -> np.ndarray:
    """A mask in the size of its image, [H, W] bool."""
    full = np.zeros(mask.size, bool)
    full[mask.box] = mask.inside
    return full


def _around(mask: CroppedMask) -> list[int]:
    rows, columns = mask.box
    return [columns.start, rows.start, columns.stop, rows.stop]
