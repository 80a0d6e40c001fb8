"""Zarr arrays as sources: [H, W], [H, W, C] or [C, H, W], alone or as the levels of an OME-Zarr."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, extra
from .source import checked_level, checked_numbers

_UNITS = {"micrometer": 1.0, "nanometer": 1e-3, "millimeter": 1e3, "meter": 1e6}
_CHANNELS = 16  # an axis of at most so many is one of channels


class ZarrArray:
    """One array of a Zarr store.

    Args:
        path: the folder.
        level: of an OME-Zarr's pyramid; 0 has the most pixels.

    Raises: DataError for a store that is damaged, or holds no picture; MissingExtra without zarr.
    """

    def __init__(self, path: Path, level: int = 0) -> None:
        zarr = extra("zarr", "large")
        self.path = path
        try:
            node = zarr.open(str(path), mode="r")
            levels, axes, scales = _levels(node)
        except Exception as error:  # zarr raises many kinds
            raise DataError(f"{path}: the Zarr store cannot be read ({str(error)[:200]}); is it complete?") from None
        if not levels:
            raise DataError(f"{path}: the Zarr store holds no array and no multiscales; name the array in it")
        self.axes = axes or _guessed(path, levels[0].shape)
        sizes = [tuple(int(one.shape[self.axes.index(axis)]) for axis in "yx") for one in levels]
        self._array = array = levels[checked_level(path, level, [(y, x) for y, x in sizes])]
        for axis, count in zip(self.axes, array.shape, strict=True):
            if axis not in "cyx" and count != 1:
                raise DataError(f"{path}: {count} pictures along axis {axis!r}; one is needed, so save each by itself")
        self.height, self.width = sizes[level]
        self.channels = int(array.shape[self.axes.index("c")]) if "c" in self.axes else 1
        self.dtype = checked_numbers(path, array.dtype)
        down, across = (int(array.chunks[self.axes.index(axis)]) for axis in "yx")
        self.tile = (down, across)
        scale = scales[level] if scales else None
        self.spacing = (scale[self.axes.index("y")], scale[self.axes.index("x")]) if scale else None

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Read a region that lies inside of the picture: [height, width, C]."""
        rows, columns = slice(top, top + height), slice(left, left + width)
        cut = {"y": rows, "x": columns, "c": slice(None)}
        try:
            part = np.asarray(self._array[tuple(cut.get(axis, 0) for axis in self.axes)])
        except Exception as error:
            raise DataError(
                f"{self.path}: a chunk cannot be read ({str(error)[:200]}); is the store complete?"
            ) from None
        left_axes = [axis for axis in self.axes if axis in cut]
        if "c" not in left_axes:
            return part[..., None]
        return np.ascontiguousarray(np.moveaxis(part, left_axes.index("c"), -1))

    def close(self) -> None:
        """Do nothing: each chunk is a file that is open while it is read."""


def _levels(node: Any) -> tuple[list[Any], str, list[list[float]]]:
    """The arrays of a store, the letters of their axes, and micrometers a step along each where the store says it."""
    if hasattr(node, "shape"):
        return [node], "", []
    told = dict(node.attrs)
    scales = (told.get("ome") or told).get("multiscales") or []
    if not scales:
        return [], "", []
    first = scales[0]
    axes = [a if isinstance(a, dict) else {"name": a} for a in first.get("axes") or "tczyx"]
    units = [_UNITS.get(str(a.get("unit")), 0.0) for a in axes]
    steps = []
    for data in first["datasets"]:
        moves = data.get("coordinateTransformations") or []
        scale = next((m["scale"] for m in moves if m.get("type") == "scale"), None)
        if scale and all(u for a, u in zip(axes, units, strict=True) if a["name"] in "yx"):
            steps.append([float(s) * u for s, u in zip(scale, units, strict=True)])
    names = "".join(str(a["name"])[:1].lower() for a in axes)
    return [node[data["path"]] for data in first["datasets"]], names, steps


def _guessed(path: Path, shape: tuple[int, ...]) -> str:
    """The axes of an array that does not name them."""
    if len(shape) == 2:
        return "yx"
    if len(shape) == 3 and shape[2] <= _CHANNELS:
        return "yxc"
    if len(shape) == 3 and shape[0] <= _CHANNELS:
        return "cyx"
    raise DataError(f"{path}: an array of shape {tuple(shape)} is no picture; give [H, W], [H, W, C] or [C, H, W]")
