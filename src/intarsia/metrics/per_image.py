"""What each image scored by itself: three counts an image and class, from which every protocol, interval and comparison follows.

name       class 0               class 1          ...
a.png      hit truth predicted   hit truth predicted      24 K bytes an image: 18 MB for 5,000 images of 150 classes
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, LabelError
from .protocols import protocol as named
from .records import Column

_KIND = "intarsia image counts 1"


class ImageCounts:
    """Pixels of each image and class: right, in the truth, in the prediction; in the order in which images came.

    Args:
        num_classes: K.
        classes: their names, in order; None: they are called by number.

    Raises: LabelError when the names do not fit.
    """

    def __init__(self, num_classes: int, classes: Sequence[str] | None = None) -> None:
        if num_classes < 1:
            raise LabelError(f"counts need at least one class, not {num_classes}")
        if classes is not None and len(classes) != num_classes:
            raise LabelError(f"{len(classes)} class names for counts of {num_classes} classes")
        self.num_classes = num_classes
        self.classes = tuple(map(str, range(num_classes) if classes is None else classes))
        self.names: list[str] = []
        self._rows = np.zeros((0, 3, num_classes), np.int64)
        self._ignored = np.zeros(0, np.int64)

    def update(self, name: str, matrix: np.ndarray, ignored: int = 0) -> None:
        """Append one image.

        Args:
            matrix: [K, K] its pixels by true class (rows) and predicted class (columns).
            ignored: how many of its pixels do not count.

        Raises: LabelError when the matrix has other classes.
        """
        if matrix.shape != (self.num_classes, self.num_classes):
            raise LabelError(f"{name}: a confusion matrix of {len(matrix)} classes among {self.num_classes} classes")
        self.append(name, matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0), ignored)

    def append(self, name: str, hit: Any, truth: Any, predicted: Any, ignored: int = 0) -> None:
        """Append one image by its counts [K], as of several labels a pixel, which no confusion matrix holds.

        Raises: LabelError for another number of classes.
        """
        if any(len(part) != self.num_classes for part in (hit, truth, predicted)):
            raise LabelError(f"{name}: counts of {len(hit)} classes among {self.num_classes} classes")
        self._grow(1)
        self._rows[len(self.names)] = hit, truth, predicted
        self._ignored[len(self.names)] = ignored
        self.names.append(name)

    def merge(self, other: ImageCounts) -> None:
        """Append the images of another, of another process say.

        Raises: LabelError when the two do not count the same classes.
        """
        if other.classes != self.classes:
            raise LabelError(
                f"cannot merge counts of {other.num_classes} classes into those of {self.num_classes} (other names)"
            )
        self._grow(len(other))
        start = len(self)
        self._rows[start : start + len(other)] = other.rows
        self._ignored[start : start + len(other)] = other.ignored
        self.names += other.names

    @classmethod
    def of(
        cls,
        hit: Any,
        truth: Any,
        predicted: Any,
        names: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ) -> ImageCounts:
        """From arrays [N, K] that were counted elsewhere.

        Raises: LabelError when they do not fit together, or more is right than there is.
        """
        arrays = [np.asarray(part) for part in (hit, truth, predicted)]
        if arrays[0].ndim != 2 or {part.shape for part in arrays} != {arrays[0].shape}:
            raise LabelError(f"counts are three arrays [N, K] of one shape, not {[part.shape for part in arrays]}")
        if any(not np.issubdtype(part.dtype, np.integer) for part in arrays):
            raise LabelError("counts are whole numbers of pixels")
        if (arrays[0] < 0).any() or (arrays[0] > np.minimum(arrays[1], arrays[2])).any():
            raise LabelError("more pixels are right, or fewer than none, than are in the truth and in the prediction")
        counts = cls(arrays[0].shape[1], classes)
        counts._rows = np.stack(arrays, axis=1).astype(np.int64)
        counts._ignored = np.zeros(len(counts._rows), np.int64)
        counts.names = [f"{n:05d}" for n in range(len(counts._rows))] if names is None else list(map(str, names))
        if len(counts.names) != len(counts._rows):
            raise LabelError(f"{len(counts.names)} names for counts of {len(counts._rows)} images")
        return counts

    def __len__(self) -> int:
        return len(self.names)

    @property
    def rows(self) -> np.ndarray:
        """[N, 3, K]: hit, truth, predicted."""
        return self._rows[: len(self)]

    @property
    def hit(self) -> np.ndarray:
        """[N, K] pixels that are of the class and called so: the intersection."""
        return self.rows[:, 0]

    @property
    def truth(self) -> np.ndarray:
        """[N, K] pixels that are of the class."""
        return self.rows[:, 1]

    @property
    def predicted(self) -> np.ndarray:
        """[N, K] pixels that are called so."""
        return self.rows[:, 2]

    @property
    def ignored(self) -> np.ndarray:
        """[N] ignored pixels."""
        return self._ignored[: len(self)]

    @property
    def columns(self) -> tuple[Column, ...]:
        """What a comparison shows: a column for each class, and the mean last."""
        return (*map(Column, self.classes), Column("mIoU"))

    @property
    def own(self) -> np.ndarray:
        """[N] mean IoU of each image alone."""
        return self.each()

    @property
    def nbytes(self) -> int:
        """How much memory the counts take."""
        return self._rows.nbytes + self._ignored.nbytes

    def take(self, order: Sequence[int] | np.ndarray) -> ImageCounts:
        """The images of these positions, in this order."""
        order = np.asarray(order)
        taken = ImageCounts.of(
            self.hit[order], self.truth[order], self.predicted[order], [self.names[n] for n in order], self.classes
        )
        taken._ignored = self.ignored[order]
        return taken

    def pooled(self, others: Sequence[ImageCounts]) -> ImageCounts:
        """Count several predictions of the same images together, image by image."""
        total = sum((other.rows for other in others), start=self.rows.copy())
        return ImageCounts.of(total[:, 0], total[:, 1], total[:, 2], self.names, self.classes)

    def miou(self, protocol: str = "dataset") -> float:
        """Mean IoU of all images under a protocol."""
        way = named(protocol)
        return float(way.totals(way.parts(self.hit, self.truth, self.predicted).sum(axis=0))[1])

    def each(self, protocol: str = "dataset") -> np.ndarray:
        """Mean IoU of each image alone under a protocol, [N]; NaN where all is ignored."""
        way = named(protocol)
        return way.totals(way.parts(self.hit, self.truth, self.predicted))[1]

    def save(self, path: str | Path) -> None:
        """Write the counts into one safetensors file, which any reader of that format opens."""
        from safetensors.numpy import save

        told = {"kind": _KIND, "names": json.dumps(self.names), "classes": json.dumps(self.classes)}
        arrays = {"counts": np.ascontiguousarray(self.rows), "ignored": np.ascontiguousarray(self.ignored)}
        Path(path).write_bytes(save(arrays, told))

    @classmethod
    def load(cls, path: str | Path) -> ImageCounts:
        """What `save` wrote.

        Raises: DataError when there is no such file, or it holds something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "numpy") as file:
                told = file.metadata() or {}
                if told.get("kind") != _KIND:
                    raise DataError(f"{path}: holds no image counts; evaluate writes them as images.safetensors")
                (hit, truth, predicted), ignored = (
                    np.moveaxis(file.get_tensor("counts"), 1, 0),
                    file.get_tensor("ignored"),
                )
                counts = cls.of(hit, truth, predicted, json.loads(told["names"]), json.loads(told["classes"]))
                if ignored.shape != (len(counts),) or not np.issubdtype(ignored.dtype, np.integer):
                    raise DataError(f"{path}: its ignored pixels are not one number an image")
        except FileNotFoundError:
            raise DataError(f"{path}: there is no such file") from None
        except DataError:
            raise
        except (OSError, SafetensorError, LookupError, ValueError, TypeError, RecursionError) as error:
            raise DataError(f"{path}: cannot be read as image counts ({str(error)[:200]})") from None
        counts._ignored = ignored.astype(np.int64)
        return counts

    def _grow(self, more: int) -> None:
        """Room for so many further images; doubled each time it runs out."""
        need = len(self) + more
        if need > len(self._rows):
            size = max(need, 2 * len(self._rows), 16)
            rows, ignored = np.zeros((size, 3, self.num_classes), np.int64), np.zeros(size, np.int64)
            rows[: len(self)], ignored[: len(self)] = self.rows, self.ignored
            self._rows, self._ignored = rows, ignored
