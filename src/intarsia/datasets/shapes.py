"""`shapes`: scenes drawn on the fly, of things that their outline and weave tell apart, and their color does not.

Checkered disks, striped squares, plain triangles and rings lie over each other on a plain background. All of them, the
background too, draw their colors from the same distribution, under a slope of light and noise: a pixel's color says
nothing about its class. Pixels on a border between two things are ignored, as in PASCAL VOC.

With `objects`, `overlaps` or `planes` the scenes are those of scenes.py: six things or more, in clusters of one class, at
distances that size and haze show; every pixel counts. With `frames` or `cameras` these things move (moving_shapes.py).

A scene depends on (version, size, split, index) and nothing else, on any machine; see brush.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from ..data.things import thing_rows, with_things
from ..data.videos import Previous
from ..errors import DataError, nearest
from ..labels import LabelSpace
from ..limits import check_pixels
from ..structures import Sample
from .brush import KINDS, Dice, fabric, outline, tint
from .moving_shapes import MovingShapes
from .scenes import Scene, scene

VERSION = 1  # of the drawings: changes whenever a single pixel does
SCENES = 2  # of those with objects
NAMES = ("background", *KINDS)
LABELS = LabelSpace(NAMES, ("#464b5a", "#f26b4e", "#3fa7d6", "#f7c548", "#59c08b"))  # type: ignore[arg-type]
THINGS = with_things(LABELS, NAMES[1:])
PLANES = LabelSpace(NAMES[1:], LABELS.colors[1:], planes=True)
COUNTS = {"train": 2000, "val": 100}
_WEAVES = {"disk": "checks", "square": "stripes", "triangle": "plain", "ring": "plain"}


def shapes(
    root: str | Path | None = None,
    split: str = "train",
    *,
    labels: LabelSpace | None = None,
    size: int = 96,
    count: int | None = None,
    objects: bool = False,
    overlaps: bool = False,
    planes: bool = False,
    frames: int = 1,
    cameras: Literal[1, 5] = 1,
    previous: Previous = False,
) -> Shapes | MovingShapes:
    """The built-in set of drawn scenes; it needs no files and no root.

    Args:
        split: "train" or "val".
        labels: must name the same classes; their order and colors are the set's own.
        size: side of the scenes in pixels; the shapes grow with it.
        count: number of scenes, or of videos; when absent, as many as make 2000 pictures for train and 100 for val.
        objects: scenes of six or seven things, numbered, with the depth of each pixel in meters.
        overlaps: the same, of things of glass: each object keeps all of its pixels as a mask of its own beside.
        planes: the same things of glass as several labels a pixel: a plane for each of disk, square, triangle and ring,
            without background; also where `labels` has `planes`.
        frames: of each video; with 2 or more the things of `objects` move, and an object has one number in all frames.
        cameras: 5 look at parts of one wide scene that overlap by a quarter; an object has one number in all of them.
        previous: of videos; true: the object numbers of the frame before (`Sample.previous`); frame: its pixels as well,
            as further channels of the image; centers: these, and a heatmap of the centers of its objects.
    """
    if split not in COUNTS:
        raise DataError(f"shapes has no split {split!r}{nearest(split, COUNTS)}")
    if size < 32:
        raise DataError(f"scenes of {size} pixels are too small to tell the shapes apart; choose a size of 32 or more")
    check_pixels(size, size, "shapes")
    if count is not None and count < 1:
        raise DataError(f"{count} scenes make no data set; choose a count of 1 or more")
    moving = frames != 1 or cameras != 1
    space = _space(labels, objects or overlaps or moving, planes)
    if moving:
        if overlaps:
            raise DataError("videos show things that cover each other; leave out overlaps, or frames and cameras")
        count = max(1, COUNTS[split] // max(1, frames * cameras)) if count is None else count
        return MovingShapes(list(COUNTS).index(split), split, size, count, space, frames, cameras, previous)
    if previous:
        raise DataError("previous is of videos, and these scenes stand still; set data.frames to 2 or more")
    shown = "planes" if space.planes else "overlaps" if overlaps else "objects" if objects else ""
    return Shapes(split, size, COUNTS[split] if count is None else count, space, shown)


def _space(labels: LabelSpace | None, objects: bool, planes: bool) -> LabelSpace:
    """The classes of the scenes; with objects, all but the background are things unless `labels` says which."""
    if labels is not None and planes and not labels.planes:
        raise DataError(
            "data.planes asks for several labels a pixel; write labels.planes: true too, or leave labels out"
        )
    own = PLANES if planes or (labels is not None and labels.planes) else THINGS if objects else LABELS
    if own.planes and objects:
        raise DataError(
            "planes show classes, without the numbers of objects; leave out planes, or objects and overlaps"
        )
    if labels is None:
        return own
    if labels.names != own.names:
        raise DataError(f"shapes draws {', '.join(own.names)}, and no other classes; leave labels out of the recipe")
    if labels.things and not objects:
        raise DataError("labels.things tells objects apart, and these scenes number none; add data.objects: true")
    return with_things(labels, own.things)


class Shapes:
    """Drawn scenes; its items are Samples of [3, size, size] and [size, size], uint8.

    Args:
        shown: what is known beside the classes: "objects" (and depth), "overlaps" (those and masks), "planes", or "".
    """

    name = "shapes"

    def __init__(self, split: str, size: int, count: int, labels: LabelSpace, shown: str = "") -> None:
        self.split, self.size, self.count, self.labels, self.shown = split, size, count, labels, shown

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        import torch

        if not -self.count <= index < self.count:
            raise IndexError(f"shapes holds {self.count} scenes, number {index} was asked for")
        index %= self.count
        name = f"{self.split}_{index:05d}"
        if not self.shown:
            image, classes = draw(self.split, index, self.size, self.labels.ignore_index)
            return Sample(torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(classes), name)
        dice = Dice(SCENES, list(COUNTS).index(self.split), index, self.size)
        return self._sample(scene(dice, self.size, glass=self.shown != "objects"), name)

    def _sample(self, made: Scene, name: str) -> Sample:
        import torch

        image, classes = torch.from_numpy(made.image).permute(2, 0, 1), torch.from_numpy(made.classes)
        if self.shown == "planes":
            planes = np.stack([made.masks[made.kinds == kind].any(axis=0) for kind in range(1, len(NAMES))])
            return Sample(image, torch.zeros_like(classes), name, planes=torch.from_numpy(planes))
        masks, kinds, objects = thing_rows(made.masks, made.kinds, self.labels, made.objects)
        assert objects is not None
        sample = Sample(image, classes, name, torch.from_numpy(objects), torch.from_numpy(made.depth))
        if self.shown == "objects":
            return sample
        return sample._replace(masks=torch.from_numpy(masks), classes=torch.from_numpy(kinds))


def draw(split: str, index: int, size: int = 96, ignore: int = 255) -> tuple[np.ndarray, np.ndarray]:
    """One scene.

    Returns: image [size, size, 3] and classes [size, size] with a band of `ignore` about two pixels wide along borders; uint8.
    """
    dice = Dice(VERSION, list(COUNTS).index(split), index, size)
    y, x = np.meshgrid(*[np.arange(size, dtype=np.float32)] * 2, indexing="ij")
    colors: list[np.ndarray] = []
    image = fabric(dice, x, y, size, tint(dice, colors), "plain")
    classes = np.zeros((size, size), np.uint8)
    thing = np.zeros((size, size), np.uint8)
    centers: list[tuple[float, float]] = []
    for number in range(1, 3 + dice.below(2)):
        radius = size * dice.uniform(0.18, 0.26)
        kind = 1 + dice.below(len(NAMES) - 1)
        tries = [(size * dice.uniform(0.2, 0.8), size * dice.uniform(0.2, 0.8)) for _ in range(6)]
        cx, cy = max(tries, key=lambda t: min(((t[0] - a) ** 2 + (t[1] - b) ** 2 for a, b in centers), default=0.0))
        centers.append((cx, cy))
        inside = outline(NAMES[kind], x - np.float32(cx), y - np.float32(cy), np.float32(radius), dice.tilt())
        np.copyto(image, fabric(dice, x, y, size, tint(dice, colors), _WEAVES[NAMES[kind]]), where=inside[..., None])
        classes[inside], thing[inside] = kind, number
    a, b = dice.direction()
    slope = np.float32(dice.uniform(0.0, 0.35) * 2 / size)
    light = 1 + slope * ((x - np.float32(size / 2)) * np.float32(a) + (y - np.float32(size / 2)) * np.float32(b))
    image = image * light[..., None] + dice.noise(size, size, 3) * np.float32(dice.uniform(0.01, 0.04))
    classes[_borders(thing)] = ignore
    return np.clip(image, 0, 255).astype(np.uint8), classes


def _borders(thing: np.ndarray) -> np.ndarray:
    """Pixels that have a neighbor, up, down, left or right, of another thing."""
    border = np.zeros(thing.shape, bool)
    down, right = thing[1:] != thing[:-1], thing[:, 1:] != thing[:, :-1]
    border[1:] |= down
    border[:-1] |= down
    border[:, 1:] |= right
    border[:, :-1] |= right
    return border
