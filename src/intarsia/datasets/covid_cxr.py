"""COVID-19 chest X-rays with 14 classes that overlap: organs, findings, and what medicine has put there.

General Blockchain Inc. "COVID-19 Chest X-ray Segmentations Dataset." 2020. Images: Cohen et al. arXiv:2006.11988

    images/NAME.jpg  structure.csv: Template Name, Filename, Mask, Resolution, Top, Left
    masks/ID.png (RGBA crops, black = off, pasted at Top and Left)

With `planes` each class is by itself. As one map, classes are drawn in the order of CLASSES, small things last, so that a
later one covers an earlier one; `only` asks for one class against all else, and then nothing is covered. A line of
structure.csv without a mask says that something is there, but not where: nothing is drawn for it.
"""

import csv
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..annotations.beside import size_of
from ..data.files.codecs import decode_mask
from ..data.layers import hidden_planes
from ..data.pairs import Pair, Pairs, Raw
from ..errors import DataError, nearest
from ..labels import LabelSpace
from .release import held_out

CLASSES = (
    "Left Lung", "Right Lung", "Cardiomediastinum", "Airways", "Pleural Effusion", "Pneumothorax", "Ground Glass Opacities",
    "Consolidation", "Monitoring Probes", "Tubings", "Chest Tube", "Nosogastric Tube", "Endotracheal Tube",
    "Central Venous Line",
)  # fmt: skip
LABELS = LabelSpace(("background", *CLASSES))
PLANES = LabelSpace(CLASSES, planes=True)


class Crop(NamedTuple):
    """One mask of an image: a class, and where its crop is pasted."""

    number: int  # of the class in CLASSES
    file: Path
    top: int
    left: int


def covid_cxr(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    only: str | None = None,
    planes: bool = False,
    holdout: float = 0.2,
) -> Pairs:
    """COVID-19 chest X-rays.

    Args:
        split: "train", "val" or "all": there is no official split.
        labels: another meaning of the raw values: 0 background and 1..14 for CLASSES; with `only`, 0 and 1.
        only: one of the classes; all else is background.
        planes: several labels a pixel: a plane for each of CLASSES, without background; also where `labels` has `planes`.
        holdout: share of the images that is "val"; which ones follows from their names alone.
    """
    root = Path(root)
    if only is not None and only not in CLASSES:
        raise DataError(f"data.only is {only!r}{nearest(only, CLASSES)}")
    if only is not None and (planes or (labels is not None and labels.planes)):
        raise DataError(f"data.only asks for {only!r} alone, and planes for all classes; leave one of them out")
    if labels is not None and planes and not labels.planes:
        raise DataError(
            "data.planes asks for several labels a pixel; write labels.planes: true too, or leave labels out"
        )
    crops = _crops(root / "structure.csv")
    items = []
    for name in sorted(crops):
        image = root / "images" / name
        for needed in (image, *(crop.file for crop in crops[name])):
            if not needed.is_file():
                raise DataError(f"{needed}: there is no such file, but structure.csv lists it")
        items.append(Pair(name, image, root / "structure.csv").also(*(crop.file for crop in crops[name])))
    if split != "all":
        items = held_out(items, holdout, split)
    space = labels or (PLANES if planes else LABELS if only is None else LabelSpace(("background", only)))
    if space.planes:
        _known(space)
        return Pairs(
            items, space, name="covid_cxr", split=split, channels=3, decode=partial(_stack, crops, space.names)
        )
    number = None if only is None else CLASSES.index(only)
    return Pairs(items, space, name="covid_cxr", split=split, channels=3, decode=partial(_decode, crops, number))


def splits(root: str | Path) -> tuple[str, ...]:
    """Both sides of the holdout."""
    return ("train", "val")


def planes(item: Pair) -> np.ndarray:
    """[14, H, W] bool: each class of an image by itself, in the order of CLASSES."""
    assert item.mask is not None
    return _planes(_crops(item.mask)[item.name], item)


def _crops(table: Path) -> dict[str, list[Crop]]:
    """The masks of each image, as structure.csv lists them."""
    if not table.is_file():
        raise DataError(
            f"{table}: there is no such file; set data.root to the folder with images, masks, structure.csv"
        )
    held: dict[str, list[Crop]] = {}
    with table.open(encoding="utf-8-sig", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), 2):
            try:
                name, image, mask = row["Template Name"], row["Filename"], row["Mask"]
                top, left = int(row["Top"]), int(row["Left"])
            except (KeyError, ValueError, TypeError):
                raise DataError(
                    f"{table}, line {line}: expected Template Name, Filename, Mask, and numbers in Top and Left"
                ) from None
            if name not in CLASSES:
                raise DataError(f"{table}, line {line}: there is no class {name!r}{nearest(name, CLASSES)}")
            crops = held.setdefault(image, [])
            if mask:
                crops.append(Crop(CLASSES.index(name), table.parent / mask, top, left))
    return held


def _planes(crops: list[Crop], item: Pair) -> np.ndarray:
    height, width = size_of(item.image)
    found = np.zeros((len(CLASSES), height, width), bool)
    for number, file, top, left in crops:
        stored, palette = decode_mask(file)
        colors = stored if palette is None else palette[stored]
        on = colors > 0 if colors.ndim == 2 else colors[..., :3].any(axis=2)
        if top < 0 or left < 0 or top + on.shape[0] > height or left + on.shape[1] > width:
            raise DataError(
                f"{file} is {on.shape[1]}x{on.shape[0]} pixels and does not fit at {left}, {top} into {item.image}, which is {width}x{height}"
            )
        found[number, top : top + on.shape[0], left : left + on.shape[1]] |= on
    return found


def _known(space: LabelSpace) -> None:
    """Refuse planes of classes that the data set does not have."""
    for name in space.names:
        if name not in CLASSES:
            raise DataError(f"labels.classes lists {name!r}, of which there are no masks{nearest(name, CLASSES)}")


def _stack(crops: dict[str, list[Crop]], names: tuple[str, ...], item: Pair) -> Raw:
    drawn = _planes(crops[item.name], item)
    return Raw(np.zeros(drawn.shape[1:], np.uint8), planes=drawn[[CLASSES.index(name) for name in names]])


def _decode(crops: dict[str, list[Crop]], only: int | None, item: Pair) -> Raw:
    drawn = _planes(crops[item.name], item)
    if only is not None:
        return Raw(drawn[only].astype(np.uint8))
    canvas = np.zeros(drawn.shape[1:], np.uint8)
    for number, plane in enumerate(drawn, 1):
        canvas[plane] = number
    return Raw(canvas, covered=hidden_planes(drawn, CLASSES))
