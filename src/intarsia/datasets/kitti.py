"""KITTI: 200 street scenes of Karlsruhe with the label ids of Cityscapes.

Alhaija, Mustikovela, Mescheder, Geiger, Rother. "Augmented Reality Meets Computer Vision: Efficient Data Generation for
Urban Driving Scenes." IJCV 2018. arXiv:1708.01566. The benchmark of www.cvlibs.net/datasets/kitti.

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
from ..errors import DataError
from ..labels import LabelSpace
from .cityscapes import FIRST_THING, LABELS, SPACES
from .release import choice, held_out, one_of, top

TREE = """    training/image_2/NNNNNN_10.png
    training/semantic/NNNNNN_10.png
    training/instance/NNNNNN_10.png"""


def kitti(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    classes: Literal[19, 34, 8, 7] = 19,
    objects: bool = False,
    holdout: float | None = None,
) -> Pairs:
    """KITTI's pixel-level semantic segmentation; the masks of its test images are not public.

    Args:
        split: "train": all that have masks; with `holdout`, "train" or "val".
        labels: another meaning of the label ids.
        classes: as in `cityscapes`.
        objects: number single people and vehicles as well.
        holdout: share of the images, 0..1, that is "val"; which ones follows from their names alone.
    """
    choice("classes", classes, tuple(SPACES))
    root = top(root, ("training/image_2", "training/semantic"), TREE, below=("data_semantics", "KITTI"))
    one_of(split, splits(root, holdout=holdout), root, TREE)
    items, left = pair(root, Layout("training/image_2", "training/semantic"), split)
    if not items:
        raise DataError(f"{root}: {nothing({'training/image_2': left[0], 'training/semantic': left[1]})}")
    if holdout is not None:
        items = held_out(items, holdout, split)
    decode = None
    if objects:
        items, decode = [item.also(_instances(item)) for item in items], _with_objects
    return Pairs(items, labels or SPACES[classes], name="kitti", split=split, unmatched=left, decode=decode)


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
