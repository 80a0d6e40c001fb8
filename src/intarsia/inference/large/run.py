"""Predict a large picture tile row by tile row, in memory that grows with its width and not with its height.

    source - rows (read ahead by a thread) - windows - engine - blended parts - labels - tile rows - store (by a thread)

Windows and blending are those of `Windowed`, so that the answer is that of the picture in memory, pixel for pixel. A process
that goes on begins with the first row of windows that touches an unfinished pixel; their sums are the same again.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...data.regions.source import Source
from ...errors import ModelError
from ...labels import LabelSpace
from ...structures import Labels, Output, Planes
from ..assemble import described
from ..engine import innermost, memory_explained, name_of, networks_of
from ..memory import out_of_memory
from ..running import sound
from ..spans import spans
from ..windows import Windowed
from .blank import Blank, Rule
from .planes import check_count, coded, counted, dtype_of, filling
from .rows import Rows
from .store import LEVEL, Store

if TYPE_CHECKING:
    from ..predictor import Predictor

TILE = 256  # side of the tiles of the answer
SMALL = 2048  # pixels of the longer side of the picture that is kept for the overlay, at most
WRITING = 2  # tile rows that wait for the thread that writes

Progress = Callable[[float], None]  # is given the share that is done, 0..1


class Place(NamedTuple):
    """Where a process begins: the first unfinished pixel row, and the row of windows."""

    row: int
    first: int


def check_large(predictor: Predictor) -> Windowed:
    """See that a predictor can answer a picture tile row by tile row; returns its windows.

    Raises: ModelError for engines that see pictures as a whole, and answers that are neither label maps nor planes.
    """
    engine = predictor.engine
    if not isinstance(engine, Windowed):
        how = "resizes each picture" if hasattr(engine, "rule") else "sees each picture as a whole"
        raise ModelError(
            f"a picture beyond memory is predicted in windows, and this model {how}; cut the picture into tiles, or use a model of "
            "label maps in windows"
        )
    if engine.size == "whole":
        raise ModelError("a picture beyond memory is predicted in windows, and window is 'whole'; give --window auto")
    if predictor.task not in ("", "semantic"):
        raise ModelError(
            f"a picture beyond memory is answered with a label map, or several labels a pixel, and this model answers "
            f"{predictor.task}; cut the picture into tiles"
        )
    check_count(predictor.labels)
    return engine


def head_of(predictor: Predictor, source: Source, rule: Rule | None, level: int) -> dict[str, Any]:
    """Say what is made of what: picture, model, classes and windows; a process goes on only where all of it is the same."""
    windowed = check_large(predictor)
    networks = networks_of(predictor.engine)
    size = source.height, source.width
    side = windowed.sides(*size)[0] or max(size)
    return {
        "picture": [_fingerprint(path) for path in getattr(source, "paths", [source.path])],
        "level": level,
        "height": source.height,
        "width": source.width,
        "dtype": dtype_of(predictor.labels).name,
        "tile": TILE,
        "rows": math.ceil(source.height / TILE),
        "model": [
            name_of(windowed.engine),
            *(_weights(network.model) for network in networks),
            *filter(None, [getattr(innermost(windowed.engine), "digest", "")]),  # of an exported file
        ],
        "precision": predictor.precision,
        "classes": list(predictor.labels.names),
        "decide": {**predictor.decide, "temperature": predictor.temperature},
        "views": described(windowed.engine),
        "overlap": windowed.overlap,
        "blend": windowed.blend,
        "window": windowed.size,
        "blank": list(rule) if rule else None,
        "side": side,
    }


def fill(
    predictor: Predictor, source: Source, store: Store, rule: Rule | None, progress: Progress | None = None
) -> str:
    """Predict what a store does not have yet; afterwards it has every tile row.

    Returns: a sentence about what was done to the picture's channels; "" for nothing.

    Raises: DataError for pixels that cannot be read, a full disk, and windows that do not fit into memory; ModelError as
        `Predictor.output`.
    """
    windowed = check_large(predictor)
    size = source.height, source.width
    sides = [side or max(size) for side in windowed.sides(*size)]
    side = int(store.head["side"])
    while True:
        try:
            return _filled(predictor, windowed, source, store, rule, side, progress)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            smaller = [one for one in sides if one < side]
            if store.done or not smaller:
                with memory_explained(torch.empty(1, 1, side, side, device="meta"), predictor.device):
                    raise
        side = smaller[0]
        store.restart({**store.head, "side": side})


@torch.inference_mode()
def _filled(
    predictor: Predictor,
    windowed: Windowed,
    source: Source,
    store: Store,
    rule: Rule | None,
    side: int,
    progress: Progress | None,
) -> str:
    size = source.height, source.width
    rows, columns = (spans(length, side, windowed.overlap, windowed.blend) for length in size)
    place = _place(store.done * TILE, rows, source.height)
    if place is None:
        return ""
    blank = Blank(rule, size, TILE) if rule else None
    keeping = _Small(size)

    def seen(top: int, pixels: np.ndarray) -> None:
        keeping.see(top, pixels)
        if blank is not None:
            blank.see(top, pixels)

    first = rows[place.first].start // TILE * TILE
    reader = Rows(source, predictor.in_channels, first, seen)
    band = _Band(place.row, size, dtype_of(predictor.labels), side)
    fill_in = None if rule is None else filling(rule, predictor.labels)
    total, count = len(rows) * len(columns), place.first * len(columns)

    def skip(box: tuple[int, int, int, int]) -> bool:
        if blank is None:
            return False
        reader.fetch(box[0], min(size[0], math.ceil(box[2] / TILE) * TILE))
        return blank.covers(box)

    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[None]] = deque()
        try:
            for box, part in windowed.parts(size, side, reader.window, place.first, skip):
                if part is not None and box[2] > band.top:
                    band.paste(box, _decided(predictor, part))
                if box[3] == size[1]:  # the last window of a row
                    for number, labels in band.finished(box[2]):
                        small = keeping.taken(number * TILE, number * TILE + len(labels))
                        flags = None if blank is None else blank.flags[number].copy()
                        waiting.append(pool.submit(_write, store, labels, small, flags, fill_in, predictor.labels))
                        while len(waiting) > WRITING:
                            waiting.popleft().result()
                count += 1
                if progress is not None:
                    progress(count / total)
            while waiting:
                waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            reader.close()
    return reader.note


def _place(row: int, rows: list[Any], height: int) -> Place | None:
    """Which row of windows to begin with so that all sums from a pixel row on are whole; None where all rows are finished."""
    if row >= height:
        return None
    needed = next(span for span in rows if span.ready > row)
    return Place(row, next(n for n, span in enumerate(rows) if span.stop > needed.start))


def _decided(predictor: Predictor, part: Output) -> np.ndarray:
    """The labels [h, w] of a part that is finished; of several a pixel, a bit a class."""
    maps = part[0]
    assert isinstance(maps, Tensor)  # of detections and stuff, which are no label maps, the first part is none
    shape = maps.new_zeros(1).expand(1, predictor.in_channels, *maps.shape[2:])
    answer = predictor.answers(sound(predictor, part, shape))[0]
    if isinstance(answer, Planes):
        return coded(np.asarray(answer.planes), dtype_of(predictor.labels))
    if not isinstance(answer, Labels):
        raise ModelError(
            f"a picture beyond memory is answered with a label map, or several labels a pixel, and this model answers {type(answer).__name__}; cut the "
            "picture into tiles"
        )
    return np.asarray(answer.classes)


def _write(
    store: Store, labels: np.ndarray, small: bytes, flags: np.ndarray | None, rule: Rule | None, space: LabelSpace
) -> None:
    """Deflate the tiles of a row [h, W] and write them; runs in a thread."""
    tiles = []
    for number, left in enumerate(range(0, labels.shape[1], TILE)):
        part = labels[:, left : left + TILE]
        if rule is not None and flags is not None and flags[number]:
            part[:] = rule.value
        whole = part
        if part.shape != (TILE, TILE):
            whole = np.zeros((TILE, TILE), labels.dtype)
            whole[: part.shape[0], : part.shape[1]] = part
        tiles.append(zlib.compress(whole.tobytes(), LEVEL))
    store.add(tiles, small, {"counts": counted(labels, space), "blank": 0 if flags is None else int(flags.sum())})


class _Band:
    """The rows of labels between the first unfinished tile row and the last finished row of windows."""

    def __init__(self, top: int, size: tuple[int, int], dtype: np.dtype, side: int) -> None:
        self.top, self.size = top, size
        self._labels = np.zeros((min(size[0], side + TILE), size[1]), dtype)

    def paste(self, box: tuple[int, int, int, int], labels: np.ndarray) -> None:
        above = max(0, self.top - box[0])  # rows that are finished already
        self._labels[box[0] + above - self.top : box[2] - self.top, box[1] : box[3]] = labels[above:]

    def finished(self, ready: int) -> list[tuple[int, np.ndarray]]:
        """Hand out the tile rows above a pixel row, each with its number, and forget them."""
        made, used = [], 0
        while self.top < ready and (self.top + TILE <= ready or ready == self.size[0]):
            height = min(TILE, self.size[0] - self.top)
            made.append((self.top // TILE, self._labels[used : used + height].copy()))
            self.top, used = self.top + height, used + height
        if used and ready > self.top:
            self._labels[: ready - self.top] = self._labels[used : used + ready - self.top].copy()
        return made


class _Small:
    """Every s-th pixel of a picture, gathered row by row."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.step = step_of(*size)
        self._rows: dict[int, np.ndarray] = {}

    def see(self, top: int, pixels: np.ndarray) -> None:
        for row in range(-(-top // self.step) * self.step, top + len(pixels), self.step):
            self._rows[row] = pixels[row - top, :: self.step].copy()

    def taken(self, top: int, bottom: int) -> bytes:
        for row in [row for row in list(self._rows) if row < top]:  # a copy: a thread adds rows
            del self._rows[row]
        rows = range(-(-top // self.step) * self.step, bottom, self.step)
        return b"".join(self._rows.pop(row).tobytes() for row in rows)


def step_of(height: int, width: int) -> int:
    """Say of how many pixels along an axis the small picture keeps one."""
    return max(1, math.ceil(max(height, width) / SMALL))


def _fingerprint(path: Path) -> list[Any]:
    """Name, size and time of a file; of a folder, of all in it together."""
    if path.is_file():
        found = path.stat()
        return [path.name, found.st_size, found.st_mtime_ns]
    names = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        found = file.stat()
        names.update(f"{file.relative_to(path)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return [path.name, names.hexdigest()[:16]]


def _weights(model: torch.nn.Module) -> str:
    """A number that says which weights a network has."""
    found = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()[:16]
