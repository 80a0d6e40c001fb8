"""Samples of large files of which only the part that a crop needs is read, image and mask alike.

Pairs, number of a sample - windows_of -> Windows - place (draws the box first) - image(part), labels(part)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import DataError, LabelError
from ..structures import Sample
from .joined import Joined
from .pairs import Pair, Pairs, as_tensor, mismatch, with_channels
from .regions.stored import Numbers, Part, open_numbers

if TYPE_CHECKING:
    from torch import Tensor


class Windows(NamedTuple):
    """One pair of files that is read window by window.

    Args:
        dataset, item: that the pair is of.
        picture, mask: the open files; None for a pair without a mask, of which every pixel is ignored.
    """

    dataset: Pairs
    item: Pair
    picture: Numbers
    mask: Numbers | None

    @property
    def name(self) -> str:
        """The sample's name."""
        return self.item.name

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self.picture.size

    @property
    def tags(self) -> Tensor | None:
        """The classes of the picture as a whole, [K] bool."""
        return self.dataset.tagged(self.item)

    def image(self, part: Part) -> Tensor:
        """Read the image within y0, x0, y1, x1: [C, h, w], channels last in memory."""
        return as_tensor(self.pixels(part)).permute(2, 0, 1)

    def labels(self, part: Part) -> Tensor:
        """Read the labels within y0, x0, y1, x1: [h, w] class numbers and the ignore index.

        Raises: LabelError for values without a meaning.
        """
        space = self.dataset.labels
        if self.mask is None:
            return as_tensor(np.full((part[2] - part[0], part[3] - part[1]), space.ignore_index, space.dtype))
        try:
            raw, nodata = self.mask.raw(part, space.by_color)
            return as_tensor(space.ignoring(nodata).encode(raw))
        except LabelError as error:
            raise LabelError(f"{self.dataset.place(self.item)}: {error}") from None

    def pixels(self, part: Part) -> np.ndarray:
        """Read the image within y0, x0, y1, x1 as an array [h, w, C]."""
        found, wish = self.picture.image(part), self.dataset.channels
        return found if wish is None else with_channels(found, wish, self.item.image)

    def corner(self, side: int) -> Sample:
        """Read the upper left corner as a sample, of at most so many pixels a side."""
        part = (0, 0, min(side, self.size[0]), min(side, self.size[1]))
        return Sample(self.image(part), self.labels(part), self.name, tags=self.tags)

    def close(self) -> None:
        """Close the files."""
        for numbers in filter(None, (self.picture, self.mask)):
            numbers.close()


def windows_of(dataset: object, index: int, least: int) -> Windows | None:
    """Open a sample of a data set so that it is read window by window.

    Args:
        least: pixels that a picture has to have more than.

    Returns: None where it is small, or has to be read as a whole: files of other kinds, and pairs of more than two files.

    Raises: DataError for an image and a mask of different sizes.
    """
    from torch.utils.data import Subset

    if type(dataset) is Pairs:
        return windows_of_pair(dataset, dataset.items[index], least)
    if type(dataset) is Joined:
        which, number = dataset.located(index)
        return windows_of(dataset.datasets[which], number, least)
    if type(dataset) is Subset:
        return windows_of(dataset.dataset, int(dataset.indices[index]), least)
    return None


def windows_of_pair(dataset: Pairs, item: Pair, least: int) -> Windows | None:
    """Open a pair; see `windows_of`."""
    if dataset.image_hook or dataset.mask_hook or dataset.labels.planes or item.files:
        return None
    picture = open_numbers(item.image, least)
    if picture is None:
        return None
    if item.mask is None:
        return Windows(dataset, item, picture, None)
    mask = open_numbers(item.mask, least, mask=True)
    if mask is None:
        picture.close()
        return None
    found = Windows(dataset, item, picture, mask)
    if mask.size != picture.size:
        found.close()
        raise DataError(mismatch(str(item.image), dataset.place(item), picture.size, mask.size))
    return found
