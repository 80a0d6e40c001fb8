"""torchvision's weights of segmentation networks."""

from ...resizing import Resizing
from ..pipeline import IMAGENET, Pipeline
from .row import Public

AT = "https://download.pytorch.org/models"
LICENCE = "none stated for the weights; the code is BSD-3-Clause"
SHORTER_520 = Pipeline(**IMAGENET, resize=Resizing(shorter=520))
SHORTER_800 = Pipeline(**IMAGENET, resize=Resizing(shorter=800, longest=1333, antialias=False, fractions=True))
COCO_VOC = "COCO, pictures with VOC's classes"
READ = "torchvision 0.29.2, models/segmentation"
READ_DETECTION = "torchvision 0.29.2, models/detection/mask_rcnn.py"
IOU = "mIoU {}, one scale, on COCO val2017 with VOC's classes"


def semantic(network: str, iou: str, parameters: int, file: str) -> Public:
    """A row of the networks that were trained on COCO with VOC's 21 classes."""
    digest = file.removesuffix(".pth").rpartition("-")[2]
    return Public(
        "semantic", network, COCO_VOC, "voc", IOU.format(iou), parameters, LICENCE, f"{AT}/{file}", READ, digest,
        pipeline=SHORTER_520,
    )  # fmt: skip


def instance(network: str, ap: str, parameters: int, file: str) -> Public:
    """A row of the detectors that were trained on COCO."""
    digest = file.removesuffix(".pth").rpartition("-")[2]
    return Public(
        "instance", network, "COCO 2017", "coco91", ap, parameters, LICENCE, f"{AT}/{file}", READ_DETECTION, digest,
        pipeline=SHORTER_800,
    )  # fmt: skip


ROWS: dict[str, Public] = {
    "torchvision:fcn_resnet50": semantic("FCN, ResNet-50", "60.5", 32_957_013, "fcn_resnet50_coco-1167a1af.pth"),
    "torchvision:fcn_resnet101": semantic("FCN, ResNet-101", "63.7", 51_949_141, "fcn_resnet101_coco-7ecb50ca.pth"),
    "torchvision:deeplabv3_resnet50": semantic(
        "DeepLabV3, ResNet-50", "66.4", 39_638_869, "deeplabv3_resnet50_coco-cd0a2569.pth"
    ),
    "torchvision:deeplabv3_resnet101": semantic(
        "DeepLabV3, ResNet-101", "67.4", 58_630_997, "deeplabv3_resnet101_coco-586e9e4e.pth"
    ),
    "torchvision:deeplabv3_mobilenet_v3_large": semantic(
        "DeepLabV3, MobileNet v3 (large)", "60.3", 11_025_477, "deeplabv3_mobilenet_v3_large-fc3c493d.pth"
    ),
    "torchvision:lraspp_mobilenet_v3_large": semantic(
        "LR-ASPP, MobileNet v3 (large)", "57.9", 3_221_538, "lraspp_mobilenet_v3_large-d234d4ea.pth"
    ),
    "torchvision:maskrcnn_resnet50_fpn": instance(
        "Mask R-CNN, ResNet-50", "box AP 37.9, mask AP 34.6", 44_401_393, "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth"
    ),
    "torchvision:maskrcnn_resnet50_fpn_v2": instance(
        "Mask R-CNN v2, ResNet-50",
        "box AP 47.4, mask AP 41.8",
        46_359_409,
        "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
    ),
}
