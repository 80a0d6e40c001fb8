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
    full: Mapping[str, Any]  # options of the paper's own size, for counting; 21 classes unless it says another number


TINY_VGG = {"channels": (4, 8, 8, 16, 16, 32)}

ARCHITECTURES: dict[str, Entry] = {
    "fcn32s": Entry(
        build=fcn32s,
        title="Fully Convolutional Networks for Semantic Segmentation",
        year=2015,
        paper="arXiv:1411.4038",
        idea="a classifier whose fully connected layers slide over the image",
        family="resolution",
        deck_row="B2",
        reported="",
        smallest=TINY_VGG,
        full={},
    ),
    "fcn16s": Entry(
        build=fcn16s,
        title="Fully Convolutional Networks for Semantic Segmentation",
        year=2015,
        paper="arXiv:1411.4038",
        idea="FCN-32s with one skip: scores from pool4 are added",
        family="resolution",
        deck_row="B2",
        reported="",
        smallest=TINY_VGG,
        full={},
    ),
    "fcn8s": Entry(
        build=fcn8s,
        title="Fully Convolutional Networks for Semantic Segmentation",
        year=2015,
        paper="arXiv:1411.4038",
        idea="FCN-32s with two skips: scores from pool4 and pool3 are added",
        family="resolution",
        deck_row="B2",
        reported="V 62.2, C 65.3",
        smallest=TINY_VGG,
        full={},
    ),
    "segnet": Entry(
        build=SegNet,
        title="SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation",
        year=2017,
        paper="arXiv:1511.00561",
        idea="maxima go back to where they were pooled from",
        family="resolution",
        deck_row="B3",
        reported="C 57.0",
        smallest={"channels": (4, 8, 8, 16, 16)},
        full={},
    ),
    "unet": Entry(
        build=unet,
        title="U-Net: Convolutional Networks for Biomedical Image Segmentation",
        year=2015,
        paper="arXiv:1505.04597",
        idea="every map of the way down is laid beside its equal on the way up",
        family="resolution",
        deck_row="B5, B6",
        reported="",
        smallest={"channels": (4, 8, 16, 24, 32)},
        full={"num_classes": 1},
    ),
    "fpn": Entry(
        build=FPN,
        title="Panoptic Feature Pyramid Networks",
        year=2019,
        paper="arXiv:1901.02446",
        idea="every scale gets the meaning of the coarsest one, and all vote on each pixel",
        family="resolution",
        deck_row="B9",
        reported="",
        smallest={"encoder": "resnet18", "channels": 32},
        full={"encoder": "resnet101"},
    ),
    "pspnet": Entry(
        build=PSPNet,
        title="Pyramid Scene Parsing Network",
        year=2017,
        paper="arXiv:1612.01105",
        idea="averages over grids of several sizes tell the pixel about the scene",
        family="context",
        deck_row="B8",
        reported="V 85.4; C 85.4 as printed, a copy of the VOC row (about 78.4 in the paper)",
        smallest={"encoder": "resnet18", "channels": 32},
        full={"encoder": "resnet101"},
    ),
    "deeplabv3plus": Entry(
        build=DeepLabV3Plus,
        title="Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
        year=2018,
        paper="arXiv:1802.02611",
        idea="convolutions with holes see every size of object, and an early feature sharpens the outline",
        family="context",
        deck_row="B14",
        reported="V 87.8, 89.0 (Xception-71)",
        smallest={"encoder": "resnet18", "channels": 32, "detail": 8},
        full={"encoder": "xception65"},
    ),
}

CONSTRUCTORS: dict[str, Callable[..., nn.Module]] = {name: entry.build for name, entry in ARCHITECTURES.items()}
