"""Fingerprints of pictures, which picture is like which, and how well a mask's borders lie on a picture's edges."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

BITS = 8  # of 64: fingerprints that differ in no more are compared by their thumbnails
GRID = 24  # a mask is compared with another on so many points a side: an even number
THUMB = 32  # a picture is compared with another on so many means a side
_WHOLE, _DETAIL = 0.96, 0.88  # correlation of thumbnails, and of what is fine in them, from which two are one picture
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
    """A gray picture as [THUMB, THUMB] means, and its difference fingerprint of 64 bits: as it is, mirrored, upside
    down, and turned by 180 degrees. Another light or contrast changes few of the bits."""
    small = Image.fromarray(picture).resize((64, 64), Image.Resampling.BILINEAR)
    thumb = np.asarray(small.resize((THUMB, THUMB), Image.Resampling.BOX))
    steps = np.asarray(small.resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    ways = (turn(steps, way) for way in range(4))
    bits = (np.packbits((way[:, 1:] > way[:, :-1]).ravel()) for way in ways)
    return thumb, tuple(int.from_bytes(b.tobytes(), "big") for b in bits)


def grid(raw: np.ndarray) -> np.ndarray:
    """A mask at GRID x GRID points, which lie alike from both ends of each side."""
    half = [((np.arange(GRID // 2) + 0.5) * side / GRID).astype(int) for side in raw.shape]
    rows, columns = (np.append(h, side - 1 - h[::-1]) for h, side in zip(half, raw.shape, strict=True))
    return raw[np.ix_(rows, columns)]


class Alike(NamedTuple):
    """Two pictures that are one."""

    one: int
    two: int
    way: int  # how the second must be turned to be the first: 0..3 of `turn`


def pairs(prints: Sequence[tuple[int, ...]], thumbs: Sequence[np.ndarray]) -> list[Alike]:
    """Pictures that are one, saved again, made smaller, mirrored, or in another light.

    Every fingerprint is compared with every other one, a few nanoseconds each; where they nearly agree, the thumbnails
    must correlate, as a whole and in what is fine in them. Pictures of nearly one gray are like everything, and left out.
    """
    held = [n for n, t in enumerate(thumbs) if t.size and int(t.max()) - int(t.min()) >= 12]
    if len(held) < 2:
        return []
    codes = np.array([prints[n] for n in held], np.uint64)  # [N, 4]
    found: list[tuple[int, int, int]] = []
    for one in range(len(held) - 1):
        near = np.bitwise_count(codes[one + 1 :] ^ codes[one, 0]) <= BITS
        if near.any():
            found += [(one, one + 1 + int(two), int(way)) for two, way in np.argwhere(near)]
    whole = {n: _unit(thumbs[held[n]].astype(np.float32)) for n in {n for f in found for n in f[:2]}}
    fine = {n: _unit(_detail(thumbs[held[n]])) for n in whole}
    shared: np.ndarray | float = 0.0
    if whole and len(held) >= _SHARED:
        shared = np.mean([_unit(_detail(thumbs[n])) for n in held], axis=0)
    result: dict[tuple[int, int], Alike] = {}
    for one, two, way in found:
        if (one, two) in result or float((whole[one] * turn(whole[two], way)).mean()) < _WHOLE:
            continue
        a, b = fine[one] - shared, turn(fine[two], way) - shared
        if float((a * b).sum()) >= _DETAIL * max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-9):
            result[one, two] = Alike(held[one], held[two], way)
    return list(result.values())


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
    return _TURNS[way]
