"""The data sets that a recipe may name."""

from collections.abc import Callable
from typing import Any

from ..shapes import shapes
from .camvid import camvid
from .folder import folder
from .voc import voc

DATASETS: dict[str, Callable[..., Any]] = {  # (root, split, *, labels=None, <own options>) -> data set
    "folder": folder,
    "camvid": camvid,
    "voc": voc,
    "shapes": shapes,
}
