"""The door of the metrics that look at maps: two maps of one size, class numbers and the ignore index, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor

from ..errors import LabelError
from .confusion import ConfusionMatrix


def maps(
    predicted: Tensor | np.ndarray,
    labels: Tensor | np.ndarray,
    num_classes: int,
    ignore_index: int | None,
    dims: int = 2,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(predicted, truth) of each image, both with K, "no class", wherever the truth is ignored.

    Args:
        predicted, labels: [H, W] or [B, H, W] of integers; with `dims` 3, volumes [D, H, W] or [B, D, H, W].

    Raises: LabelError when shapes differ, or for ids outside the classes, naming them and their pixels.
    """
    ours, theirs = (np.asarray(v.detach().cpu().numpy() if isinstance(v, Tensor) else v) for v in (predicted, labels))
    if ours.shape != theirs.shape or ours.ndim not in (dims, dims + 1):
        axes = "D, H, W" if dims == 3 else "H, W"
        raise LabelError(
            f"prediction {list(ours.shape)} and labels {list(theirs.shape)}; give both as [{axes}] or [B, {axes}]"
        )
    if ours.ndim == dims:
        ours, theirs = ours[None], theirs[None]
    for p, t in zip(ours, theirs, strict=True):
        yield _checked(p, t, num_classes, ignore_index)


def _checked(p: np.ndarray, t: np.ndarray, count: int, ignore: int | None) -> tuple[np.ndarray, np.ndarray]:
    if p.dtype == np.bool_ or t.dtype == np.bool_:
        p, t = (v.astype(np.uint8) if v.dtype == np.bool_ else v for v in (p, t))
    whole = all(np.issubdtype(v.dtype, np.integer) for v in (p, t))
    unheld = (t == ignore) if whole and ignore is not None else np.zeros(t.shape, bool)
    if not whole or (_outside(t, count) & ~unheld).any() or (_outside(p, count) & ~(unheld & (p == ignore))).any():
        ConfusionMatrix(count, ignore).update(p, t)  # which says what is wrong
    kind = np.uint8 if count <= 255 else np.int32
    p, t = p.astype(kind), t.astype(kind)  # copies; an ignore index that does not fit is overwritten next
    p[unheld] = t[unheld] = count
    return p, t


def _outside(values: np.ndarray, count: int) -> Any:
    over = values >= count
    return over if values.dtype.kind == "u" else over | (values < 0)


def per_class(values: np.ndarray) -> list[float]:
    """One number a class, as plain floats."""
    return [float(v) for v in values]


def mean(values: np.ndarray) -> float:
    """The mean of those that are numbers; NaN where none is."""
    held = values[~np.isnan(values)]
    return float(held.mean()) if held.size else float("nan")
