"""CamVid: frames from a car in Cambridge.

Brostow, Fauqueur, Cipolla. "Semantic object classes in video: A high-definition ground truth database."
Pattern Recognition Letters 2009.

Two forms are in use. SegNet's (Badrinarayanan et al., arXiv:1511.00561): 480x360, index masks of 11 classes, 11 = void,
`train/ trainannot/ train.txt` and so on. The original: 960x720, masks in the 32 colors of `label_colors.txt`, of which
Void (black) is no class, `701_StillsRaw_full/NAME.png` and `LabeledApproved_full/NAME_L.png`, or folders by split.
"""

import re
from pathlib import Path
from typing import Literal

from ..data.files.codecs import decode_mask
from ..data.folders.layout import Layout, listed, pair
from ..data.pairs import Pair, Pairs
from ..errors import DataError, nearest
from ..labels import LabelSpace, parse_color

CLASSES = {  # SegNet's eleven, in the order of its masks
    "Sky": "#808080", "Building": "#800000", "Pole": "#c0c080", "Road": "#804080", "Pavement": "#3c28de", "Tree": "#808000",
    "SignSymbol": "#c08080", "Fence": "#404080", "Car": "#400080", "Pedestrian": "#404000", "Bicyclist": "#0080c0",
}  # fmt: skip

ORIGINAL = {  # label_colors.txt of the original release
    "Animal": "#408040", "Archway": "#c00080", "Bicyclist": "#0080c0", "Bridge": "#008040", "Building": "#800000",
    "Car": "#400080", "CartLuggagePram": "#4000c0", "Child": "#c08040", "Column_Pole": "#c0c080", "Fence": "#404080",
    "LaneMkgsDriv": "#8000c0", "LaneMkgsNonDriv": "#c00040", "Misc_Text": "#808040", "MotorcycleScooter": "#c000c0",
    "OtherMoving": "#804040", "ParkingBlock": "#40c080", "Pedestrian": "#404000", "Road": "#804080",
    "RoadShoulder": "#8080c0", "Sidewalk": "#0000c0", "SignSymbol": "#c08080", "Sky": "#808080",
    "SUVPickupTruck": "#4080c0", "TrafficCone": "#000040", "TrafficLight": "#004040", "Train": "#c04080",
    "Tree": "#808000", "Truck_Bus": "#c080c0", "Tunnel": "#400040", "VegetationMisc": "#c0c000", "Void": "#000000",
    "Wall": "#40c000",
}  # fmt: skip

LABELS = LabelSpace(
    tuple(CLASSES), tuple(map(parse_color, CLASSES.values())), {**dict(enumerate(CLASSES)), 11: "ignore"}
)
LABELS32 = LabelSpace(
    tuple(n for n in ORIGINAL if n != "Void"),
    tuple(parse_color(c) for n, c in ORIGINAL.items() if n != "Void"),
    {color: "ignore" if name == "Void" else name for name, color in ORIGINAL.items()},
)

_FRAME = re.compile(r"(0001TP|0006R0|0016E5|Seq05VD)_\w+\.png")  # of each of the sequences

_FOLDERS = (  # images, masks
    ("{split}", "{split}annot"),
    ("{split}", "{split}_labels"),
    ("701_StillsRaw_full", "LabeledApproved_full"),
    ("images", "labels"),
)


def camvid(root: str | Path, split: str, *, labels: LabelSpace | None = None, classes: Literal[11, 32] = 11) -> Pairs:
    """CamVid with SegNet's 11 classes, or with the original's 32 colors.

    Args:
        split: "train", "val" or "test".
        labels: another meaning of the same masks, such as the 11 groups of the 32 colors.
        classes: 11 for SegNet's index masks; 32 for the original's color masks: 31 classes, and Void ignored.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; set data.root to the folder of CamVid")
    file = root / f"{split}.txt"
    items: list[Pair] | None = None
    left: tuple[list[str], list[str]] = ([], [])
    for images, masks in _FOLDERS:
        if not all((root / f.replace("{split}", split)).is_dir() for f in (images, masks)):
            continue
        if "{split}" not in images and not file.is_file():
            raise DataError(
                f"{root}: {images} and {masks} hold all frames; add {split}.txt with the names of that split, one a line"
            )
        tries = [
            Layout(images.replace("{split}", split), masks.replace("{split}", split), "", end)
            for end in ("", "_L", "_P")
        ]
        layout = max(tries, key=lambda t: len(pair(root, t, split)[0]))
        if file.is_file():
            items = listed(root, file, layout)
        else:
            items, left = pair(root, layout, split)
        break
    if items is None:
        raise DataError(
            f"{root}: no split {split!r} of CamVid; expected {split}/ and {split}annot/, or 701_StillsRaw_full/ and LabeledApproved_full/{_known(root, split)}"
        )
    return Pairs(items, labels or (LABELS if classes == 11 else LABELS32), name="camvid", split=split, unmatched=left)


def splits(root: str | Path) -> tuple[str, ...]:
    """The splits that are there."""
    root = Path(root)
    return tuple(
        s
        for s in ("train", "val", "test")
        if (root / f"{s}annot").is_dir() or (root / f"{s}_labels").is_dir() or (root / f"{s}.txt").is_file()
    )


def is_segnets(root: Path) -> bool:
    """Whether a folder is CamVid in SegNet's form: the four sequences' frames, with masks of the ids 0 to 11."""
    masks = sorted((root / "trainannot").glob("*.png")) if (root / "train").is_dir() else []
    if not masks or not all(_FRAME.match(path.name) for path in masks):
        return False
    try:
        values, palette = decode_mask(masks[0])
    except DataError:
        return False
    return values.ndim == 2 and palette is None and int(values.max()) <= len(CLASSES)


def _known(root: Path, split: str) -> str:
    return nearest(split, splits(root))
