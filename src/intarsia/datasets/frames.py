"""Frames of videos whose objects are followed: each knows the object numbers of the frame before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..data.pairs import Pair, Raw
from ..errors import DataError


@dataclass(frozen=True)
class Followed:
    """Decodes a frame and the frame before; of the first frame of a video, no object was there before."""

    name: str  # of the data set, which says how masks are decoded
    decode: Callable[[Pair], Raw] = field(repr=False)
    before: Mapping[str, Pair | None] = field(
        repr=False
    )  # by the name of the pair, which counts its mask among its files

    def __call__(self, item: Pair) -> Raw:
        raw, last = self.decode(item), self.before[item.name]
        if last is not None:
            return raw._replace(before=self.decode(last))
        return raw._replace(before=raw._replace(objects=np.zeros(raw.classes.shape, np.int32)))


def followed(
    items: Sequence[Pair], decode: Callable[[Pair], Raw], name: str, video: Callable[[Pair], str]
) -> tuple[list[Pair], Followed]:
    """Let each frame know the one before.

    Args:
        items: in the order of time within each video; videos may alternate.
        decode: gives the same number to the same object in all frames of a video.
        name: of the data set.
        video: which one a frame is of.

    Returns: the items, which are read from the mask before as well, and what decodes them.

    Raises: DataError for a labeled frame after one without a mask.
    """
    known, before = list[Pair](), dict[str, Pair | None]()
    newest = dict[str, Pair]()  # by video
    for item in items:
        last = newest.get(video(item))
        newest[video(item)] = item
        if item.mask is not None and last is not None and last.mask is None:
            raise DataError(
                f"{item.mask}: data.previous needs the objects of the frame before, and {last.image} has no mask; leave "
                "data.previous out"
            )
        before[item.name] = last
        known.append(item.also(last.mask) if item.mask is not None and last is not None and last.mask else item)
    return known, Followed(name, decode, before)
