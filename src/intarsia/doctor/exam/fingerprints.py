"""Fingerprints of pictures and masks, and how well a mask's borders lie on a picture's edges."""

import numpy as np
from PIL import Image

GRID = 24  # a mask is compared with another on so many points a side: an even number
THUMB = 32  # a picture is compared with another on so many means a side
CROPS = (0.02, 0.035, 0.05, 0.075)  # of each side, that a copy may have lost
TURNS = 6  # ways to turn; from here on: cropped
_WORDS = (
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


def thumbnail(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A gray picture as [2 THUMB, 2 THUMB] values, and its difference fingerprints [ways] of 64 bits: one for every way
    in which a copy may differ: those of `turn`, and cropped. Another light or contrast changes few of the bits."""
    small = Image.fromarray(picture).resize((2 * THUMB, 2 * THUMB), Image.Resampling.BILINEAR)
    steps = np.asarray(small.resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    square = np.asarray(small.resize((8, 9), Image.Resampling.BOX)).astype(np.int16)  # what a quarter turn makes 9 x 8
    ways = [turn(square if way > 3 else steps, way) for way in range(TURNS)]
    ways += [np.asarray(small.resize((9, 8), Image.Resampling.BOX, _box(share))).astype(np.int16) for share in CROPS]
    bits = (np.packbits((way[:, 1:] > way[:, :-1]).ravel()) for way in ways)
    return np.asarray(small), np.array([int.from_bytes(b.tobytes(), "big") for b in bits], np.uint64)


def _box(share: float) -> tuple[float, float, float, float]:
    low, high = 2 * THUMB * share, 2 * THUMB * (1 - share)
    return low, low, high, high


def crop(thumb: np.ndarray, share: float) -> np.ndarray:
    """[THUMB, THUMB] means of a thumbnail of which a share is cut off at each side."""
    small = Image.fromarray(thumb).resize((THUMB, THUMB), Image.Resampling.BOX, _box(share) if share else None)
    return np.asarray(small)


def grid(raw: np.ndarray) -> np.ndarray:
    """A mask at GRID x GRID points, which lie alike from both ends of each side."""
    half = [((np.arange(GRID // 2) + 0.5) * side / GRID).astype(int) for side in raw.shape]
    rows, columns = (np.append(h, side - 1 - h[::-1]) for h, side in zip(half, raw.shape, strict=True))
    points: np.ndarray = raw[np.ix_(rows, columns)]
    return points


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
    return _WORDS[way] if way < TURNS else "cropped"


def cropped(points: np.ndarray, way: int) -> np.ndarray:
    """What `grid` took of a mask as it would have taken it of the cropped mask, but for half a point."""
    share, side = CROPS[way - TURNS], len(points)
    places = ((share + (1 - 2 * share) * (np.arange(side) + 0.5) / side) * side).astype(int)
    kept: np.ndarray = points[np.ix_(places, places)]
    return kept
