"""MFNet: streets by day and night, color and thermal, 8 classes.

Ha, Watanabe, Karasawa, Ushiku, Harada. "MFNet: Towards Real-Time Semantic Segmentation for Autonomous Vehicles with
Multi-Spectral Scenes." IROS 2017. doi:10.1109/IROS.2017.8206396

    images/00001D.png (RGBA, of which alpha is thermal)  labels/00001D.png (0 unlabeled, 1..8)  train.txt val.txt test.txt
"""

from pathlib import Path

from ..data.folders.layout import Layout, listed
from ..data.pairs import Pairs
from ..errors import DataError, nearest
from ..labels import LabelSpace

NAMES = ("unlabeled", "car", "person", "bike", "curve", "car_stop", "guardrail", "color_cone", "bump")
COLORS = ((0, 0, 0), (64, 0, 128), (64, 64, 0), (0, 128, 192), (0, 0, 192), (128, 128, 0), (64, 64, 128), (192, 128, 128), (192, 64, 0))  # fmt: skip
LABELS = LabelSpace(NAMES, COLORS)  # the paper scores "unlabeled" as a class


def mfnet(root: str | Path, split: str, *, labels: LabelSpace | None = None) -> Pairs:
    """MFNet, four channels: red, green, blue, thermal.

    Args:
        split: "train", "val", "test", or any other list of the release, such as "test_night".
        labels: another meaning of 0..8, such as one that ignores "unlabeled".
    """
    root = Path(root)
    file = root / f"{split}.txt"
    if not file.is_file() or not (root / "images").is_dir():
        raise DataError(f"{root}: no list {split}.txt beside images/ and labels/{nearest(split, splits(root))}")
    items = listed(root, file, Layout("images", "labels"))
    return Pairs(items, labels or LABELS, name="mfnet", split=split, channels=4)


def splits(root: str | Path) -> tuple[str, ...]:
    """The splits that have a list."""
    found = (path.stem for path in Path(root).glob("*.txt"))
    return tuple(sorted(name for name in found if name.startswith(("train", "val", "test"))))
