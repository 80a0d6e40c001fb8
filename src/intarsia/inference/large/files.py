"""Files of a large label map, made of its store tile row by tile row: a pyramid as TIFF or GeoTIFF, or as OME-Zarr.

Of several labels a pixel each class is a TIFF of its own, and the Zarr has an axis of classes.

Each level has every second pixel of the one below it: classes have no mean.
"""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from ...data.regions.source import Source
from ...errors import extra
from ...labels import LabelSpace
from ...output import Output, check_renewable, renewed
from .planes import Plane, decoded
from .store import LEVEL, Store

LEAST = 512  # pixels of the longer side of the last level, at most
CHUNK = 1024  # side of the chunks of a Zarr array
_IGNORED = (255, 255, 255)
_CENTIMETER = 10_000.0  # micrometers
_REFUSAL = "is there and is no result of this program; choose another --out"
_BIG = 1 << 31  # bytes of tiles beyond which a TIFF is written as BigTIFF


def write_tiff(path: Path, store: Store | Plane, source: Source, space: LabelSpace) -> None:
    """Write the label map as a tiled TIFF with smaller levels: class numbers, colors as its palette, and the source's place
    on earth and resolution.

    Args:
        store: of class numbers, or the 0 and 1 of one class.

    Raises: MissingExtra without tifffile; OSError where the disk is full.
    """
    tifffile = extra("tifffile", "large")
    height, width, tile = (int(store.head[key]) for key in ("height", "width", "tile"))
    dtype = np.dtype(store.head["dtype"])
    look: dict[str, Any] = {"dtype": dtype, "tile": (tile, tile), "compression": "zlib", "metadata": None}
    if dtype == np.uint8:
        look |= {
            "photometric": "palette",
            "colormap": _palette(space, store.number if isinstance(store, Plane) else None),
        }
    else:
        look["photometric"] = "minisblack"
    if source.spacing is not None:
        down, across = source.spacing
        look |= {"resolution": (_CENTIMETER / across, _CENTIMETER / down), "resolutionunit": "CENTIMETER"}
    known: dict[str, Any] = {"classes": list(space.names), "ignore": space.ignore_index}
    names = json.dumps({"class": space.names[store.number]} if isinstance(store, Plane) else known)
    tags = [(code, int(tag.dtype), tag.count, tag.value, True) for code, tag in getattr(source, "tags", {}).items()]
    sizes = levels_of(height, width)
    big = sum(sum(line["sizes"]) for line in store.lines) * 2 > _BIG
    with tifffile.TiffWriter(path, bigtiff=big) as file, _smaller(store, sizes, tile) as levels:
        file.write(
            store.tiles(), shape=(height, width), subifds=len(sizes) - 1, description=names, extratags=tags, **look
        )
        for level, tiles in enumerate(levels, start=1):
            halved = {**look}
            if "resolution" in look:
                halved["resolution"] = tuple(one / (1 << level) for one in look["resolution"])
            file.write(tiles, shape=sizes[level], subfiletype=1, **halved)


def check_zarr(folder: Path) -> None:
    """Refuse to write an array in place of what somebody else has written.

    Raises: DataError.
    """
    check_renewable(folder, "zarr", _REFUSAL)


def write_zarr(results: Output, name: str, store: Store, source: Source, space: LabelSpace) -> Path:
    """Write the label map as an OME-Zarr (version 3) with smaller levels; returns its folder.

    Raises: MissingExtra without zarr; DataError for a folder that somebody else has written into, or a full disk.
    """
    zarr = extra("zarr", "large")
    folder = results.folder / name
    height, width = int(store.head["height"]), int(store.head["width"])
    sizes, down = levels_of(height, width), source.spacing or (1.0, 1.0)
    several, count = space.planes, space.num_classes
    unit = {"unit": "micrometer"} if source.spacing else {}
    with renewed(folder, "zarr", _REFUSAL) as place:
        group = zarr.create_group(str(place), overwrite=True)
        data = []
        for level, size in enumerate(sizes):
            shape, chunks = ((count, *size), (1, CHUNK, CHUNK)) if several else (size, (CHUNK, CHUNK))
            kind = "uint8" if several else store.head["dtype"]
            array = group.create_array(str(level), shape=shape, chunks=chunks, dtype=kind)
            top = 0
            for rows in _gathered(reduced(store, level), CHUNK):
                array[..., top : top + len(rows), :] = decoded(rows, count) if several else rows
                top += len(rows)
            scale = [*([1.0] if several else []), *(one * (1 << level) for one in down)]
            data.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
        axes = [{"name": axis, "type": "space", **unit} for axis in "yx"]
        axes = [*([{"name": "c", "type": "channel"}] if several else []), *axes]
        group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": data}]}
        group.attrs["classes"] = list(space.names)
        group.attrs["ignore"] = space.ignore_index
    return folder


def reduced(store: Store, level: int) -> Iterator[np.ndarray]:
    """Read the label map with every 2^level-th pixel along both axes, some rows at a time."""
    step, top = 1 << level, 0
    for rows in store.rows():
        part = rows[-top % step :: step, ::step]
        top += len(rows)
        if len(part):
            yield part.copy() if level else part  # a view would keep all rows in memory


def levels_of(height: int, width: int) -> list[tuple[int, int]]:
    """List the sizes (H, W) of a pyramid's levels, the largest first."""
    sizes = [(height, width)]
    while max(sizes[-1]) > LEAST:
        step = 1 << len(sizes)
        sizes.append((-(-height // step), -(-width // step)))
    return sizes


def _gathered(parts: Iterator[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """The same rows, so many at a time."""
    held: list[np.ndarray] = []
    have = 0
    for part in parts:
        held.append(part)
        have += len(part)
        while have >= count:
            whole = np.concatenate(held)
            yield whole[:count]
            held, have = [whole[count:]], have - count
    if have:
        yield np.concatenate(held)


@contextmanager
def _smaller(store: Store | Plane, sizes: list[tuple[int, int]], tile: int) -> Iterator[list[Iterator[bytes]]]:
    """The deflated tiles of all levels but the first, made while the store is read once and kept beside it."""
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile(dir=store.folder)) for _ in sizes[1:]]
        lengths: list[list[int]] = [[] for _ in files]
        held: list[list[np.ndarray]] = [[] for _ in files]

        def put(level: int, rows: np.ndarray) -> None:
            for left in range(0, rows.shape[1], tile):
                part = rows[:, left : left + tile]
                made = np.zeros((tile, tile), rows.dtype)
                made[: part.shape[0], : part.shape[1]] = part
                packed = zlib.compress(made.tobytes(), LEVEL)
                files[level].write(packed)
                lengths[level].append(len(packed))

        top = 0
        for rows in store.rows():
            for level, waiting in enumerate(held):
                step = 2 << level
                waiting.append(rows[-top % step :: step, ::step].copy())
                if sum(map(len, waiting)) >= tile:
                    whole = np.concatenate(waiting)
                    put(level, whole[:tile])
                    waiting[:] = [whole[tile:]]
            top += len(rows)
        for level, waiting in enumerate(held):
            if len(rest := np.concatenate(waiting)):
                put(level, rest)
            files[level].seek(0)
        yield [_pieces(file, own) for file, own in zip(files, lengths, strict=True)]


def _pieces(file: IO[bytes], sizes: list[int]) -> Iterator[bytes]:
    for size in sizes:
        yield file.read(size)


def _palette(space: LabelSpace, number: int | None) -> np.ndarray:
    """The colors of the class numbers, or of the 0 and 1 of one class, as TIFF keeps them: [3, 256] of 16 bits."""
    colors = np.zeros((256, 3), np.uint16)
    if number is None:
        colors[: space.num_classes] = space.colors
        colors[space.ignore_index] = _IGNORED
    else:
        colors[1] = space.colors[number]
    return np.ascontiguousarray(colors.T * np.uint16(257))
