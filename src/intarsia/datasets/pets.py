"""Oxford-IIIT Pet: cats and dogs of 37 breeds, 7,349 photos, each with a trimap.

Parkhi, Vedaldi, Zisserman, Jawahar. "Cats and Dogs." CVPR 2012. doi:10.1109/CVPR.2012.6248092

    annotations/trimaps/NAME.png   1 the pet, 2 background, 3 the band between, which is not classified; there is no 0
    annotations/SPLIT.txt          NAME CLASS SPECIES BREED, where CLASS is 1..37, SPECIES 1 a cat and 2 a dog
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ..data.files.id_maps import read_ids
from ..data.pairs import Pair, Pairs, Raw
from ..errors import DataError
from ..labels import LabelSpace
from .release import choice, held_out, one_of, top

TREE = """    images/NAME.jpg
    annotations/trimaps/NAME.png
    annotations/trainval.txt annotations/test.txt"""
_PET, _GROUND, _BAND = 1, 2, 3
_FIRST = 4  # raw value of the first species or breed, beside those of the trimaps
_SPECIES = {1: "cat", 2: "dog"}


class Row(NamedTuple):
    """One line of a list."""

    name: str
    number: int  # of the breed, from 1
    species: int

    @property
    def breed(self) -> str:
        return self.name.rpartition("_")[0]


def pets(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    classes: Literal["pet", "species", "breeds"] = "pet",
    border: Literal["ignore", "class"] = "ignore",
    holdout: float | None = None,
) -> Pairs:
    """Oxford-IIIT Pet: background and the pet, the cat or dog, or its breed.

    Args:
        split: "trainval" or "test"; with `holdout`, "train" or "val", both of trainval.
        labels: another meaning of 1, 2 and 3, and, of species and breeds, of their number and 3.
        classes: "pet", one class; "species", two; "breeds", 37.
        border: whether the band around the pet is ignored or a class, named last.
        holdout: share of trainval, 0..1, that is "val"; which ones follows from their names alone.
    """
    choice("classes", classes, ("pet", "species", "breeds"))
    choice("border", border, ("ignore", "class"))
    root = top(root, ("images", "annotations/trimaps"), TREE, below=("oxford-iiit-pet",))
    one_of(split, splits(root, holdout=holdout), root, TREE)
    rows = _rows(root / "annotations" / f"{'trainval' if split in ('train', 'val') else split}.txt")
    items = []
    for row in rows:
        image, mask = root / "images" / f"{row.name}.jpg", root / "annotations/trimaps" / f"{row.name}.png"
        for path in (image, mask):
            if not path.is_file():
                raise DataError(f"{root}: {row.name} is listed, but there is no {path}")
        items.append(Pair(row.name, image, mask))
    if split in ("train", "val") and holdout is not None:
        items = held_out(items, holdout, split)
    if classes == "pet":
        return Pairs(items, labels or label_space({_PET: "pet"}, border), name="pets", split=split, channels=3)
    every = [row for s in ("trainval", "test") for row in _rows(root / "annotations" / f"{s}.txt", may_lack=True)]
    if classes == "species":
        known = {_FIRST + n: name for n, name in _SPECIES.items()}
    else:
        known = {_FIRST + n: name for n, name in sorted({(row.number, row.breed) for row in every})}
    numbers = {row.name: _FIRST + (row.species if classes == "species" else row.number) for row in rows}
    space = labels or label_space(known, border)
    return Pairs(items, space, name="pets", split=split, channels=3, decode=Trimaps(numbers))


def splits(root: str | Path, *, holdout: float | None = None) -> tuple[str, ...]:
    """The splits that have a list; "train" and "val" of a holdout."""
    homes = (Path(root), Path(root) / "oxford-iiit-pet")
    found = tuple(s for s in ("trainval", "test") if any((h / "annotations" / f"{s}.txt").is_file() for h in homes))
    return found if holdout is None else ("train", "val", *(s for s in found if s == "test"))


def label_space(pets: Mapping[int, str], border: str) -> LabelSpace:
    """Background first, then the pets by their raw values, then the band where it is a class."""
    names = ("background", *pets.values(), *(("border",) if border == "class" else ()))
    values: dict[int | str, str] = {_GROUND: "background", _BAND: "border" if border == "class" else "ignore"}
    values.update(pets.items())
    return LabelSpace(names, values=values)


@dataclass(frozen=True)
class Trimaps:
    """Decodes a trimap whose pet has a number of its own."""

    numbers: dict[str, int]

    def __call__(self, item: Pair) -> Raw:
        assert item.mask is not None
        trimap = read_ids(item.mask)
        return Raw(np.where(trimap == _PET, np.uint8(self.numbers[item.name]), trimap))


def _rows(file: Path, may_lack: bool = False) -> list[Row]:
    if may_lack and not file.is_file():
        return []
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if len(words) != 4 or not all(w.isdecimal() for w in words[1:]):
            raise DataError(f"{file}, line {number}: {line.strip()!r}; a line is NAME CLASS SPECIES BREED")
        rows.append(Row(words[0], int(words[1]), int(words[2])))
    return rows
