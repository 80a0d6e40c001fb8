"""TGS Salt: 4,000 pieces of seismic images, 101 x 101 pixels, in which bodies of salt are marked.

TGS Salt Identification Challenge. Kaggle 2018. https://www.kaggle.com/c/tgs-salt-identification-challenge

    train/images/ID.png (gray, stored as RGB)   train/masks/ID.png (16 bit: 0 and 65535; a third of them are empty)
    depths.csv   train.csv: the same masks as run lengths, which are not needed
"""

from pathlib import Path

from ..data.folders.layout import Layout, nothing, pair
from ..data.pairs import Pairs
from ..errors import DataError
from ..labels import LabelSpace
from .release import held_out, one_of, top

TREE = """    train/images/ID.png
    train/masks/ID.png"""

LABELS = LabelSpace(("sediment", "salt"), values={0: "sediment", 255: "salt", 65535: "salt"})


def tgs_salt(root: str | Path, split: str, *, labels: LabelSpace | None = None, holdout: float | None = None) -> Pairs:
    """Seismic images with salt; the masks of the test images are not public.

    Args:
        split: "train": all that have masks; with `holdout`, "train" or "val".
        labels: another meaning of the masks' values.
        holdout: share of the images, 0..1, that is "val"; which ones follows from their names alone.
    """
    root = top(root, ("images", "masks"), TREE, below=("train",))
    one_of(split, splits(root, holdout=holdout), root, TREE)
    items, left = pair(root, Layout("images", "masks"), split)
    if not items:
        raise DataError(f"{root}: {nothing({'images': left[0], 'masks': left[1]})}")
    if holdout is not None:
        items = held_out(items, holdout, split)
    return Pairs(items, labels or LABELS, name="tgs_salt", split=split, unmatched=left)


def splits(root: str | Path, *, holdout: float | None = None) -> tuple[str, ...]:
    """ "train", and "val" of a holdout."""
    return ("train",) if holdout is None else ("train", "val")
