"""Fingerprints of pictures, which picture is like which, and how well a mask's borders lie on a picture's edges."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

BITS = 8  # of 64: fingerprints that differ in no more are compared by their thumbnails
GRID = 24  # a mask is compared with another on so many points a side: an even number
THUMB = 32  # a picture is compared with another on so many means a side
_CROPS = (0.02, 0.035, 0.05, 0.075)  # of each side, that a copy may have lost
_CROPPED = 6  # ways from here on: cropped
_WHOLE, _DETAIL = 0.96, 0.88  # correlation of thumbnails, and of what is fine in them, from which two are one picture
_SHIFTED = 0.92  # the same of what is fine, where one of them was moved by a step first
_ROUGHLY = 0.94  # and as a whole before that
_STEPS = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))  # of 1 / 64 of the picture
_SHARED = 12  # pictures of a set: from so many on, what all of them share (a round field of view) says nothing
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


def thumbnail(picture: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """A gray picture as [2 THUMB, 2 THUMB] values, and its difference fingerprint of 64 bits for every way in which a
    copy may differ: those of `turn`, and cropped. Another light or contrast changes few of the bits."""
    small = Image.fromarray(picture).resize((2 * THUMB, 2 * THUMB), Image.Resampling.BILINEAR)
    steps = np.asarray(small.resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    square = np.asarray(small.resize((8, 9), Image.Resampling.BOX)).astype(np.int16)  # what a quarter turn makes 9 x 8
    ways = [turn(square if way > 3 else steps, way) for way in range(_CROPPED)]
    ways += [np.asarray(small.resize((9, 8), Image.Resampling.BOX, _box(share))).astype(np.int16) for share in _CROPS]
    bits = (np.packbits((way[:, 1:] > way[:, :-1]).ravel()) for way in ways)
    return np.asarray(small), tuple(int.from_bytes(b.tobytes(), "big") for b in bits)


def _box(share: float) -> tuple[float, float, float, float]:
    low, high = 2 * THUMB * share, 2 * THUMB * (1 - share)
    return low, low, high, high


def _view(thumb: np.ndarray, way: int) -> np.ndarray:
    """[THUMB, THUMB] means of a thumbnail, turned or cropped."""
    box = _box(_CROPS[way - _CROPPED]) if way >= _CROPPED else None
    small = np.asarray(Image.fromarray(thumb).resize((THUMB, THUMB), Image.Resampling.BOX, box))
    return (small if box else turn(small, way)).astype(np.float32)


def grid(raw: np.ndarray) -> np.ndarray:
    """A mask at GRID x GRID points, which lie alike from both ends of each side."""
    half = [((np.arange(GRID // 2) + 0.5) * side / GRID).astype(int) for side in raw.shape]
    rows, columns = (np.append(h, side - 1 - h[::-1]) for h, side in zip(half, raw.shape, strict=True))
    return raw[np.ix_(rows, columns)]


def colors(image: np.ndarray) -> np.ndarray:
    """[GRID, GRID, 3] mean colors of an image [H, W, C], of 8 bit."""
    if image.dtype != np.uint8:
        top = max(int(image.max(initial=1)), 1)
        image = (image[:: max(1, image.shape[0] // 256), :: max(1, image.shape[1] // 256)] * (255 / top)).astype(
            np.uint8
        )
    whole = image[..., :3] if image.shape[2] >= 3 else image[..., 0]
    small = Image.fromarray(np.ascontiguousarray(whole)).convert("RGB")
    return np.asarray(small.resize((GRID, GRID), Image.Resampling.BOX, reducing_gap=1.0))


class Alike(NamedTuple):
    """Two pictures that are one."""

    one: int
    two: int
    way: int  # how the second must be changed to be the first: 0..5 of `turn`, cropped from 6 on


def pairs(prints: Sequence[tuple[int, ...]], thumbs: Sequence[np.ndarray]) -> list[Alike]:
    """Pictures that are one, saved again, made smaller, turned, cropped a little, or in another light.

    Every fingerprint is compared with every other one, a few nanoseconds each; where they nearly agree, the thumbnails
    must correlate, as a whole and in what is fine in them. Pictures of nearly one gray are like everything, and left out.
    """
    held = [n for n, t in enumerate(thumbs) if t.size and int(t.max()) - int(t.min()) >= 12]
    if len(held) < 2:
        return []
    codes = np.array([prints[n] for n in held], np.uint64)  # [N, ways]
    found: list[tuple[int, int, int]] = []
    for one in range(len(held) - 1):
        near = np.bitwise_count(codes[one + 1 :] ^ codes[one, 0]) <= BITS
        if near.any():
            found += [(one, one + 1 + int(two), int(way)) for two, way in np.argwhere(near)]
        near = np.bitwise_count(codes[one + 1 :, :1] ^ codes[one, _CROPPED:]) <= BITS
        if near.any():  # the first is the larger one
            found += [(one + 1 + int(two), one, int(way) + _CROPPED) for two, way in np.argwhere(near)]
    found.sort(key=lambda f: f[2])
    views: dict[tuple[int, int, int], tuple[np.ndarray, np.ndarray]] = {}

    def seen(n: int, way: int, step: int = 0) -> tuple[np.ndarray, np.ndarray]:
        if (n, way, step) not in views:
            thumb = thumbs[held[n]]
            view = _view(np.roll(thumb, _STEPS[step], (0, 1)) if step else thumb, way)
            views[n, way, step] = _unit(view), _unit(_detail(view))
        return views[n, way, step]

    shared: np.ndarray | float = 0.0
    if found and len(held) >= _SHARED:
        shared = np.mean([seen(n, 0)[1] for n in range(len(held))], axis=0)

    def agree(one: int, two: int, way: int, step: int = 0) -> tuple[float, float]:
        (whole, fine), (other, detail) = seen(one, 0), seen(two, way, step)
        return float((whole * other).mean()), _together(fine - shared, detail - shared)

    def one_picture(one: int, two: int, way: int) -> bool:
        whole, fine = agree(one, two, way)
        if whole >= _WHOLE and fine >= _DETAIL:
            return True
        if whole < _ROUGHLY or fine < 0.5 or way >= _CROPPED:
            return False
        moved = (agree(one, two, way, step) for step in range(1, len(_STEPS)))
        return any(whole >= _WHOLE and fine >= _SHIFTED for whole, fine in moved)

    result: dict[tuple[int, int], Alike] = {}
    for one, two, way in found:
        key = min(one, two), max(one, two)
        if key not in result and one_picture(one, two, way):
            result[key] = Alike(held[one], held[two], way)
    return sorted(result.values(), key=lambda a: (min(a.one, a.two), max(a.one, a.two)))


def _together(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two maps without a mean."""
    return float((a * b).sum()) / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-9)


def _unit(values: np.ndarray) -> np.ndarray:
    """Values less their mean, over their deviation: free of light and contrast."""
    values = values - values.mean()
    return values / max(float(np.sqrt((values * values).mean())), 1e-6)


def _detail(thumb: np.ndarray) -> np.ndarray:
    """What is fine in a thumbnail: each value less the mean of the 3 x 3 around it."""
    side = len(thumb)
    wide = np.pad(thumb.astype(np.float32), 1, mode="edge")
    return thumb - sum(wide[y : y + side, x : x + side] for y in range(3) for x in range(3)) / 9


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


def traces(picture: np.ndarray, raw: np.ndarray, side: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """How steep a gray picture is, and how much border its mask has, [side, side] uint8 each; empty without a border."""
    step = max(1, min(raw.shape) // 256)
    small = np.asarray(Image.fromarray(picture).reduce(step)) if step > 1 else picture
    raw = raw[step // 2 :: step, step // 2 :: step]
    height, width = min(small.shape[0], raw.shape[0]), min(small.shape[1], raw.shape[1])
    values, raw = small[:height, :width].astype(np.int16), raw[:height, :width]
    border = (raw[1:, 1:] != raw[:-1, 1:]) | (raw[1:, 1:] != raw[1:, :-1])
    steep = np.abs(values[1:, 1:] - values[:-1, 1:]) + np.abs(values[1:, 1:] - values[1:, :-1])
    if border.sum() < 60 or not steep.any():
        return np.zeros((0, 0), np.uint8), np.zeros((0, 0), np.uint8)
    shrunk = [
        np.asarray(Image.fromarray(part.astype(np.uint8)).resize((side, side), Image.Resampling.BILINEAR))
        for part in (np.minimum(steep, 255), border * 255)
    ]
    edges = np.sqrt(shrunk[0].astype(np.float32)) * 15.9
    wide = np.pad(shrunk[1].astype(np.uint16), 1, mode="edge")
    around = sum(wide[y : y + side, x : x + side] for y in range(3) for x in range(3)) // 9
    return edges.astype(np.uint8), np.asarray(around, np.uint8)


def turn(array: np.ndarray, way: int) -> np.ndarray:
    """A mask turned: as it is, mirrored, upside down, by 180, 90 and 270 degrees."""
    if way == 1:
        return array[:, ::-1]
    if way == 2:
        return array[::-1]
    return np.rot90(array, (0, 0, 0, 2, 1, 3)[way])


def turned(way: int) -> str:
    """What `turn` did, in words."""
    return _TURNS[way] if way < _CROPPED else "cropped"


def cropped(points: np.ndarray, way: int) -> np.ndarray:
    """What `grid` took of a mask as it would have taken it of the cropped mask, but for half a point."""
    share, side = _CROPS[way - _CROPPED], len(points)
    places = ((share + (1 - 2 * share) * (np.arange(side) + 0.5) / side) * side).astype(int)
    return points[np.ix_(places, places)]
