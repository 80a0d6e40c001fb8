"""`shapes`: scenes drawn on the fly, of things that their outline and weave tell apart, and their color does not.

Checkered disks, striped squares, plain triangles and rings lie over each other on a plain background. All of them, the
background too, draw their colors from the same distribution, under a slope of light and noise: a pixel's color says
nothing about its class. Pixels on a border between two things are ignored, as in PASCAL VOC.

A scene depends on (version, size, split, index) and nothing else, on any machine: the numbers are raw output of PCG64,
whose stream NumPy guarantees, and the arithmetic is +, -, *, / and square root, which IEEE 754 rounds in one way.
"""

from pathlib import Path

import numpy as np
import torch

from ..errors import DataError, nearest
from ..labels import LabelSpace
from ..limits import check_pixels
from ..structures import Sample

VERSION = 1  # of the drawings: changes whenever a single pixel does
NAMES = ("background", "disk", "square", "triangle", "ring")
LABELS = LabelSpace(NAMES, ("#464b5a", "#f26b4e", "#3fa7d6", "#f7c548", "#59c08b"))  # type: ignore[arg-type]
COUNTS = {"train": 2000, "val": 100}
_WEAVES = {"disk": "checks", "square": "stripes", "triangle": "plain", "ring": "plain"}
_CONTRAST = 85.0  # least distance, of 441, between the mean colors of two things of a scene


def shapes(
    root: str | Path | None = None,
    split: str = "train",
    *,
    labels: LabelSpace | None = None,
    size: int = 96,
    count: int | None = None,
) -> "Shapes":
    """The built-in set of drawn scenes; it needs no files and no root.

    Args:
        split: "train" or "val".
        labels: must name the same classes; their order and colors are the set's own.
        size: side of the scenes in pixels; the shapes grow with it.
        count: number of scenes; 2000 for train and 100 for val when absent.
    """
    if split not in COUNTS:
        raise DataError(f"shapes has no split {split!r}{nearest(split, COUNTS)}")
    if labels is not None and labels.names != NAMES:
        raise DataError(f"shapes draws {', '.join(NAMES)}, and no other classes; leave labels out of the recipe")
    if size < 32:
        raise DataError(f"scenes of {size} pixels are too small to tell the shapes apart; choose a size of 32 or more")
    check_pixels(size, size, "shapes")
    if count is not None and count < 1:
        raise DataError(f"{count} scenes make no data set; choose a count of 1 or more")
    return Shapes(split, size, COUNTS[split] if count is None else count, labels or LABELS)


class Shapes:
    """Drawn scenes; its items are Samples of [3, size, size] and [size, size], uint8."""

    name = "shapes"

    def __init__(self, split: str, size: int, count: int, labels: LabelSpace) -> None:
        self.split, self.size, self.count, self.labels = split, size, count, labels

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if not -self.count <= index < self.count:
            raise IndexError(f"shapes holds {self.count} scenes, number {index} was asked for")
        index %= self.count
        image, classes = draw(self.split, index, self.size, self.labels.ignore_index)
        return Sample(torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(classes), f"{self.split}_{index:05d}")


class _Dice:
    """Uniform numbers from the raw stream of PCG64."""

    def __init__(self, *seed: int) -> None:
        self.stream = np.random.PCG64(np.random.SeedSequence(seed))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * ((int(self.stream.random_raw()) >> 11) * 2.0**-53)

    def below(self, count: int) -> int:
        return int(self.stream.random_raw()) % count

    def direction(self) -> tuple[float, float]:
        """A unit vector, drawn without sine or cosine, which differ between machines in their last bit."""
        while True:
            x, y = self.uniform(-1, 1), self.uniform(-1, 1)
            if 0.01 < x * x + y * y <= 1:
                length = float(np.sqrt(x * x + y * y))
                return x / length, y / length

    def tilt(self) -> tuple[float, float]:
        """A unit vector within 14 degrees of (1, 0)."""
        y = self.uniform(-0.25, 0.25)
        length = float(np.sqrt(1 + y * y))
        return 1 / length, y / length

    def noise(self, *shape: int) -> np.ndarray:
        """Two bytes a number, added up: a triangle over -255 .. 255, as float32."""
        count = int(np.prod(shape))
        raw = self.stream.random_raw(count // 4 + 1).astype("<u8").view(np.uint8)[: 2 * count].astype(np.int16)
        return (raw[:count] + raw[count:] - 255).reshape(shape).astype(np.float32)


def draw(split: str, index: int, size: int = 96, ignore: int = 255) -> tuple[np.ndarray, np.ndarray]:
    """One scene.

    Returns: image [size, size, 3] and classes [size, size] with a band of `ignore` about two pixels wide along borders; uint8.
    """
    dice = _Dice(VERSION, list(COUNTS).index(split), index, size)
    y, x = np.meshgrid(*[np.arange(size, dtype=np.float32)] * 2, indexing="ij")
    colors: list[np.ndarray] = []
    image = _fabric(dice, x, y, size, colors, "plain")
    classes = np.zeros((size, size), np.uint8)
    thing = np.zeros((size, size), np.uint8)
    centers: list[tuple[float, float]] = []
    for number in range(1, 3 + dice.below(2)):
        radius = size * dice.uniform(0.18, 0.26)
        kind = 1 + dice.below(len(NAMES) - 1)
        tries = [(size * dice.uniform(0.2, 0.8), size * dice.uniform(0.2, 0.8)) for _ in range(6)]
        cx, cy = max(tries, key=lambda t: min(((t[0] - a) ** 2 + (t[1] - b) ** 2 for a, b in centers), default=0.0))
        centers.append((cx, cy))
        inside = _outline(kind, x - np.float32(cx), y - np.float32(cy), np.float32(radius), dice.tilt())
        np.copyto(image, _fabric(dice, x, y, size, colors, _WEAVES[NAMES[kind]]), where=inside[..., None])
        classes[inside], thing[inside] = kind, number
    a, b = dice.direction()
    slope = np.float32(dice.uniform(0.0, 0.35) * 2 / size)
    light = 1 + slope * ((x - np.float32(size / 2)) * np.float32(a) + (y - np.float32(size / 2)) * np.float32(b))
    image = image * light[..., None] + dice.noise(size, size, 3) * np.float32(dice.uniform(0.01, 0.04))
    classes[_borders(thing)] = ignore
    return np.clip(image, 0, 255).astype(np.uint8), classes


def _fabric(dice: _Dice, x: np.ndarray, y: np.ndarray, size: int, colors: list[np.ndarray], weave: str) -> np.ndarray:
    """A material everywhere, [size, size, 3]: a weave of two shades of a random color, which is added to `colors`."""
    while True:
        color = np.array([dice.uniform(40, 215) for _ in range(3)], np.float32)
        if all(float(((color - other) ** 2).sum()) >= _CONTRAST**2 for other in colors):
            break
    colors.append(color)
    swing = np.array([dice.uniform(10, 26) * (1 - 2 * dice.below(2)) for _ in range(3)], np.float32)
    a, b = dice.direction()
    period = np.float32(size * dice.uniform(0.07, 0.13))
    along = _wave((x * np.float32(a) + y * np.float32(b)) / period + np.float32(dice.uniform()))
    if weave == "stripes":
        return color + along[..., None] * swing
    if weave == "checks":
        across = _wave((y * np.float32(a) - x * np.float32(b)) / period + np.float32(dice.uniform()))
        return color + (along * across)[..., None] * swing
    return np.broadcast_to(color, (size, size, 3)).copy()


def _wave(turns: np.ndarray) -> np.ndarray:
    """A triangle wave of -1 .. 1 with its corners cut off at half its height and stretched back."""
    return np.clip((np.abs(turns - np.floor(turns) - np.float32(0.5)) * 4 - 1) * 2, -1, 1)


def _outline(kind: int, x: np.ndarray, y: np.ndarray, radius: np.float32, turned: tuple[float, float]) -> np.ndarray:
    """Which pixels a shape covers. Its area is about that of the disk of the same radius, whatever its kind."""
    if NAMES[kind] in ("disk", "ring"):
        far = x * x + y * y
        outer = radius * radius * np.float32(1.0 if NAMES[kind] == "disk" else 1.21)
        return far <= outer if NAMES[kind] == "disk" else (far <= outer) & (far >= outer * np.float32(0.3))
    a, b = np.float32(turned[0]), np.float32(turned[1])
    u, v = x * a + y * b, y * a - x * b
    if NAMES[kind] == "square":
        return np.maximum(np.abs(u), np.abs(v)) <= radius * np.float32(0.9)
    inner = radius * np.float32(0.72)  # of the triangle's inscribed circle
    half, tall = np.float32(0.5), np.float32(0.8660254)
    return (v <= inner) & (u * tall - v * half <= inner) & (-u * tall - v * half <= inner)


def _borders(thing: np.ndarray) -> np.ndarray:
    """Pixels that have a neighbor, up, down, left or right, of another thing."""
    border = np.zeros(thing.shape, bool)
    down, right = thing[1:] != thing[:-1], thing[:, 1:] != thing[:, :-1]
    border[1:] |= down
    border[:-1] |= down
    border[:, 1:] |= right
    border[:, :-1] |= right
    return border
