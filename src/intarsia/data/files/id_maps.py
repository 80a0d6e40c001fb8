"""Mask files whose numbers a data set takes apart itself: ids, ids spread over colors, and variables of MATLAB files."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, nearest
from ...limits import DECODED
from .codecs import decode_mask


def read_ids(path: Path) -> np.ndarray:
    """A file of ids, 8 or 16 bit: [H, W].

    Raises: DataError when it holds colors.
    """
    array, _ = decode_mask(path)
    if array.ndim != 2:
        raise DataError(
            f"{path}: {array.shape[2]} channels, but one channel of ids is expected; take the original file"
        )
    return array


def read_colors(path: Path) -> np.ndarray:
    """A file of ids that are spread over red, green and blue: [H, W, 3] uint8.

    Raises: DataError when it holds no colors of 8 bits.
    """
    array, _ = decode_mask(path)
    if array.ndim != 3 or array.shape[2] < 3:
        raise DataError(f"{path}: one channel, but ids spread over RGB are expected; take the original file")
    if array.dtype != np.uint8:
        raise DataError(f"{path}: colors of {array.dtype}, but ids are spread over bytes; take the original file")
    return array[..., :3]


def read_rgb(path: Path) -> np.ndarray:
    """The same as [H, W, 3] int32, to reckon with.

    Raises: as `read_colors`.
    """
    return read_colors(path).astype(np.int32)


def read_mat(path: Path, key: str) -> Any:
    """A variable of a MATLAB file.

    Raises: DataError when the file cannot be read or holds no such variable.
    """
    from scipy.io import loadmat

    try:
        _check_mat(path)
        tree = loadmat(path)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except DataError:
        raise
    except Exception as error:  # whatever its decoder makes of a damaged file
        raise DataError(f"{path}: no MATLAB file that can be read ({error}); copy it again from its source") from None
    if key not in tree:
        known = [name for name in tree if not name.startswith("__")]
        raise DataError(f"{path}: holds no variable {key!r}{nearest(key, known)}")
    return tree[key]


def _check_mat(path: Path) -> None:
    """Refuse a MATLAB file (version 5) whose compressed variables unpack to more than a picture may take.

    Raises: DataError.
    """
    if path.stat().st_size * _RATIO <= DECODED:
        return
    with path.open("rb") as file:
        head = file.read(128)
        order, total = "<" if head[126:128] == b"IM" else ">", 0
        while len(tag := file.read(8)) == 8:
            kind, size = struct.unpack(order + "II", tag)
            if kind != _COMPRESSED:
                file.seek(size, 1)
                continue
            unpack, left = zlib.decompressobj(), size
            while left > 0 and (piece := file.read(min(left, 1 << 16))):
                left -= len(piece)
                while piece and total <= DECODED:
                    total += len(unpack.decompress(piece, 1 << 20))
                    piece = unpack.unconsumed_tail
                if total > DECODED:
                    raise DataError(
                        f"{path}: its variables unpack to more than {DECODED:,} bytes; save fewer in a file"
                    )


_RATIO, _COMPRESSED = 1032, 15  # what deflate makes of a byte at most; the type of a compressed element
