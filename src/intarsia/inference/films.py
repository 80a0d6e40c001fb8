"""What is written of videos beside the results of their frames: KITTI-STEP's frames, COCO's form for videos, and the overlay.

tracks/NAME.png    R = class, 255 void; 256 G + B = track, 0 for none: KITTI-STEP's frames
tracks.json        videos, and each track with its run lengths in every frame: COCO's form for videos
films/VIDEO.mp4    the overlays of a video file, in its own speed
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..annotations.regions import packed, runs_of
from ..data.dataset import Shot
from ..draw.legend import enlarged
from ..errors import DataError, extra
from ..labels import LabelSpace, category_ids
from ..output import Output
from ..structures import Segments
from .frames import FILMS, Frame
from .writing import Made, categories_of

TRACKS = "tracks.json"
VOID = 255  # of KITTI-STEP's frames
MOST = 65535  # tracks of a video that these frames tell apart
RATE = 25.0  # frames a second of a film that does not say it


class Films:
    """The files of videos, frame by frame; a context whose end writes what is of all frames.

    Args:
        results: the folder.
        space: the classes.
        items: the frames, by the name of their results, in order.
        shots: the video of each.
    """

    def __init__(
        self, results: Output, space: LabelSpace, items: Mapping[str, Path | Frame], shots: Sequence[Shot]
    ) -> None:
        self.results, self.space, self.items = results, space, items
        self.video = {name: shot.video for name, shot in zip(items, shots, strict=True)}
        self.ids = {video: n for n, video in enumerate(dict.fromkeys(self.video.values()), 1)}
        self.frames: dict[str, list[str]] = {video: [] for video in self.ids}
        self.sizes: dict[str, tuple[int, int]] = {}
        self.tracks: dict[tuple[str, int], dict[str, Any]] = {}
        self.films: dict[str, tuple[Any, Any]] = {}  # video -> what writes its film, and the context of the file

    def __enter__(self) -> Films:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        for film, place in self.films.values():
            film.release()
            place.__exit__(kind, error, trace)
        if kind is None:
            self.results.text(TRACKS, json.dumps(self._tree(), ensure_ascii=False, allow_nan=False))

    def __call__(self, made: Made) -> None:
        """Add a frame.

        Raises: DataError for more tracks or classes than KITTI-STEP's frames hold.
        """
        answer: Segments = made.answer
        video = self.video[made.name]
        number = len(self.frames[video])
        self.frames[video].append(made.name)
        self.sizes.setdefault(video, made.size)
        with self.results.file(step_file(made.name)) as file:
            Image.fromarray(step_frame(answer, self.space)).save(file, format="PNG")
        for track in things_in(answer, self.space):
            entry = self.tracks.setdefault(
                (video, track), {"class": answer.classes[track], "runs": {}, "boxes": {}, "scores": []}
            )
            mask = answer.ids == track
            rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
            left, top = int(columns[0]), int(rows[0])
            entry["runs"][number] = {"size": list(made.size), "counts": packed(runs_of(mask))}
            entry["boxes"][number] = [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]
            entry["scores"].append(float(answer.scores.get(track, 1.0)))

    def show(self, name: str, overlay: Image.Image) -> None:
        """Add the overlay of a frame to the film of its video file."""
        item = self.items[name]
        if not isinstance(item, Frame) or item.stack.path.suffix.lower() not in FILMS:
            return
        height, width = self.sizes[self.video[name]]
        picture = overlay.crop((0, 0, *enlarged(Image.new("RGB", (width, height))).size))  # without its legend
        video = self.video[name]
        if video not in self.films:
            cv2: Any = extra("cv2", "video")
            place = self.results.file(film_file(item))
            film = cv2.VideoWriter(
                str(place.__enter__()), cv2.VideoWriter_fourcc(*"mp4v"), item.stack.rate or RATE, picture.size
            )
            self.films[video] = film, place
        self.films[video][0].write(np.ascontiguousarray(np.asarray(picture)[..., ::-1]))

    def _tree(self) -> dict[str, Any]:
        """COCO's form for videos."""
        numbers = category_ids(self.space)
        videos = [
            {"id": self.ids[video], "name": Path(video).name, "file_names": names, "length": len(names),
             "height": self.sizes[video][0], "width": self.sizes[video][1]}
            for video, names in self.frames.items() if names
        ]  # fmt: skip
        listed: list[dict[str, Any]] = []
        for (video, track), entry in self.tracks.items():
            frames = range(len(self.frames[video]))
            listed.append(
                {
                    "id": len(listed) + 1,
                    "video_id": self.ids[video],
                    "track_id": track - self.space.num_classes,
                    "category_id": numbers[entry["class"]],
                    "score": sum(entry["scores"]) / len(entry["scores"]),
                    "segmentations": [entry["runs"].get(n) for n in frames],
                    "bboxes": [entry["boxes"].get(n) for n in frames],
                }
            )
        return {"videos": videos, "annotations": listed, "categories": categories_of(self.space)}


def step_file(name: str) -> str:
    """Name the KITTI-STEP frame of a picture, below the folder of the results."""
    return f"tracks/{name}.png"


def film_file(frame: Frame) -> str:
    """Name the film of a video file, below the folder of the results."""
    return f"films/{frame.stack.name}.mp4"


def film_files(items: Mapping[str, Path | Frame]) -> list[str]:
    """List what is written of videos, below the folder of the results."""
    films = [
        film_file(item)
        for item in items.values()
        if isinstance(item, Frame) and item.stack.path.suffix.lower() in FILMS
    ]
    return [TRACKS, *map(step_file, items), *dict.fromkeys(films)]


def things_in(answer: Segments, space: LabelSpace) -> list[int]:
    """The tracks that a frame shows."""
    things = {space.names.index(name) for name in space.things}
    return [number for number, kind in answer.classes.items() if kind in things]


def step_frame(answer: Segments, space: LabelSpace) -> np.ndarray:
    """Spell a frame as KITTI-STEP's, [H, W, 3] uint8.

    Raises: DataError for more tracks or classes than that holds.
    """
    if space.num_classes > VOID:
        raise DataError(f"KITTI-STEP's frames hold {VOID} classes, and the model has {space.num_classes}")
    top = max([0, *answer.classes])
    kinds, tracks = np.full(top + 1, VOID, np.uint8), np.zeros(top + 1, np.int64)
    kinds[list(answer.classes)] = list(answer.classes.values())
    for number in things_in(answer, space):
        tracks[number] = number - space.num_classes
    if tracks.max(initial=0) > MOST:
        raise DataError(f"KITTI-STEP's frames tell {MOST} tracks apart, and the video has more; cut it into parts")
    track = tracks[answer.ids]
    return np.stack([kinds[answer.ids], (track >> 8).astype(np.uint8), (track & 255).astype(np.uint8)], axis=-1)
