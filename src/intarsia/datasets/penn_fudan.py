"""Penn-Fudan: pedestrians on campus and street, 170 images, each pedestrian with a number.

Wang, Shi, Song, Shen. "Object Detection Combining Recognition and Segmentation." ACCV 2007. doi:10.1007/978-3-540-76386-4_17

    PennFudanPed/PNGImages/FudanPed00001.png  PedMasks/FudanPed00001_mask.png      0 background, 1, 2, ... pedestrians
"""

from pathlib import Path

from ..data.files.id_maps import read_ids
from ..data.folders.layout import Layout, pair
from ..data.pairs import Pair, Pairs, Raw
from ..data.things import with_things
from ..errors import DataError
from ..labels import LabelSpace
from .release import held_out

LABELS = LabelSpace(("background", "pedestrian"), ((0, 0, 0), (220, 20, 60)), {0: "background", "1..255": "pedestrian"})


def penn_fudan(root: str | Path, split: str, *, labels: LabelSpace | None = None, holdout: float = 0.2) -> Pairs:
    """Penn-Fudan, with object numbers.

    Args:
        split: "train", "val" or "all": there is no official split.
        holdout: share of the images that is "val"; which ones follows from their names alone.
    """
    home = next((h for h in (Path(root), Path(root) / "PennFudanPed") if (h / "PNGImages").is_dir()), None)
    if home is None:
        raise DataError(f"{root}: holds no PNGImages and PedMasks; set data.root to the folder PennFudanPed")
    items, left = pair(home, Layout("PNGImages", "PedMasks", "", "_mask"), split)
    if split != "all":
        items = held_out(items, holdout, split)
    space = with_things(labels or LABELS, ("pedestrian",))
    return Pairs(items, space, name="penn_fudan", split=split, unmatched=left, decode=_decode)


def splits(root: str | Path) -> tuple[str, ...]:
    """Both sides of the holdout."""
    return ("train", "val")


def _decode(item: Pair) -> Raw:
    assert item.mask is not None
    numbers = read_ids(item.mask)
    return Raw(numbers, numbers)
