"""The classes of the data sets that public models were trained on, as our own data sets name and color them."""

from __future__ import annotations

from collections.abc import Callable

from ....labels import LabelSpace


def voc() -> LabelSpace:
    """Background and VOC's 20 classes."""
    from ....datasets.voc import LABELS as space

    return space


def cityscapes() -> LabelSpace:
    """The 19 classes of Cityscapes that are scored."""
    from ....datasets.cityscapes import LABELS as space

    return space


def ade20k() -> LabelSpace:
    """The 150 classes of the scene parsing benchmark."""
    from ....datasets.ade20k import LABELS as space

    return space


def coco_stuff() -> LabelSpace:
    """The 171 classes of COCO-Stuff."""
    from ....datasets.coco_stuff import SPACES as spaces

    return spaces[171]


def coco91() -> LabelSpace:
    """COCO's category ids 1 to 90, some of which the data set does not use."""
    from ..torchvision_detection import COCO

    return LabelSpace(COCO, things=COCO)


LABELS: dict[str, Callable[[], LabelSpace]] = {
    "voc": voc,
    "cityscapes": cityscapes,
    "ade20k": ade20k,
    "coco-stuff": coco_stuff,
    "coco91": coco91,
}
CLASSES = {"voc": 21, "cityscapes": 19, "ade20k": 150, "coco-stuff": 171, "coco91": 90}  # how many; a test counts them
