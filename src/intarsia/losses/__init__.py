"""(output, truth) -> a number to minimize, or named numbers whose sum is minimized.

    output: of the type that the annotation of the loss's parameter `output` names, such as SemanticLogits; a recipe that
            names a loss for another output is refused
    truth:  a Batch, with whatever parts its data set has; losses of SemanticLogits also take the labels alone,
            [B, H, W] class numbers and the ignore index, of any integer type, or [B, K, H, W] of 0, 1 and ignore

`LOSSES` is the table: a loss is one file and one row. Its constructor's keyword arguments are the keys of a recipe's
`loss`; those called `weights` (one a class), `ignore_index`, `things` (numbers of the classes whose objects are told apart)
and `auxiliary` (the recipe's weight of auxiliary parts, 0.4 unless it says otherwise) are filled in by training.
Auxiliary heads, edges and crowding of SemanticLogits are looked after by `Auxiliary`; losses of other outputs do it themselves.

A head of one map (K = 1) is a sigmoid: labels 0, 1 and ignore. Ignored pixels give no gradient; where all are ignored
the loss is a zero that can still be propagated. Every loss computes in float32 (float64 when given it).
"""

from collections.abc import Callable

from torch import Tensor

from ..structures import (
    ClassLogits,
    CompetingMasks,
    DepthMap,
    Detections,
    DetectionsAndStuff,
    MaskQueries,
    PanopticLogits,
    SemanticLogits,
)
from .accepts import accepts
from .auxiliary import Auxiliary
from .binary import BinaryCrossEntropy
from .boundary import Boundary
from .centermask import CenterMaskLoss
from .centers import Centers
from .classes import ClassBinaryCrossEntropy, ClassCrossEntropy
from .cross_entropy import CrossEntropy
from .depth import BerHu, ScaleInvariantLog
from .detection import Detection
from .detection_and_stuff import DetectionAndStuff
from .dice import Dice, soft_dice
from .dual_task import DualTask
from .edges import edge_loss
from .focal import Focal
from .hard_pixels import HardCrossEntropy
from .lovasz import LovaszHinge, LovaszSoftmax
from .mixes import DiceBinaryCrossEntropy, DiceCrossEntropy
from .moving import MovingCenters
from .pq_style import PQStyle
from .region_information import RegionMutualInformation
from .retinamask import RetinaMask
from .set_prediction import SetPrediction
from .shapemask import ShapeMaskLoss
from .sharpmask import SharpMaskLoss
from .tensormask import TensorMask
from .tversky import Tversky
from .yolact import Yolact

__all__ = [
    "LOSSES",
    "OF_PLANES",
    "USUAL_LOSS",
    "USUAL_OF_PLANES",
    "Auxiliary",
    "BerHu",
    "BinaryCrossEntropy",
    "Boundary",
    "CenterMaskLoss",
    "Centers",
    "ClassBinaryCrossEntropy",
    "ClassCrossEntropy",
    "CrossEntropy",
    "Detection",
    "DetectionAndStuff",
    "Dice",
    "DiceBinaryCrossEntropy",
    "DiceCrossEntropy",
    "DualTask",
    "Focal",
    "HardCrossEntropy",
    "LovaszHinge",
    "LovaszSoftmax",
    "MovingCenters",
    "PQStyle",
    "RegionMutualInformation",
    "RetinaMask",
    "ScaleInvariantLog",
    "SetPrediction",
    "ShapeMaskLoss",
    "SharpMaskLoss",
    "TensorMask",
    "Tversky",
    "Yolact",
    "accepts",
    "edge_loss",
]

LOSSES: dict[str, Callable[..., Callable[..., Tensor | dict[str, Tensor]]]] = {
    "cross_entropy": CrossEntropy,
    "bce": BinaryCrossEntropy,
    "dice": Dice,
    "soft_dice": soft_dice,
    "dice_ce": DiceCrossEntropy,
    "dice_bce": DiceBinaryCrossEntropy,
    "focal": Focal,
    "ohem": HardCrossEntropy,
    "tversky": Tversky,
    "lovasz_softmax": LovaszSoftmax,
    "lovasz_hinge": LovaszHinge,
    "boundary": Boundary,
    "dual_task": DualTask,
    "rmi": RegionMutualInformation,
    "class_cross_entropy": ClassCrossEntropy,
    "class_bce": ClassBinaryCrossEntropy,
    "silog": ScaleInvariantLog,
    "berhu": BerHu,
    "centers": Centers,
    "moving_centers": MovingCenters,
    "set_prediction": SetPrediction,
    "pq_style": PQStyle,
    "detection": Detection,
    "detection_and_stuff": DetectionAndStuff,
    "centermask": CenterMaskLoss,
    "sharpmask": SharpMaskLoss,
    "shapemask": ShapeMaskLoss,
    "yolact": Yolact,
    "retinamask": RetinaMask,
    "tensormask": TensorMask,
}

OF_PLANES = (  # those that take several labels a pixel
    "bce", "dice", "soft_dice", "dice_bce", "focal", "ohem", "tversky", "lovasz_softmax", "lovasz_hinge", "boundary", "rmi",
    "class_bce",
)  # fmt: skip

USUAL_LOSS: dict[type, str] = {  # of each output, where a recipe names none
    SemanticLogits: "cross_entropy",
    ClassLogits: "class_cross_entropy",
    DepthMap: "silog",
    PanopticLogits: "centers",
    MaskQueries: "set_prediction",
    CompetingMasks: "pq_style",
    Detections: "detection",
    DetectionsAndStuff: "detection_and_stuff",
}
USUAL_OF_PLANES: dict[type, str] = {  # the same for several labels a pixel, where it is another
    SemanticLogits: "dice_bce",
    ClassLogits: "class_bce",
}
