"""Data sets whose masks need a decoder of their own: several files to a mask, colors that are sums, objects beside classes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..errors import DataError, LabelError, nearest
from ..labels import LabelSpace
from ..structures import Sample
from .codecs import decode_mask, read_image
from .pairs import Pair, as_tensor, mismatch, with_channels


class Raw(NamedTuple):
    """What a decoder gives for one mask."""

    classes: np.ndarray  # [H, W] raw values, which the label space maps
    objects: np.ndarray | None = None  # [H, W] a number of its own for each object, 0 where there is none


class Decoded:
    """A data set of pairs with a decoder; its items are Samples.

    Args:
        decode: a pair to its raw values; a function of a module, so that it travels to other processes.
        channels: as of `Pairs`.

    Raises: DataError when there are no pairs; reading, DataError or LabelError that names the file.
    """

    def __init__(
        self,
        items: Sequence[Pair],
        labels: LabelSpace,
        decode: Callable[[Pair], Raw],
        *,
        name: str,
        split: str,
        channels: int | None = None,
    ) -> None:
        self.items, self.labels, self.decode, self.name, self.split = tuple(items), labels, decode, name, split
        self.channels = channels
        if not self.items:
            raise DataError(f"{name}: split {split!r} holds no pairs of image and mask")

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        item = self.items[index]
        image, raw = read_image(item.image), self.decode(item)
        image = image if self.channels is None else with_channels(image, self.channels, item.image)
        try:
            labels = self.labels.encode(raw.classes)
        except LabelError as error:
            raise LabelError(f"{item.mask}: {error}") from None
        if labels.shape != image.shape[:2]:
            raise DataError(mismatch(item, image.shape, labels.shape))
        objects = None
        if raw.objects is not None:
            objects = torch.from_numpy(numbered(raw.objects, labels != self.labels.ignore_index))
        return Sample(as_tensor(image).permute(2, 0, 1), as_tensor(labels), item.name, objects)


def numbered(codes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Object numbers 1, 2, ... in the order of their codes, [H, W] int32; 0 where the code is 0 or pixels do not count."""
    kept = np.where(counted, codes, 0)
    known, places = np.unique(kept, return_inverse=True)
    numbers = np.cumsum(known != 0) * (known != 0)
    return numbers[places.reshape(kept.shape)].astype(np.int32)


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


def top(root: str | Path, signs: Sequence[str], tree: str, below: Sequence[str] = ()) -> Path:
    """The folder that a release was unpacked to: `root`, or a folder below it, that holds all of `signs`.

    Args:
        signs: files or folders that must be there.
        tree: of the release, for the message.
        below: folders within root that may be the one.

    Raises: DataError that says what is missing and shows the tree.
    """
    root = Path(root)
    for folder in (root, *(root / b for b in below)):
        if folder.is_dir() and all((folder / sign).exists() for sign in signs):
            return folder
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; expected\n{tree}")
    lacking = " and ".join(sign for sign in signs if not (root / sign).exists())
    raise DataError(f"{root}: holds no {lacking}; expected\n{tree}")


def one_of(split: str, known: Sequence[str], root: Path, tree: str) -> str:
    """A split's name, when it is there.

    Raises: DataError with the nearest name and the tree.
    """
    if split not in known:
        raise DataError(f"{root}: there is no split {split!r}{nearest(split, known)}; expected\n{tree}")
    return split


def choice(option: str, value: object, known: Sequence[object]) -> None:
    """Refuse a value that an option does not take.

    Raises: DataError with the values that it takes.
    """
    if value not in known:
        raise DataError(f"{option} is {value!r}; choose from {', '.join(map(repr, known))}")
