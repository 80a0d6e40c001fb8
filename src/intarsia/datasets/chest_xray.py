"""Chest X-rays with organ masks: JSRT with SCR's five organs, Montgomery County and Shenzhen with lungs.

Shiraishi et al. "Development of a digital image database for chest radiographs with and without a lung nodule." AJR 2000.
van Ginneken, Stegmann, Loog. "Segmentation of anatomical structures in chest radiographs using supervised methods."
Medical Image Analysis 2006. doi:10.1016/j.media.2005.02.002
Jaeger et al. "Two public chest X-ray datasets for computer-aided screening of pulmonary diseases." QIMS 2014.

    JSRT        All247images/JPCLN001.IMG (2048x2048, big-endian, 12 bit), fold1/masks/heart/JPCLN001.gif and so on (1024x1024);
                a high value is a dark place on the film's usual print: lungs are brighter than bones
    montgomery  CXR_png/NAME.png  ManualMask/leftMask/NAME.png  ManualMask/rightMask/NAME.png
    shenzhen    CXR_png/NAME.png  mask/NAME_mask.png

Organs of SCR overlap. They are drawn in the order lungs, heart, clavicles; `planes` gives each by itself. Colors are the
lecture's: heart red, lungs green, clavicles blue.
"""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from ..data.files.codecs import decode_mask, read_image
from ..data.layers import hidden_planes
from ..data.pairs import Pair, Pairs, Raw
from ..errors import DataError, nearest, not_a_folder
from ..labels import LabelSpace
from .release import held_out

ORGANS = ("left lung", "right lung", "heart", "left clavicle", "right clavicle")  # in the order in which they are drawn
JSRT = LabelSpace(
    ("background", "lungs", "heart", "clavicles"),
    ((0, 0, 0), (0, 200, 0), (220, 0, 0), (0, 0, 220)),
    {0: "background", 1: "lungs", 2: "lungs", 3: "heart", 4: "clavicles", 5: "clavicles"},
)
PLANES = LabelSpace(ORGANS, ((0, 200, 0), (0, 140, 0), (220, 0, 0), (0, 0, 220), (0, 0, 140)), planes=True)
LUNGS = LabelSpace(("background", "lung"), ((0, 0, 0), (0, 200, 0)), {0: "background", 1: "lung"})


def chest_xray(
    root: str | Path, split: str, *, labels: LabelSpace | None = None, source: Literal["jsrt", "montgomery", "shenzhen"] = "jsrt",
    planes: bool = False, holdout: float = 0.2,
) -> Pairs:  # fmt: skip
    """Chest X-rays.

    Args:
        split: of JSRT "fold1" (images of odd numbers in SCR), "fold2" or "all"; of the others "train", "val" or "all".
        labels: another meaning of the raw values: of JSRT 0 and 1..5 for the organs in their order, of the others 0 and 1.
        source: which collection.
        planes: several labels a pixel: a plane for each of JSRT's organs; also where `labels` has `planes`.
        holdout: share of the images that is "val", where there is no official split.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(not_a_folder(root))
    if labels is not None and planes and not labels.planes:
        raise DataError(
            "data.planes asks for several labels a pixel; write labels.planes: true too, or leave labels out"
        )
    if source == "jsrt":
        return _jsrt(root, split, labels or (PLANES if planes else JSRT))
    if planes or (labels is not None and labels.planes):
        raise DataError(
            f"the lungs of {source} do not overlap, and are one map; leave planes out, or set data.source: jsrt"
        )
    folder = root / "CXR_png"
    masks = root / ("ManualMask/leftMask" if source == "montgomery" else "mask")
    if not folder.is_dir() or not masks.is_dir():
        raise DataError(
            f"{root}: {source} is CXR_png and {masks.relative_to(root)}; set data.root to the folder that holds both"
        )
    ending = "" if source == "montgomery" else "_mask"
    pairs = [(path, masks / f"{path.stem}{ending}.png") for path in sorted(folder.glob("*.png"))]
    items = [Pair(path.stem, path, mask) for path, mask in pairs if mask.is_file()]
    if source == "montgomery":
        for item in items:
            if not _right(item).is_file():
                raise DataError(f"{_right(item)}: there is no such file, but {item.image.name} needs it")
        items = [item.also(_right(item)) for item in items]
    left = tuple(path.name for path, mask in pairs if not mask.is_file())
    if split != "all":
        items = held_out(items, holdout, split)
    return Pairs(items, labels or LUNGS, name=source, split=split, unmatched=(left, ()), decode=_lungs)


def splits(root: str | Path, *, source: str = "jsrt") -> tuple[str, ...]:
    """SCR's folds, or both sides of the holdout."""
    return ("fold1", "fold2") if source == "jsrt" else ("train", "val")


def planes(item: Pair) -> np.ndarray:
    """[5, H, W] bool: each organ of JSRT by itself, in the order of ORGANS."""
    found = []
    for organ in ORGANS:
        assert item.mask is not None
        path = item.mask / organ / f"{item.name}.gif"
        if not path.is_file():
            raise DataError(f"{path}: there is no such file; SCR has one for each organ")
        stored, palette = decode_mask(path)
        found.append((stored if palette is None else palette[stored][..., 0]) > 127)
    return np.stack(found)


def _jsrt(root: Path, split: str, labels: LabelSpace) -> Pairs:
    if labels.planes:
        for name in labels.names:
            if name not in ORGANS:
                raise DataError(f"labels.classes lists {name!r}, of which there are no masks{nearest(name, ORGANS)}")
    home = next((p for p in (root / "All247images", root) if any(p.glob("*.IMG"))), None)
    folds = [fold for fold in ("fold1", "fold2") if split in (fold, "all")]
    if home is None or not folds or not all((root / fold / "masks").is_dir() for fold in folds):
        raise DataError(
            f"{root}: no split {split!r} of JSRT; expected All247images/*.IMG and fold1/masks, fold2/masks of SCR; choose from 'fold1', 'fold2', 'all'"
        )
    items = []
    for fold in folds:
        for path in sorted((root / fold / "masks" / "heart").glob("*.gif")):
            image = home / f"{path.stem}.IMG"
            if not image.is_file():
                raise DataError(f"{image}: there is no such file, but {path} needs it")
            masks = root / fold / "masks"
            items.append(Pair(path.stem, image, masks, (image, *(masks / organ / path.name for organ in ORGANS))))
    decode = partial(_stack, labels.names) if labels.planes else _organs
    return Pairs(items, labels, name="jsrt", split=split, image=_radiograph, decode=decode)


def _radiograph(item: Pair) -> np.ndarray:
    """[1024, 1024, 1] uint16: the mean of each 2x2 pixels of the file, to the size of the masks, its 12 bits moved to 16."""
    values = np.fromfile(item.image, ">u2")
    if values.size != 2048 * 2048:
        raise DataError(f"{item.image}: holds {values.size} values of 16 bit; JSRT's files hold 2048x2048")
    blocks = values.reshape(1024, 2, 1024, 2).astype(np.uint32).sum(axis=(1, 3))
    return (blocks * 4).clip(0, 65535).astype(np.uint16)[..., None]


def _organs(item: Pair) -> Raw:
    canvas = np.zeros((1024, 1024), np.uint8)
    organs = planes(item)
    for number, plane in enumerate(organs, 1):
        if plane.shape != canvas.shape:
            raise DataError(f"{item.name}: SCR's mask of the {ORGANS[number - 1]} is not 1024x1024")
        canvas[plane] = number
    return Raw(canvas, covered=hidden_planes(organs, ORGANS))


def _stack(names: tuple[str, ...], item: Pair) -> Raw:
    organs = planes(item)[[ORGANS.index(name) for name in names]]
    return Raw(np.zeros(organs.shape[1:], np.uint8), planes=organs)


def _right(item: Pair) -> Path:
    assert item.mask is not None
    return item.mask.parent.parent / "rightMask" / item.mask.name


def _lungs(item: Pair) -> Raw:
    """Both lungs; grays of a smoothed mask are cut at 127."""
    assert item.mask is not None
    files = [item.mask]
    if item.mask.parent.name == "leftMask":
        files.append(_right(item))
    drawn = [read_image(path)[..., 0] > 127 for path in files]
    return Raw(np.logical_or.reduce(drawn).astype(np.uint8))
