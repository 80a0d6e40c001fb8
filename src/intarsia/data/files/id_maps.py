"""Mask files whose numbers a data set takes apart itself: ids, ids spread over colors, and variables of MATLAB files."""

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, nearest
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


def read_rgb(path: Path) -> np.ndarray:
    """A file of ids that are spread over red, green and blue: [H, W, 3] int32.

    Raises: DataError when it holds no colors.
    """
    array, _ = decode_mask(path)
    if array.ndim != 3 or array.shape[2] < 3:
        raise DataError(f"{path}: one channel, but ids spread over RGB are expected; take the original file")
    return array[..., :3].astype(np.int32)


def read_mat(path: Path, key: str) -> Any:
    """A variable of a MATLAB file.

    Raises: DataError when the file cannot be read or holds no such variable.
    """
    from scipy.io import loadmat

    try:
        tree = loadmat(path)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except Exception as error:  # whatever its decoder makes of a damaged file
        raise DataError(f"{path}: no MATLAB file that can be read ({error}); copy it again from its source") from None
    if key not in tree:
        known = [name for name in tree if not name.startswith("__")]
        raise DataError(f"{path}: holds no variable {key!r}{nearest(key, known)}")
    return tree[key]
