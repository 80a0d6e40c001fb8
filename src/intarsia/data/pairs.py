"""Image and mask files side by side, and the data set that reads them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..errors import DataError, LabelError
from ..labels import LabelSpace
from ..structures import Sample
from .codecs import read_image, read_labels


class Pair(NamedTuple):
    """One image file and its mask file."""

    name: str  # unique within the data set
    image: Path
    mask: Path | None


Read = Callable[[Pair], np.ndarray]


class Pairs:
    """A data set of image and mask files; its items are Samples.

    Args:
        labels: what the values in the masks mean.
        name, split: of the data set, for messages and reports.
        inferred: one sentence about what was taken for granted of the labels; empty when nothing was.
        unmatched: files that found no partner and are left out: (images without a mask, masks without an image).
        channels: 1, 3 or 4: read every image as gray, RGB or RGBA where that loses nothing; None: as it is.
        image: reads a pair's image [H, W, C], where its file is none that every program knows.
        raw: reads a pair's raw mask values [H, W], where they stand in several files or behind a formula.
        objects, depth: read a pair's object numbers [H, W] and meters [H, W], where a data set knows them. All four are
            functions of a module, or `functools.partial` of one, so that worker processes can be started with them.

    Raises: DataError when there are no pairs, or two of them share a name.
    """

    def __init__(
        self,
        items: Sequence[Pair],
        labels: LabelSpace,
        *,
        name: str,
        split: str,
        inferred: str = "",
        unmatched: tuple[Sequence[str], Sequence[str]] = ((), ()),
        channels: int | None = None,
        image: Read | None = None,
        raw: Read | None = None,
        objects: Read | None = None,
        depth: Read | None = None,
    ) -> None:
        self.image, self.raw, self.objects, self.depth = image, raw, objects, depth
        self.items, self.labels, self.name, self.split = tuple(items), labels, name, split
        self.inferred, self.channels = inferred, channels
        self.unmatched = tuple(unmatched[0]), tuple(unmatched[1])
        if not self.items:
            raise DataError(f"{name}: split {split!r} holds no pairs of image and mask")
        seen: dict[str, Pair] = {}
        for item in self.items:
            if item.name in seen:
                raise DataError(
                    f"{name}: {seen[item.name].image} and {item.image} share the name {item.name!r}; rename one"
                )
            seen[item.name] = item

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        """Read one pair; without a mask every pixel is ignored.

        Raises: DataError or LabelError that names the file.
        """
        item = self.items[index]
        image = self.read(item)
        if item.mask is None:
            labels = np.full(image.shape[:2], self.labels.ignore_index, self.labels.dtype)
        elif self.raw is None:
            labels = read_labels(item.mask, self.labels)
        else:
            try:
                labels = self.labels.encode(self.raw(item))
            except LabelError as error:
                raise LabelError(f"{item.mask}: {error}") from None
        maps = {
            "objects": None if self.objects is None or item.mask is None else self.objects(item).astype(np.int32),
            "depth": None if self.depth is None else self.depth(item).astype(np.float32),
        }
        for what, read in (("mask", labels), ("objects", maps["objects"]), ("depth", maps["depth"])):
            if read is not None and read.shape != image.shape[:2]:
                raise DataError(mismatch(item, image.shape, read.shape, what))
        given = {key: None if read is None else torch.from_numpy(read) for key, read in maps.items()}
        return Sample(as_tensor(image).permute(2, 0, 1), as_tensor(labels), item.name, **given)

    def read(self, item: Pair) -> np.ndarray:
        """The image of a pair: [H, W, C] uint8 or uint16."""
        image = read_image(item.image) if self.image is None else self.image(item)
        return image if self.channels is None else with_channels(image, self.channels, item.image)


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """The same numbers; 16-bit ones as int32, which torch can compute with."""
    array = array.astype(np.int32) if array.dtype == np.uint16 else array
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def with_channels(image: np.ndarray, channels: int, path: Path) -> np.ndarray:
    """An image [H, W, C] with as many channels as wished, where that loses nothing: gray and RGB, and an opaque alpha.

    Raises: DataError when it would.
    """
    have, full = image.shape[2], np.iinfo(image.dtype).max
    if have in (2, 4) and channels in (1, 3) and (image[..., -1] == full).all():
        image = image[..., :-1]
    if image.shape[2] == 1 and channels in (3, 4):
        image = np.repeat(image, 3, axis=2)
    if image.shape[2] == 3 and channels == 1 and (image == image[..., :1]).all():
        image = image[..., :1]
    if image.shape[2] == 3 and channels == 4:
        image = np.concatenate([image, np.full_like(image[..., :1], full)], axis=2)
    if image.shape[2] != channels:
        raise DataError(
            f"{path}: {have} channels cannot become {channels} without loss; convert the file, or leave out `channels`"
        )
    return np.ascontiguousarray(image)


def mismatch(item: Pair, image: Sequence[int], mask: Sequence[int], what: str = "mask") -> str:
    """The sentence about an image and a mask of different sizes."""
    turned = " (height and width swapped: is one of them turned?)" if tuple(image[:2]) == (mask[1], mask[0]) else ""
    if not turned and abs(image[0] * mask[1] - image[1] * mask[0]) <= 0.01 * image[0] * mask[1]:
        turned = " (the same shape: was one of them resized?)"
    told = "depth is" if what == "depth" else f"{what} {item.mask} {'are' if what == 'objects' else 'is'}"
    return f"{item.image} is {image[1]}x{image[0]} pixels, but its {told} {mask[1]}x{mask[0]}{turned}; they must be of one size"
