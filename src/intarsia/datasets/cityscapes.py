"""Cityscapes: streets of 50 cities, 5,000 images with fine and 20,000 with coarse outlines.

Cordts, Omran, Ramos, Rehfeld, Enzweiler, Benenson, Franke, Roth, Schiele. "The Cityscapes Dataset for Semantic Urban
Scene Understanding." CVPR 2016. arXiv:1604.01685

    CITY_SEQUENCE_FRAME_gtFine_labelIds.png      ids 0..33, of which 19 are evaluated
    CITY_SEQUENCE_FRAME_gtFine_instanceIds.png   16 bit: 1000 id + number for single objects, the id for all else
"""

from pathlib import Path
from typing import Literal

import numpy as np

from ..annotations.coco_panoptic import read as read_panoptic
from ..data.files.codecs import read_mask
from ..data.files.id_maps import read_ids
from ..data.pairs import Pair, Pairs, Raw
from ..data.things import with_things
from ..errors import DataError
from ..labels import LabelSpace, parse_color
from .release import choice, one_of, top

TREE = """    leftImg8bit/{train,val,test}/CITY/*_leftImg8bit.png
    gtFine/{train,val,test}/CITY/*_gtFine_labelIds.png *_gtFine_instanceIds.png
    gtCoarse/{train,train_extra,val}/CITY/*_gtCoarse_labelIds.png"""

_TABLE = """
void: unlabeled 000000, ego vehicle 000000, rectification border 000000, out of roi 000000, static 000000, dynamic 6f4a00, ground 510051
flat: road* 804080, sidewalk* f423e8, parking faaaa0, rail track e6968c
construction: building* 464646, wall* 66669c, fence* be9999, guard rail b4a5b4, bridge 966464, tunnel 96785a
object: pole* 999999, polegroup 999999, traffic light* faaa1e, traffic sign* dcdc00
nature: vegetation* 6b8e23, terrain* 98fb98
sky: sky* 4682b4
human: person* dc143c, rider* ff0000
vehicle: car* 00008e, truck* 000046, bus* 003c64, caravan 00005a, trailer 00006e, train* 005064, motorcycle* 0000e6, bicycle* 770b20
"""  # in the order of their ids; a star marks the evaluated ones, whose train ids count on from 0
_ROWS = [
    (entry[:-7].rstrip("*"), group, entry[:-7].endswith("*"), parse_color("#" + entry[-6:]))
    for group, entries in (line.split(": ") for line in _TABLE.strip().splitlines())
    for entry in entries.split(", ")
]
_GROUPS = tuple(dict.fromkeys(group for _, group, _, _ in _ROWS))

CATEGORIES = {  # name -> its classes among the 19
    group: tuple(name for name, of, evaluated, _ in _ROWS if evaluated and of == group) for group in _GROUPS[1:]
}
FIRST_THING = 24  # ids from here on are of people and vehicles, which are told apart
THINGS = (*(row[0] for row in _ROWS[FIRST_THING:]), "human", "vehicle")  # by the names of all spaces
NAMES = tuple(name for name, _, evaluated, _ in _ROWS if evaluated)
COLORS = tuple(color for _, _, evaluated, color in _ROWS if evaluated)
LABELS = LabelSpace(NAMES, COLORS, {n: row[0] if row[2] else "ignore" for n, row in enumerate(_ROWS)})
TRAIN_IDS = LabelSpace(NAMES, COLORS, {**dict(enumerate(NAMES)), 255: "ignore"})  # of labelTrainIds.png, and of others
SPACES = {
    19: LABELS,
    34: LabelSpace(tuple(r[0] for r in _ROWS), tuple(r[3] for r in _ROWS), dict(enumerate(r[0] for r in _ROWS))),
    8: LabelSpace(_GROUPS, values={n: row[1] for n, row in enumerate(_ROWS)}),
    7: LabelSpace(_GROUPS[1:], values={n: "ignore" if row[1] == "void" else row[1] for n, row in enumerate(_ROWS)}),
}


def cityscapes(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    annotations: Literal["gtFine", "gtCoarse"] = "gtFine",
    classes: Literal[19, 34, 8, 7] = 19,
    objects: bool = False,
    panoptic: bool = False,
) -> Pairs:
    """Cityscapes by its label ids.

    Args:
        split: "train", "val", "test" (whose masks show the car's hood alone), or "train_extra" of the coarse ones.
        labels: another meaning of the label ids.
        classes: the 19 that are evaluated; all 34 ids; the 8 categories, or the 7 without void.
        objects: number single people and vehicles as well.
        panoptic: read gtFine/cityscapes_panoptic_SPLIT, which `csCreatePanopticImgs` writes, and number objects by it.
    """
    choice("annotations", annotations, ("gtFine", "gtCoarse"))
    choice("classes", classes, tuple(SPACES))
    root = top(root, ("leftImg8bit", annotations), TREE)
    one_of(split, splits(root, annotations=annotations), root, TREE)
    space = labels or SPACES[classes]
    space = with_things(space, THINGS) if objects or panoptic else space
    if panoptic:
        if annotations != "gtFine":
            raise DataError("panoptic masks of Cityscapes are made of gtFine; leave out `annotations`")
        file = root / "gtFine" / f"cityscapes_panoptic_{split}.json"
        pairs, segments, _ = read_panoptic(file, file.with_suffix(""), lambda name: _image(root, split, name))
        return Pairs(pairs, space, name="cityscapes", split=split, decode=segments)
    items, left = [], []
    for image in sorted((root / "leftImg8bit" / split).glob("*/*_leftImg8bit.png")):
        name = image.name.removesuffix("_leftImg8bit.png")
        mask = root / annotations / split / image.parent.name / f"{name}_{annotations}_labelIds.png"
        if not mask.is_file():
            left.append(str(image.relative_to(root)))
            continue
        item = Pair(name, image, mask)
        if objects and not _instances(item).is_file():
            raise DataError(
                f"{mask}: there is no instanceIds.png beside it, which tells objects apart; set objects: false"
            )
        items.append(item.also(_instances(item)) if objects else item)
    if not items:
        raise DataError(
            f"{root}: no image of split {split!r} has a mask *_{annotations}_labelIds.png; expected\n{TREE}"
        )
    decode = _with_objects if objects else None
    return Pairs(items, space, name="cityscapes", split=split, unmatched=(left, ()), decode=decode)


def with_objects(data: Pairs) -> Pairs:
    """The same pairs of Cityscapes with their objects numbered, whose files lie beside the masks.

    Raises: DataError when a file of objects is missing.
    """
    items = [item.also(_instances(item)) for item in data.items if item.mask is not None]
    if lost := [item for item in items if not _instances(item).is_file()]:
        raise DataError(f"{lost[0].mask}: there is no instanceIds.png beside it, which tells objects apart")
    space = with_things(data.labels, THINGS)
    return Pairs(items, space, name=data.name, split=data.split, unmatched=data.unmatched, decode=_with_objects)


def splits(root: str | Path, *, annotations: str = "gtFine") -> tuple[str, ...]:
    """The splits that have images and masks."""
    known = ("train", "val", "test", "train_extra")
    return tuple(
        s for s in known if (Path(root) / annotations / s).is_dir() and (Path(root) / "leftImg8bit" / s).is_dir()
    )


def _image(root: Path, split: str, name: str) -> Path | None:
    """An image by the name in the panoptic file, which is that of the mask or that of the image."""
    stem = name.removesuffix("_leftImg8bit.png").removesuffix("_gtFine")
    path = root / "leftImg8bit" / split / stem.split("_")[0] / f"{stem}_leftImg8bit.png"
    return path if path.is_file() else None


def _instances(item: Pair) -> Path:
    assert item.mask is not None
    return item.mask.with_name(item.mask.name.replace("labelIds", "instanceIds"))


def _with_objects(item: Pair) -> Raw:
    assert item.mask is not None
    codes = read_ids(_instances(item)).astype(np.int32)
    return Raw(read_mask(item.mask, LABELS), np.where(codes >= 1000, codes, 0))
