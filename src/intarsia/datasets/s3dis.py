"""S3DIS: rooms of six buildings as colored points, 13 classes.

Armeni et al. "3D Semantic Parsing of Large-Scale Indoor Spaces." CVPR 2016. doi:10.1109/CVPR.2016.170

    Area_1/office_1/Annotations/chair_1.txt         x y z r g b, a point a line; one file for each object

A split is an area; the usual test is Area_5. Samples are clouds of points, not images.
"""

import io
from pathlib import Path

import numpy as np

from ..errors import DataError, nearest
from ..labels import LabelSpace
from ..structures import Cloud

NAMES = "ceiling floor wall beam column window door table chair sofa bookcase board clutter".split()
LABELS = LabelSpace(tuple(NAMES))


class Rooms:
    """A data set of rooms; its items are Clouds."""

    holds = "clouds of points"  # for those who ask for images

    def __init__(self, items: tuple[Path, ...], labels: LabelSpace, split: str) -> None:
        self.items, self.labels, self.split, self.name = items, labels, split, "s3dis"

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Cloud:
        room = self.items[index]
        parts, labels, objects = [], [], []
        for number, path in enumerate(sorted((room / "Annotations").glob("*.txt")), 1):
            word = path.stem.rsplit("_", 1)[0]
            name = "clutter" if word == "stairs" else word  # stairs are too few to count, as everybody has it
            if name not in NAMES:
                raise DataError(f"{path}: there is no class {word!r} of S3DIS{nearest(word, NAMES)}")
            rows = _points(path)
            if rows[:, 3:].min() < 0 or rows[:, 3:].max() > 255:
                raise DataError(f"{path}: colors from {rows[:, 3:].min():g} to {rows[:, 3:].max():g}; they are 0..255")
            parts.append(rows)
            labels.append(np.full(len(rows), NAMES.index(name), np.uint8))
            objects.append(np.full(len(rows), number, np.int32))
        if not parts:
            raise DataError(f"{room}: its Annotations hold no file")
        import torch

        rows = np.concatenate(parts)
        raw = self.labels.encode(np.concatenate(labels))
        return Cloud(
            torch.from_numpy(rows[:, :3].astype(np.float32)),
            torch.from_numpy(rows[:, 3:6].astype(np.uint8)),
            torch.from_numpy(raw),
            torch.from_numpy(np.concatenate(objects)),
            f"{room.parent.name}/{room.name}",
        )


def s3dis(root: str | Path, split: str, *, labels: LabelSpace | None = None) -> Rooms:
    """S3DIS.

    Args:
        split: an area, "Area_1" .. "Area_6", or several: "Area_1+Area_2".
        labels: another meaning of the 13 class numbers.
    """
    root, found = Path(root), []
    for area in split.split("+"):
        rooms = sorted(path.parent for path in (root / area).glob("*/Annotations"))
        if not rooms:
            raise DataError(f"{root}: there is no {area}/ROOM/Annotations{nearest(area, splits(root))}")
        found += rooms
    return Rooms(tuple(found), labels or LABELS, split)


def splits(root: str | Path) -> tuple[str, ...]:
    """The areas that are there."""
    return tuple(sorted(path.name for path in Path(root).glob("Area_*")))


def _points(path: Path) -> np.ndarray:
    """[N, 6] float64; a damaged line, of which the release itself has a few, is named."""
    text = path.read_text(encoding="latin-1")
    if not text.strip():
        raise DataError(f"{path}: holds no point")
    try:
        rows = np.loadtxt(io.StringIO(text), ndmin=2, comments=None)
        if rows.shape[1] == 6:
            return rows
    except ValueError:
        pass
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if words and (len(words) != 6 or not all(map(_is_number, words))):
            raise DataError(
                f"{path}, line {number}: {line[:48]!r} is no point, which is six numbers x y z r g b; correct the line (the release has a few such)"
            )
    raise DataError(f"{path}: cannot be read as points x y z r g b")


def _is_number(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False
