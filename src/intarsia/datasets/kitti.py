"""KITTI: 200 street scenes of Karlsruhe with the label ids of Cityscapes.

Alhaija, Mustikovela, Mescheder, Geiger, Rother. "Augmented Reality Meets Computer Vision: Efficient Data Generation for
Urban Driving Scenes." IJCV 2018. arXiv:1708.01566. The benchmark of www.cvlibs.net/datasets/kitti.
Ros, Ramos, Granados, Bakhtiary, Vazquez, Lopez. "Vision-based Offline-Online Perception Paradigm for Autonomous Driving."
WACV 2015: the 11 classes.

    semantic/NAME.png   label ids, 8 bit
    instance/NAME.png   16 bit: 256 id + number, which is 0 where nothing is told apart
"""

from pathlib import Path
from typing import Literal

import numpy as np

from ..data.files.codecs import read_mask
from ..data.files.id_maps import read_ids
from ..data.folders.layout import Layout, nothing, pair
from ..data.pairs import Pair, Pairs, Raw
from ..data.things import with_things
from ..errors import DataError
from ..labels import LabelSpace
from .cityscapes import COLORS, FIRST_THING, LABELS, NAMES, SPACES, THINGS
from .release import choice, held_out, one_of, top

TREE = """    training/image_2/NNNNNN_10.png
    training/semantic/NNNNNN_10.png
    training/instance/NNNNNN_10.png"""

# The 11 classes of Ros et al. (WACV 2015), which the lectures count, and the label ids that are of each; all else is ignored.
_ELEVEN: dict[str, tuple[str, tuple[int, ...]]] = {
    "building": ("building", (11,)),
    "tree": ("vegetation", (21,)),
    "sky": ("sky", (23,)),
    "car": ("car", (26,)),
    "sign": ("traffic sign", (20,)),
    "road": ("road", (7,)),
    "pedestrian": ("person", (24,)),
    "fence": ("fence", (13,)),
    "pole": ("pole", (17, 18)),
    "sidewalk": ("sidewalk", (8,)),
    "bicyclist": ("rider", (25, 33)),
}
ELEVEN = LabelSpace(
    tuple(_ELEVEN),
    tuple(COLORS[NAMES.index(like)] for like, _ in _ELEVEN.values()),
    {
        **dict.fromkeys(range(len(LABELS.values)), "ignore"),
        **{number: name for name, (_, numbers) in _ELEVEN.items() for number in numbers},
    },
)


def kitti(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    classes: Literal[19, 34, 8, 7, 11] = 19,
    objects: bool = False,
    holdout: float | None = None,
) -> Pairs:
    """KITTI's pixel-level semantic segmentation; the masks of its test images are not public.

    Args:
        split: "train": all that have masks; with `holdout`, "train" or "val".
        labels: another meaning of the label ids.
        classes: as in `cityscapes`; or 11: building, tree, sky, car, sign, road, pedestrian, fence, pole, sidewalk and
            bicyclist (riders and bicycles), where all else is ignored.
        objects: number single people and vehicles as well.
        holdout: share of the images, 0..1, that is "val"; which ones follows from their names alone.
    """
    spaces = {**SPACES, 11: ELEVEN}
    choice("classes", classes, tuple(spaces))
    root = top(root, ("training/image_2", "training/semantic"), TREE, below=("data_semantics", "KITTI"))
    one_of(split, splits(root, holdout=holdout), root, TREE)
    items, left = pair(root, Layout("training/image_2", "training/semantic"), split)
    if not items:
        raise DataError(f"{root}: {nothing({'training/image_2': left[0], 'training/semantic': left[1]})}")
    if holdout is not None:
        items = held_out(items, holdout, split)
    decode, space = None, labels or spaces[classes]
    if objects:
        space = with_things(space, (*THINGS, "pedestrian", "bicyclist"))
        items, decode = [item.also(_instances(item)) for item in items], _with_objects
    return Pairs(items, space, name="kitti", split=split, unmatched=left, decode=decode)


def splits(root: str | Path, *, holdout: float | None = None) -> tuple[str, ...]:
    """ "train", and "val" of a holdout."""
    return ("train",) if holdout is None else ("train", "val")


def _instances(item: Pair) -> Path:
    assert item.mask is not None
    return item.mask.parents[1] / "instance" / item.mask.name


def _with_objects(item: Pair) -> Raw:
    assert item.mask is not None
    codes = read_ids(_instances(item)).astype(np.int32)
    return Raw(read_mask(item.mask, LABELS), np.where((codes % 256 > 0) & (codes // 256 >= FIRST_THING), codes, 0))
