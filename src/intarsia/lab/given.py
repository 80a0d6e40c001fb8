"""What the user hands in: numbers typed in a line, and a picture from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ..data.files.codecs import read_image
from ..draw import viewable
from ..errors import DataError

Table = tuple[tuple[float, ...], ...]
LARGEST = 12  # rows and columns that can be read on a drawing


def table(text: str, option: str = "numbers") -> Table:
    """Numbers of a line of text: spaces or commas between them, semicolons between rows.

    >>> table("1 2; 3 4")
    ((1.0, 2.0), (3.0, 4.0))

    Raises: DataError naming the word that is no number, or the row that is longer or shorter than the first.
    """
    rows = [row.replace(",", " ").split() for row in text.strip().strip(";").split(";")]
    made: list[tuple[float, ...]] = []
    for n, row in enumerate(rows, 1):
        if not row:
            raise DataError(f'{option}: row {n} is empty; write rows of numbers as "1 2;3 4"')
        if len(row) != len(rows[0]):
            raise DataError(
                f"{option}: row {n} has {len(row)} numbers and row 1 has {len(rows[0])}; all rows are alike"
            )
        made.append(tuple(_number(word, option) for word in row))
    if max(len(made), len(made[0])) > LARGEST:
        raise DataError(
            f"{option}: {len(made)} x {len(made[0])} numbers cannot be read on a drawing; {LARGEST} is most"
        )
    return tuple(made)


def picture(path: str | Path, longest: int = 480) -> np.ndarray:
    """A picture as [3, h, w] numbers of 0..1, made smaller where its longer side has more pixels than `longest`.

    Raises: DataError when there is no such file, or it is no picture.
    """
    image = viewable(read_image(path))
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return np.asarray(image, np.float32).transpose(2, 0, 1) / 255


def _number(word: str, option: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise DataError(f'{option}: {word!r} is no number; write rows of numbers as "1 2;3 4"') from None
    if not np.isfinite(value) or abs(value) > 1e6:
        raise DataError(f"{option}: {word} cannot be drawn; numbers lie between -1000000 and 1000000")
    return value
