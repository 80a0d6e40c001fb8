"""The one form between all tools: a project of pictures, each with regions in the order in which they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np

from .. import limits
from ..data.dataset import Fault
from ..data.layers import hidden
from ..errors import DataError, LabelError, nearest
from ..labels import IGNORE, Color, LabelSpace
from .inside import room
from .regions import blank, expanded, keyhole, outline, window

Ring = (
    np.ndarray
)  # [N, 2] float64: x, y in pixels; the top left corner of the picture is (0, 0), a pixel's middle at .5
Part = tuple[Ring, ...]  # an outline and the holes in it: a point is inside where it lies within an odd number of rings


_FEW = 32  # numbers of a map that are compared one by one; beyond, its pixels are sorted
_LARGE = 1 << 14  # pixels of a bitmap beyond which it is kept as run lengths where these are shorter


class Bitmap(NamedTuple):
    """A region given by its pixels."""

    top: int
    left: int
    pixels: np.ndarray  # [h, w] bool

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w)."""
        return self.pixels.shape[0], self.pixels.shape[1]


class Runs(NamedTuple):
    """A region given by its pixels, of which only the run lengths are kept: a thousand large ones take no memory.

    What an export says in a hundred bytes may be a hundred million pixels; they are made when they are drawn.
    """

    top: int
    left: int
    shape: tuple[int, int]  # (h, w)
    lengths: np.ndarray  # [N] integers, `regions.checked`: zeros first
    rows: bool = False  # row by row, as CVAT counts; else column by column, as COCO does

    @property
    def pixels(self) -> np.ndarray:
        """[h, w] bool, made anew."""
        return expanded(self.lengths).reshape(self.shape, order="C" if self.rows else "F")


def kept(top: int, left: int, pixels: np.ndarray) -> Bitmap | Runs:
    """A region of pixels [h, w] in the form that takes less memory."""
    if pixels.size > _LARGE and not room(pixels.size):
        flat = pixels.ravel()
        turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        if 4 * len(turns) < pixels.size:
            edges = np.concatenate([[0], *([[0]] if flat[0] else []), turns, [flat.size]])
            return Runs(top, left, (pixels.shape[0], pixels.shape[1]), np.diff(edges).astype(np.int32), rows=True)
    return Bitmap(top, left, pixels)


def pieces(keys: np.ndarray) -> list[tuple[int, Bitmap | Runs]]:
    """The pixels of each number that occurs in a map [H, W], in the order of the numbers.

    However many numbers there are, all of their pixels together take no more memory than the map a few times over.
    """
    values = np.unique(keys).tolist()
    if len(values) <= _FEW:
        return [(value, kept(0, 0, keys == value)) for value in values]
    flat = keys.reshape(-1, order="F")
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], values)
    height, width = keys.shape
    found: list[tuple[int, Bitmap | Runs]] = []
    for value, places in zip(values, np.split(order, starts[1:]), strict=True):
        breaks = np.flatnonzero(np.diff(places) > 1)
        firsts, lasts = places[np.r_[0, breaks + 1]], places[np.r_[breaks, len(places) - 1]] + 1
        edges = np.concatenate([[0], np.stack([firsts, lasts], axis=1).ravel(), [flat.size]])
        found.append((value, Runs(0, 0, (height, width), np.diff(edges).astype(np.int32))))
    return found


class Region(NamedTuple):
    """One annotated region: either parts, whose union it is, or a bitmap."""

    label: str  # the class's name in the tool
    parts: tuple[Part, ...] = ()
    bitmap: Bitmap | Runs | None = None
    crowd: bool = False  # many objects that were not told apart
    object: str = ""  # regions of one picture with the same, nonempty word are one object

    def mask(self, height: int, width: int) -> np.ndarray:
        """[height, width] bool; what lies outside of the picture is cut off."""
        whole = blank(height, width)
        top, left, pixels = self.window(height, width)
        whole[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        return whole

    def window(self, height: int, width: int) -> tuple[int, int, np.ndarray]:
        """The part of the picture that the region lies in, and its mask there: top, left, [h, w] bool."""
        if self.bitmap is None:
            return window(self.parts, height, width)
        top, left, pixels = self.bitmap.top, self.bitmap.left, self.bitmap.pixels
        y, x = max(-top, 0), max(-left, 0)
        return top + y, left + x, pixels[y : max(height - top, 0), x : max(width - left, 0)]

    def outlines(self, height: int, width: int) -> tuple[Part, ...]:
        """The region's parts as they are, or the outlines of its pixels where it is a bitmap."""
        return self.parts if self.bitmap is None else outline(self.mask(height, width))

    def ring(self, height: int, width: int) -> Ring | None:
        """One ring that fills the same pixels, holes and pieces joined by bridges; None where it covers no pixel."""
        if self.bitmap is None and len(self.parts) == 1 and len(self.parts[0]) == 1:
            return self.parts[0][0]
        parts = outline(self.mask(height, width))
        return keyhole(parts) if parts else None


class Note(NamedTuple):
    """What a reader did with some annotations, one kind of it: "3 shapes left out: points and lines have no area"."""

    what: str  # the noun that is counted: "shape"
    how: str  # the rest of the sentence


class Picture(NamedTuple):
    """One image and what was drawn on it."""

    name: str  # unique in the project, without the file's ending
    image: Path | None  # None: the export says nothing of where it lies, or it is not there
    height: int
    width: int
    regions: tuple[Region, ...]  # later ones cover earlier ones
    split: str = ""  # as the export calls it; "" where it says nothing of splits
    faults: tuple[Fault, ...] = ()  # annotations of it that cannot be used, and are not among the regions
    notes: Mapping[Note, int] = {}  # what else was left out or changed on it, and how often


class Pictures(Sequence[Picture]):
    """A number of pictures, each made anew when it is asked for."""

    def __init__(self, length: int, make: Callable[[int], Picture]) -> None:
        self.length, self.make = length, make

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, number: int) -> Picture: ...
    @overload
    def __getitem__(self, number: slice) -> list[Picture]: ...
    def __getitem__(self, number: int | slice) -> Picture | list[Picture]:
        if isinstance(number, slice):
            return [self.make(n) for n in range(self.length)[number]]
        return self.make(range(self.length)[number])


@dataclass(frozen=True)
class Project:
    """What an export holds.

    Attributes:
        classes: names in the tool's order.
        colors: of those classes that have one.
        pictures: any sequence; reading one may read its file.
        source: the tool's name in the catalogue.
        remarks: one sentence each about the export as a whole; those about pictures are in their `notes`.
        loose: annotations that belong to no picture, and pictures that cannot be read.
        outside: the sentence about files outside of the export that were left alone; also among the remarks.
    """

    classes: tuple[str, ...]
    pictures: Sequence[Picture]
    source: str
    colors: Mapping[str, Color] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    loose: tuple[Fault, ...] = ()
    outside: str = ""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every annotation that cannot be used, picture by picture, and those of no picture."""
        return (*(fault for picture in self for fault in picture.faults), *self.loose)

    def __iter__(self) -> Iterator[Picture]:
        return (self.pictures[n] for n in range(len(self.pictures)))


def label_space(project: Project, uncovered: str = "background") -> LabelSpace:
    """The label space in which a project is drawn: raw value 0 is what no region covers, n the n-th class.

    Args:
        uncovered: the class of pixels that no region covers, or "ignore"; put first unless the project has it.
    """
    names = tuple(name for name in project.classes if name != IGNORE)
    if uncovered != IGNORE and uncovered not in names:
        names = (uncovered, *names)
    values: dict[int | str, str] = {0: uncovered, **dict(enumerate(project.classes, 1))}
    given = project.colors
    plain = LabelSpace(names, values=values)
    if not given:
        return plain
    spare = iter(c for c in plain.colors if c not in given.values())
    return LabelSpace(names, tuple(given.get(name) or next(spare) for name in names), values)


def colors_of(project: Project) -> dict[str, Color]:
    """A color for each class of a project, its own where it has one; white for what is ignored."""
    space = label_space(project)
    return {IGNORE: (255, 255, 255), **dict(zip(space.names, space.colors, strict=True)), **project.colors}


def draw(picture: Picture, classes: Sequence[str]) -> np.ndarray:
    """Raw values [H, W]: 0 where nothing is drawn, and n for the n-th of `classes`; later regions cover earlier ones.

    Raises: LabelError for a region whose label is none of `classes`.
    """
    limits.check_pixels(picture.width, picture.height, picture.name)
    numbers = {name: number for number, name in reversed([*enumerate(classes, 1)])}
    canvas = np.zeros((picture.height, picture.width), np.uint8 if len(classes) <= 255 else np.uint16)
    for region in picture.regions:
        if region.label not in numbers:
            raise LabelError(f"{picture.name}: a region is labeled {region.label!r}{nearest(region.label, classes)}")
        place, mask = seen_of(region, picture)
        canvas[place][mask] = numbers[region.label]
    return canvas


def draw_objects(picture: Picture) -> np.ndarray:
    """Object numbers [H, W] int32: 0 where nothing is drawn, then 1, 2, ... in the order of the regions.

    Regions that name the same object share its number; later ones cover earlier ones.
    """
    limits.check_pixels(picture.width, picture.height, picture.name)
    canvas = np.zeros((picture.height, picture.width), np.int32)
    numbers: dict[str, int] = {}
    count = 0
    for region in picture.regions:
        if not region.object or region.object not in numbers:
            count += 1
            if region.object:
                numbers[region.object] = count
        number = numbers[region.object] if region.object else count
        place, mask = seen_of(region, picture)
        canvas[place][mask] = number
    return canvas


class Painted(NamedTuple):
    """A picture with its regions drawn over each other."""

    values: np.ndarray  # as `draw` gives them
    objects: np.ndarray  # as `draw_objects` gives them
    covered: tuple[str, ...]  # the label of each object of which less than a tenth is seen
    under: int = 0  # pixels of objects that lie under later ones, counted for each object
    crowds: tuple[int, ...] = ()  # the numbers of those that are many objects, not told apart


def paint(picture: Picture, classes: Sequence[str]) -> Painted:
    """Values, object numbers, and what is covered, each region being filled once.

    Raises: LabelError for a region whose label is none of `classes`.
    """
    limits.check_pixels(picture.width, picture.height, picture.name)
    codes = {name: number for number, name in reversed([*enumerate(classes, 1)])}
    values = np.zeros((picture.height, picture.width), np.uint8 if len(classes) <= 255 else np.uint16)
    objects = np.zeros(values.shape, np.int32)
    numbers: dict[str, int] = {}
    labels: list[str] = []
    areas: list[int] = []
    unions: dict[int, np.ndarray] = {}  # of objects of several regions, whose pieces may overlap
    words = [region.object for region in picture.regions]
    crowds: set[int] = set()
    for region in picture.regions:
        if region.label not in codes:
            raise LabelError(f"{picture.name}: a region is labeled {region.label!r}{nearest(region.label, classes)}")
        place, mask = seen_of(region, picture)
        number = numbers.get(region.object, len(labels) + 1) if region.object else len(labels) + 1
        if number > len(labels):
            labels.append(region.label)
            areas.append(0)
            numbers |= {region.object: number} if region.object else {}
        if region.object and words.count(region.object) > 1:
            union = unions.setdefault(number, np.zeros(values.shape, bool))
            union[place] |= mask
            areas[number - 1] = int(np.count_nonzero(union))
        else:
            areas[number - 1] = int(np.count_nonzero(mask))
        values[place][mask], objects[place][mask] = codes[region.label], number
        crowds |= {number} if region.crowd else set()
    seen = areas
    if sum(areas) > np.count_nonzero(objects):  # some are covered; to count each takes longer
        seen = np.bincount(objects.ravel(), minlength=len(labels) + 1)[1:].tolist()
    return Painted(values, objects, hidden(labels, areas, seen), sum(areas) - sum(seen), tuple(sorted(crowds)))


def seen_of(region: Region, picture: Picture) -> tuple[tuple[slice, slice], np.ndarray]:
    """The rows and columns that a region lies in, and its mask there. Raises: DataError that names picture and region."""
    try:
        top, left, mask = region.window(picture.height, picture.width)
    except DataError as error:
        raise DataError(f"{picture.name}: {region.label}: {error}") from None
    return (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])), mask


def planes(picture: Picture, classes: Sequence[str]) -> np.ndarray:
    """[K, H, W] bool: each class by itself, so that overlaps survive."""
    limits.check_pixels(picture.width, picture.height, picture.name)
    held = np.zeros((len(classes), picture.height, picture.width), bool)
    for region in picture.regions:
        place, mask = seen_of(region, picture)
        held[classes.index(region.label)][place] |= mask
    return held


def whole(pixels: np.ndarray, height: int, width: int, where: object) -> Bitmap | Runs:
    """A mask of the picture's own size.

    Raises: DataError when it is of another.
    """
    if pixels.shape != (height, width):
        raise DataError(
            f"{where}: a mask of {pixels.shape[1]}x{pixels.shape[0]} pixels for an image of {width}x{height}; "
            "export them in one size"
        )
    return kept(0, 0, pixels)
