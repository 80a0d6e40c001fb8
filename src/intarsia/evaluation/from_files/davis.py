"""Objects that any tool has followed through videos, in DAVIS' form: a folder a sequence, a PNG of object numbers a frame.

FOLDER/SEQUENCE/FRAME.png        0 background, 1, 2, ... objects, 255 void; DAVIS 2016: 0 and 255, its one object
ROOT/Annotations/480p/...        the same below the data set's root, with ImageSets/2017/SPLIT.txt, a sequence a line
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...data.files.id_maps import read_ids
from ...documents import read_lines
from ...errors import DataError, IntarsiaError
from ...metrics.video_objects import Task, VideoObjectQuality, VideoObjectScores
from .video import frames_of


class FollowedObjects(NamedTuple):
    """J and F of all objects and of each."""

    scores: VideoObjectScores
    task: Task
    sequences: int
    frames: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; NaN where no frame counts."""
        each = {f"{sequence}_{n}": found._asdict() for (sequence, n), found in self.scores.objects.items()}
        return {
            **self.scores.all._asdict(),
            "objects": each,
            "task": self.task,
            "sequences": self.sequences,
            "frames": self.frames,
        }


def score_davis(
    predictions: str | Path, truth: str | Path, *, split: str = "", task: Task = "semi-supervised"
) -> FollowedObjects:
    """J and F with mean, recall and decay of folders of sequences.

    Args:
        truth: the folder of sequences, or the root of the data set.
        split: the list of a root's sequences that count, such as val; "": all.
        task: "semi-supervised": objects keep the numbers of the first frame; "unsupervised": they are matched.

    Raises: DataError or LabelError for folders without frames, frames or sequences that only one of both has, sizes that
        differ, and objects that the first frame does not have.
    """
    folder, wanted = _sequences(Path(truth), split)
    ours, theirs = _grouped(Path(predictions)), _grouped(folder)
    if wanted is not None:
        if gone := [name for name in wanted if name not in theirs]:
            raise DataError(f"{folder}: has no sequence {gone[0]!r}, which the list of {split!r} names")
        theirs = {name: theirs[name] for name in wanted}
    if spare := sorted(set(ours) - set(theirs)):
        raise DataError(
            f"{truth}: {len(spare)} of {len(ours)} sequences have no truth, such as {spare[0] or '(frames)'!r}"
        )
    if lost := sorted(set(theirs) - set(ours)):
        raise DataError(
            f"{predictions}: {len(lost)} of {len(theirs)} sequences have no prediction, such as {lost[0]!r}; name a part "
            "of the data set by its root and --split"
        )
    metric, frames = VideoObjectQuality(task=task), 0
    for name, files in theirs.items():
        found, names = ours[name], list(files)
        if spare := sorted(set(found) - set(files)):
            raise DataError(f"{predictions}: frame {name}/{spare[0]} has no truth ({len(spare)} such)")
        if task == "semi-supervised" and len(names) < 3:
            raise DataError(f"{folder}: sequence {name!r} has {len(names)} frames; all but the first and last count")
        counted = names[1:-1] if task == "semi-supervised" else names
        if lost := [frame for frame in counted if frame not in found]:
            raise DataError(
                f"{predictions}: {len(lost)} of {len(counted)} frames of {name!r} have no prediction, such as {lost[0]!r}"
            )
        frames += len(counted)
        single = set(np.unique(read_ids(files[names[0]])).tolist()) == {0, 255}
        for frame, path in files.items():
            true = _ids(path, single)
            called = _ids(found[frame], single) if frame in counted else None
            if called is not None and called.shape != true.shape:
                (h, w), (height, width) = called.shape, true.shape
                raise DataError(
                    f"{found[frame]}: the prediction is {w}x{h} pixels, but the truth is {width}x{height}; predict in the "
                    "frame's own size"
                )
            try:
                metric.update(called, true, name)
            except IntarsiaError as error:
                raise type(error)(f"{found.get(frame, path)}: {error}") from None
    return FollowedObjects(metric.compute(), task, len(theirs), frames)


def _ids(path: Path, single: bool) -> np.ndarray:
    """Numbers of objects; of a sequence with one object in white, 1 for it."""
    ids = read_ids(path)
    return np.where(ids == 255, 1, ids) if single else ids


def _grouped(folder: Path) -> dict[str, dict[str, Path]]:
    """{sequence: {frame: file}}, in the order of names."""
    found: dict[str, dict[str, Path]] = {}
    for (sequence, frame), path in frames_of(folder).items():
        found.setdefault(sequence, {})[frame] = path
    return found


def _sequences(truth: Path, split: str) -> tuple[Path, list[str] | None]:
    """(the folder of sequences, the names that count or None for all)."""
    masks = truth / "Annotations"
    if not masks.is_dir():
        if split:
            raise DataError(f"{truth}: is no root of DAVIS with Annotations and ImageSets; leave out --split")
        return truth, None
    sizes = sorted(p for p in masks.iterdir() if p.is_dir() and any(q.is_dir() for q in p.iterdir()))
    folder = next((p for p in sizes if p.name == "480p"), sizes[0] if len(sizes) == 1 else masks)
    if not split:
        return folder, None
    lists = [*sorted((truth / "ImageSets").glob(f"201?/{split}.txt"))]
    if len(lists) != 1:
        raise DataError(f"{truth}: holds {len(lists)} lists ImageSets/YEAR/{split}.txt; there must be one")
    return folder, [line.strip() for line in read_lines(lists[0]) if line.strip()]
