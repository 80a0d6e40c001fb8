"""REFUGE: optic disc and cup in photographs of the retina, 400 each to train, validate and test.

Orlando et al. "REFUGE Challenge: A unified framework for evaluating automated methods for glaucoma assessment from fundus
photographs." Medical Image Analysis 2020. arXiv:1910.03667

    Training400/Glaucoma/g0001.jpg      Annotation-Training400/Disc_Cup_Masks/Glaucoma/g0001.bmp   0 cup, 128 disc, 255 rest
    REFUGE-Validation400/V0001.jpg      REFUGE-Validation400-GT/Disc_Cup_Masks/V0001.bmp
    Test400/T0001.jpg                   REFUGE-Test-GT/Disc_Cup_Masks/G/T0001.bmp and N/

The cup lies within the disc; "disc" here is what of it the cup leaves free.
"""

from pathlib import Path

from ..data.pairs import Pair, Pairs
from ..errors import DataError, nearest
from ..labels import LabelSpace

LABELS = LabelSpace(
    ("background", "disc", "cup"),
    ((0, 0, 0), (230, 160, 40), (250, 250, 210)),
    {255: "background", 128: "disc", 0: "cup"},
)
FOLDERS = {  # of the archives, as unpacked beside each other: images, masks
    "train": (("Training400", "REFUGE-Training400"), "Annotation-Training400"),
    "val": (("REFUGE-Validation400",), "REFUGE-Validation400-GT"),
    "test": (("Test400", "REFUGE-Test400"), "REFUGE-Test-GT"),
}


def refuge(root: str | Path, split: str, *, labels: LabelSpace | None = None) -> Pairs:
    """REFUGE.

    Args:
        split: "train", "val" or "test".
        labels: another meaning of the raw values 0 (cup), 128 (disc) and 255 (background).
    """
    root = Path(root)
    if split not in FOLDERS:
        raise DataError(f"there is no split {split!r} of refuge{nearest(split, FOLDERS)}")
    folders, truth = FOLDERS[split]
    home = next((root / name for name in folders if (root / name).is_dir()), None)
    if home is None or not (root / truth).is_dir():
        raise DataError(f"{root}: the {split} split of REFUGE is {folders[0]} and {truth}; unpack both archives there")
    masks = {path.stem: path for path in sorted((root / truth).rglob("*.bmp"))}
    items = []
    for image in sorted(home.rglob("*.jpg")):
        if image.stem not in masks:
            raise DataError(f"{root / truth}: holds no {image.stem}.bmp, but {image} needs it")
        items.append(Pair(image.stem, image, masks[image.stem]))
    return Pairs(items, labels or LABELS, name="refuge", split=split)


def splits(root: str | Path) -> tuple[str, ...]:
    """The splits whose folders are there."""
    root = Path(root)
    return tuple(
        split
        for split, (folders, truth) in FOLDERS.items()
        if (root / truth).is_dir() and any((root / name).is_dir() for name in folders)
    )
