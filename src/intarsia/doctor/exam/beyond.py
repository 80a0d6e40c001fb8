"""A pair beyond memory under the label doctor's lens: each of its rows is read once, and forgotten."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import closing
from dataclasses import replace

import numpy as np

from ... import limits
from ...data.files.tags import nodata_of
from ...data.pairs import Pair, Pairs
from ...data.windows import Windows, windows_of_pair
from ...errors import DataError, LabelError
from .examine import Exam, counted, examine, measured, without_nodata


def examine_any(dataset: Pairs, item: Pair, quick: bool = False) -> Exam:
    """Look at one pair of files, whatever its size; of one beyond memory only at values, sizes, and what cannot be read.

    Args:
        quick: so at any pair.
    """
    try:
        windows = windows_of_pair(dataset, item, limits.PIXELS)
    except DataError as error:
        return replace(_named(dataset, item), error=("size", str(error)))
    if windows is None:
        return examine(dataset, item, quick)
    with closing(windows):
        return _by_rows(_named(dataset, item), windows)


def _named(dataset: Pairs, item: Pair) -> Exam:
    return Exam(item.name, dataset.place(item), image_path=item.image, mask_path=item.mask)


def _by_rows(exam: Exam, windows: Windows) -> Exam:
    """What a quick exam finds in a pair beyond memory, of which each row is read once and forgotten."""
    dataset, item = windows.dataset, windows.item
    values, sums, flat, nodata = Counter[int](), np.zeros(()), True, None
    picture, mask = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
    first: np.ndarray | None = None
    one = exam
    for part in windows.picture.parts():
        try:
            image = windows.pixels(part)
            raw, nodata = (None, None) if windows.mask is None else windows.mask.raw(part, dataset.labels.by_color)
        except LabelError as error:
            return replace(exam, error=("encoding", str(error)))
        except DataError as error:
            return replace(exam, error=("unreadable", str(error)))
        if first is None:
            first = image[0, 0]
            picture.update(repr(((*windows.size, image.shape[2]), image.dtype.str)).encode())
            mask.update(b"" if raw is None else repr((windows.size, raw.dtype.str)).encode())
        one = measured(exam, image, None, True)
        sums, flat = sums + one.sums, flat and one.flat and bool((image[0, 0] == first).all())
        picture.update(np.ascontiguousarray(image).data)
        if raw is not None:
            values.update(counted(one, raw, True).values)
            mask.update(np.ascontiguousarray(raw).data)
    declared = nodata_of(item.image)
    exam = replace(
        one,
        size=windows.size,
        sums=sums,
        flat=flat,
        picture=picture.digest(),
        convertible=dataset.channels is not None or one.channels in (1, 3),
        image_nodata="" if declared is None else f"{declared:g}",
    )
    if windows.mask is None:
        return exam
    exam = replace(exam, values=dict(sorted(values.items())), mask=mask.digest(), mask_size=windows.size)
    return without_nodata(exam, dataset.labels, nodata)
