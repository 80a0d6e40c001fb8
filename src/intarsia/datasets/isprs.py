"""ISPRS Potsdam and Vaihingen: two German towns from the air, 6 classes in colors.

ISPRS 2D Semantic Labeling Contest. Rottensteiner et al. "The ISPRS benchmark on urban object classification and 3D
building reconstruction." ISPRS Annals 2012. doi:10.5194/isprsannals-I-3-293-2012

    Potsdam    2_Ortho_RGB/top_potsdam_2_10_RGB.tif  5_Labels_all/top_potsdam_2_10_label.tif  (or 5_Labels_all_noBoundary)
    Vaihingen  top/top_mosaic_09cm_area1.tif  gts_for_participants/top_mosaic_09cm_area1.tif

Black, in the eroded truth (noBoundary), is ignored. The splits are the contest's tiles, whose truth is public by now.
"""

from pathlib import Path
from typing import Literal

from ..data.pairs import Pair, Pairs
from ..errors import DataError
from ..labels import LabelSpace

NAMES = ("impervious surface", "building", "low vegetation", "tree", "car", "clutter")
COLORS = ((255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0))
LABELS = LabelSpace(
    NAMES,
    COLORS,
    {**{f"#{r:02x}{g:02x}{b:02x}": n for n, (r, g, b) in zip(NAMES, COLORS, strict=True)}, "#000000": "ignore"},
)
TRAIN = {  # the contest's training tiles; all others are its test
    "potsdam": "2_10 2_11 2_12 3_10 3_11 3_12 4_10 4_11 4_12 5_10 5_11 5_12 6_7 6_8 6_9 6_10 6_11 6_12 7_7 7_8 7_9 7_10 7_11 7_12".split(),
    "vaihingen": "1 3 5 7 11 13 15 17 21 23 26 28 30 32 34 37".split(),
}
FOLDERS = {
    "potsdam": (("2_Ortho_RGB", "3_Ortho_IRRG", "4_Ortho_RGBIR"), ("5_Labels_all", "5_Labels_all_noBoundary", "5_Labels_for_participants")),
    "vaihingen": (("top",), ("gts_for_participants", "ISPRS_semantic_labeling_Vaihingen_ground_truth_COMPLETE", "ISPRS_semantic_labeling_Vaihingen_ground_truth_eroded_COMPLETE", "gts")),
}  # fmt: skip


def isprs(
    root: str | Path, split: str, *, labels: LabelSpace | None = None, town: Literal["potsdam", "vaihingen"] = "potsdam",
    images: str | None = None, masks: str | None = None,
) -> Pairs:  # fmt: skip
    """Potsdam or Vaihingen, whole tiles: crop them in training.

    Args:
        split: "train" or "test".
        images, masks: their folders, where several are there.
    """
    root = Path(root)
    if split not in ("train", "test"):
        raise DataError(f"there is no split {split!r} of isprs; choose from 'train', 'test'")
    folders = []
    for what, given, usual in (("images", images, FOLDERS[town][0]), ("masks", masks, FOLDERS[town][1])):
        found = [name for name in ([given] if given else usual) if (root / name).is_dir()]
        if not found:
            raise DataError(
                f"{root}: holds none of the folders of {what} {', '.join([given] if given else usual)}; unpack them there"
            )
        folders.append(root / found[0])
    truth = {_tile(path, town): path for path in sorted(folders[1].glob("*.tif"))}
    items, bare = [], []
    for path in sorted(folders[0].glob("*.tif")):
        tile = _tile(path, town)
        if (tile in TRAIN[town]) != (split == "train"):
            continue
        if tile in truth:
            items.append(Pair(f"{town}_{tile}", path, truth[tile]))
        else:
            bare.append(str(path.relative_to(root)))
    if not items:
        raise DataError(f"{root}: holds no tile of {town}'s {split} split with its truth")
    return Pairs(items, labels or LABELS, name=town, split=split, unmatched=(bare, ()))


def splits(
    root: str | Path, *, town: str = "potsdam", images: str | None = None, masks: str | None = None
) -> tuple[str, ...]:
    """The contest's, as far as their truth is there."""
    found = []
    for split in ("train", "test"):
        try:
            isprs(root, split, town=town, images=images, masks=masks)  # type: ignore[arg-type]
            found.append(split)
        except DataError:
            continue
    return tuple(found) or ("train", "test")


def _tile(path: Path, town: str) -> str:
    """The tile's number in a file's name: top_potsdam_2_10_RGB.tif is 2_10, top_mosaic_09cm_area1.tif is 1."""
    if town == "vaihingen":
        return "".join(c for c in path.stem.partition("area")[2].split("_")[0] if c.isdigit())
    words = [str(int(word)) for word in path.stem.split("_") if word.isdigit()]
    return "_".join(words[:2])
