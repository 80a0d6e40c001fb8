"""Image and mask files side by side, and the data set that reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import DataError, LabelError
from ..labels import IGNORE, LabelSpace
from ..structures import Sample
from .dataset import Fault, Notes, Shot
from .files.codecs import raw_of, read_image
from .files.npy import load, planes_of, whole
from .things import only_things, thing_rows

if TYPE_CHECKING:
    import torch


class Pair(NamedTuple):
    """One image file and its mask file."""

    name: str  # unique within the data set
    image: Path
    mask: Path | None
    files: tuple[Path, ...] | None = None  # all that the sample is read from, where that is not these two alone

    def also(self, *files: Path) -> Pair:
        """The same pair, read from more files than its own two."""
        return self._replace(files=(self.image, *([self.mask] if self.mask else []), *files))


class Raw(NamedTuple):
    """What is known of an image's pixels, as its files have it."""

    classes: np.ndarray  # [H, W] raw values, which the label space maps; unused where it has `planes`
    objects: np.ndarray | None = None  # [H, W] a number of its own for each object, 0 where there is none
    depth: np.ndarray | None = None  # [H, W] meters, nan where unknown
    nodata: int | None = None  # the raw value of pixels that hold nothing, where the file itself says so
    kept: bool = False  # these object numbers mean something beyond this image, so the sample has them as they are
    covered: tuple[str, ...] = ()  # the class of each region of which later ones cover all but a tenth, or all
    planes: np.ndarray | None = None  # [K, H, W] bool, in the order of the classes; read by a label space with `planes`
    ignored: np.ndarray | None = None  # [H, W] bool, pixels that count in no plane; None: all count
    under: int = 0  # pixels of objects that lie under later ones, and that `masks` does not keep
    masks: np.ndarray | None = None  # [M, H, W] bool, row n all pixels of object n + 1; they may overlap
    kinds: np.ndarray | None = None  # [M] the class of each row of `masks`: a raw value, or with `planes` its place
    before: Raw | None = None  # the frame before, of a video whose object numbers are kept


class Pairs:
    """A data set of image and mask files; its items are Samples.

    Args:
        items: each says which files it is read from: by these a cache on disk knows whether it is still good.
        labels: what the values in the masks mean.
        name, split: of the data set, for messages and reports.
        image: reads a pair's image [H, W, C], where its file is none that every program knows.
        decode: reads what is known of a pair's pixels, where that is more than the ids or colors of one mask file. Both
            are functions of a module, `functools.partial` of one, or dataclasses that can be called, so that they
            travel to other processes, and a cache knows them again. It is not asked where there is no mask.
        inferred: one sentence about what was taken for granted of the labels; empty when nothing was.
        unmatched: files that found no partner and are left out: (images without a mask, masks without an image).
        remarks: what else is left out, one sentence each.
        faults: annotations that cannot be used, and are not in what `decode` gives.
        channels: 1, 3 or 4: read every image as gray, RGB or RGBA where that loses nothing; None: as it is.
        tags: the numbers of the classes that each image has as a whole, by the pair's name; None: nothing is known of that.
        shots: the video and camera of each item; none where they are no frames of videos.
        places: numbers what each pixel shows, [H, W], alike in all cameras; None, or of one pair, where nobody knows.

    Raises: DataError when there are no pairs, or two of them share a name.
    """

    def __init__(
        self,
        items: Sequence[Pair],
        labels: LabelSpace,
        *,
        name: str,
        split: str,
        image: Callable[[Pair], np.ndarray] | None = None,
        decode: Callable[[Pair], Raw] | None = None,
        inferred: str = "",
        unmatched: tuple[Sequence[str], Sequence[str]] = ((), ()),
        remarks: Sequence[str] = (),
        faults: Sequence[Fault] = (),
        channels: int | None = None,
        tags: Mapping[str, Sequence[int]] | None = None,
        shots: Sequence[Shot] = (),
        places: Callable[[Pair], np.ndarray | None] | None = None,
    ) -> None:
        self.items, self.labels, self.name, self.split = tuple(items), labels, name, split
        self.image_hook, self.mask_hook = image, decode
        self.inferred, self.channels, self.remarks = inferred, channels, tuple(remarks)
        self.faults = tuple(faults)
        self.tags, self.shots, self.places = tags, tuple(shots), places
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
        uses = Counter(path for item in self.items for path in {item.image, item.mask})
        self._shared = {path for path, count in uses.items() if count > 1}

    def __repr__(self) -> str:
        return f"<{self.name} {self.split}: {len(self)} samples, {self.labels.num_classes} classes>"

    def __len__(self) -> int:
        return len(self.items)

    @property
    def notes(self) -> Notes:
        """What was taken for granted, and what is left out."""
        return Notes(self.inferred, self.unmatched, self.remarks, self.faults)

    def __getitem__(self, index: int) -> Sample:
        """Read one pair; without a mask every pixel is ignored.

        Raises: DataError or LabelError that names the file.
        """
        item = self.items[index]
        return self.sample(item, self.read(item), self.decode(item))

    def read(self, item: Pair) -> np.ndarray:
        """The image of a pair: [H, W, C] uint8 or uint16."""
        image = read_image(item.image) if self.image_hook is None else self.image_hook(item)
        return image if self.channels is None else with_channels(image, self.channels, item.image)

    def decode(self, item: Pair) -> Raw | None:
        """What is known of a pair's pixels, before the label space maps it; None without a mask."""
        if item.mask is None:
            return None
        if self.mask_hook is None and self.labels.planes:
            return _stacked(item.mask, self.labels)
        if self.mask_hook is None:
            classes, nodata = raw_of(item.mask, self.labels.by_color)
            return Raw(classes, nodata=nodata)
        raw = self.mask_hook(item)
        return raw if raw.classes.dtype.kind in "iu" else raw._replace(classes=whole(raw.classes, self.place(item)))

    def sample(self, item: Pair, image: np.ndarray, raw: Raw | None) -> Sample:
        """A Sample of what `read` and `decode` gave.

        Raises: LabelError for values without a meaning; DataError when the sizes differ.
        """
        import torch

        picture = as_tensor(image).permute(2, 0, 1)
        if raw is None:
            nothing = np.full(image.shape[:2], self.labels.ignore_index, self.labels.dtype)
            empty = torch.zeros((self.labels.num_classes, *image.shape[:2]), dtype=torch.bool)
            planes_of_none = empty if self.labels.planes and self.tags is None else None
            return Sample(picture, as_tensor(nothing), item.name, planes=planes_of_none, tags=self.tagged(item))
        try:
            if self.labels.planes and raw.planes is not None:
                planes, labels = self.labels.encode_planes(raw.planes, raw.ignored)
            else:
                planes, labels = None, self.labels.ignoring(raw.nodata).encode(raw.classes)
        except LabelError as error:
            raise LabelError(f"{self.place(item)}: {error}") from None
        if told := self.misfit(item, image, raw):
            raise DataError(told)
        try:
            objects, masks, kinds = self._told_apart(item, raw, labels)
            previous = None if raw.before is None else self._before(item, raw.before)
        except LabelError as error:
            raise LabelError(f"{self.place(item)}: {error}") from None
        return Sample(
            picture,
            as_tensor(labels),
            item.name,
            _tensor(objects),
            depth=None if raw.depth is None else torch.from_numpy(raw.depth.astype(np.float32)),
            planes=_tensor(planes),
            masks=_tensor(masks),
            classes=_tensor(kinds),
            tags=self.tagged(item),
            previous=_tensor(previous),
        )

    def tagged(self, item: Pair) -> torch.Tensor | None:
        """The classes of a pair's image as a whole, [K] bool; None where nothing is known of that."""
        if self.tags is None:
            return None
        import torch

        tags = torch.zeros(self.labels.num_classes, dtype=torch.bool)
        tags[list(self.tags[item.name])] = True
        return tags

    def _told_apart(
        self, item: Pair, raw: Raw, labels: np.ndarray
    ) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
        """The objects that are things: their numbers [H, W] int32, masks [M, H, W] and classes [M]; each None if unknown."""
        objects, masks = raw.objects, raw.masks
        if objects is not None:
            objects = whole(objects, self.place(item))
            kept = raw.kept or masks is not None  # whose rows the numbers stand for
            objects = objects.astype(np.int32) if kept else numbered(objects, labels != self.labels.ignore_index)
        if masks is None or raw.kinds is None:
            told = objects is not None and not self.labels.planes  # of planes, no label says the class of an object
            return only_things(objects, labels, self.labels) if told and objects is not None else objects, masks, None
        if len(raw.kinds) != len(masks):
            raise DataError(f"{self.place(item)}: {len(raw.kinds)} classes for {len(masks)} masks; each object has one")
        kinds = (raw.kinds if self.labels.planes else self.labels.encode(raw.kinds)).astype(np.int64)
        masks, kinds, objects = thing_rows(masks, kinds, self.labels, objects)
        return objects, masks, kinds

    def _before(self, item: Pair, raw: Raw) -> np.ndarray | None:
        """The object numbers of the frame before, [H, W] int32."""
        return self._told_apart(item, raw, self.labels.ignoring(raw.nodata).encode(raw.classes))[0]

    def cells(self, index: int) -> np.ndarray | None:
        """Number the places that the pixels of an item show; None where no camera's calibration is known."""
        return None if self.places is None else self.places(self.items[index])

    def place(self, item: Pair) -> str:
        """What to call a pair's mask, or its image where it has none: the file, and the pair where others share the file."""
        return self._called(item.mask or item.image, item)

    def misfit(self, item: Pair, image: np.ndarray, raw: Raw) -> str:
        """The sentence about a mask, objects, depth or planes of another size than the image; empty where they fit."""
        several = self.labels.planes and raw.planes is not None
        first = raw.planes[0] if several and raw.planes is not None else raw.classes
        kind = "planes" if several else "mask"
        masks = None if raw.masks is None or not len(raw.masks) else raw.masks[0]
        before = None if raw.before is None else raw.before.classes
        parts = (
            (kind, first),
            ("objects", raw.objects),
            ("depth", raw.depth),
            ("masks", masks),
            ("frame before", before),
        )
        for what, array in parts:
            if array is not None and array.shape != image.shape[:2]:
                return mismatch(self._called(item.image, item), self.place(item), image.shape, array.shape, what)
        return ""

    def _called(self, path: Path, item: Pair) -> str:
        return f"{path}: {item.name}" if path in self._shared else str(path)


def _stacked(path: Path, labels: LabelSpace) -> Raw:
    """The planes of one file: an array [K, H, W] or [H, W, K] of 0 and 1.

    Raises: DataError for a file that holds one map, or another number of planes.
    """
    planes = planes_of(path)
    if planes is None and path.suffix.lower() == ".npy" and (stored := load(path)).ndim == 3:
        odd = np.unique(stored[(stored != 0) & (stored != 1)])[:5].tolist()
        raise DataError(
            f"{path}: its planes hold {', '.join(map(str, odd))} beside 0 and 1; a plane is on or off, and a pixel cannot be "
            f"unknown for one class alone, so give folders of masks with {{class}} in data.masks, and such pixels in {IGNORE!r}"
        )
    if planes is None:
        raise DataError(
            f"{path}: holds one map, but labels.planes asks for {labels.num_classes}, one a class; give an array "
            "[K, H, W] of 0 and 1 as .npy, or folders of masks with {class} in data.masks"
        )
    if len(planes) != labels.num_classes:
        raise DataError(
            f"{path}: {len(planes)} planes, but {labels.num_classes} classes are listed; give one plane a class"
        )
    return Raw(np.zeros(planes.shape[1:], np.uint8), planes=planes)


def numbered(codes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Object numbers 1, 2, ... in the order of their codes, [H, W] int32; 0 where the code is 0 or pixels do not count."""
    kept = np.where(counted, codes, 0)
    known, places = np.unique(kept, return_inverse=True)
    numbers = np.cumsum(known != 0) * (known != 0)
    made: np.ndarray = numbers[places.reshape(kept.shape)].astype(np.int32)
    return made


def _tensor(array: np.ndarray | None) -> torch.Tensor | None:
    import torch

    return None if array is None else torch.from_numpy(array)


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """The same numbers; 16-bit ones as int32, which torch can compute with."""
    import torch

    array = array.astype(np.int32) if array.dtype == np.uint16 else array
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def with_channels(image: np.ndarray, channels: int, path: Path) -> np.ndarray:
    """An image [H, W, C] with as many channels as wished, where that loses nothing: gray and RGB, and an opaque alpha.

    Raises: DataError when it would.
    """
    have, full = image.shape[2], np.iinfo(image.dtype).max
    if have in (2, 4) and channels in (1, 3) and (image[..., -1] == full).all():
        image = image[..., :-1]
    if image.shape[2] == 2 and channels == 4:
        image = image[..., [0, 0, 0, 1]]
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


def mismatch(image: str, mask: str, size: Sequence[int], other: Sequence[int], what: str = "mask") -> str:
    """The sentence about an image and a mask of different sizes.

    Args:
        image, mask: what the files are called.
        size, other: their shapes [H, W, ...].
    """
    hint = " (height and width swapped: is one of them turned?)" if tuple(size[:2]) == (other[1], other[0]) else ""
    if not hint and abs(size[0] * other[1] - size[1] * other[0]) <= 0.01 * size[0] * other[1]:
        hint = " (the same shape: was one of them resized?)"
    told = (
        "depth is" if what == "depth" else f"{what} {mask} {'are' if what in ('objects', 'planes', 'masks') else 'is'}"
    )
    return (
        f"{image} is {size[1]}x{size[0]} pixels, but its {told} {other[1]}x{other[0]}{hint}; they must be of one size"
    )
