"""The table of the family `panoptic`: architectures that find objects by their centers."""

from ...structures import PanopticLogits
from ..panoptic.panoptic_deeplab import PanopticDeepLab
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
}
