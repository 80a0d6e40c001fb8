"""Labels: what a value in a mask means. The one place that maps label values.

A mask file holds raw values: an id ("7"), a palette index, or a color ("#804080"). A network knows class numbers
0 .. K-1. Between the two stands a LabelSpace: class names in order, and for every raw value the class it stands for,
or "ignore". Nothing else in this package adds to, subtracts from, clips or compares label values. What values mean where
nobody wrote it down, such as 0 and 255 alone, is decided in `values`, for every verb alike.

    raw mask  --LabelSpace.encode-->  labels 0 .. K-1 and ignore_index  --network-->  logits  --LabelSpace.decide-->  labels
"""

from .checks import IGNORE
from .colors import TRANSPARENT, Color, distinct_colors, pack_colors, parse_color
from .infer import infer
from .raw import category_ids, raw_of, raw_values
from .space import LabelSpace
from .tree import class_tree
from .values import HALVES, VOID, evenly, mixed, two_classes, two_ends, unlabeled, white

__all__ = [
    "HALVES",
    "IGNORE",
    "TRANSPARENT",
    "VOID",
    "Color",
    "LabelSpace",
    "category_ids",
    "class_tree",
    "distinct_colors",
    "evenly",
    "infer",
    "mixed",
    "pack_colors",
    "parse_color",
    "raw_of",
    "raw_values",
    "two_classes",
    "two_ends",
    "unlabeled",
    "white",
]
