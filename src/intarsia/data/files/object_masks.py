"""Objects that overlap, in one file a picture: masks of all their pixels, the names of their classes, and what is seen of each.

NAME.npz   masks    [ceil(M / 8), H, W] uint8, one bit an object, the first in the highest
           classes  [M] names
           objects  [H, W] int32, 0 or 1 to M: the object that is on top
"""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import DataError
from ...limits import check_decoded, check_pixels
from ..bits import packed, unpacked
from .npy import HEADERS

SUFFIX = ".npz"


class ObjectMasks(NamedTuple):
    """The objects of one picture."""

    masks: np.ndarray  # [M, H, W] bool
    classes: tuple[str, ...]  # [M] the name of each one's class
    objects: np.ndarray  # [H, W] int32, 0 or 1 to M


def on_top(masks: np.ndarray) -> np.ndarray:
    """Number the last object of each pixel of masks [M, H, W]: [H, W] int32, 0 where there is none."""
    top = np.zeros(masks.shape[1:], np.int32)
    for number, mask in enumerate(masks, 1):
        top[mask] = number
    return top


def write_object_masks(path: Path, found: ObjectMasks) -> None:
    """Write the objects of a picture."""
    names = np.array(found.classes, np.str_)
    np.savez_compressed(path, masks=packed(found.masks), classes=names, objects=found.objects.astype(np.int32))


def read_object_masks(path: Path) -> ObjectMasks:
    """Read the objects of a picture.

    Raises: DataError for a file that is missing, damaged or too large, or whose parts do not fit together.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            bits, names, objects = (_array(archive, what, path) for what in ("masks", "classes", "objects"))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except DataError:
        raise
    except Exception as error:  # whatever a damaged archive makes of itself
        raise DataError(f"{path}: no readable file of objects ({str(error)[:200]}); write it again") from None
    count = len(names) if names.ndim == 1 and names.dtype.kind == "U" else -1
    fits = bits.ndim == 3 and bits.dtype == np.uint8 and len(bits) == -(-count // 8)
    if not fits or objects.shape != bits.shape[1:] or objects.dtype.kind not in "iu":
        raise DataError(
            f"{path}: masks {bits.dtype} {list(bits.shape)}, classes {names.dtype} {list(names.shape)} and objects "
            f"{objects.dtype} {list(objects.shape)} do not fit together; write a bit an object, a name each, and [H, W]"
        )
    check_decoded(count * objects.size, path)
    if objects.min(initial=0) < 0 or objects.max(initial=0) > count:
        raise DataError(f"{path}: objects holds {objects.min()} to {objects.max()}, but there are {count} masks")
    return ObjectMasks(unpacked(bits, count), tuple(names.tolist()), objects.astype(np.int32))


def _array(archive: zipfile.ZipFile, what: str, path: Path) -> np.ndarray:
    """One array of the file, of which no more is unpacked than its header says."""
    with archive.open(f"{what}.npy") as file:
        shape, fortran, dtype = HEADERS[np.lib.format.read_magic(file)](file)
        if dtype.kind not in "iuU" or fortran or any(side < 0 for side in shape):
            raise DataError(f"{path}: {what} holds {dtype} of shape {shape}; write it again")
        if len(shape) > 1:
            check_pixels(shape[-1], shape[-2], path)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        check_decoded(size, path)
        held = file.read(size)
        if len(held) < size:
            raise DataError(f"{path}: {what} is cut off; copy the file again from its source")
        return np.frombuffer(held, dtype).reshape(shape)
