"""LoveDA: land cover in city and country from above, 7 classes.

Wang, Zheng, Ma, Lu, Zhong. "LoveDA: A Remote Sensing Land-Cover Dataset for Domain Adaptive Semantic Segmentation."
NeurIPS Datasets and Benchmarks 2021. arXiv:2110.08733

    Train/Urban/images_png/1366.png  Train/Urban/masks_png/1366.png  Train/Rural/...  Val/...       0 no data, 1..7
"""

from pathlib import Path
from typing import Literal

from ..data.pairs import Pair, Pairs
from ..errors import DataError, nearest
from ..labels import LabelSpace

NAMES = ("background", "building", "road", "water", "barren", "forest", "agricultural")
COLORS = ((255, 255, 255), (255, 0, 0), (255, 255, 0), (0, 0, 255), (159, 129, 183), (0, 255, 0), (255, 195, 128))
LABELS = LabelSpace(NAMES, COLORS, {0: "ignore", **dict(enumerate(NAMES, 1))})


def loveda(
    root: str | Path, split: str, *, labels: LabelSpace | None = None, scene: Literal["both", "urban", "rural"] = "both"
) -> Pairs:
    """LoveDA.

    Args:
        split: "train" or "val"; the test masks are not public.
        scene: city, country or both.
    """
    home = Path(root) / split.capitalize()
    if not home.is_dir():
        raise DataError(
            f"{root}: no split {split!r} of LoveDA; expected Train/Urban/images_png and so on{nearest(split, splits(root))}"
        )
    items = []
    for name in ("Urban", "Rural"):
        if scene in ("both", name.lower()):
            for image in sorted((home / name / "images_png").glob("*.png")):
                mask = home / name / "masks_png" / image.name
                items.append(Pair(f"{name}/{image.stem}", image, mask if mask.is_file() else None))
    if items and all(item.mask is None for item in items):
        raise DataError(f"{home}: holds no masks_png; LoveDA's test masks are not public")
    if bare := [item.image for item in items if item.mask is None]:
        raise DataError(f"{bare[0]}: has no mask in masks_png ({len(bare)} such images); unpack the archive again")
    return Pairs(items, labels or LABELS, name="loveda", split=split)


def splits(root: str | Path) -> tuple[str, ...]:
    """The folders that are there with their masks."""
    return tuple(s for s in ("train", "val") if any((Path(root) / s.capitalize()).glob("*/masks_png")))
