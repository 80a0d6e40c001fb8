"""The scenes of `shapes` with objects: six or seven things at their distances, in clusters of one class, before a floor.

All things are of about one size in meters, so that far ones are small, and haze takes the color of what is far: every
material has one channel that is nearly black, and haze lights it up. Neighbors of a cluster touch or cover each other, so
that a map of classes does not tell them apart. See `shapes` for what the numbers of a scene depend on.
"""

from typing import NamedTuple

import numpy as np

from .brush import KINDS, Dice, fabric, outline, tint

METERS = 0.9  # radius of a thing; a camera that sees as much as it is far away: pixels = size * meters / distance
RADII = (0.095, 0.21)  # of things, as shares of the picture's side: from 9.5 to 4.3 meters away
NEAR, FAR = (11.0, 13.0), (22.0, 27.0)  # distance of the floor at the bottom and at the top of the picture, in meters
CLEAR = 30.0  # meters at which nothing but haze is left; it grows evenly with distance
HAZE = np.array([205, 208, 212], np.float32)
LEAST = 0.45  # share of its pixels that is seen of every thing
WEAVES = {"disk": "checks", "square": "stripes", "triangle": "plain", "ring": "plain"}
CLASHING = 9  # things whose colors a further one keeps away from; more colors than that find no room
_CLUSTERS = ((2, 2, 1, 1), (2, 2, 2), (3, 2, 1, 1))


class Thing(NamedTuple):
    """One thing of a scene."""

    kind: int  # of brush.KINDS, from 0
    x: float  # of its center, in pixels
    y: float
    radius: float  # in pixels
    turned: tuple[float, float]


class Scene(NamedTuple):
    """A scene and all that is known of it."""

    image: np.ndarray  # [H, W, 3] uint8
    classes: np.ndarray  # [H, W] uint8: 0 for the floor, else 1 + the place in brush.KINDS
    objects: np.ndarray  # [H, W] int32: from 1 on, far ones first; 0 for the floor
    depth: np.ndarray  # [H, W] float32, meters
    masks: np.ndarray  # [M, H, W] bool: all pixels of each object within the picture, also those that others cover
    kinds: np.ndarray  # [M] int64: class of each object


def scene(dice: Dice, size: int, *, glass: bool = False) -> Scene:
    """Draw a scene.

    Args:
        size: side of the picture in pixels.
        glass: what lies behind a thing shines through it, so that the masks with all pixels can be seen.
    """
    y, x = np.meshgrid(*[np.arange(size, dtype=np.float32)] * 2, indexing="ij")
    return painted(dice, *placed(dice, x, y), glass=glass)


def painted(
    dice: Dice,
    things: list[Thing],
    masks: np.ndarray,
    objects: np.ndarray,
    *,
    glass: bool = False,
    starts: list[Thing] | None = None,
    grain: Dice | None = None,
) -> Scene:
    """Paint things that are in their places.

    Args:
        dice: draws colors, weaves, light and floor.
        things: far ones first.
        masks: [M, H, W] bool, all pixels of each thing within the picture.
        objects: [H, W] what is seen of them, numbers from 1.
        glass: what lies behind a thing shines through it.
        starts: where the things were when their weaves were laid on them, which move along; None: they are there.
        grain: draws the noise of the picture, where that is another in each frame of a video.
    """
    height, width = objects.shape
    size = height
    y, x = np.meshgrid(np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32), indexing="ij")
    near, far = dice.uniform(*NEAR), dice.uniform(*FAR)
    rise = y / np.float32(size)  # a floor's inverse distance falls evenly from the bottom to the top
    depth = 1 / (rise / np.float32(near) + (1 - rise) / np.float32(far))
    colors: list[np.ndarray] = []
    image = _hazy(fabric(dice, x, y, size, tint(dice, colors, dark=True), "plain"), depth)
    a, b = dice.direction()
    slope = np.float32(dice.uniform(0.0, 0.2) * 2 / size)
    light = 1 + slope * ((x - np.float32(size / 2)) * np.float32(a) + (y - np.float32(size / 2)) * np.float32(b))
    for number, (thing, start, mask) in enumerate(zip(things, starts or things, masks, strict=True), 1):
        rows, columns = y[mask] - np.float32(thing.y - start.y), x[mask] - np.float32(thing.x - start.x)
        color = tint(dice, colors[-CLASHING:], dark=True)
        colors.append(color)
        woven = fabric(dice, columns, rows, 5 * thing.radius, color, WEAVES[KINDS[thing.kind]])
        meters = np.float32(METERS * size / thing.radius)
        woven = _hazy(woven * light[mask][:, None], np.full(len(rows), meters, np.float32))
        behind = np.asarray(masks[: number - 1, mask].any(axis=0) if glass else np.zeros(len(rows), bool))
        image[mask] = np.where(behind[:, None], (woven + image[mask]) / 2, woven)
        depth[mask] = meters
    image = image + (grain or dice).noise(height, width, 3) * np.float32(dice.uniform(0.01, 0.03))
    kinds = np.array([1 + thing.kind for thing in things], np.int64)
    classes = np.concatenate([[0], kinds]).astype(np.uint8)[objects]
    return Scene(np.clip(image, 0, 255).astype(np.uint8), classes, objects, depth, masks, kinds)


def _hazy(color: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """What is seen of a color [..., 3] at a distance [...] in meters."""
    clear = np.maximum(1 - depth / np.float32(CLEAR), 0)[..., None]
    return color * clear + HAZE * (1 - clear)


def placed(dice: Dice, x: np.ndarray, y: np.ndarray) -> tuple[list[Thing], np.ndarray, np.ndarray]:
    """Things, far ones first, the masks [M, H, W] of all their pixels, and the map [H, W] of what is seen of them.

    Drawn again until each thing is seen well, and a third of them at least are partly covered.
    """
    while True:
        things = sorted(_clusters(dice, len(x)), key=lambda thing: thing.radius)
        masks = np.stack([covers(thing, x, y) for thing in things])
        objects = np.zeros(x.shape, np.int32)
        for number, mask in enumerate(masks, 1):
            objects[mask] = number
        whole = masks.sum(axis=(1, 2))
        seen = np.bincount(objects.ravel(), minlength=len(things) + 1)[1:]
        inside = whole >= np.array([1.8 * thing.radius**2 for thing in things])  # of about 2.8 radius**2
        if inside.all() and (seen >= LEAST * whole).all() and (seen <= 0.95 * whole).sum() * 3 >= len(things):
            return things, masks, objects


def _clusters(dice: Dice, size: int) -> list[Thing]:
    """Clusters of two or three neighbors of one class, at about one distance; the clusters far from each other."""
    things: list[Thing] = []
    anchors: list[tuple[float, float]] = []
    for count in _CLUSTERS[dice.below(len(_CLUSTERS))]:
        kind = dice.below(len(KINDS))
        share = RADII[0] * RADII[1] / dice.uniform(*RADII)  # evenly in the distance, so that most things are small
        tries = [(size * dice.uniform(0.15, 0.85), size * dice.uniform(0.15, 0.85)) for _ in range(6)]
        cx, cy = max(tries, key=lambda t: min(((t[0] - a) ** 2 + (t[1] - b) ** 2 for a, b in anchors), default=0.0))
        anchors.append((cx, cy))
        for member in range(count):
            radius = size * min(max(share * dice.uniform(0.9, 1.1), RADII[0]), RADII[1])
            if member:
                a, b = dice.direction()
                apart = (things[-1].radius + radius) * dice.uniform(0.6, 0.95)
                cx, cy = cx + a * apart, cy + b * apart
            things.append(Thing(kind, cx, cy, radius, dice.tilt()))
    return things


def covers(thing: Thing, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The pixels that a thing covers, [H, W] bool; `x` and `y` are their places."""
    return outline(
        KINDS[thing.kind], x - np.float32(thing.x), y - np.float32(thing.y), np.float32(thing.radius), thing.turned
    )
