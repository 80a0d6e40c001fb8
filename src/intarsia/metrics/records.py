"""What each image gave, a few numbers each, from which every draw of the images can be scored: intervals and comparisons.

ImageSums     measures that are ratios of sums over images: panoptic quality, errors of depth; and of whole videos, STQ
ImageMatches  detections and what they matched, for average precision (`image_matches.py`)
ImageTags     scores and true classes of whole images (`image_tags.py`)

Label maps and planes have `ImageCounts`. All have `names`, `classes`, `truth` and `own`, and say what a draw scores with
`measured(weights)`: one column for each of the classes, or of the errors of depth, and the main measure last.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..errors import DataError, LabelError
from .protocols import quotient


class Column(NamedTuple):
    """One measure of a comparison: its name, whether less is better, and its unit."""

    name: str
    lower: bool = False
    unit: str = "%"  # of a share 0..1; else what the number counts, such as "m"


class Records(Protocol):
    """What intervals and comparisons need of the images, whatever was measured."""

    names: list[str]
    classes: tuple[str, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """A column for each class, and the main measure last."""

    @property
    def truth(self) -> np.ndarray:
        """[N, T] numbers that depend on the truth alone: two models on the same images have the same ones."""

    @property
    def own(self) -> np.ndarray:
        """[N] the score of each image alone."""

    def measured(self, weights: np.ndarray) -> np.ndarray:
        """[R, K + 1] the measures of R draws, of weights [R, N]: how often each image is drawn."""

    def take(self, order: Sequence[int] | np.ndarray) -> Any:
        """Take the images of these positions, in this order."""

    def joined(self, other: Any) -> Any:
        """Put the images of another after these."""

    def pooled(self, others: Sequence[Any]) -> Any:
        """Count several predictions of the same images together, image by image."""

    def save(self, path: str | Path) -> None:
        """Write the records into one safetensors file."""

    def __len__(self) -> int: ...


def _panoptic(sums: np.ndarray) -> np.ndarray:
    """[R, K + 1] PQ of each class and their mean, of sums [R, 4 K]: overlap, matched, invented, missed."""
    overlap, matched, invented, missed = np.split(sums, 4, axis=-1)
    found = quotient(overlap, matched + (invented + missed) / 2)
    held = ~np.isnan(found)
    mean = quotient(np.where(held, found, 0).sum(-1), held.sum(-1))
    return np.concatenate([found, mean[..., None]], axis=-1)


def _depth(sums: np.ndarray) -> np.ndarray:
    """[R, 10] mean errors, and AbsRel once more, of sums [R, 10]: nine errors, and how many images have a depth."""
    found = quotient(sums[..., :-1], sums[..., -1:])
    return np.concatenate([found, found[..., :1]], axis=-1)


def _tracking(sums: np.ndarray) -> np.ndarray:
    """[R, K + 1] IoU of each class and STQ, of sums [R, 2 + 3 K] as `TrackingQuality.sums` gives them for each video."""
    associated, tracks = sums[..., 0], sums[..., 1]
    hit, true, found = np.split(sums[..., 2:], 3, axis=-1)
    iou = quotient(hit, true + found - hit)
    held = ~np.isnan(iou)
    mean = quotient(np.where(held, iou, 0).sum(-1), held.sum(-1))
    stq = np.sqrt(quotient(associated, tracks) * mean)
    return np.concatenate([iou, stq[..., None]], axis=-1)


class Kind(NamedTuple):
    """A measure that is a ratio of sums: how many sums a class has, and the ratios of them."""

    totals: Callable[[np.ndarray], np.ndarray]
    headline: Column
    columns: tuple[Column, ...] = ()  # where they are no classes


DEPTH = (
    Column("AbsRel", True),
    Column("SqRel", True, "m"),
    Column("RMSE", True, "m"),
    Column("RMSE log", True),
    Column("log10", True),
    Column("SILog", True),
    Column("delta 1"),
    Column("delta 2"),
    Column("delta 3"),
)

KINDS: dict[str, Kind] = {
    "panoptic": Kind(_panoptic, Column("PQ")),
    "depth": Kind(_depth, Column("AbsRel", True), DEPTH),
    "tracking": Kind(_tracking, Column("STQ")),
    "weighted tracking": Kind(_tracking, Column("wSTQ")),
}

OF_VIDEOS = ("STQ", "wSTQ")  # measures of which each row is a whole video


class ImageSums:
    """Numbers of each image that are summed over images before a ratio is taken.

    Args:
        kind: of `KINDS`.
        classes: names of the classes; None: those of the kind's own columns.

    Raises: LabelError for an unknown kind.
    """

    def __init__(self, kind: str, classes: Sequence[str] | None = None) -> None:
        if kind not in KINDS:
            raise LabelError(f"there are no sums of kind {kind!r}; choose from {', '.join(KINDS)}")
        self.kind = kind
        self.classes = tuple(classes) if classes is not None else tuple(c.name for c in KINDS[kind].columns)
        self.names: list[str] = []
        self._rows: list[np.ndarray] = []
        self._truth: list[np.ndarray] = []
        self._own: list[float] = []

    def update(self, name: str, row: np.ndarray, truth: np.ndarray, own: float) -> None:
        """Append one image: its sums [S], numbers [T] of the truth alone, and its own score."""
        self.names.append(name)
        self._rows.append(np.asarray(row, np.float64))
        self._truth.append(np.asarray(truth, np.int64))
        self._own.append(float(own))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def columns(self) -> tuple[Column, ...]:
        """A column for each class, and the main measure last."""
        kind = KINDS[self.kind]
        return (*(kind.columns or map(Column, self.classes)), kind.headline)

    @property
    def rows(self) -> np.ndarray:
        """[N, S] sums of each image."""
        return np.stack(self._rows) if self._rows else np.zeros((0, 0))

    @property
    def truth(self) -> np.ndarray:
        """[N, T] numbers that depend on the truth alone."""
        return np.stack(self._truth) if self._truth else np.zeros((0, 0), np.int64)

    @property
    def own(self) -> np.ndarray:
        """[N] the score of each image alone."""
        return np.array(self._own)

    def measured(self, weights: np.ndarray) -> np.ndarray:
        """[R, K + 1] the measures of R draws, of weights [R, N]."""
        return KINDS[self.kind].totals(weights @ self.rows)

    def take(self, order: Sequence[int] | np.ndarray) -> ImageSums:
        """Take the images of these positions, in this order."""
        taken = ImageSums(self.kind, self.classes)
        for n in order:
            taken.update(self.names[n], self._rows[n], self._truth[n], self._own[n])
        return taken

    def joined(self, other: ImageSums) -> ImageSums:
        """Put the images of another after these."""
        both = ImageSums(self.kind, self.classes)
        for part in (self, other):
            for n in range(len(part)):
                both.update(part.names[n], part._rows[n], part._truth[n], part._own[n])
        return both

    def pooled(self, others: Sequence[ImageSums]) -> ImageSums:
        """Count several predictions of the same images together, image by image."""
        every = [self, *others]
        both = ImageSums(self.kind, self.classes)
        for n, name in enumerate(self.names):
            row, truth = (sum(getattr(part, key)[n] for part in every) for key in ("_rows", "_truth"))
            both.update(name, np.asarray(row), np.asarray(truth), float(np.mean([part._own[n] for part in every])))
        return both

    def save(self, path: str | Path) -> None:
        """Write the sums into one safetensors file."""
        write(path, self.kind, self, {"rows": self.rows, "truth": self.truth, "own": self.own})

    @classmethod
    def of_file(cls, kind: str, told: dict[str, Any], arrays: dict[str, np.ndarray]) -> ImageSums:
        """From what `read` found in a file that `save` wrote."""
        sums = cls(kind, told["classes"])
        for name, *parts in zip(told["names"], arrays["rows"], arrays["truth"], arrays["own"], strict=True):
            sums.update(name, parts[0], parts[1], float(parts[2]))
        return sums


_KIND = "intarsia image records 1: "


def write(path: str | Path, kind: str, records: Any, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays of numbers with the names of the images and classes."""
    from safetensors.numpy import save

    told = {"kind": _KIND + kind, "names": json.dumps(records.names), "classes": json.dumps(records.classes)}
    Path(path).write_bytes(save({key: np.ascontiguousarray(array) for key, array in arrays.items()}, told))


def read(path: str | Path) -> tuple[str, dict[str, Any], dict[str, np.ndarray]] | None:
    """Read what `write` wrote: kind, names and classes, arrays; None for a file of another sort.

    Raises: DataError for a file that cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            told = file.metadata() or {}
            if not told.get("kind", "").startswith(_KIND):
                return None
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            parts = {"names": json.loads(told["names"]), "classes": tuple(json.loads(told["classes"]))}
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, SafetensorError, LookupError, ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as records of images ({str(error)[:200]})") from None
    return told["kind"][len(_KIND) :], parts, arrays
