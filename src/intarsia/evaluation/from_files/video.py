"""Tracked segments that any tool has predicted against a truth, both as PNGs of KITTI-STEP.

FOLDER/SEQUENCE/FRAME.png     R = class, 255 void; 256 G + B = track, 0 for none
FOLDER/SEQUENCE/FRAME.npy     of predictions: [H, W, 2 or 3], class and track, as deeplab2 keeps numbers above those of a PNG
FOLDER/FRAME.png              a single sequence

deeplab2 writes the first two, and PNGs with the track in G alone: another number, and the same tracks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...data.files.id_maps import read_ids, read_rgb
from ...data.files.npy import read_npy
from ...datasets.cityscapes import TRAIN_IDS
from ...errors import DataError, IntarsiaError, LabelError, nearest, not_a_folder
from ...metrics import Frame, TrackingQuality
from ...metrics.video import TrackingScores

CLASSES = TRAIN_IDS.names  # those of KITTI-STEP
THINGS = ("person", "car")
VOID = 255


class Tracks(NamedTuple):
    """STQ of all sequences together and of each, with the classes' names and the things among them."""

    scores: TrackingScores
    names: tuple[str, ...]
    things: tuple[str, ...]
    frames: int
    weighted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; NaN where there are no tracks."""
        return {
            **{key: getattr(self.scores, key) for key in ("stq", "aq", "sq")},
            "weighted": self.weighted,
            "iou": dict(zip(self.names, self.scores.iou, strict=True)),
            "things": list(self.things),
            "sequences": {
                name: dict(zip(("stq", "aq", "sq"), values, strict=True))
                for name, values in self.scores.sequences.items()
            },
            "frames": self.frames,
        }


def score_video(
    predictions: str | Path,
    truth: str | Path,
    *,
    classes: Sequence[str] = CLASSES,
    things: Sequence[str] | None = None,
    weights: str | Path | None = None,
) -> Tracks:
    """Segmentation and tracking quality of folders of frames.

    Args:
        classes: names, in the order of their numbers.
        things: those of them whose objects are tracked; None: person and car, as in KITTI-STEP.
        weights: for wSTQ, a folder of weights of pixels named as the frames are: .npy, or .png of how many cameras see a
            pixel, which then weighs 1 / that.

    Raises: DataError or LabelError for folders without frames, frames that only one of both has, sizes that differ, and
        numbers outside the classes.
    """
    names = tuple(classes)
    if repeated := [name for name in names if names.count(name) > 1]:
        raise LabelError(f"class {repeated[0]!r} is listed twice; class names must differ")
    tracked = tuple(things) if things is not None else tuple(name for name in THINGS if name in names)
    if unknown := [name for name in tracked if name not in names]:
        raise LabelError(f"there is no class {unknown[0]!r} to track{nearest(unknown[0], names)}")
    if not tracked:
        raise LabelError("no class is tracked; name the things among the classes, such as person and car")
    ours, theirs = frames_of(Path(predictions), arrays=True), frames_of(Path(truth))
    for one, other, folder, lacks in (
        (theirs, ours, predictions, "have no prediction"),
        (ours, theirs, truth, "have no truth"),
    ):
        if odd := [key for key in one if key not in other]:
            name = "/".join(filter(None, odd[0]))
            raise DataError(f"{folder}: {len(odd)} of {len(one)} frames {lacks}, such as {name!r}")
    weigh = Weights(Path(weights), theirs) if weights is not None else None
    metric = TrackingQuality(len(names), [names.index(name) for name in tracked], VOID)
    for key, path in theirs.items():
        truth_of, found = _frame(path), _frame(ours[key])
        if truth_of.classes.shape != found.classes.shape:
            (h, w), (height, width) = found.classes.shape, truth_of.classes.shape
            raise DataError(
                f"{ours[key]}: the prediction is {w}x{h} pixels, but the truth is {width}x{height}; predict in the frame's own size"
            )
        try:
            metric.update(found, truth_of, key[0], weigh.of(key) if weigh else None)
        except IntarsiaError as error:
            raise type(error)(f"{ours[key]} against {path}: {error}") from None
    return Tracks(metric.compute(), names, tracked, len(theirs), weigh is not None)


def frames_of(folder: Path, arrays: bool = False) -> dict[tuple[str, str], Path]:
    """{(sequence, frame): file}, in the order of time; the sequence has no name where frames lie in the folder itself.

    Args:
        arrays: whether a folder without a PNG may hold .npy instead.

    Raises: DataError when there is no folder, or no frame in it.
    """
    if not folder.is_dir():
        raise DataError(not_a_folder(folder))
    found: dict[tuple[str, str], Path] = {}
    for ending in ("png", "npy") if arrays else ("png",):
        found = found or {("", path.stem): path for path in sorted(folder.glob(f"*.{ending}"))} | {
            (path.parent.name, path.stem): path for path in sorted(folder.glob(f"*/*.{ending}"))
        }
    if not found:
        raise DataError(f"{folder}: holds no frames; expected SEQUENCE/FRAME.png")
    return found


def _frame(path: Path) -> Frame:
    if path.suffix == ".npy":
        array, _ = read_npy(path)
        if (
            array.ndim != 3
            or array.shape[2] not in (2, 3)
            or array.dtype.kind not in "iu"
            or array.min(initial=0) < 0
            or array.max(initial=0) >= 1 << 31
        ):
            raise DataError(
                f"{path}: an array {array.shape} of {array.dtype}; give whole numbers [H, W, class and track]"
            )
        return Frame(array[..., 0].astype(np.int64), array[..., 1].astype(np.int64))
    red, green, blue = np.moveaxis(read_rgb(path), 2, 0)
    return Frame(red, green * 256 + blue)


class Weights:
    """Weights of the pixels of frames, in files of the frames' names.

    Raises: DataError when the folder has none of a frame.
    """

    def __init__(self, folder: Path, frames: Iterable[tuple[str, str]]) -> None:
        self.files: dict[tuple[str, str], Path] = {}
        for sequence, frame in frames:
            found = [p for suffix in (".npy", ".png") if (p := folder / sequence / (frame + suffix)).is_file()]
            if len(found) != 1:
                name = "/".join(filter(None, (sequence, frame)))
                raise DataError(f"{folder}: holds {len(found)} files of weights {name}.npy or .png; there must be one")
            self.files[sequence, frame] = found[0]

    def of(self, key: tuple[str, str]) -> np.ndarray:
        """[H, W] weights of a frame.

        Raises: DataError for weights below 0 or no numbers, and for pixels that no camera sees.
        """
        path = self.files[key]
        if path.suffix == ".png":
            cameras = read_ids(path)
            if not cameras.all():
                raise DataError(f"{path}: {int((cameras == 0).sum())} pixels are seen by 0 cameras; 1 at least")
            return 1 / cameras.astype(np.float64)
        weights, _ = read_npy(path)
        if weights.ndim != 2 or weights.dtype.kind not in "fiu" or not (np.isfinite(weights) & (weights >= 0)).all():
            raise DataError(f"{path}: weights are numbers [H, W] of 0 or more")
        return weights.astype(np.float64)
