"""DensePASS: panoramas of 360 degrees with Cityscapes' 19 classes.

Ma, Zhang, Yang, Roitberg, Stiefelhagen. "DensePASS: Dense Panoramic Semantic Segmentation via Unsupervised Domain
Adaptation with Attention-Augmented Context Exchange." ITSC 2021. arXiv:2108.06383

    leftImg8bit/val/cs/1_.png (2048x400)  gtFine/val/cs/1_labelTrainIds.png (0..18, 255 ignored)
"""

from pathlib import Path

from ..data.pairs import Pair, Pairs
from ..errors import DataError
from ..labels import LabelSpace

NAMES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain", "sky",
    "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
COLORS = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153), (250, 170, 30),
    (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70),
    (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
)  # fmt: skip
LABELS = LabelSpace(NAMES, COLORS)


def densepass(root: str | Path, split: str, *, labels: LabelSpace | None = None) -> Pairs:
    """DensePASS: a hundred labeled panoramas to be scored on, and unlabeled ones to adapt to.

    Args:
        split: "val" (labeled) or "train" (unlabeled).
    """
    folder = Path(root) / "leftImg8bit" / split
    if not folder.is_dir():
        raise DataError(f"{root}: no split {split!r} of DensePASS; expected leftImg8bit/{split} and gtFine/{split}")
    items = []
    for image in sorted(folder.rglob("*.png")):
        name = image.relative_to(folder).with_suffix("")
        mask = Path(root) / "gtFine" / split / f"{name}labelTrainIds.png"
        if split == "val" and not mask.is_file():
            raise DataError(f"{mask}: there is no such file, but {image} needs it")
        items.append(Pair(name.as_posix(), image, mask if mask.is_file() else None))
    return Pairs(items, labels or LABELS, name="densepass", split=split)


def splits(root: str | Path) -> tuple[str, ...]:
    """The folders that are there."""
    return tuple(s for s in ("train", "val") if (Path(root) / "leftImg8bit" / s).is_dir())
