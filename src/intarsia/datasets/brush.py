"""What `shapes` is drawn with: random numbers, outlines and weaves that are the same on every machine.

The numbers are raw output of PCG64, whose stream NumPy guarantees, and the arithmetic is +, -, *, / and square root, which
IEEE 754 rounds in one way.
"""

import numpy as np

KINDS = ("disk", "square", "triangle", "ring")
_CONTRAST = 85.0  # least distance, of 441, between the mean colors of two things of a scene


class Dice:
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


def tint(dice: Dice, colors: list[np.ndarray], *, dark: bool = False) -> np.ndarray:
    """A random color [3], far from those of `colors`, to which it is added; `dark`: with one channel that is nearly black."""
    while True:
        color = np.array([dice.uniform(40, 215) for _ in range(3)], np.float32)
        if dark:
            color[dice.below(3)] = dice.uniform(5, 35)
        if all(float(((color - other) ** 2).sum()) >= _CONTRAST**2 for other in colors):
            break
    colors.append(color)
    return color


def fabric(dice: Dice, x: np.ndarray, y: np.ndarray, size: float, color: np.ndarray, weave: str) -> np.ndarray:
    """A material at some pixels, [..., 3]: a weave of two shades of a color, of a tenth of `size` in pixels."""
    swing = np.array([dice.uniform(10, 26) * (1 - 2 * dice.below(2)) for _ in range(3)], np.float32)
    a, b = dice.direction()
    period = np.float32(size * dice.uniform(0.07, 0.13))
    along = wave((x * np.float32(a) + y * np.float32(b)) / period + np.float32(dice.uniform()))
    if weave == "stripes":
        return color + along[..., None] * swing
    if weave == "checks":
        across = wave((y * np.float32(a) - x * np.float32(b)) / period + np.float32(dice.uniform()))
        return color + (along * across)[..., None] * swing
    return np.broadcast_to(color, (*x.shape, 3)).copy()


def wave(turns: np.ndarray) -> np.ndarray:
    """A triangle wave of -1 .. 1 with its corners cut off at half its height and stretched back."""
    return np.clip((np.abs(turns - np.floor(turns) - np.float32(0.5)) * 4 - 1) * 2, -1, 1)


def outline(kind: str, x: np.ndarray, y: np.ndarray, radius: np.float32, turned: tuple[float, float]) -> np.ndarray:
    """Which pixels a shape covers. Its area is about that of the disk of the same radius, whatever its kind."""
    if kind in ("disk", "ring"):
        far = x * x + y * y
        outer = radius * radius * np.float32(1.0 if kind == "disk" else 1.21)
        return far <= outer if kind == "disk" else (far <= outer) & (far >= outer * np.float32(0.3))
    a, b = np.float32(turned[0]), np.float32(turned[1])
    u, v = x * a + y * b, y * a - x * b
    if kind == "square":
        return np.maximum(np.abs(u), np.abs(v)) <= radius * np.float32(0.9)
    inner = radius * np.float32(0.72)  # of the triangle's inscribed circle
    half, tall = np.float32(0.5), np.float32(0.8660254)
    return (v <= inner) & (u * tall - v * half <= inner) & (-u * tall - v * half <= inner)
