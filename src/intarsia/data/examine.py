"""One sample under the label doctor's lens: what is read of it, counted in it, and wrong with it alone."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import DataError, LabelError
from .codecs import decode_mask, orientation_of, raw_values
from .pairs import Pair, Pairs, mismatch


@dataclass
class Exam:
    """What is kept of one sample: numbers only, so that any number of samples fits into memory."""

    name: str
    place: str
    error: tuple[str, str] | None = None  # kind, sentence
    size: tuple[int, int] = (0, 0)
    channels: int = 0
    bits: int = 8
    sums: np.ndarray = field(
        default_factory=lambda: np.zeros((2, 0))
    )  # of values and of their squares, scaled to 0..1; [2, C]
    flat: bool = False  # the image has one color
    values: dict[int, int] = field(default_factory=dict)  # raw mask value -> pixels
    picture: bytes = b""  # digest of the image
    mask: bytes = b""  # digest of the labels
    turned: tuple[int, int] = (1, 1)  # EXIF orientation of image and mask


def examine(dataset: Pairs, item: Pair) -> Exam:
    """Look at one pair of files."""
    exam = Exam(item.name, str(item.mask or item.image))
    try:
        image = dataset.read(item)
    except DataError as error:
        exam.place, exam.error = str(item.image), ("unreadable", str(error))
        return exam
    _measure(exam, image)
    exam.turned = orientation_of(item.image), exam.turned[1]
    if item.mask is None:
        return exam
    try:
        stored, palette = decode_mask(item.mask)
        raw = raw_values(stored, palette, dataset.labels.by_color, str(item.mask))
    except LabelError as error:
        exam.error = ("encoding", str(error))
        return exam
    except DataError as error:
        exam.error = ("unreadable", str(error))
        return exam
    exam.turned = exam.turned[0], orientation_of(item.mask)
    _count(exam, raw)
    if raw.shape != image.shape[:2]:
        exam.error = ("size", mismatch(item, image.shape, raw.shape))
    return exam


def examine_sample(dataset: Any, index: int) -> Exam:
    """Look at one item of a data set that is not made of files."""
    from .loader import as_sample

    try:
        sample = as_sample(dataset[index], index)
    except DataError as error:
        return Exam(f"item {index}", f"item {index}", ("unreadable", str(error)))
    except Exception as error:  # a user's own code: whatever it raises is a finding about that item
        return Exam(
            f"item {index}",
            f"item {index}",
            ("unreadable", f"item {index} of the data set raised {type(error).__name__}: {error}"),
        )
    image = sample.image.permute(1, 2, 0).numpy()
    exam = Exam(sample.name, sample.name)
    if image.dtype != np.uint8:
        if image.min(initial=0) < 0 or image.max(initial=0) > 65535:
            exam.error = (
                "unreadable",
                f"{sample.name}: image values from {image.min()} to {image.max()}; give uint8, or int32 of 0..65535",
            )
            return exam
        image = image.astype(np.uint16)
    _measure(exam, image)
    _count(exam, sample.labels.numpy())
    return exam


def _measure(exam: Exam, image: np.ndarray) -> None:
    exam.size, exam.channels = (int(image.shape[0]), int(image.shape[1])), int(image.shape[2])
    exam.bits = 8 if image.dtype == np.uint8 else 16
    flat = image.reshape(-1, exam.channels)
    if exam.bits == 8:
        levels = np.arange(256) / 255
        counts = np.stack([np.bincount(flat[:, c], minlength=256) for c in range(exam.channels)])
        exam.sums = np.stack([counts @ levels, counts @ levels**2])
        exam.flat = bool((counts > 0).sum(axis=1).max() == 1)
    else:
        scaled = flat / 65535
        exam.sums = np.stack([scaled.sum(axis=0), (scaled**2).sum(axis=0)])
        exam.flat = bool((flat == flat[:1]).all())
    exam.picture = _digest(image)


def _count(exam: Exam, raw: np.ndarray) -> None:
    if raw.dtype == np.uint8:
        counts = np.bincount(raw.ravel(), minlength=256)
        exam.values = {int(v): int(counts[v]) for v in np.flatnonzero(counts)}
    else:
        values, numbers = np.unique(raw, return_counts=True)
        exam.values = dict(zip(values.tolist(), numbers.tolist(), strict=True))
    exam.mask = _digest(raw)


def _digest(array: np.ndarray) -> bytes:
    digest = hashlib.blake2b(repr((array.shape, array.dtype.str)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
