"""Scores of classes that any tool has given to whole images, against their true classes: top-1, top-5 and the like.

predictions  .csv: a head `name,CLASS,CLASS,...`, then a row an image of its name and a score for each class
             .npy: [N, K] scores, whose rows are the images of the truth in its order
truth        .csv: a head `name,class`, then a row an image of its name and its class, by name or, with .npy, by number
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ...data.files.npy import load
from ...documents import read_lines
from ...errors import DataError, LabelError, nearest
from ...metrics import TopK
from ...metrics.topk import TopKScores


class Ranked(NamedTuple):
    """Top-k accuracy, and of each class."""

    scores: TopKScores
    names: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; NaN for a class without an image."""
        found = self.scores
        classes = {name: {f"top{k}": found.classes[k][n] for k in found.accuracy} for n, name in enumerate(self.names)}
        return {**{f"top{k}": v for k, v in found.accuracy.items()}, "classes": classes, "images": found.counted}


def score_ranking(predictions: str | Path, truth: str | Path, *, k: Sequence[int] = (1, 5)) -> Ranked:
    """Top-k accuracy of images.

    Args:
        k: numbers of guesses.

    Raises: DataError or LabelError for files of another form, images that only one of both has, scores that are no
        numbers, classes that are not listed, and a k larger than the number of classes.
    """
    listed = _true(Path(truth))
    path = Path(predictions)
    if path.suffix == ".npy":
        scores, names = _array(path, len(listed), truth), None
    else:
        scores, names = _table(path, list(listed), truth)
    count = scores.shape[1]
    if wrong := [n for n in k if not 1 <= n <= count]:
        raise LabelError(f"k is {wrong[0]}; give numbers from 1 to the {count} classes")
    names = names or tuple(map(str, range(count)))
    numbers = {name: n for n, name in enumerate(names)}
    if odd := [c for c in listed.values() if c not in numbers]:
        raise DataError(f"{truth}: class {odd[0]!r} is none of the {count} that {path} scores{nearest(odd[0], names)}")
    metric = TopK(count, None, k=k)
    metric.update(torch.from_numpy(scores), torch.tensor([numbers[c] for c in listed.values()]))
    return Ranked(metric.compute(), names)


def _true(path: Path) -> dict[str, str]:
    """{image: class}, in the file's order."""
    rows = _rows(path)
    if len(rows[0]) != 2:
        raise DataError(f"{path}: its head is {','.join(rows[0])!r}; expected name,class")
    found: dict[str, str] = {}
    for n, row in enumerate(rows[1:], 2):
        if row[0] in found:
            raise DataError(f"{path}: line {n} names image {row[0]!r} again; keep one class an image")
        found[row[0]] = row[1]
    return found


def _table(path: Path, images: Sequence[str], truth: object) -> tuple[np.ndarray, tuple[str, ...]]:
    """([N, K] scores in the order of the images, the classes)."""
    rows = _rows(path)
    names = tuple(rows[0][1:])
    if len(names) < 2 or len(set(names)) < len(names):
        raise DataError(f"{path}: its head is {','.join(rows[0])[:60]!r}; expected name and the classes, each once")
    found: dict[str, list[float]] = {}
    for n, row in enumerate(rows[1:], 2):
        try:
            values = [float(word) for word in row[1:]]
        except ValueError:
            values = [math.nan]
        if not all(map(math.isfinite, values)):
            raise DataError(f"{path}: line {n} holds a score that is no number; give {len(names)} scores an image")
        if row[0] in found:
            raise DataError(f"{path}: line {n} names image {row[0]!r} again; keep one row an image")
        found[row[0]] = values
    for one, other, lacks, where in (
        (images, found, "have no prediction", path),
        (list(found), set(images), "have no truth", truth),
    ):
        if odd := [name for name in one if name not in other]:
            raise DataError(f"{where}: {len(odd)} of {len(one)} images {lacks}, such as {odd[0]!r}")
    return np.array([found[name] for name in images]), names


def _array(path: Path, count: int, truth: object) -> np.ndarray:
    """[N, K] scores of an array."""
    scores = load(path)
    if scores.ndim != 2 or scores.dtype.kind not in "fiu" or not np.isfinite(scores).all():
        raise DataError(f"{path}: an array {scores.shape} of {scores.dtype}; give finite scores [images, classes]")
    if len(scores) != count:
        raise DataError(f"{path}: holds scores of {len(scores)} images, and {truth} lists {count}")
    return scores.astype(np.float64)


def _rows(path: Path) -> list[list[str]]:
    """The rows of a table, all as long as its head.

    Raises: DataError for a file without rows, or a row of another length.
    """
    rows = [[cell.strip() for cell in row] for row in csv.reader(read_lines(path)) if row]
    if len(rows) < 2:
        raise DataError(f"{path}: holds no table; expected a head and a row an image")
    for n, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise DataError(f"{path}: line {n} has {len(row)} cells, and the head {len(rows[0])}")
    return rows
