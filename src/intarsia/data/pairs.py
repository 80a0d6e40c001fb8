"""Image and mask files side by side, and the data set that reads them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..errors import DataError
from ..labels import LabelSpace
from ..structures import Sample
from .codecs import read_image, read_labels


class Pair(NamedTuple):
    """One image file and its mask file."""

    name: str  # unique within the data set
    image: Path
    mask: Path | None


class Pairs:
    """A data set of image and mask files; its items are Samples.

    Args:
        labels: what the values in the masks mean.
        name, split: of the data set, for messages and reports.
        inferred: one sentence about what was taken for granted of the labels; empty when nothing was.
        unmatched: files that found no partner and are left out: (images without a mask, masks without an image).
        channels: 1, 3 or 4: read every image as gray, RGB or RGBA where that loses nothing; None: as it is.

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
    ) -> None:
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
        else:
            labels = read_labels(item.mask, self.labels)
            if labels.shape != image.shape[:2]:
                raise DataError(mismatch(item, image.shape, labels.shape))
        return Sample(as_tensor(image).permute(2, 0, 1), as_tensor(labels), item.name)

    def read(self, item: Pair) -> np.ndarray:
        """The image of a pair: [H, W, C] uint8 or uint16."""
        image = read_image(item.image)
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


def mismatch(item: Pair, image: Sequence[int], mask: Sequence[int]) -> str:
    """The sentence about an image and a mask of different sizes."""
    turned = " (height and width swapped: is one of them turned?)" if tuple(image[:2]) == (mask[1], mask[0]) else ""
    return f"{item.image} is {image[1]}x{image[0]} pixels, but its mask {item.mask} is {mask[1]}x{mask[0]}{turned}; they must be of one size"
