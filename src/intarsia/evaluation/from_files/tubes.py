"""Panoptic videos that any tool has predicted against a truth: VPQ, and DVPQ where depth maps lie beside.

NAME.json and NAME/      COCO's panoptic form of Cityscapes-VPS, or VIPSeg's with a list of annotations a video; the video of
                         a frame is the folder in its file_name, else the name up to the first "_"
FOLDER/SEQUENCE/FRAME.png   KITTI-STEP: R class, 256 G + B track, 255 void

Frames follow each other in the order of their names. A number of a segment means one object in all frames of a video.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...annotations.beside import read_json, reading
from ...annotations.coco_panoptic import numbers
from ...data.files.id_maps import read_rgb
from ...errors import DataError, IntarsiaError, LabelError, nearest
from ...metrics import Segments, VideoPanopticQuality
from ...metrics.video_panoptic import TOLERANCES, WINDOWS, VideoPanopticScores
from .depth import both, depth_files, read_depth
from .panoptic import only_json
from .video import CLASSES, THINGS, VOID, frames_of

Key = tuple[str, str]


class Tubes(NamedTuple):
    """VPQ, or DVPQ, with the classes' names and the things among them."""

    scores: VideoPanopticScores
    names: tuple[str, ...]
    things: tuple[str, ...]
    frames: int
    videos: int
    with_depth: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; NaN where no window was long enough."""
        found = self.scores
        name = "dvpq" if self.with_depth else "vpq"
        each = [
            {
                "frames": k,
                **({"tolerance": t} if self.with_depth else {}),
                **{part: getattr(s, part).pq for part in ("all", "things", "stuff")},
                "classes": dict(zip(self.names, s.pq, strict=True)),
            }
            for (k, t), s in found.each.items()
        ]
        parts = {name: found.all, f"{name}_things": found.things, f"{name}_stuff": found.stuff}
        return {**parts, "windows": each, "things": list(self.things), "frames": self.frames, "videos": self.videos}


def score_tubes(
    predictions: str | Path,
    truth: str | Path,
    *,
    classes: Sequence[str] | None = None,
    things: Sequence[str] | None = None,
    windows: Sequence[int] = WINDOWS,
    depths: tuple[str | Path, str | Path] | None = None,
    per_meter: float | None = None,
) -> Tubes:
    """Video panoptic quality of JSON files or of folders of frames.

    Args:
        classes, things: of folders of frames: names in the order of their numbers, and those that are tracked; None: the
            19 of KITTI-STEP, and person and car.
        windows: numbers of consecutive frames.
        depths: folders of predicted and of true depth maps named as the frames are, VIDEO/FRAME.png or .npy.
        per_meter: as in `score_depth`.

    Raises: DataError or LabelError for frames that only one of both has, segments or classes that are not listed, sizes
        that differ, depth maps that are missing, and videos of which no one is as long as the longest window.
    """
    if only_frames(Path(truth)):
        ours, theirs, names, tracked = _folders(Path(predictions), Path(truth), classes, things)
    elif classes or things:
        raise LabelError(f"{truth}: lists its classes and things itself; leave out classes and things")
    else:
        ours, theirs, names, tracked = _files(Path(predictions), Path(truth))
    both(ours, theirs, predictions, truth, "frames")
    metric = VideoPanopticQuality(
        len(names), [names.index(t) for t in tracked], windows=windows, tolerances=TOLERANCES if depths else ()
    )
    lengths: dict[str, int] = {}
    for video, _ in theirs:
        lengths[video] = lengths.get(video, 0) + 1
    if max(lengths.values()) < max(windows):
        raise DataError(
            f"{truth}: the longest video has {max(lengths.values())} frames, and a window {max(windows)}; give --windows"
        )
    maps = [depth_files(Path(d)) for d in depths or ()]
    for key in sorted(theirs):
        found, true = ours[key].read(), theirs[key].read()
        if found.ids.shape != true.ids.shape:
            (h, w), (height, width) = found.ids.shape, true.ids.shape
            raise DataError(
                f"{ours[key].path}: the prediction is {w}x{h} pixels, but the truth is {width}x{height}; predict in the "
                "frame's own size"
            )
        try:
            beside = [
                read_depth(_depth_of(key, held, d), per_meter) for held, d in zip(maps, depths or (), strict=True)
            ]
            metric.update(found._replace(crowd=()), true, key[0], *beside)
        except IntarsiaError as error:
            raise type(error)(f"{ours[key].path}: {error}") from None
    return Tubes(metric.compute(), names, tracked, len(theirs), len(lengths), depths is not None)


def only_frames(truth: Path) -> bool:
    """Whether a path is a folder of frames, without a JSON in it or beside it."""
    return truth.is_dir() and not [*truth.glob("*.json")] and not truth.with_name(truth.name + ".json").is_file()


class _Drawn(NamedTuple):
    """A frame of the JSON form, read when it is asked for."""

    path: Path
    classes: Mapping[int, int]
    crowd: Sequence[int]

    def read(self) -> Segments:
        return Segments(numbers(self.path), self.classes, self.crowd)


class _Tracked(NamedTuple):
    """A frame of KITTI-STEP, read when it is asked for."""

    path: Path
    kinds: int
    things: frozenset[int]
    true: bool

    def read(self) -> Segments:
        red, green, blue = np.moveaxis(read_rgb(self.path), 2, 0)
        tracks = green * 256 + blue
        if ((red >= self.kinds) & (red != VOID)).any():
            odd = int(red[(red >= self.kinds) & (red != VOID)][0])
            raise LabelError(f"{self.path}: class {odd} is outside the {self.kinds} classes (0..{self.kinds - 1})")
        kinds = red.astype(np.int64)
        # One number through all frames: the class above, the track below.
        ids = np.where(kinds == VOID, 0, ((kinds + 1) << 16) | np.where(np.isin(kinds, list(self.things)), tracks, 0))
        classes = {int(s): (int(s) >> 16) - 1 for s in np.unique(ids) if s}
        crowd = [s for s, k in classes.items() if self.true and k in self.things and not s & 0xFFFF]
        return Segments(ids, classes, crowd)


def _folders(
    predictions: Path, truth: Path, classes: Sequence[str] | None, things: Sequence[str] | None
) -> tuple[dict[Key, Any], dict[Key, Any], tuple[str, ...], tuple[str, ...]]:
    """(predicted frames, true ones, names, things) of folders in KITTI-STEP's form."""
    names = tuple(classes or CLASSES)
    tracked = tuple(things) if things is not None else tuple(name for name in THINGS if name in names)
    if unknown := [name for name in tracked if name not in names]:
        raise LabelError(f"there is no class {unknown[0]!r} to track{nearest(unknown[0], names)}")
    tracks = frozenset(names.index(name) for name in tracked)
    ours, theirs = (
        {key: _Tracked(path, len(names), tracks, n == 1) for key, path in frames_of(folder).items()}
        for n, folder in enumerate((predictions, truth))
    )
    return ours, theirs, names, tracked


def _files(predictions: Path, truth: Path) -> tuple[dict[Key, Any], dict[Key, Any], tuple[str, ...], tuple[str, ...]]:
    """(predicted frames, true ones, names, things) of JSON files."""
    path, file = only_json(predictions), only_json(truth)
    tree = read_json(file)
    with reading(file, "a panoptic tool"):
        return _matched(tree, path, file)


def _matched(
    tree: Any, path: Path, file: Path
) -> tuple[dict[Key, Any], dict[Key, Any], tuple[str, ...], tuple[str, ...]]:
    """The same, of the truth's document."""
    categories = tree.get("categories") if isinstance(tree, dict) else None
    if not categories or any(not {"id", "name", "isthing"} <= c.keys() for c in categories):
        raise DataError(f"{file}: needs categories, each with an id, a name and isthing (1 or 0)")
    number = {c["id"]: n for n, c in enumerate(categories)}
    names = tuple(str(c["name"]) for c in categories)
    tracked = tuple(name for c, name in zip(categories, names, strict=True) if c["isthing"])
    with reading(path, "a panoptic tool"):
        ours = dict(_listed(path, number))
    return ours, dict(_listed(file, number)), names, tracked


def _listed(file: Path, number: Mapping[Any, int]) -> Iterator[tuple[Key, _Drawn]]:
    """((video, frame), frame) of each annotation of a JSON file."""
    tree = read_json(file)
    listed = tree.get("annotations") if isinstance(tree, dict) else None
    if not isinstance(listed, list) or not listed or not all(isinstance(a, dict) for a in listed):
        raise DataError(f"{file}: is no panoptic file; it needs annotations of file_name and segments_info")
    nested = [(str(a["video_id"]), b) for a in listed if "video_id" in a for b in a.get("annotations") or ()]
    masks = file.with_suffix("") if file.with_suffix("").is_dir() else file.parent
    seen: set[Key] = set()
    for video, a in nested or [("", a) for a in listed]:
        if not isinstance(a, dict) or not {"file_name", "segments_info"} <= a.keys():
            raise DataError(f"{file}: is no panoptic file; its annotations need file_name and segments_info")
        name = Path(str(a["file_name"]))
        key = (video or (name.parent.as_posix() if name.parent.name else name.stem.split("_")[0]), name.stem)
        if key in seen:
            raise DataError(f"{file}: lists frame {'/'.join(key)!r} more than once; keep one annotation a frame")
        seen.add(key)
        classes: dict[int, int] = {}
        for segment in a["segments_info"]:
            if segment.get("category_id") not in number:
                raise DataError(
                    f"{file}: segment {segment.get('id')} of {a['file_name']!r} has category "
                    f"{segment.get('category_id')!r}, which is none of the {len(number)} of the truth"
                )
            classes[segment["id"]] = number[segment["category_id"]]
        crowd = [segment["id"] for segment in a["segments_info"] if segment.get("iscrowd")]
        place = masks / name
        yield key, _Drawn(place if place.is_file() or not video else masks / video / name, classes, crowd)


def _depth_of(key: Key, held: Mapping[str, Path], folder: str | Path) -> Path:
    """The depth map of a frame."""
    for name in ("/".join(filter(None, key)), key[1]):
        if name in held:
            return held[name]
    raise DataError(f"{folder}: there is no depth map {'/'.join(filter(None, key))}.png or .npy")
