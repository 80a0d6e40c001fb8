"""Label Studio's run lengths of brush strokes.

Those of the thi.ng format: four bytes a pixel, of which the last, alpha, is the mask; runs of equal bytes and of unequal
ones, whose lengths take one of four numbers of bits.
"""

from __future__ import annotations

import numpy as np

from .. import limits
from ..errors import DataError


def decode(numbers: list[int], height: int, width: int) -> np.ndarray:
    """The mask [height, width] of a brush's run lengths.

    Raises: DataError when they are of another size, reach beyond it, or are no bytes.
    """
    limits.check_pixels(width, height, "brush run lengths")
    if not isinstance(numbers, list) or not set(map(type, numbers)) <= {int} or not all(0 <= n < 256 for n in numbers):
        raise DataError("brush run lengths are a list of bytes, whole numbers of 0 to 255; export them again")
    bits = np.unpackbits(np.array(numbers, np.uint8))
    place = 0

    def take(count: int) -> int:
        nonlocal place
        word = bits[place : place + count]
        if len(word) < count:
            raise DataError("brush run lengths end too early; export them again")
        place += count
        return int(word @ (1 << np.arange(count - 1, -1, -1))) if count else 0

    total = take(32)
    if total != 4 * height * width:
        raise DataError(f"brush run lengths of {total // 4} pixels for an image of {width}x{height}")
    word, sizes = take(5) + 1, [take(4) + 1 for _ in range(4)]
    if word > 8:
        raise DataError(f"brush run lengths of values of {word} bits; a pixel has four of 8, so export them again")
    values = np.zeros(total, np.uint8)
    n = 0
    while n < total:
        repeated = take(1)
        last = n + 1 + take(sizes[take(2)])
        if last > total:
            raise DataError(f"brush run lengths that reach {last - total} values beyond their image; export them again")
        if repeated:
            values[n:last] = take(word)
        else:
            values[n:last] = [take(word) for _ in range(last - n)]
        n = last
    return values.reshape(height, width, 4)[..., 3] > 0


def encode(mask: np.ndarray) -> list[int]:
    """A mask as a brush's run lengths: runs of full and of empty pixels, four equal bytes each."""
    flat = np.repeat(np.asarray(mask, bool).ravel(), 4)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [flat.size]])
    sizes = (4, 8, 12, 16)
    text = [f"{flat.size:032b}", f"{7:05b}", *(f"{size - 1:04b}" for size in sizes)]
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        left = end - start
        while left:
            run = min(left, 1 << 16)
            kind = next(n for n, size in enumerate(sizes) if run <= 1 << size)
            text.append(f"1{kind:02b}{run - 1:0{sizes[kind]}b}{255 * int(flat[start]):08b}")
            left -= run
    joined = "".join(text)
    joined += "0" * (-len(joined) % 8)
    return [int(joined[n : n + 8], 2) for n in range(0, len(joined), 8)]
