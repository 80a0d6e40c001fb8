"""The table of the family `panoptic`: architectures that find objects and name what is between them."""

from ...structures import DetectionsAndStuff, PanopticLogits
from ..panoptic.axial_deeplab import AxialDeepLab
from ..panoptic.panoptic_deeplab import PanopticDeepLab
from ..panoptic.panoptic_fpn import PanopticFPN
from .entry import Entry

PANOPTIC: dict[str, Entry] = {
    "panoptic_deeplab": Entry(
        build=PanopticDeepLab,
        title="Panoptic-DeepLab: A Simple, Strong, and Fast Baseline for Bottom-Up Panoptic Segmentation",
        year=2020,
        paper="arXiv:1911.10194",
        idea="pixels are named, centers of objects marked, and each pixel points to the center of its object",
        output=PanopticLogits,
        smallest={
            "encoder": "resnet18",
            "channels": 32,
            "detail": (16, 8),
            "instance_channels": 16,
            "instance_detail": (8, 8),
            "head_channels": 8,
        },
        parameters=29_943_560,
        gflops=83.3,
    ),
    "axial_deeplab": Entry(
        build=AxialDeepLab,
        title="Axial-DeepLab: Stand-Alone Axial-Attention for Panoptic Segmentation",
        year=2020,
        paper="arXiv:2003.07853",
        idea="attention along columns and then along rows stands where a ResNet has 3x3 convolutions",
        output=PanopticLogits,
        smallest={
            "width": 0.125,
            "blocks": (1, 1, 1, 1),
            "heads": 2,
            "span": 8,
            "channels": 16,
            "detail": (8, 8),
            "instance_channels": 16,
            "instance_detail": (8, 8),
            "head_channels": 8,
        },
        full={"num_classes": 133},
        parameters=45_316_280,
        gflops=172.8,
    ),
    "panoptic_fpn": Entry(
        build=PanopticFPN,
        title="Panoptic Feature Pyramid Networks",
        year=2019,
        paper="arXiv:1901.02446",
        idea="a detector and a light semantic branch share one pyramid, and stuff fills what the objects leave",
        output=DetectionsAndStuff,
        smallest={"encoder": "resnet18", "channels": 32, "branch": 16, "width": 64},
        full={"num_classes": 133},
        parameters=46_322_547,
        gflops=251.7,
    ),
}
