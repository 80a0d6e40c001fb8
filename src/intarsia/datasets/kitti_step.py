"""KITTI-STEP: 21 drives of KITTI, every frame labeled, people and cars tracked.

Weber, Xie, Collins, Zhu, Voigtlaender, Adam, Green, Geiger, Leibe, Cremers, Ošep, Leal-Taixé, Chen. "STEP: Segmenting
and Tracking Every Pixel." NeurIPS Datasets and Benchmarks 2021. arXiv:2102.11859

    panoptic_maps/SPLIT/SEQUENCE/FRAME.png   R = class (Cityscapes' train ids, 255 void), 256 G + B = track, 0 for none
"""

from pathlib import Path

import numpy as np

from ..data.files.id_maps import read_rgb
from ..data.pairs import Pair, Pairs, Raw
from ..data.things import with_things
from ..data.videos import Previous
from ..errors import DataError
from ..labels import LabelSpace
from .cityscapes import NAMES, TRAIN_IDS
from .frames import check_whole, followed, read_frame, shots_by
from .release import one_of, top

THINGS = ("person", "car")
TREE = """    images/{train,val,test}/SEQUENCE/FRAME.png
    panoptic_maps/{train,val}/SEQUENCE/FRAME.png"""


def kitti_step(root: str | Path, split: str, *, labels: LabelSpace | None = None, previous: Previous = False) -> Pairs:
    """KITTI-STEP, frame by frame in the order of time; people and cars are numbered.

    Args:
        split: "train" (12 drives) or "val" (9).
        labels: another meaning of the 19 train ids.
        previous: the objects of the frame before as well (`Sample.previous`); an object then has one number in all of its
            drive, and not 1, 2, ... in each frame. frame: its pixels as well, as further channels of the image; centers:
            these, and a heatmap of the centers of its objects.
    """
    root = top(root, ("images", "panoptic_maps"), TREE)
    one_of(split, splits(root), root, TREE)
    items = []
    for mask in sorted((root / "panoptic_maps" / split).glob("*/*.png")):
        image = root / "images" / split / mask.parent.name / mask.name
        if not image.is_file():
            raise DataError(f"{mask}: there is no image {image}; unpack KITTI's frames to images/, as below", TREE)
        items.append(Pair(f"{mask.parent.name}_{mask.stem}", image, mask))
    space = with_things(labels or TRAIN_IDS, THINGS)
    if not previous:
        return Pairs(items, space, name="kitti_step", split=split, decode=_decode)
    check_whole(items, _drive)
    read = read_frame if isinstance(previous, str) else None
    centers = space if previous == "centers" else None
    items, decode, seen = followed(items, _tracks, "kitti_step", _drive, read, centers)
    return Pairs(items, space, name="kitti_step", split=split, image=seen, decode=decode, shots=shots_by(items, _drive))


def splits(root: str | Path) -> tuple[str, ...]:
    """The splits that have panoptic maps."""
    return tuple(s for s in ("train", "val") if (Path(root) / "panoptic_maps" / s).is_dir())


def _drive(item: Pair) -> str:
    return item.image.parent.name


def _decode(item: Pair) -> Raw:
    assert item.mask is not None
    red, green, blue = np.moveaxis(read_rgb(item.mask), 2, 0)
    track = green * 256 + blue
    return Raw(red, np.where(track > 0, red << 16 | track, 0))


def _tracks(item: Pair) -> Raw:
    """The same, with a number for each class and track that all frames of a drive share."""
    raw = _decode(item)
    assert raw.objects is not None
    track, known = raw.objects & 0xFFFF, (raw.objects > 0) & (raw.classes < len(NAMES))
    return raw._replace(objects=np.where(known, (track - 1) * len(NAMES) + raw.classes + 1, 0), kept=True)
