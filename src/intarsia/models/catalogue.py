"""The literal table of architectures: what is listed here is built, counted, documented and tested."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import nn

from .context.deeplabv3plus import DeepLabV3Plus
from .context.pspnet import PSPNet
from .resolution.fcn import fcn8s, fcn16s, fcn32s
from .resolution.fpn import FPN
from .resolution.segnet import SegNet
from .resolution.unet import unet


class Entry(NamedTuple):
    """One architecture."""

    build: Callable[..., nn.Module]  # (num_classes, *, options) -> network
    title: str  # of the paper
    year: int
    paper: str
    idea: str
    family: str  # the folder of models/ that holds it
    deck_row: str  # in the ledger of the source lectures
    reported: str  # mIoU in the lectures: V = PASCAL VOC test, C = Cityscapes
    smallest: Mapping[str, Any]  # options of the smallest encoder of the paper's family, for tests
    full: Mapping[str, Any]  # options of the paper's own size, for counting


TINY_VGG = {"channels": (4, 8, 8, 16, 16, 32)}

ARCHITECTURES: dict[str, Entry] = {
    "fcn32s": Entry(
        fcn32s,
        "Fully Convolutional Networks for Semantic Segmentation",
        2015,
        "arXiv:1411.4038",
        "a classifier whose fully connected layers slide over the image",
        "resolution",
        "B2",
        "",
        TINY_VGG,
        {},
    ),
    "fcn16s": Entry(
        fcn16s,
        "Fully Convolutional Networks for Semantic Segmentation",
        2015,
        "arXiv:1411.4038",
        "FCN-32s with one skip: scores from pool4 are added",
        "resolution",
        "B2",
        "",
        TINY_VGG,
        {},
    ),
    "fcn8s": Entry(
        fcn8s,
        "Fully Convolutional Networks for Semantic Segmentation",
        2015,
        "arXiv:1411.4038",
        "FCN-32s with two skips: scores from pool4 and pool3 are added",
        "resolution",
        "B2",
        "V 62.2, C 65.3",
        TINY_VGG,
        {},
    ),
    "segnet": Entry(
        SegNet,
        "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation",
        2017,
        "arXiv:1511.00561",
        "maxima go back to where they were pooled from",
        "resolution",
        "B3",
        "C 57.0",
        {"channels": (4, 8, 8, 16, 16)},
        {},
    ),
    "unet": Entry(
        unet,
        "U-Net: Convolutional Networks for Biomedical Image Segmentation",
        2015,
        "arXiv:1505.04597",
        "every map of the way down is laid beside its equal on the way up",
        "resolution",
        "B5, B6",
        "",
        {"channels": (4, 8, 16, 24, 32)},
        {},
    ),
    "fpn": Entry(
        FPN,
        "Panoptic Feature Pyramid Networks",
        2019,
        "arXiv:1901.02446",
        "every scale gets the meaning of the coarsest one, and all vote on each pixel",
        "resolution",
        "B9",
        "",
        {"encoder": "resnet18", "channels": 32},
        {"encoder": "resnet101"},
    ),
    "pspnet": Entry(
        PSPNet,
        "Pyramid Scene Parsing Network",
        2017,
        "arXiv:1612.01105",
        "averages over grids of several sizes tell the pixel about the scene",
        "context",
        "B8",
        "V 85.4; C 85.4 as printed, a copy of the VOC row (about 78.4 in the paper)",
        {"encoder": "resnet18", "channels": 32},
        {"encoder": "resnet101"},
    ),
    "deeplabv3plus": Entry(
        DeepLabV3Plus,
        "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
        2018,
        "arXiv:1802.02611",
        "convolutions with holes see every size of object, and an early feature sharpens the outline",
        "context",
        "B14",
        "V 87.8, 89.0 (Xception-71)",
        {"encoder": "resnet18", "channels": 32, "detail": 8},
        {"encoder": "xception65"},
    ),
}

CONSTRUCTORS: dict[str, Callable[..., nn.Module]] = {name: entry.build for name, entry in ARCHITECTURES.items()}
