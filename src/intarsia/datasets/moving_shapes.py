"""The scenes of `shapes` with objects as videos, seen by one camera or by five.

Things move on straight lines, turn back at the borders of the scene, and come nearer or go away together; they pass in front
of each other, and may be hidden for some frames. Five cameras each look at a square of one wide scene, a quarter of which
its neighbor sees as well. What depends on nothing but (version, size, split, video, frame) is the same on any machine.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..data.dataset import Shot
from ..data.things import thing_rows
from ..data.videos import Previous
from ..errors import DataError
from ..labels import LabelSpace
from ..structures import Sample
from .brush import Dice
from .scenes import Scene, Thing, covers, painted, placed

VERSION = 1  # of the videos: changes whenever a single pixel does
SALT = 1000  # keeps the random numbers of videos apart from those of scenes
FRAMES = 1000  # of a video, at most
SPEED = (0.006, 0.028)  # of a thing: shares of the picture's side a frame
ZOOM = 0.008  # by which all things grow or shrink a frame, at most
CAMERAS = ("side_left", "front_left", "front", "front_right", "side_right")
STEP = 0.75  # of the picture's side, from one camera to the next


class MovingShapes:
    """Drawn videos; the items are their frames, of all cameras at one time, then of the next.

    Args:
        seed: which split it is, as a number.
        size: side of the pictures in pixels.
        count: of videos.
        frames, cameras, previous: as for `shapes`.
    """

    name = "shapes"

    def __init__(
        self,
        seed: int,
        split: str,
        size: int,
        count: int,
        labels: LabelSpace,
        frames: int,
        cameras: int,
        previous: Previous,
    ) -> None:
        if not 1 <= frames <= FRAMES:
            raise DataError(f"{frames} frames make no video; choose 1 to {FRAMES}")
        if cameras not in (1, len(CAMERAS)):
            raise DataError(f"{cameras} cameras were asked for; the scenes are seen by 1 or by {len(CAMERAS)}")
        self.seed, self.split, self.size, self.count, self.labels = seed, split, size, count, labels
        self.frames, self.cameras, self.previous = frames, cameras, previous

    def __len__(self) -> int:
        return self.count * self.frames * self.cameras

    @property
    def shots(self) -> list[Shot]:
        """The video and the camera of each item."""
        places = [self._place(index) for index in range(len(self))]
        return [Shot(self._video(video), self._camera(camera)) for video, _, camera in places]

    def cells(self, index: int) -> np.ndarray:
        """Number the places of the wide scene that the pixels of an item show, [size, size] int64."""
        _, _, camera = self._place(index)
        left = self._left(camera)
        y, x = np.meshgrid(np.arange(self.size), np.arange(left, left + self.size), indexing="ij")
        return y * wide(self.size, self.cameras) + x

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"shapes holds {len(self)} frames, number {index} was asked for")
        video, frame, camera = self._place(index % len(self))
        sample = self._seen(video, frame, camera)
        if not self.previous:
            return sample
        from ..data.clips import with_before

        before = self._seen(video, frame - 1, camera) if frame else None
        assert sample.objects is not None
        numbers = sample.objects * 0 if before is None else before.objects
        return with_before(sample._replace(previous=numbers), None if before is None else before.image, self.previous)

    def _seen(self, video: int, frame: int, camera: int) -> Sample:
        import torch

        made, left = scene_of(self.seed, video, frame, self.size, self.cameras), self._left(camera)
        image, classes, objects, depth = (
            np.ascontiguousarray(part[:, left : left + self.size])
            for part in (made.image, made.classes, made.objects, made.depth)
        )
        known = np.where(np.isin(objects, self._things(made.kinds)), objects, 0)
        name = "/".join(filter(None, (self._video(video), self._camera(camera), f"{frame:04d}")))
        parts = (torch.from_numpy(part) for part in (classes, known.astype(np.int32), depth))
        labels, numbers, meters = parts
        return Sample(torch.from_numpy(image).permute(2, 0, 1), labels, name, numbers, meters)

    def _things(self, kinds: np.ndarray) -> np.ndarray:
        """The numbers of the objects whose class is a thing."""
        rows = np.arange(1, len(kinds) + 1)
        return thing_rows(rows, kinds, self.labels, None)[0]

    def _place(self, index: int) -> tuple[int, int, int]:
        """Video, frame and camera of an item."""
        at, camera = divmod(index, self.cameras)
        video, frame = divmod(at, self.frames)
        return video, frame, camera

    def _video(self, video: int) -> str:
        return f"{self.split}_{video:05d}"

    def _camera(self, camera: int) -> str:
        return CAMERAS[camera] if self.cameras > 1 else ""

    def _left(self, camera: int) -> int:
        return camera * int(STEP * self.size)


def wide(size: int, cameras: int) -> int:
    """Count the columns of a scene that so many cameras see."""
    return size + (cameras - 1) * int(STEP * size)


@lru_cache(maxsize=8)
def scene_of(seed: int, video: int, frame: int, size: int, cameras: int) -> Scene:
    """Draw one frame of a video, of all cameras together."""
    width = wide(size, cameras)
    starts, ways, zoom = _cast(seed, video, size, cameras)
    things = []
    for start, (dx, dy) in zip(starts, ways, strict=True):
        at = _turned_back(start.x + frame * dx, width), _turned_back(start.y + frame * dy, size)
        things.append(start._replace(x=at[0], y=at[1], radius=start.radius * (1 + frame * zoom)))
    y, x = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(width, dtype=np.float32), indexing="ij")
    masks = np.stack([covers(thing, x, y) for thing in things])
    objects = np.zeros(x.shape, np.int32)
    for number, mask in enumerate(masks, 1):
        objects[mask] = number
    paint, grain = (Dice(SALT + VERSION, seed, video, size, cameras, *more) for more in ((1,), (2, frame)))
    return painted(paint, things, masks, objects, starts=starts, grain=grain)


@lru_cache(maxsize=8)
def _cast(seed: int, video: int, size: int, cameras: int) -> tuple[list[Thing], list[tuple[float, float]], float]:
    """The things of a video in its first frame, far ones first, how far each moves a frame, and by how much all grow."""
    dice, width = Dice(SALT + VERSION, seed, video, size, cameras, 0), wide(size, cameras)
    y, x = np.meshgrid(*[np.arange(size, dtype=np.float32)] * 2, indexing="ij")
    columns = round(width / size)
    things = []
    for column in range(columns):
        left = column * (width - size) / max(1, columns - 1)
        things += [thing._replace(x=thing.x + left) for thing in placed(dice, x, y)[0]]
    things.sort(key=lambda thing: thing.radius)
    ways = []
    for _ in things:
        (a, b), far = dice.direction(), size * dice.uniform(*SPEED)
        ways.append((a * far, b * far))
    return things, ways, dice.uniform(-ZOOM, ZOOM)


def _turned_back(at: float, side: float) -> float:
    """Where something is that turns back at a tenth of a side before either end."""
    low, span = 0.1 * side, 0.8 * side
    turns = (at - low) % (2 * span)
    return low + (turns if turns <= span else 2 * span - turns)
