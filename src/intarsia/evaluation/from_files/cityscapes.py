"""Objects that any tool has detected in Cityscapes' form: a text file an image, and a mask an object.

predictions  CITY_SEQUENCE_FRAME*.txt with lines `PATH LABEL_ID SCORE`; PATH is a PNG beside the text file, not zero inside
truth        CITY_SEQUENCE_FRAME_gtFine_instanceIds.png, 16 bit: 1000 id + number for single objects, the id for groups
             and for all else

Both lie anywhere below their folders. As on the server, predictions of other classes than the eight evaluated ones count
nowhere.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...data.files.codecs import decode_mask
from ...data.files.id_maps import read_ids
from ...datasets.cityscapes import FIRST_THING, SPACES
from ...datasets.cityscapes import NAMES as EVALUATED
from ...documents import read_lines
from ...errors import DataError
from ...metrics import CityscapesPrecision, Objects, Segments
from ...metrics.cityscapes_precision import CityscapesScores

_NAMES = SPACES[34].names  # in the order of their ids
THINGS = tuple(n for n, name in enumerate(_NAMES) if n >= FIRST_THING and name in EVALUATED)
"""The ids of the eight classes whose objects are evaluated."""
VOID = tuple(n for n, name in enumerate(_NAMES) if name not in EVALUATED)
_TRUTH = "_gtFine_instanceIds.png"


class CityscapesObjects(NamedTuple):
    """AP of all classes and of each, by the rules of Cityscapes."""

    scores: CityscapesScores
    names: tuple[str, ...]
    images: int
    detections: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; NaN where there is nothing to find."""
        s = self.scores
        each = {n: {"ap": a, "ap50": b} for n, a, b in zip(self.names, s.classes, s.classes50, strict=True)}
        return {"ap": s.ap, "ap50": s.ap50, "classes": each, "images": self.images, "detections": self.detections}


def score_cityscapes(predictions: str | Path, truth: str | Path) -> CityscapesObjects:
    """Average precision of objects in Cityscapes' files, equal to the official script's.

    Raises: DataError for a folder without files of that form, a truth without predictions, lines that are no prediction,
        masks that are missing, lie outside of the folder or have another size.
    """
    root, maps = Path(predictions), sorted(Path(truth).rglob("*" + _TRUTH))
    if not maps:
        raise DataError(f"{truth}: holds no *{_TRUTH}; give the folder gtFine/val of Cityscapes")
    texts: dict[str, list[Path]] = {}
    for text in sorted(root.rglob("*.txt")):
        texts.setdefault("_".join(text.stem.split("_")[:3]), []).append(text)
    metric, total = CityscapesPrecision(len(THINGS)), 0
    for path in maps:
        name = path.name.removesuffix(_TRUTH)
        mine = texts.get(name, [])
        if len(mine) != 1:
            found = f"{len(mine)} files, {mine[0].name} and {mine[1].name}" if mine else "no file"
            raise DataError(f"{root}: holds {found} {name}*.txt of the predictions for {path.name}; give one an image")
        ids = read_ids(path)
        listed = {int(s): int(s) // 1000 if s >= 1000 else int(s) for s in np.flatnonzero(np.bincount(ids.ravel()))}
        classes = {s: THINGS.index(k) for s, k in listed.items() if k in THINGS}
        rows = [row for row in _rows(mine[0], root) if row[1] in THINGS]
        metric.update(
            Objects(_Masks([r[0] for r in rows]), [THINGS.index(r[1]) for r in rows], [r[2] for r in rows]),  # type: ignore[arg-type]
            Segments(ids, classes, {s for s in classes if s < 1000}),
            VOID,
        )
        total += len(rows)
    return CityscapesObjects(metric.compute(), tuple(_NAMES[k] for k in THINGS), len(maps), total)


class _Masks:
    """Masks in files, read some steps ahead: decoding them is most of the work."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[np.ndarray]:
        count = min(8, os.cpu_count() or 1)
        with ThreadPoolExecutor(count) as pool:
            waiting: deque[Future[np.ndarray]] = deque()
            for path in self.paths:
                waiting.append(pool.submit(_mask, path))
                if len(waiting) > 2 * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


def _mask(path: Path) -> np.ndarray:
    mask, palette = decode_mask(path)
    if palette is not None:
        mask = palette[mask]
    return mask if mask.ndim == 2 else mask[..., :3].max(axis=2)


def _rows(text: Path, root: Path) -> list[tuple[Path, int, float]]:
    """(mask's file, label id, score) of each line.

    Raises: DataError for a line of another form, and for a file that is not there or lies outside of `root`.
    """
    rows = []
    for n, line in enumerate(read_lines(text), 1):
        words = line.split()
        if not words:
            continue
        kind, score = map(_number, words[1:3]) if len(words) == 3 else (math.nan, math.nan)
        if not math.isfinite(kind + score):
            raise DataError(f"{text}: line {n} is {line[:60]!r}; expected the path of a mask, a label id and a score")
        path = (text.parent / words[0]).resolve()
        if Path(words[0]).is_absolute() or not path.is_relative_to(root.resolve()):
            raise DataError(
                f"{text}: line {n} names {words[0]}, which lies outside of {root}; masks lie beside their text"
            )
        rows.append((path, int(kind), score))
    return rows


def _number(word: str) -> float:
    """A word as a number, NaN where it is none."""
    try:
        return float(word)
    except ValueError:
        return math.nan
