"""BDD100K: 10,000 frames of drives through American cities, day and night, in all weather.

Yu, Chen, Wang, Xian, Chen, Liu, Madhavan, Darrell. "BDD100K: A Diverse Driving Dataset for Heterogeneous Multitask
Learning." CVPR 2020. arXiv:1805.04687

    images/10k/SPLIT/NAME.jpg   labels/sem_seg/masks/SPLIT/NAME.png: Cityscapes' train ids 0..18, 255 unknown
"""

from pathlib import Path

from ..data.folders.layout import Layout, nothing, pair
from ..data.pairs import Pairs
from ..errors import DataError
from ..labels import LabelSpace
from .cityscapes import TRAIN_IDS
from .release import one_of, top

TREE = """    images/10k/{train,val,test}/NAME.jpg
    labels/sem_seg/masks/{train,val}/NAME.png"""


def bdd100k(root: str | Path, split: str, *, labels: LabelSpace | None = None) -> Pairs:
    """BDD100K's semantic segmentation: the 19 classes of Cityscapes.

    Args:
        split: "train" (7,000) or "val" (1,000).
        labels: another meaning of the train ids.
    """
    root = top(root, ("images/10k", "labels/sem_seg/masks"), TREE, below=("bdd100k",))
    one_of(split, splits(root), root, TREE)
    items, left = pair(root, Layout("images/10k/{split}", "labels/sem_seg/masks/{split}"), split)
    if not items:
        raise DataError(f"{root}: {nothing({'images/10k': left[0], 'labels/sem_seg/masks': left[1]})}")
    return Pairs(items, labels or TRAIN_IDS, name="bdd100k", split=split, unmatched=left)


def splits(root: str | Path) -> tuple[str, ...]:
    """The splits that have masks."""
    homes = (Path(root), Path(root) / "bdd100k")
    return tuple(s for s in ("train", "val") if any((h / "labels/sem_seg/masks" / s).is_dir() for h in homes))
