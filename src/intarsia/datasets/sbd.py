"""SBD: 11,355 images of PASCAL VOC 2011 outlined by the crowd; with VOC's own masks, VOC's usual training set `train_aug`.

Hariharan, Arbeláez, Bourdev, Maji, Malik. "Semantic Contours from Inverse Detectors." ICCV 2011.
doi:10.1109/ICCV.2011.6126343

    benchmark_RELEASE/dataset/cls/NAME.mat            GTcls.Segmentation: VOC's 0..20, no border
    benchmark_RELEASE/dataset/{train,val}.txt         8,498 and 2,857 names
    VOC2012/SegmentationClassAug/NAME.png             the same as palette PNGs, as many pass them on

train_aug is all of SBD and VOC's train, without VOC's val: 10,582 images. VOC's own mask counts where there is one.
"""

from functools import partial
from pathlib import Path

import numpy as np

from ..data.files.codecs import read_mask
from ..data.files.id_maps import read_mat
from ..data.folders.layout import Layout, listed, words_of
from ..data.pairs import Pair, Pairs, Raw
from ..errors import DataError
from ..labels import LabelSpace

NAMES = ("train_aug", "trainaug")  # of the split, both in use
TREE = """    VOC2012/JPEGImages/NAME.jpg
    VOC2012/ImageSets/Segmentation/{train,val}.txt
    VOC2012/SegmentationClassAug/NAME.png     or benchmark_RELEASE/dataset/{cls/NAME.mat,train.txt,val.txt}"""


def train_aug(root: Path, home: Path, labels: LabelSpace, split: str) -> Pairs:
    """VOC's training images with SBD's masks, from PNGs where they are there, else from SBD's own files.

    Args:
        root: as the user gave it; SBD is looked for here and beside VOC.
        home: VOC's folder, with JPEGImages.
    """
    lists = home / "ImageSets" / "Segmentation"
    known = next((lists / f"{name}.txt" for name in NAMES if (lists / f"{name}.txt").is_file()), None)
    if (home / "SegmentationClassAug").is_dir():
        layout = Layout("JPEGImages", "SegmentationClassAug")
        if known is not None:
            return Pairs(listed(home, known, layout), labels, name="voc", split=split)
        held_back = _names(lists / "val.txt")
        names = sorted({p.stem for p in (home / "SegmentationClassAug").glob("*.png")} - held_back)
        items = [Pair(n, home / "JPEGImages" / f"{n}.jpg", home / "SegmentationClassAug" / f"{n}.png") for n in names]
        return Pairs(items, labels, name="voc", split=split)
    sbd = _find(root, home)
    if sbd is None:
        raise DataError(f"{root}: there is neither SegmentationClassAug nor SBD, which {split} needs; expected", TREE)
    own, held_back = _names(lists / "train.txt"), _names(lists / "val.txt")
    names = sorted((own | _names(sbd / "train.txt") | _names(sbd / "val.txt")) - held_back)
    items = []
    for name in names:
        mask = home / "SegmentationClass" / f"{name}.png" if name in own else sbd / "cls" / f"{name}.mat"
        image = home / "JPEGImages" / f"{name}.jpg"
        for path in (image, mask):
            if not path.is_file():
                raise DataError(f"{sbd}: {name} belongs to {split}, but there is no {path}")
        items.append(Pair(name, image, mask))
    return Pairs(items, labels, name="voc", split=split, decode=partial(_decode, labels))


def _decode(labels: LabelSpace, item: Pair) -> Raw:
    """A PNG of VOC, or a .mat of SBD."""
    assert item.mask is not None
    if item.mask.suffix != ".mat":
        return Raw(read_mask(item.mask, labels))
    return Raw(np.asarray(read_mat(item.mask, "GTcls")["Segmentation"][0, 0]))


def _find(root: Path, home: Path) -> Path | None:
    """SBD's folder `dataset`, within root or beside VOC."""
    tops = dict.fromkeys((root, home, home.parent, home.parent.parent))
    below = ("benchmark_RELEASE/dataset", "SBD/benchmark_RELEASE/dataset", "sbd", "dataset")
    return next((t / b for t in tops for b in below if (t / b / "cls").is_dir()), None)


def _names(file: Path) -> set[str]:
    if not file.is_file():
        raise DataError(f"{file}: there is no such list; it says which images train_aug holds")
    return set(words_of(file))
