"""PASCAL VOC 2012: twenty kinds of objects in front of a background.

Everingham, Van Gool, Williams, Winn, Zisserman. "The Pascal Visual Object Classes (VOC) Challenge." IJCV 2010.

    JPEGImages/NAME.jpg   SegmentationClass/NAME.png (palette, 255 = border)   ImageSets/Segmentation/SPLIT.txt (names)
    SegmentationObject/NAME.png: the number of each object
"""

from pathlib import Path

from ..data.files.id_maps import read_ids
from ..data.folders.layout import Layout, listed
from ..data.pairs import Pair, Pairs, Raw
from ..data.things import with_things
from ..errors import DataError, nearest
from ..labels import Color, LabelSpace
from . import sbd

NAMES = (
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
).split()  # fmt: skip


def colors(count: int = 21) -> tuple[Color, ...]:
    """VOC's palette: the bits of the index, dealt in turn to red, green and blue, highest bit first."""
    return tuple(tuple(sum((n >> 3 * k + c & 1) << 7 - k for k in range(8)) for c in range(3)) for n in range(count))  # type: ignore[misc]


LABELS = LabelSpace(tuple(NAMES), colors(), {**dict(enumerate(NAMES)), 255: "ignore"})


def voc(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    masks: str = "SegmentationClass",
    objects: bool = False,
) -> Pairs:
    """PASCAL VOC's semantic masks, or any data set in its layout.

    Args:
        root: the folder with JPEGImages, or the one above it.
        split: name of a list in ImageSets/Segmentation; "train_aug" adds the images of SBD, see sbd.py.
        labels: of masks that are not VOC's own.
        masks: folder of the masks, such as SegmentationClassAug.
        objects: number single objects as well, by SegmentationObject.
    """
    root = Path(root)
    home = next(
        (h for h in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012") if (h / "JPEGImages").is_dir()), None
    )
    if home is None:
        raise DataError(
            f"{root}: holds no JPEGImages, nor does VOCdevkit/VOC2012 below it; set data.root to the folder of PASCAL VOC"
        )
    if split in sbd.NAMES and masks == "SegmentationClass":
        if objects:
            raise DataError(f"{split} of PASCAL VOC has no object numbers; leave out `objects`, or take split train")
        return sbd.train_aug(root, home, labels or LABELS, split)
    lists = home / "ImageSets" / "Segmentation"
    if not (lists / f"{split}.txt").is_file():
        raise DataError(f"{lists}: there is no list {split}.txt{nearest(split, splits(root))}")
    items = listed(home, lists / f"{split}.txt", Layout("JPEGImages", masks))
    decode, space = None, labels or LABELS
    if objects:
        space = with_things(space, NAMES[1:])
        items, decode = [item.also(_instances(item)) for item in items], _with_objects
    return Pairs(items, space, name="voc", split=split, decode=decode)


def splits(root: str | Path) -> tuple[str, ...]:
    """The splits that have a list."""
    return tuple(sorted({p.stem for p in Path(root).glob("**/ImageSets/Segmentation/*.txt")}))


def _instances(item: Pair) -> Path:
    assert item.mask is not None
    return item.mask.parents[1] / "SegmentationObject" / item.mask.name


def _with_objects(item: Pair) -> Raw:
    assert item.mask is not None
    return Raw(read_ids(item.mask), read_ids(_instances(item)))  # the border, 255, is ignored there as well
