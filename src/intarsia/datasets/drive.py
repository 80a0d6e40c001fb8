"""DRIVE: vessels of the retina, 40 photographs, of which only the field of view counts.

Staal, Abramoff, Niemeijer, Viergever, van Ginneken. "Ridge-Based Vessel Segmentation in Color Images of the Retina."
IEEE Transactions on Medical Imaging 2004. doi:10.1109/TMI.2004.825627

    training/images/21_training.tif  training/1st_manual/21_manual1.gif  training/mask/21_training_mask.gif
    test/images/01_test.tif          test/1st_manual/01_manual1.gif      test/mask/01_test_mask.gif

The second observer of the test set stands in 2nd_manual. Pixels outside of the field of view are ignored.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from ..data.files.codecs import decode_mask
from ..data.pairs import Pair, Pairs, Raw
from ..errors import DataError, nearest
from ..labels import LabelSpace

LABELS = LabelSpace(
    ("background", "vessel"), ((30, 30, 30), (230, 60, 60)), {0: "background", 1: "vessel", 2: "ignore"}
)


def drive(
    root: str | Path, split: str, *, labels: LabelSpace | None = None, observer: Literal["1st", "2nd"] = "1st"
) -> Pairs:
    """DRIVE.

    Args:
        split: "training" or "test".
        labels: another meaning of the raw values 0 (background), 1 (vessel) and 2 (outside of the field of view).
        observer: who drew the vessels; the second one drew the test set alone.
    """
    home = Path(root) / split
    drawn = home / f"{observer}_manual"
    if not (home / "images").is_dir():
        raise DataError(
            f"{root}: no split {split!r} of DRIVE; expected {split}/images, 1st_manual and mask{nearest(split, splits(root))}"
        )
    if not drawn.is_dir():
        raise DataError(
            f"{home}: holds no {drawn.name}; the second observer drew the test set alone, and newer releases keep its masks back"
        )
    items = []
    for image in sorted((home / "images").glob("*.tif")):
        number = image.stem.split("_")[0]
        mask = drawn / f"{number}_manual{observer[0]}.gif"
        for needed in (mask, _field(image)):
            if not needed.is_file():
                raise DataError(f"{needed}: there is no such file, but {image.name} needs it")
        items.append(Pair(image.stem, image, mask).also(_field(image)))
    return Pairs(items, labels or LABELS, name="drive", split=split, decode=_decode)


def splits(root: str | Path) -> tuple[str, ...]:
    """The folders that are there with their masks."""
    return tuple(
        s for s in ("training", "test") if all((Path(root) / s / part).is_dir() for part in ("images", "1st_manual"))
    )


def _decode(item: Pair) -> Raw:
    assert item.mask is not None
    vessel, view = (_painted(path) for path in (item.mask, _field(item.image)))
    if vessel.shape != view.shape:
        raise DataError(f"{_field(item.image)} is not of the size of {item.mask}")
    return Raw(np.where(view, vessel.astype(np.uint8), np.uint8(2)))


def _field(image: Path) -> Path:
    """The file of an image's field of view."""
    home = image.parent.parent
    return home / "mask" / f"{image.stem.split('_')[0]}_{home.name}_mask.gif"


def _painted(path: Path) -> np.ndarray:
    """What is white in a GIF whose palette may put white at any index."""
    stored, palette = decode_mask(path)
    return (stored if palette is None else palette[stored][..., 0]) > 127
