"""One pair of files as arrays, whatever is unusual about it: for the clean copy, and for the pictures of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ...errors import DataError, LabelError
from ...labels import LabelSpace
from ..codecs import decode_mask, raw_values, read_image
from ..examine import Exam
from ..findings import Sight
from ..pairs import Pair
from .forms import natural
from .regions import between


class Case(NamedTuple):
    """One pair of files, what was found of it, and, for masks of one class a file, those files."""

    item: Pair
    exam: Exam
    parts: tuple[Path, ...] = ()


def decode(case: Case) -> tuple[np.ndarray, np.ndarray | None]:
    """A mask as it is stored; masks of one class a file are laid over each other, the first class at the bottom."""
    if not case.parts:
        assert case.item.mask is not None
        return decode_mask(case.item.mask)
    whole: np.ndarray | None = None
    for number, path in enumerate(case.parts, 1):
        if not path.is_file():
            continue
        part = decode_mask(path)[0]
        part = part if part.ndim == 2 else part[..., :3].max(axis=2)
        inside = part > part.max(initial=0) // 2
        if whole is None:
            whole = np.zeros(part.shape, np.uint8)
        if whole.shape != part.shape:
            raise DataError(f"{path}: {part.shape[1]}x{part.shape[0]} pixels, unlike the masks of its other classes")
        whole[inside] = number
    assert whole is not None
    return whole, None


def picture(path: Path) -> np.ndarray:
    """An image in any mode that Pillow can turn into RGB."""
    try:
        return read_image(path)
    except DataError as error:
        if " colors; save it as gray" not in str(error):
            raise
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def codes_of(case: Case, space: LabelSpace, table: Mapping[int, int] | None) -> np.ndarray:
    """A mask as class numbers and the ignore index, -1 where a value has no meaning.

    Args:
        table: own value -> common value, where the mask is not stored as the others are.

    Raises: DataError or LabelError when it cannot be read.
    """
    assert case.item.mask is not None
    if case.exam.form is None:
        raw = raw_values(*decode_mask(case.item.mask), space.by_color, str(case.item.mask))
    else:
        raw = natural(*decode(case), case.item.mask)[0]
    blended = between(raw) if case.exam.blend and case.exam.form is not None else None
    if table is not None:
        keys = np.array(sorted(table), np.int64)
        places = np.searchsorted(keys, raw).clip(max=len(keys) - 1)
        raw = np.where(keys[places] == raw, np.array([table[int(k)] for k in keys], np.int64)[places], -1)
    codes = space.classes_of(raw)
    if blended is not None:
        codes[blended] = -1
    return codes


def reader(
    cases: Iterable[Case], space: LabelSpace, tables: Mapping[int, Mapping[int, int]] | None = None
) -> Callable[[Sight], tuple[np.ndarray | None, np.ndarray | None]]:
    """What a report shows of a sight: its image, and its class numbers, -1 where a value has no meaning; None where it has none."""
    known = {case.item.image: case for case in cases}

    def read(sight: Sight) -> tuple[np.ndarray | None, np.ndarray | None]:
        image = labels = None
        with suppress(DataError):
            image = picture(sight.image) if sight.image else None
        case = known.get(sight.image) if sight.image else None
        if case is not None and case.item.mask is not None:
            with suppress(DataError, LabelError):
                labels = codes_of(case, space, (tables or {}).get(id(case.exam)))
        return image, labels

    return read
