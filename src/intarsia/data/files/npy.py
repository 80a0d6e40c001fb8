"""NumPy's files as images and masks, and numbers that come as floating point or as one map for each class."""

from pathlib import Path
from tokenize import TokenError

import numpy as np

from ...errors import DataError
from ...limits import check_decoded, check_pixels
from .tags import EMPTY, as_id


def read_npy(path: Path, planes: bool = False) -> tuple[np.ndarray, int]:
    """An array [H, W] or [H, W, C] and its orientation, 1; with `planes`, one map for each class becomes ids.

    Raises: DataError when it holds no numbers, or of another shape.
    """
    array = load(path)
    if array.ndim not in (2, 3) or array.size == 0:
        raise DataError(f"{path}: an array of shape {array.shape}; save [H, W] or [H, W, C]")
    if planes and array.ndim == 3 and (found := one_hot(array)) is not None:
        return flattened(found), 1
    if array.ndim == 3 and array.shape[0] < min(16, *array.shape[1:]):
        raise DataError(
            f"{path}: an array of shape {array.shape} seems to have its channels first; save it as [H, W, C]"
        )
    return array, 1


def load(path: Path) -> np.ndarray:
    """The array of a .npy file, whose header is held against the limits and the size of the file before memory is asked for.

    Raises: DataError when it is missing or damaged, holds no numbers, or is too large.
    """
    try:
        with path.open("rb") as file:
            header = HEADERS[np.lib.format.read_magic(file)](file)
            shape, fortran, dtype = header
            if dtype.kind not in "biufc" or any(side < 0 for side in shape):
                raise DataError(f"{path}: no readable array of numbers (it holds {dtype} of shape {shape})")
            size = int(np.prod(shape, dtype=object)) * dtype.itemsize
            if len(shape) > 1:
                width, height = sorted(shape)[-2:]
                check_pixels(width, height, path)
            check_decoded(size, path)
            start = file.tell()
            held = file.seek(0, 2) - start
            if held < size:
                raise DataError(
                    f"{path}: no readable array of numbers (its header tells of {size:,} bytes, but {held:,} follow)"
                )
            file.seek(start)
            flat = np.fromfile(file, dtype, size // dtype.itemsize)
            return flat.reshape(shape[::-1]).transpose() if fortran else flat.reshape(shape)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except MemoryError:
        raise DataError(f"{path}: the array needs more memory than is free; save it in parts") from None
    except DataError:
        raise
    except (OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, OverflowError, TokenError) as error:
        told = "of an unknown version" if isinstance(error, KeyError) else str(error)[:200]
        raise DataError(f"{path}: no readable array of numbers ({told})") from None


HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def one_hot(array: np.ndarray) -> np.ndarray | None:
    """An array of one map of 0 and 1 for each class, its shortest side, as [K, H, W] bool; None where it is none."""
    if min(array.shape) == 0 or not ((array == 0) | (array == 1)).all():
        return None
    return np.moveaxis(array, int(np.argmin(array.shape)), 0).astype(bool)


def planes_of(path: Path) -> np.ndarray | None:
    """The planes [K, H, W] of a file that decode_mask could read, where it is an array of one map for each class."""
    if path.suffix.lower() != ".npy":
        return None
    array = load(path)
    return one_hot(array) if array.ndim == 3 else None


def flattened(planes: np.ndarray) -> np.ndarray:
    """[K, H, W] planes as ids [H, W]: that of the last plane that holds a pixel, K where none does."""
    count = len(planes)
    top = count - 1 - planes[::-1].argmax(axis=0)
    return np.where(planes.any(axis=0), top, count).astype(np.uint8 if count < 255 else np.uint16)


def whole(array: np.ndarray, where: object, nodata: float | None = None) -> np.ndarray:
    """Label values as integers: floating point numbers without fractions too, as tools for rasters write ids.

    Args:
        where: the file, for the message.
        nodata: what pixels hold that hold nothing, where the file says so: `tags.EMPTY` then, where no id can be that.

    Raises: DataError with the values, and the number of their pixels, that are no ids.
    """
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.dtype.kind not in "iuf":
        raise DataError(f"{where}: a mask of {array.dtype} numbers; masks hold whole numbers or colors")
    if as_id(nodata) == EMPTY:
        array = _emptied(array, nodata)
    if array.dtype.kind in "iu":
        if array.dtype.itemsize > 4 or array.dtype == np.uint32:
            far = (array > 2**31 - 1) | ((array < EMPTY) if array.dtype.kind == "i" else False)
            _refuse(array, far, where, "are no ids, which end at 2,147,483,647")
        return array
    array = array.astype(np.float32) if array.dtype == np.float16 else array
    with np.errstate(invalid="ignore"):
        sound = (array == np.rint(array)) & (array >= EMPTY) & (array < 2**31)
    _refuse(
        array,
        ~sound,
        where,
        "are no ids; masks hold whole numbers or colors, so write ids, and 255 where there is no label",
    )
    low, high = array.min(initial=0), array.max(initial=0)
    return array.astype(np.int32 if low < 0 or high > 65535 else np.uint16 if high > 255 else np.uint8)


def _emptied(array: np.ndarray, nodata: float | None) -> np.ndarray:
    """The same numbers with `EMPTY` where they are what no id can be, such as nan."""
    assert nodata is not None
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            empty = np.isnan(array) if np.isnan(nodata) else array == array.dtype.type(nodata)
        wide = array.astype(np.float64) if array.dtype.itemsize < 4 else array
    else:
        if not (np.isfinite(nodata) and nodata == np.rint(nodata)):
            return array
        empty, wide = array == int(nodata), array.astype(np.int64)
    return np.where(empty, wide.dtype.type(EMPTY), wide) if empty.any() else array


def _refuse(array: np.ndarray, wrong: np.ndarray, where: object, why: str) -> None:
    """Raise where some values are wrong: which, in how many pixels."""
    if not wrong.any():
        return
    values, counts = np.unique(array[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:5]
    shown = ", ".join(
        f"{values[n]:.6g} ({counts[n]} px)" if array.dtype.kind == "f" else f"{values[n]} ({counts[n]} px)"
        for n in order
    )
    more = f" and {len(values) - 5} more, {int(counts.sum())} px in all" if len(values) > 5 else ""
    raise DataError(f"{where}: the mask holds {array.dtype} numbers of which {shown}{more} {why}")
