"""Carvana: 5,088 photos of 318 cars in a studio, each from 16 sides, cut out by hand.

Carvana Image Masking Challenge. Kaggle 2017. https://www.kaggle.com/c/carvana-image-masking-challenge

    train/CAR_SIDE.jpg   train_masks/CAR_SIDE_mask.gif: the car is white on black, whatever its index in the palette
"""

from pathlib import Path
from typing import Literal, NamedTuple

from ..data.folders.layout import Layout, nothing, pair
from ..data.pairs import Pairs
from ..errors import DataError
from ..labels import LabelSpace
from .release import choice, held_out, one_of, top

TREE = """    train/CAR_SIDE.jpg          or train_hq/CAR_SIDE.jpg
    train_masks/CAR_SIDE_mask.gif"""

LABELS = LabelSpace(("background", "car"), values={"#000000": "background", "#ffffff": "car"})


class _Car(NamedTuple):
    name: str


def carvana(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    images: Literal["train", "train_hq"] = "train",
    holdout: float | None = None,
) -> Pairs:
    """Carvana's cars; the masks of its test images are not public.

    Args:
        split: "train": all; with `holdout`, "train" or "val".
        labels: another meaning of the masks.
        images: "train_hq" takes the photos in high quality.
        holdout: share of the cars, 0..1, that is "val": all sides of a car are on one side of the split.
    """
    choice("images", images, ("train", "train_hq"))
    root = top(root, (images, "train_masks"), TREE)
    one_of(split, splits(root, holdout=holdout), root, TREE)
    items, left = pair(root, Layout(images, "train_masks", "", "_mask"), split)
    if not items:
        raise DataError(f"{root}: {nothing({images: left[0], 'train_masks': left[1]})}")
    if holdout is not None:
        cars = sorted({item.name.rpartition("_")[0] for item in items})
        kept = {car.name for car in held_out([_Car(car) for car in cars], holdout, split)}
        items = [item for item in items if item.name.rpartition("_")[0] in kept]
    return Pairs(items, labels or LABELS, name="carvana", split=split, unmatched=left)


def splits(root: str | Path, *, holdout: float | None = None) -> tuple[str, ...]:
    """ "train", and "val" of a holdout."""
    return ("train",) if holdout is None else ("train", "val")
