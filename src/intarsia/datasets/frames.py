"""Frames of videos whose objects are followed: each knows the object numbers of the frame before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..data.dataset import Shot
from ..data.files.codecs import read_image
from ..data.pairs import Pair, Raw, as_tensor, mismatch
from ..data.things import only_things
from ..data.videos import check_numbers
from ..errors import DataError
from ..labels import LabelSpace


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


@dataclass(frozen=True)
class Seen:
    """Reads a frame and the frame before, whose channels come behind its own; the first of a video is its own frame before.

    With `centers`, the classes of the data set, the last channel is a heatmap of the centers of the things of the frame before.
    """

    name: str  # of the data set, which says how images are read
    read: Callable[[Pair], np.ndarray] = field(repr=False)
    decode: Callable[[Pair], Raw] = field(repr=False)
    before: Mapping[str, Pair | None] = field(repr=False)
    centers: LabelSpace | None = None

    def __call__(self, item: Pair) -> np.ndarray:
        image = self.read(item)
        last = self.before[item.name]
        other = image if last is None else self.read(last)
        if other.shape != image.shape:
            assert last is not None
            raise DataError(
                f"{item.image} and {last.image}, the frame before, are of {list(image.shape)} and {list(other.shape)} (height, "
                "width, channels); the frames of a video have one size"
            )
        if self.centers is None:
            return np.concatenate([image, other], axis=2)
        return np.concatenate([image, other, self._heat(last, image, self.centers)], axis=2)

    def _heat(self, last: Pair | None, image: np.ndarray, space: LabelSpace) -> np.ndarray:
        """The heatmap of the frame before, [H, W, 1] of the image's type; zeros where its objects are not known."""
        import torch

        from ..data.clips import heat_of

        objects = np.zeros(image.shape[:2], np.int32)
        if last is not None and last.mask is not None:
            raw = self.decode(last)
            assert raw.objects is not None
            if raw.objects.shape != image.shape[:2]:
                raise DataError(mismatch(str(last.image), str(last.mask), image.shape, raw.objects.shape))
            objects = only_things(raw.objects.astype(np.int32), space.encode(raw.classes), space)
        heat = heat_of(torch.from_numpy(objects), as_tensor(image))
        drawn: np.ndarray = heat[0].numpy().astype(image.dtype)[..., None]
        return drawn


def read_frame(item: Pair) -> np.ndarray:
    """Read the image of a frame from its file, [H, W, C]."""
    return read_image(item.image)


def shots_by(items: Sequence[Pair], video: Callable[[Pair], str]) -> list[Shot]:
    """Say which video each frame is of."""
    return [Shot(video(item)) for item in items]


def check_whole(items: Sequence[Pair], video: Callable[[Pair], str]) -> None:
    """See that no video lacks a frame between two others.

    Raises: DataError.
    """
    names: dict[str, list[str]] = {}
    for item in items:
        names.setdefault(video(item), []).append(item.image.name)
    for one, frames in names.items():
        check_numbers(frames, one)


def followed(
    items: Sequence[Pair],
    decode: Callable[[Pair], Raw],
    name: str,
    video: Callable[[Pair], str],
    read: Callable[[Pair], np.ndarray] | None = None,
    centers: LabelSpace | None = None,
) -> tuple[list[Pair], Followed, Seen | None]:
    """Let each frame know the one before.

    Args:
        items: in the order of time within each video; videos may alternate.
        decode: gives the same number to the same object in all frames of a video.
        name: of the data set.
        video: which one a frame is of.
        read: reads the image of a frame, where the frame before is seen as well.
        centers: the classes, where a heatmap of the centers of the frame before is seen too.

    Returns: the items, which are read from the files of the frame before as well; what decodes them; and what reads their
        images, None where only the objects of the frame before are known.

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
        more = [] if last is None or read is None else [last.image]
        if item.mask is not None and last is not None and last.mask:
            more.append(last.mask)
        known.append(item.also(*more) if more else item)
    return known, Followed(name, decode, before), None if read is None else Seen(name, read, decode, before, centers)
