"""NYU Depth v2: indoor scenes with color and depth, 40 classes.

Silberman, Hoiem, Kohli, Fergus. "Indoor Segmentation and Support Inference from RGBD Images." ECCV 2012.
doi:10.1007/978-3-642-33715-4_54. The 40 classes: Gupta, Arbelaez, Malik, CVPR 2013.

    RGB/0.jpg  Label/0.png (0 = no label, 1..40)  Depth/0.npy (meters) or Depth/0.png (16 bit, millimeters)  train.txt  test.txt

This is the usual export of nyu_depth_v2_labeled.mat; the .mat itself is not read. With `fused`, depth is the image's
fourth channel, 16 bit, in tenths of a millimeter.
"""

from pathlib import Path

import numpy as np

from ..data.files.codecs import read_image, read_mask
from ..data.files.npy import load
from ..data.pairs import Pair, Pairs, Raw
from ..errors import DataError, nearest
from ..labels import LabelSpace

NAMES = (
    "wall floor cabinet bed chair sofa table door window bookshelf picture counter blinds desk shelves curtain dresser "
    "pillow mirror floor_mat clothes ceiling books refrigerator television paper towel shower_curtain box whiteboard "
    "person night_stand toilet sink lamp bathtub bag otherstructure otherfurniture otherprop"
).split()  # fmt: skip
LABELS = LabelSpace(tuple(NAMES), values={0: "ignore", 255: "ignore", **dict(enumerate(NAMES, 1))})


def nyu_depth(root: str | Path, split: str, *, labels: LabelSpace | None = None, fused: bool = False) -> Pairs:
    """NYU Depth v2; samples know their depth.

    Args:
        split: "train" or "test".
        fused: give depth to the network as a fourth channel.
    """
    root = _home(Path(root))
    file = root / f"{split}.txt"
    if not file.is_file():
        raise DataError(
            f"{root}: there is no list {split}.txt{nearest(split, splits(root))}; expected RGB, Label, Depth and lists of names"
        )
    items, gone = [], []
    for line in _lines(file):
        name = Path(line.split()[0]).stem  # a line is a name, or the paths of image and label
        image = next((p for end in (".jpg", ".png") if (p := root / "RGB" / f"{name}{end}").is_file()), None)
        mask = root / "Label" / f"{name}.png"
        if image is None and not mask.is_file():
            gone.append(name)
            continue
        if image is None or not mask.is_file():
            raise DataError(f"{file}: {name!r} has no RGB/{name}.jpg or no Label/{name}.png")
        item = Pair(name, image, mask)
        items.append(item.also(_far(item)))
    if not items:
        raise DataError(
            f"{file}: {gone[0] if gone else 'no name'!r} has no RGB and Label, nor has another one that it lists"
        )
    remarks = [f"{file.name} lists {len(gone)} names of which no file is there, such as {gone[0]}"] if gone else []
    return Pairs(
        items, labels or LABELS, name="nyu_depth", split=split, decode=_decode, image=_fused if fused else None,
        remarks=remarks,
    )  # fmt: skip


def splits(root: str | Path) -> tuple[str, ...]:
    """The splits that have a list, and a picture of it."""
    home = _home(Path(root))
    there = {path.stem for path in home.glob("RGB/*")}
    lists = [(s, home / f"{s}.txt") for s in ("train", "val", "test") if (home / f"{s}.txt").is_file()]
    return tuple(s for s, file in lists if {Path(line.split()[0]).stem for line in _lines(file)} & there)


def _home(root: Path) -> Path:
    """The folder with RGB: exports hold it in one called NYUDepthv2."""
    return next((h for h in (root, root / "NYUDepthv2", root / "DATA/NYUDepthv2") if (h / "RGB").is_dir()), root)


def _lines(file: Path) -> list[str]:
    return [*filter(str.strip, file.read_text(encoding="utf-8").splitlines())]


def depth(item: Pair) -> np.ndarray:
    """[H, W] float32 meters, nan where the sensor saw nothing."""
    path = _far(item)
    if path.suffix == ".npy":
        meters: np.ndarray = load(path).astype(np.float32)
    else:
        meters = read_image(path)[..., 0].astype(np.float32) / 1000
    return np.where(meters > 0, meters, np.float32(np.nan))


def _far(item: Pair) -> Path:
    """The file of an image's depth."""
    folder = item.image.parent.parent / "Depth"
    for path in (folder / f"{item.name}.npy", folder / f"{item.name}.png"):
        if path.is_file():
            return path
    raise DataError(f"{folder}: holds no {item.name}.npy and no {item.name}.png")


def _decode(item: Pair) -> Raw:
    assert item.mask is not None
    return Raw(read_mask(item.mask, LABELS), depth=depth(item))


def _fused(item: Pair) -> np.ndarray:
    color, far = read_image(item.image), depth(item)
    if color.shape[:2] != far.shape:
        raise DataError(
            f"{item.image} is {color.shape[1]}x{color.shape[0]} pixels, but its depth is {far.shape[1]}x{far.shape[0]}"
        )
    tenths = np.nan_to_num(far * 10000, nan=0).clip(0, 65535).astype(np.uint16)
    return np.dstack([color.astype(np.uint16) * 257, tenths])
