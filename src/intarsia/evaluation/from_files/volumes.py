"""Segmented volumes that any tool has predicted against true ones: overlap, and distances between surfaces in millimeters.

FOLDER/NAME.nii.gz or .nii   NIfTI, whose header says how large a voxel is (the extra `medical` reads it)
FOLDER/NAME.npy              [D, H, W] whole numbers; a voxel's size is given
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...data.files.npy import load
from ...errors import DataError, IntarsiaError, LabelError, extra, not_a_folder
from ...limits import check_decoded
from ...metrics import ConfusionMatrix, ImageCounts, Scores, SurfaceDistances
from ...metrics.surface import Rule, SurfaceScores
from ..measures import told
from .depth import both

SUFFIXES = (".nii.gz", ".nii", ".npy")


class Volume(NamedTuple):
    """One volume: [D, H, W] values, and the size of a voxel along each axis, in mm; None where the file does not say."""

    values: np.ndarray
    spacing: tuple[float, ...] | None
    place: np.ndarray | None = None  # [4, 4] from voxels to the scanner's millimeters


class Volumes(NamedTuple):
    """Overlap and surface distances of all volumes."""

    scores: Scores
    surfaces: SurfaceScores
    names: tuple[str, ...]
    volumes: int
    rule: Rule
    tolerance: float
    counts: ImageCounts

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; None where there is no number."""
        return {
            **self.scores.to_dict(),
            "surfaces": told(self.surfaces),
            "rule": self.rule,
            "tolerance": self.tolerance,
            "volumes": self.volumes,
        }


def score_volumes(
    predictions: str | Path,
    truth: str | Path,
    *,
    classes: Sequence[str] | None = None,
    ignore: int | None = None,
    spacing: Sequence[float] | None = None,
    tolerance: float = 1.0,
    rule: Rule = "monai",
    protocol: str = "dataset",
) -> Volumes:
    """Overlap and surface distances of folders of volumes.

    Args:
        classes: names in the order of their numbers, the background's first; None: numbers up to the largest one.
        ignore: a value of the truth that does not count.
        spacing: size of a voxel along each axis, in mm, for files that do not say it.
        tolerance: of surface Dice, in mm.
        rule: whose surface distances, as in `metrics.SurfaceDistances`.

    Raises: MissingExtra where NIfTI files cannot be read; DataError or LabelError for folders without volumes, names that
        only one of both has, shapes or places in space that differ, values outside the classes, and voxels without a size.
    """
    ours, theirs = _files(Path(predictions)), _files(Path(truth))
    both(ours, theirs, predictions, truth, "volumes")
    names = tuple(classes) if classes else _counted([*ours.values(), *theirs.values()], ignore)
    whole, counts = ConfusionMatrix(len(names), ignore), ImageCounts(len(names), names)
    surfaces = SurfaceDistances(len(names), ignore, spacing=(1.0, 1.0, 1.0), tolerance=tolerance, rule=rule)
    for name, path in theirs.items():
        true, called = read_volume(path), read_volume(ours[name])
        if true.values.shape != called.values.shape:
            raise DataError(
                f"{ours[name]}: the prediction has {called.values.shape} voxels, but the truth {true.values.shape}"
            )
        if true.place is not None and called.place is not None and not np.allclose(true.place, called.place, atol=1e-3):
            raise DataError(
                f"{ours[name]}: its voxels lie elsewhere in space than those of {path}; save it with the truth's affine"
            )
        size = true.spacing or (tuple(spacing) if spacing else None)
        if size is None:
            raise DataError(f"{path}: does not say how large a voxel is; give --spacing, such as 5,0.7,0.7 (mm)")
        own = ConfusionMatrix(len(names), ignore)
        try:
            own.update(called.values, true.values)
            surfaces.update(called.values, true.values, size)
        except IntarsiaError as error:
            raise type(error)(f"{ours[name]} against {path}: {error}") from None
        whole.merge(own)
        counts.update(name, own.matrix, own.ignored)
    scores = whole.compute(protocol, names, counts)
    return Volumes(scores, surfaces.compute(), names, len(theirs), rule, tolerance, counts)


def read_volume(path: Path) -> Volume:
    """A volume of labels.

    Raises: MissingExtra without nibabel; DataError for a file that cannot be read, has other than three axes, or holds
        numbers that are not whole.
    """
    if path.suffix == ".npy":
        values, size, place = load(path), None, None
    else:
        nibabel = extra("nibabel", "medical")
        try:
            image = nibabel.load(path)
            check_decoded(int(np.prod(image.shape, dtype=object)) * image.get_data_dtype().itemsize, path)
            values = np.asanyarray(image.dataobj)
            size, place = tuple(float(z) for z in image.header.get_zooms()[:3]), np.asarray(image.affine, np.float64)
        except DataError:
            raise
        except Exception as error:  # whatever its decoder makes of a damaged file
            raise DataError(f"{path}: no NIfTI file that can be read ({error})") from None
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise DataError(f"{path}: {values.ndim} axes {values.shape}; a volume of labels has three")
    if values.dtype.kind == "f" and (values == np.round(values)).all():
        values = values.astype(np.int64)
    if values.dtype.kind not in "iub":
        raise DataError(f"{path}: holds numbers that are not whole; a volume of labels holds class numbers")
    if size is not None and not all(s > 0 for s in size):
        raise DataError(f"{path}: says that a voxel is {size} mm large; save it with its true size")
    return Volume(values, size, place)


def _files(folder: Path) -> dict[str, Path]:
    """The volumes of a folder by name without suffix, in order."""
    if not folder.is_dir():
        raise DataError(not_a_folder(folder))
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), None)
        if suffix is None or path.name.startswith("."):
            continue
        name = path.name[: -len(suffix)]
        if name in found:
            raise DataError(f"{found[name]} and {path} share a name; keep one of them")
        found[name] = path
    if not found:
        raise DataError(f"{folder}: holds no volumes ({', '.join(SUFFIXES)})")
    return found


def _counted(files: Sequence[Path], ignore: int | None) -> tuple[str, ...]:
    """Classes by number, up to the largest value that occurs."""
    highest = 0
    for path in files:
        values = np.unique(read_volume(path).values)
        highest = max(highest, *(int(v) for v in values if v != ignore), 0)
    if highest > 65534:
        raise LabelError(f"the volumes hold values up to {highest}; labels are class numbers, so give --classes")
    return tuple(map(str, range(highest + 1)))
