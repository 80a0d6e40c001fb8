"""The table of the family `context`: architectures that look at a pixel's surroundings before they name it."""

from ..context.deeplabv1 import DeepLabV1
from ..context.deeplabv2 import DeepLabV2
from ..context.deeplabv3 import DeepLabV3
from ..context.deeplabv3_cascade import DeepLabV3Cascade
from ..context.deeplabv3plus import DeepLabV3Plus
from ..context.denseaspp import DenseASPP
from ..context.dilation10 import Dilation10
from ..context.duc_hdc import DUCHDC
from ..context.fcn_resnet import FCNResNet
from ..context.pixel_classifier import PatchClassifier
from ..context.pspnet import PSPNet
from ..context.upernet import UPerNet
from ..context.wide_resnet38 import WideResNetFCN
from .entry import Entry

TINY_VGG = {"channels": (4, 8, 8, 16, 16, 32)}

CONTEXT: dict[str, Entry] = {
    "pspnet": Entry(
        build=PSPNet,
        title="Pyramid Scene Parsing Network",
        year=2017,
        paper="arXiv:1612.01105",
        idea="averages over grids of several sizes tell the pixel about the scene",
        deck_row="B8",
        reported="V 85.4; C 85.4 as printed, a copy of the VOC row (about 78.4 in the paper)",
        smallest={"encoder": "resnet18", "channels": 32},
        parameters=65_708_501,
        gflops=523.7,
        training_only=2_365_205,
    ),
    "deeplabv3plus": Entry(
        build=DeepLabV3Plus,
        title="Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
        year=2018,
        paper="arXiv:1802.02611",
        idea="convolutions with holes see every size of object, and an early feature sharpens the outline",
        deck_row="B14",
        reported="V 87.8, 89.0 (Xception-71)",
        smallest={"encoder": "resnet18", "channels": 32, "detail": 8},
        full={"encoder": "xception65"},
        parameters=41_055_413,
        gflops=102.6,
    ),
    "deeplabv1": Entry(
        build=DeepLabV1,
        title="Semantic Image Segmentation with Deep Convolutional Nets and Fully Connected CRFs",
        year=2015,
        paper="arXiv:1412.7062",
        idea="holes in its kernels make a classifier dense, and give it a large field of view",
        deck_row="B11",
        smallest=TINY_VGG,
        parameters=20_505_429,
        gflops=251.3,
    ),
    "deeplabv2": Entry(
        build=DeepLabV2,
        title="DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous Convolution, and Fully "
        "Connected CRFs",
        year=2018,
        paper="arXiv:1606.00915",
        idea="four looks of growing reach at the same place, added up",
        deck_row="B12",
        reported="V 79.7 with CRF, C 70.4 (R-101)",
        smallest={"encoder": "resnet18"},
        parameters=44_048_532,
        gflops=367.2,
    ),
    "deeplabv3": Entry(
        build=DeepLabV3,
        title="Rethinking Atrous Convolution for Semantic Image Segmentation",
        year=2017,
        paper="arXiv:1706.05587",
        idea="looks of several reaches beside the mean of the image, normalized and mixed",
        deck_row="B13",
        reported="V 85.7, C 81.3 (R-101)",
        smallest={"encoder": "resnet18", "channels": 32},
        parameters=58_040_661,
        gflops=134.4,
    ),
    "deeplabv3_cascade": Entry(
        build=DeepLabV3Cascade,
        title="Rethinking Atrous Convolution for Semantic Image Segmentation",
        year=2017,
        paper="arXiv:1706.05587",
        idea="copies of the last ResNet block see further and further, and the map keeps its size",
        deck_row="B13",
        smallest={"encoder": "resnet18"},
        parameters=82_706_517,
        gflops=185.9,
    ),
    "dilation10": Entry(
        build=Dilation10,
        title="Multi-Scale Context Aggregation by Dilated Convolutions",
        year=2016,
        paper="arXiv:1511.07122",
        idea="convolutions whose rates double correct the scores by what surrounds them",
        deck_row="B19",
        reported="C 67.1",
        smallest=TINY_VGG,
        full={"num_classes": 19},
        parameters=134_368_179,
        gflops=1184.0,
    ),
    "duc_hdc": Entry(
        build=DUCHDC,
        title="Understanding Convolution for Semantic Segmentation",
        year=2018,
        paper="arXiv:1702.08502",
        idea="rates without a common divisor leave no pixel unseen; each cell draws its own pixels",
        deck_row="B21",
        reported="C 77.6",
        smallest={"encoder": "resnet18", "rates": (1, 2)},
        full={"num_classes": 19},
        parameters=132_282_048,
        gflops=1103.1,
    ),
    "denseaspp": Entry(
        build=DenseASPP,
        title="DenseASPP for Semantic Segmentation in Street Scenes",
        year=2018,
        paper="doi:10.1109/CVPR.2018.00388",
        idea="each look sees what all looks of shorter reach have seen",
        deck_row="B22",
        reported="C 80.6",
        smallest={"encoder": "resnet18", "channels": 16, "growth": 8},  # exporting a DenseNet takes minutes
        full={"num_classes": 19},
        parameters=35_392_867,
        gflops=309.9,
    ),
    "pixel_classifier": Entry(
        build=PatchClassifier,
        title="Fast Image Scanning with Deep Max-Pooling Convolutional Neural Networks",
        year=2013,
        paper="arXiv:1302.1700",
        idea="each pixel is named from the patch around it; patches that overlap share their work",
        deck_row="B1",
        smallest={"context": 21, "channels": 8, "hidden": 16},
        parameters=224_645,
        gflops=137.1,
    ),
    "wide_resnet38": Entry(
        build=WideResNetFCN,
        title="Wider or Deeper: Revisiting the ResNet Model for Visual Recognition",
        year=2019,
        paper="arXiv:1611.10080",
        idea="an encoder so wide that two convolutions behind it suffice",
        deck_row="B36",
        reported="V 84.9, C 78.4",
        smallest={"width": 4, "channels": 8},
        parameters=124_043_093,
        gflops=1197.8,
    ),
    "upernet": Entry(
        build=UPerNet,
        title="Unified Perceptual Parsing for Scene Understanding",
        year=2018,
        paper="arXiv:1807.10221",
        idea="the scene at the top, a pyramid down to the detail, and all levels at once",
        smallest={"encoder": "resnet18", "channels": 16},
        parameters=83_148_245,
        gflops=526.1,
        training_only=2_365_205,
    ),
    "fcn_resnet": Entry(
        build=FCNResNet,
        title="Fully Convolutional Networks for Semantic Segmentation",
        year=2015,
        paper="arXiv:1411.4038",
        idea="FCN on a backbone that is dilated instead of shrunk: the plain network that others are measured against",
        smallest={"encoder": "resnet18", "channels": 32},
        full={"encoder": "resnet101"},
        parameters=51_949_141,
        gflops=431.9,
        training_only=2_365_205,
    ),
}
