"""The confusion matrix: one K x K table of pixel counts, filled image by image.

The fast ways below are the same count written three times: numba's loop for large images, a joint 16-bit index for all
others, and 64-bit arithmetic for label values beyond a byte and for devices. `benchmarks/confusion.py` times them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import LabelError, nearest
from .per_image import ImageCounts
from .scores import Scores

ENGINES = ("auto", "numba", "plain")
_LARGE = 1 << 20  # pixels at once from which on numba's start-up (about a second, once) is worth it
_PIECE = 1 << 15  # pixels whose values stay in the processor's cache between two looks at them


class ConfusionMatrix:
    """Counts of (true class, predicted class) over any number of images, in bounded memory.

    Args:
        num_classes: K.
        ignore_index: the label of pixels that do not count; None: there are none.
        engine: "numba", "plain" (numpy and torch alone), or "auto": numba for large images where it is installed.
            All count the same.

    Raises: LabelError for fewer than one class or an unknown engine.
    """

    def __init__(self, num_classes: int, ignore_index: int | None = 255, *, engine: str = "auto") -> None:
        if num_classes < 1:
            raise LabelError(f"a confusion matrix needs at least one class, not {num_classes}")
        if engine not in ENGINES:
            raise LabelError(f"there is no engine {engine!r} for counting{nearest(engine, ENGINES)}")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.engine = engine
        self.matrix: np.ndarray = np.zeros((num_classes, num_classes), np.int64)
        """[K, K] pixel counts, rows truth, columns prediction."""
        self.ignored: int = 0
        """Pixels whose label is the ignore index."""

    def update(self, predicted: Tensor | np.ndarray, labels: Tensor | np.ndarray) -> None:
        """Count one image, or a batch.

        Args:
            predicted: class numbers of any integer type and any shape; where the label is ignored, the ignore index too.
            labels: class numbers and the ignore index, of the same shape.

        Raises: LabelError when shapes differ, a value is no integer, or an id is neither a class nor ignored; nothing
            is counted then.
        """
        if tuple(predicted.shape) != tuple(labels.shape):
            raise LabelError(
                f"the prediction is {_size(predicted)}, but its labels are {_size(labels)}; they must have one shape"
            )
        if isinstance(predicted, Tensor) and predicted.device.type != "cpu":
            counts, ignored = self._wide(
                predicted.reshape(-1), torch.as_tensor(labels, device=predicted.device).reshape(-1)
            )
        else:
            counts, ignored = self._count(_flat(predicted, "prediction"), _flat(labels, "labels"))
        self.matrix += counts
        self.ignored += ignored

    def merge(self, other: ConfusionMatrix) -> None:
        """Add the counts of another matrix, of another process say.

        Raises: LabelError when the two do not count the same classes.
        """
        if (self.num_classes, self.ignore_index) != (other.num_classes, other.ignore_index):
            raise LabelError(
                f"cannot merge counts of {other.num_classes} classes (ignore index {other.ignore_index}) "
                f"into those of {self.num_classes} (ignore index {self.ignore_index})"
            )
        self.matrix += other.matrix
        self.ignored += other.ignored

    def compute(
        self, protocol: str = "dataset", names: Sequence[str] | None = None, images: ImageCounts | None = None
    ) -> Scores:
        """The scores of what was counted so far, under a protocol of `metrics.PROTOCOLS`.

        Args:
            images: the counts of each image, for protocols that average over images.
        """
        return Scores(self.matrix.copy(), self.ignored, protocol, None if names is None else tuple(names), images)

    def _count(self, predicted: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, int]:
        """([K, K] counts, ignored pixels) of flat arrays in main memory."""
        count = self.num_classes
        if count <= 255 and (self.ignore_index is None or 0 <= self.ignore_index <= 255) and predicted.size:
            if self._by_numba(predicted.size):
                bits = (count - 1).bit_length()
                pairs, fits = _loop()(predicted, labels, bits)
                if fits and not pairs[:, count:].any():
                    return self._split(pairs[:, :count], predicted, labels)
            elif (joint := _joint(predicted, labels, count)) is not None:
                return self._split(_histogram(joint, 256 * count).reshape(256, count), predicted, labels)
        return self._wide(torch.from_numpy(_signed(predicted)), torch.from_numpy(_signed(labels)))

    def _by_numba(self, pixels: int) -> bool:
        if self.engine == "auto":
            return pixels >= _LARGE and importlib.util.find_spec("numba") is not None
        return self.engine == "numba"

    def _split(self, pairs: np.ndarray, predicted: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, int]:
        """Counts [256, K] of (label byte, class) to the matrix and the ignored pixels; other labels are an error."""
        ignored = 0
        if self.ignore_index is not None:
            ignored = int(pairs[self.ignore_index].sum())
            pairs[self.ignore_index] = 0
        if pairs[self.num_classes :].any():
            self._refuse(torch.from_numpy(_signed(predicted)), torch.from_numpy(_signed(labels)))
        return pairs[: self.num_classes], ignored

    def _wide(self, predicted: Tensor, labels: Tensor) -> tuple[np.ndarray, int]:
        """The count in 64-bit arithmetic, for every value and every device."""
        for what, values in (("prediction", predicted), ("labels", labels)):
            if values.is_floating_point() or values.is_complex():
                raise LabelError(_not_integer(what, values.dtype))
        predicted, labels, count = predicted.long(), labels.long(), self.num_classes
        held = torch.ones_like(labels, dtype=torch.bool) if self.ignore_index is None else labels != self.ignore_index
        truth, called = labels[held], predicted[held]
        if bool(
            _outside(truth, count).any()
            | _outside(called, count).any()
            | self._stray_where_ignored(predicted, held).any()
        ):
            self._refuse(predicted, labels)
        counts = torch.bincount(truth * count + called, minlength=count * count)
        return counts.reshape(count, count).cpu().numpy(), int(labels.numel() - truth.numel())

    def _stray_where_ignored(self, predicted: Tensor, held: Tensor) -> Tensor:
        unheld = predicted[~held]
        return _outside(unheld, self.num_classes) & (unheld != self.ignore_index)

    def _refuse(self, predicted: Tensor, labels: Tensor) -> None:
        held = torch.ones_like(labels, dtype=torch.bool) if self.ignore_index is None else labels != self.ignore_index
        truth, called, unheld = labels[held], predicted[held], predicted[~held]
        stray = truth[_outside(truth, self.num_classes)]
        what = "the labels hold"
        if not len(stray):
            stray = torch.cat(
                [called[_outside(called, self.num_classes)], unheld[self._stray_where_ignored(predicted, held)]]
            )
            what = "the prediction holds"
        values, counts = stray.unique(return_counts=True)  # type: ignore[no-untyped-call]
        ranked = sorted(zip(counts.tolist(), values.tolist(), strict=True), key=lambda item: (-item[0], item[1]))
        shown = ", ".join(f"{value} ({count} px)" for count, value in ranked[:5])
        more = f" and {len(ranked) - 5} more" if len(ranked) > 5 else ""
        ignore = "" if self.ignore_index is None else f" and the ignore index {self.ignore_index}"
        raise LabelError(
            f"{what} {shown}{more}, outside the {self.num_classes} classes (0..{self.num_classes - 1}){ignore}; "
            "check that model and data have the same classes, and map or ignore such values in labels.values"
        )


def _joint(predicted: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray | None:
    """label * count + prediction of every pixel; None when a prediction is no class or a label no byte."""
    small = np.int16 if count <= 127 else np.int32  # 255 * 127 + 126 is the last that fits 16 bits
    joint = np.empty(labels.size, small)
    for start in range(0, labels.size, _PIECE):
        p, t, out = (values[start : start + _PIECE] for values in (predicted, labels, joint))
        if _highest(p) >= count or _highest(t) > 255:
            return None
        np.copyto(out, t, casting="unsafe")
        np.multiply(out, count, out=out)
        np.add(out, p.astype(small), out=out)
    return joint


def _histogram(joint: np.ndarray, bins: int) -> np.ndarray:
    """How often each number 0 .. bins - 1 occurs."""
    changes = joint[1:] != joint[:-1]
    if 8 * np.count_nonzero(changes) > joint.size:
        return torch.bincount(torch.from_numpy(joint), minlength=bins).numpy()
    last = np.append(
        np.flatnonzero(changes), joint.size - 1
    )  # of each run of equal numbers: inside objects they are long
    lengths = torch.from_numpy(np.diff(last, prepend=-1))
    return torch.bincount(torch.from_numpy(joint[last]), lengths, minlength=bins).long().numpy()  # exact below 2**53


@cache
def _loop() -> Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, bool]]:
    """Numba's count: (predicted, labels, bits) -> (counts [256, 2**bits] by label and prediction, whether all fit in)."""
    from ..errors import extra

    numba = extra("numba", "crf")
    word, one, byte = np.uint64, np.uint32(1), np.uint64(255)

    def count(predicted: Any, labels: Any, bits: Any) -> Any:
        # Four tables, so that neighbors alike, the rule inside objects, do not wait for each other's increment; 64
        # entries apart from a power of two, so that the tables do not compete for the same cache lines.
        shift, mask = word(bits), word((1 << bits) - 1)
        tables = np.zeros((4, (256 << bits) + 64), np.uint32)
        called, true = word(0), word(0)  # every bit that was ever set
        whole = predicted.size // 4 * 4
        for n in range(0, whole, 4):
            for k in range(4):
                p, t = word(predicted[n + k]), word(labels[n + k])
                called |= p
                true |= t
                tables[k, ((t & byte) << shift) | (p & mask)] += one
        for n in range(whole, predicted.size):
            p, t = word(predicted[n]), word(labels[n])
            called |= p
            true |= t
            tables[0, ((t & byte) << shift) | (p & mask)] += one
        return tables, called <= mask and true <= byte

    compiled = numba.njit(nogil=True)(count)

    def loop(predicted: np.ndarray, labels: np.ndarray, bits: int) -> tuple[np.ndarray, bool]:
        pairs, fits = np.zeros(256 << bits, np.int64), True
        for start in range(0, predicted.size, 1 << 31):  # so that 32 bits hold every count
            tables, fit = compiled(predicted[start : start + (1 << 31)], labels[start : start + (1 << 31)], bits)
            pairs += tables[:, : pairs.size].sum(axis=0, dtype=np.int64)
            fits &= bool(fit)
        return pairs.reshape(256, 1 << bits), fits

    return loop


def _flat(values: Tensor | np.ndarray, what: str) -> np.ndarray:
    """One dimension of integers, without a copy where that can be."""
    if isinstance(values, Tensor):
        if values.is_floating_point() or values.is_complex():
            raise LabelError(_not_integer(what, values.dtype))
        values = values.detach().cpu().numpy()
    if values.dtype == np.bool_:
        values = values.view(np.uint8)
    if not np.issubdtype(values.dtype, np.integer):
        raise LabelError(_not_integer(what, values.dtype))
    if values.dtype == np.int8:
        values = values.astype(np.int16)  # so that -1 read without its sign is no label of a byte
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("=")).reshape(-1)


def _highest(values: np.ndarray) -> int:
    """The largest value, negative ones read as very large: one pass finds both ends of the range."""
    return int(values.view(f"u{values.itemsize}").max())


def _signed(values: np.ndarray) -> np.ndarray:
    """As 64-bit numbers of their own, which torch can compare; those past 2**63 stay outside every class."""
    return values.astype(np.int64, copy=not values.flags.writeable)


def _outside(values: Tensor, count: int) -> Tensor:
    return (values < 0) | (values >= count)


def _not_integer(what: str, dtype: Any) -> str:
    return f"the {what} holds {str(dtype).removeprefix('torch.')}, but a confusion matrix counts integer class numbers; decide first (argmax)"


def _size(values: Tensor | np.ndarray) -> str:
    return " x ".join(map(str, values.shape)) or "a single number"
