"""Frames of videos whose objects are followed: each knows the object numbers of the frame before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..data.pairs import Pair, Raw
from ..errors import DataError


@dataclass(frozen=True)
class Followed:
    """Decodes a frame and the frame before; of the first frame of a video, no object was there before."""

    name: str  # of the data set, which says how masks are decoded
    decode: Callable[[Pair], Raw] = field(repr=False)
    before: Mapping[str, Path | None] = field(repr=False)  # by the name of the pair, which counts it among its files

    def __call__(self, item: Pair) -> Raw:
        raw, path = self.decode(item), self.before[item.name]
        if path is not None:
            return raw._replace(before=self.decode(item._replace(mask=path)))
        return raw._replace(before=raw._replace(objects=np.zeros(raw.classes.shape, np.int32)))


def followed(
    items: Sequence[Pair], decode: Callable[[Pair], Raw], name: str, video: Callable[[Pair], str]
) -> tuple[list[Pair], Followed]:
    """Let each frame know the one before.

    Args:
        items: in the order of time within each video.
        decode: gives the same number to the same object in all frames of a video.
        name: of the data set.
        video: which one a frame is of.

    Returns: the items, which are read from the mask before as well, and what decodes them.

    Raises: DataError for a labeled frame after one without a mask.
    """
    known, before = list[Pair](), dict[str, Path | None]()
    last: Pair | None = None
    for item in items:
        if last is not None and video(last) != video(item):
            last = None
        if item.mask is not None and last is not None and last.mask is None:
            raise DataError(
                f"{item.mask}: data.previous needs the objects of the frame before, and {last.image} has no mask; leave "
                "data.previous out"
            )
        before[item.name] = path = None if last is None else last.mask
        known.append(item.also(path) if path is not None and item.mask is not None else item)
        last = item
    return known, Followed(name, decode, before)
