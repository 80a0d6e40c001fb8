"""ISBI 2012: membranes of neurons in electron microscopy, stacks of 30 slices of 512x512.

Arganda-Carreras et al. "Crowdsourcing the creation of image segmentation algorithms for connectomics."
Frontiers in Neuroanatomy 2015. doi:10.3389/fnana.2015.00142

    train-volume.tif  train-labels.tif  test-volume.tif     gray pages of 8 bit; in the labels white is cell, black membrane

The published split has no validation set: with `holdout`, the last slices of the stack are "val".
"""

from pathlib import Path

import numpy as np

from ..data.files.formats import opened
from ..data.pairs import Pair, Pairs, Raw
from ..errors import DataError
from ..labels import LabelSpace
from ..limits import check_pixels

LABELS = LabelSpace(("membrane", "cell"), ((40, 40, 40), (240, 240, 240)), {0: "membrane", 255: "cell"})


def isbi2012(root: str | Path, split: str, *, labels: LabelSpace | None = None, holdout: float = 0.2) -> Pairs:
    """ISBI 2012's training stack, slice by slice.

    Args:
        split: "train", "val" or "all".
        holdout: share of the stack, at its end, that is "val": neighboring slices are alike, so they stay together.
    """
    volume, truth = (Path(root) / name for name in ("train-volume.tif", "train-labels.tif"))
    for path in (volume, truth):
        if not path.is_file():
            raise DataError(f"{path}: there is no such file; ISBI 2012 is train-volume.tif and train-labels.tif")
    if split not in ("train", "val", "all"):
        raise DataError(f"there is no split {split!r} of isbi2012; choose from 'train', 'val', 'all'")
    if not 0 < holdout < 1:
        raise DataError(f"data.holdout is {holdout}; give the share of slices to validate on, between 0 and 1")
    pages = [count(path) for path in (volume, truth)]
    if pages[0] != pages[1]:
        raise DataError(f"{volume} has {pages[0]} slices, but {truth} has {pages[1]}")
    first = pages[0] - max(1, round(holdout * pages[0]))
    kept = {"train": range(first), "val": range(first, pages[0]), "all": range(pages[0])}[split]
    items = [Pair(f"slice_{n:03d}", volume, truth) for n in kept]
    return Pairs(items, labels or LABELS, name="isbi2012", split=split, image=_image, decode=_decode)


def splits(root: str | Path) -> tuple[str, ...]:
    """Both parts of the stack."""
    return ("train", "val")


def count(path: Path) -> int:
    """Pages of a TIFF."""
    try:
        with opened(path) as stack:
            return getattr(stack, "n_frames", 1)
    except (OSError, SyntaxError) as error:
        raise DataError(f"{path}: no TIFF that can be read ({error}); copy it again from its source") from None


def page(path: Path, number: int) -> np.ndarray:
    """One page of a TIFF, [H, W] uint8."""
    with opened(path) as stack:
        stack.seek(number)
        check_pixels(stack.width, stack.height, path)
        if stack.mode not in ("L", "1"):
            raise DataError(f"{path}: page {number} is in {stack.mode} colors; ISBI 2012 is gray, 8 bit")
        return np.array(stack.convert("L"))


def _image(item: Pair) -> np.ndarray:
    return page(item.image, int(item.name.rpartition("_")[2]))[..., None]


def _decode(item: Pair) -> Raw:
    assert item.mask is not None
    return Raw(page(item.mask, int(item.name.rpartition("_")[2])))
