"""NumPy's files as images and masks, and numbers that come as floating point or as one map for each class."""

from pathlib import Path

import numpy as np

from ..errors import DataError


def read_npy(path: Path, planes: bool = False) -> tuple[np.ndarray, int]:
    """An array [H, W] or [H, W, C] and its orientation, 1; with `planes`, one map for each class becomes ids.

    Raises: DataError when it holds no numbers, or of another shape.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except Exception as error:  # whatever its reader makes of a damaged header, a tokenizer's among it
        raise DataError(f"{path}: no readable array of numbers ({error})") from None
    if array.ndim not in (2, 3) or array.size == 0:
        raise DataError(f"{path}: an array of shape {array.shape}; save [H, W] or [H, W, C]")
    if planes and array.ndim == 3 and (found := one_hot(array)) is not None:
        return flattened(found), 1
    if array.ndim == 3 and array.shape[0] < min(16, *array.shape[1:]):
        raise DataError(
            f"{path}: an array of shape {array.shape} seems to have its channels first; save it as [H, W, C]"
        )
    return array, 1


def one_hot(array: np.ndarray) -> np.ndarray | None:
    """An array of one map of 0 and 1 for each class, its shortest side, as [K, H, W] bool; None where it is none."""
    if min(array.shape) == 0 or not ((array == 0) | (array == 1)).all():
        return None
    return np.moveaxis(array, int(np.argmin(array.shape)), 0).astype(bool)


def planes_of(path: Path) -> np.ndarray | None:
    """The planes [K, H, W] of a file that decode_mask could read, where it is an array of one map for each class."""
    if path.suffix.lower() != ".npy":
        return None
    array = np.load(path)
    return one_hot(array) if array.ndim == 3 else None


def flattened(planes: np.ndarray) -> np.ndarray:
    """[K, H, W] planes as ids [H, W]: that of the last plane that holds a pixel, K where none does."""
    count = len(planes)
    top = count - 1 - planes[::-1].argmax(axis=0)
    return np.where(planes.any(axis=0), top, count).astype(np.uint8 if count < 255 else np.uint16)


def whole(array: np.ndarray) -> np.ndarray:
    """Floating point numbers without fractions as integers, as tools for rasters write ids; others stay as they are."""
    if (
        array.dtype.kind != "f"
        or not array.size
        or not (np.isfinite(array) & (array == np.rint(array)) & (abs(array) < 2**31)).all()
    ):
        return array
    low, high = array.min(), array.max()
    return array.astype(np.int32 if low < 0 or high > 65535 else np.uint16 if high > 255 else np.uint8)
