"""Depth maps that any tool has predicted against true ones: folders of 16-bit PNGs or NumPy files of the same names.

FOLDER/NAME.png    16 bit, depth times a number: 256 a meter in KITTI and Cityscapes-DVPS, 1000 in NYU Depth v2; 0 is unknown
FOLDER/NAME.npy    [H, W] floating point, in meters; 0 or NaN is unknown
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from ...data.files.id_maps import read_ids
from ...data.files.npy import read_npy
from ...errors import DataError, IntarsiaError, RecipeError, nearest, not_a_folder
from ...metrics import DepthErrors
from ...metrics.depth import DepthScores


class DepthProtocol(NamedTuple):
    """How depth is compared by those who report on a benchmark.

    Args:
        limits: least and largest true depth that counts, in meters; predictions are set to them first.
        crop: top, bottom, left and right of the part that counts, as shares of the height and the width.
    """

    says: str
    limits: tuple[float, float] = (0.0, math.inf)
    crop: tuple[float, float, float, float] | None = None


GARG = (0.40810811, 0.99189189, 0.03594771, 0.96405229)
EIGEN = (45 / 480, 471 / 480, 41 / 640, 601 / 640)  # rows 45 to 471 and columns 41 to 601 of 480x640
PROTOCOLS: dict[str, DepthProtocol] = {
    "all": DepthProtocol("all pixels with a known depth"),
    "kitti": DepthProtocol("KITTI, Eigen's split, within the crop of Garg et al.", (1e-3, 80.0), GARG),
    "nyu": DepthProtocol("NYU Depth v2, within the crop of Eigen et al.", (1e-3, 10.0), EIGEN),
}


class Depths(NamedTuple):
    """Errors of depth, and how they were taken."""

    scores: DepthScores
    protocol: str
    says: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; NaN where no pixel has a known depth."""
        return {**self.scores._asdict(), "protocol": self.protocol, "protocol_says": self.says}


def score_depth(
    predictions: str | Path,
    truth: str | Path,
    *,
    protocol: str = "all",
    per_meter: float | None = None,
    limits: tuple[float, float] | None = None,
    scale: Literal["", "median"] = "",
) -> Depths:
    """Errors of depth maps in folders.

    Args:
        protocol: a name of `PROTOCOLS`.
        per_meter: what the numbers of PNG files are a meter of, such as 256; files of floating point hold meters.
        limits: least and largest true depth that counts, instead of the protocol's; predictions are set to them first.
        scale: "median" multiplies each prediction by the ratio of the medians.

    Raises: RecipeError for an unknown protocol; DataError for folders without depth maps, names that only one of both has,
        PNGs without `per_meter`, sizes that differ and predictions that are no depth.
    """
    if protocol not in PROTOCOLS:
        raise RecipeError(f"there is no protocol {protocol!r} of depth{nearest(protocol, PROTOCOLS)}")
    way = PROTOCOLS[protocol]
    bounds = limits or way.limits
    metric = DepthErrors(limits=bounds, clip=bounds != (0.0, math.inf), scale=scale)
    ours, theirs = depth_files(Path(predictions)), depth_files(Path(truth))
    both(ours, theirs, predictions, truth)
    for name, path in theirs.items():
        known, called = read_depth(path, per_meter), read_depth(ours[name], per_meter)
        if known.shape != called.shape:
            (h, w), (height, width) = called.shape, known.shape
            raise DataError(
                f"{ours[name]}: the prediction is {w}x{h} pixels, but the truth is {width}x{height}; predict in its size"
            )
        place = _part(known.shape, way.crop)
        try:
            metric.update(called[place], known[place])
        except IntarsiaError as error:
            raise type(error)(f"{ours[name]}: {error}") from None
    says = way.says + (f", {bounds[0]:g} to {bounds[1]:g} m" if metric.clip else "")
    says += "; each prediction scaled by the ratio of the medians" if scale else ""
    return Depths(metric.compute(), protocol, says + "; means over images")


def depth_files(folder: Path) -> dict[str, Path]:
    """The depth maps anywhere below a folder, by name without suffix, in order.

    Raises: DataError when there is none, or two of one name.
    """
    if not folder.is_dir():
        raise DataError(not_a_folder(folder))
    found: dict[str, Path] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".png", ".npy")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise DataError(f"{found[name]} and {path} share a name; keep one of them")
        found[name] = path
    if not found:
        raise DataError(f"{folder}: holds no depth maps (.png of 16 bit, or .npy)")
    return found


def both(
    ours: Mapping[Any, Any], theirs: Mapping[Any, Any], predictions: object, truth: object, what: str = "depth maps"
) -> None:
    """See that predictions and truth have the same names.

    Raises: DataError naming one that only one of them has.
    """
    for one, other, folder, lacks in (
        (theirs, ours, predictions, "have no prediction"),
        (ours, theirs, truth, "have no truth"),
    ):
        if odd := [key for key in one if key not in other]:
            name = odd[0] if isinstance(odd[0], str) else "/".join(filter(None, odd[0]))
            raise DataError(f"{folder}: {len(odd)} of {len(one)} {what} {lacks}, such as {name!r}")


def read_depth(path: Path, per_meter: float | None = None) -> np.ndarray:
    """A depth map [H, W] in meters; 0, NaN or below where it is not known.

    Raises: DataError for a file of another form, and for a PNG where nothing says what its numbers mean.
    """
    if path.suffix.lower() == ".npy":
        array, _ = read_npy(path)
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[..., 0]
        if array.ndim != 2 or array.dtype.kind not in "fiu":
            raise DataError(f"{path}: an array {list(array.shape)} of {array.dtype}; depth is [H, W] of numbers")
        if array.dtype.kind == "f":
            return array.astype(np.float64)
    else:
        array = read_ids(path)
        if array.dtype == np.uint8:
            raise DataError(f"{path}: 8 bit, too coarse for depth; take the original file of 16 bit, or save .npy")
    if per_meter is None:
        raise DataError(
            f"{path}: holds whole numbers; say with --depth-scale how many are a meter (256 in KITTI, 1000 in NYU Depth v2)"
        )
    if not (math.isfinite(per_meter) and per_meter > 0):
        raise DataError(f"the scale of depth is {per_meter}; give how many numbers are a meter, such as 256")
    return array.astype(np.float64) / per_meter


def _part(shape: tuple[int, ...], crop: tuple[float, float, float, float] | None) -> tuple[slice, slice]:
    """The part of a map that counts."""
    if crop is None:
        return np.s_[:, :]
    height, width = shape
    top, bottom, left, right = (int(s * n + 1e-6) for s, n in zip(crop, (height, height, width, width), strict=True))
    return slice(top, bottom), slice(left, right)
