"""Fingerprints of pictures, which picture is like which, and how well a mask's borders lie on a picture's edges."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from PIL import Image

BITS = 4  # of 64: fingerprints that differ in no more are compared by their thumbnails
GRID = 24  # a mask is compared with another on so many points a side
_BAND = 16  # bits: pictures that share none of the four bands of a fingerprint are not compared
_CROWD = 64  # pictures of one band: in larger crowds each is compared with its neighbors in order only
_TURNS = (
    "as it is",
    "mirrored",
    "upside down",
    "turned by 180 degrees",
    "turned by 90 degrees",
    "turned by 270 degrees",
)


def gray(image: np.ndarray) -> np.ndarray:
    """[H, W, C] of 8 or 16 bit as [H, W] uint8, stretched where it is 16 bit."""
    if image.dtype != np.uint8:
        top = max(int(image.max(initial=1)), 1)
        image = (image.astype(np.float32) * (255 / top)).astype(np.uint8)
    if image.shape[2] >= 3:
        return np.asarray(Image.fromarray(np.ascontiguousarray(image[..., :3])).convert("L"))
    return np.ascontiguousarray(image[..., 0])


def thumbnail(picture: np.ndarray) -> tuple[np.ndarray, int]:
    """A gray picture as 16 x 16 means, and its difference fingerprint of 64 bits."""
    small = Image.fromarray(picture).resize((64, 64), Image.Resampling.BOX)
    thumb = np.asarray(small.resize((16, 16), Image.Resampling.BOX))
    steps = np.asarray(small.resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    bits = np.packbits((steps[:, 1:] > steps[:, :-1]).ravel())
    return thumb, int.from_bytes(bits.tobytes(), "big")


def grid(raw: np.ndarray) -> np.ndarray:
    """A mask at GRID x GRID points."""
    rows, columns = (((np.arange(GRID) + 0.5) * side / GRID).astype(int) for side in raw.shape)
    return raw[np.ix_(rows, columns)]


def pairs(prints: Sequence[int], thumbs: Sequence[np.ndarray]) -> list[tuple[int, int, float, int]]:
    """(first, second, mean difference of the thumbnails, largest) of pictures whose fingerprints nearly agree.

    Pictures are sorted into crowds by each quarter of their fingerprints, so that the work grows with their number and
    not with its square. Pictures of nearly one gray are like everything, and left out.
    """
    crowds: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (value, thumb) in enumerate(zip(prints, thumbs, strict=True)):
        if thumb.size and int(thumb.max()) - int(thumb.min()) >= 12:
            for band in range(4):
                crowds[band, value >> (_BAND * band) & 0xFFFF].append(number)
    seen: set[tuple[int, int]] = set()
    for crowd in crowds.values():
        if len(crowd) > _CROWD:
            crowd = sorted(crowd, key=lambda n: prints[n])
        for place, one in enumerate(crowd):
            rest = crowd[place + 1 :] if len(crowd) <= _CROWD else crowd[place + 1 : place + 9]
            seen.update((min(one, n), max(one, n)) for n in rest if (prints[one] ^ prints[n]).bit_count() <= BITS)
    found = []
    for one, two in sorted(seen):
        apart = np.abs(thumbs[one].astype(np.int16) - thumbs[two])
        found.append((one, two, float(apart.mean()), int(apart.max())))
    return found


def fit(picture: np.ndarray, raw: np.ndarray) -> tuple[float, ...]:
    """How steep a gray picture is along the borders of its mask, over how steep it is everywhere, for each way the mask
    could have been turned: those of `turn`. Empty where there is too little border."""
    step = max(1, min(raw.shape) // 256)
    if step > 1:
        picture = np.asarray(Image.fromarray(picture).reduce(step))[: raw.shape[0] // step, : raw.shape[1] // step]
        raw = raw[step // 2 :: step, step // 2 :: step][: picture.shape[0], : picture.shape[1]]
        picture = picture[: raw.shape[0], : raw.shape[1]]
    if min(raw.shape) < 24:
        return ()
    border = np.zeros(raw.shape, bool)
    border[1:, 1:] = (raw[1:, 1:] != raw[:-1, 1:]) | (raw[1:, 1:] != raw[1:, :-1])
    if border.sum() < 60:
        return ()
    values = picture.astype(np.int16)
    steep = np.zeros(raw.shape, np.uint8)
    steep[1:, 1:] = np.minimum(np.abs(values[1:, 1:] - values[:-1, 1:]) + np.abs(values[1:, 1:] - values[1:, :-1]), 255)
    for axis in (0, 1):  # a border may lie one pixel beside its edge
        steep = np.moveaxis(steep, axis, 0)
        wide = steep.copy()
        np.maximum(wide[1:], steep[:-1], out=wide[1:])
        np.maximum(wide[:-1], steep[1:], out=wide[:-1])
        steep = np.moveaxis(wide, 0, axis)
    usual = float(steep.mean())
    if usual < 0.5:
        return ()
    ways = (0, 1, 2, 3, 4, 5) if raw.shape[0] == raw.shape[1] else (0, 1, 2, 3)
    return tuple(float(steep[turn(border, way)].mean()) / usual for way in ways)


def turn(array: np.ndarray, way: int) -> np.ndarray:
    """A mask turned: as it is, mirrored, upside down, by 180, 90 and 270 degrees."""
    if way == 1:
        return array[:, ::-1]
    if way == 2:
        return array[::-1]
    return np.rot90(array, (0, 0, 0, 2, 1, 3)[way])


def turned(way: int) -> str:
    """What `turn` did, in words."""
    return _TURNS[way]
