"""The table of the family `video`: architectures that follow objects from frame to frame."""

from ...structures import PanopticLogits
from ..video.motion_deeplab import MotionDeepLab
from ..video.vip_deeplab import ViPDeepLab
from .entry import Entry

VIDEO: dict[str, Entry] = {
    "motion_deeplab": Entry(
        build=MotionDeepLab,
        title="STEP: Segmenting and Tracking Every Pixel",
        year=2021,
        paper="arXiv:2102.11859",
        idea="sees the frame before and where its objects were, and each pixel points to where its own was",
        output=PanopticLogits,
        loss="moving_centers",
        smallest={
            "encoder": "resnet18",
            "channels": 32,
            "detail": (16, 8),
            "instance_channels": 16,
            "instance_detail": (8, 8),
            "head_channels": 8,
        },
        parameters=29_951_242,
        gflops=53.8,
    ),
    "vip_deeplab": Entry(
        build=ViPDeepLab,
        title="ViP-DeepLab: Learning Visual Perception with Depth-aware Video Panoptic Segmentation",
        year=2021,
        paper="arXiv:2012.05258",
        idea="pixels point into the frame before, to the center of their object, and are measured in meters",
        output=PanopticLogits,
        loss="moving_centers",
        smallest={
            "encoder": "resnet18",
            "channels": 32,
            "detail": (16, 8),
            "instance_channels": 16,
            "instance_detail": (8, 8),
            "head_channels": 8,
            "depth_channels": 8,
        },
        parameters=35_771_579,
        gflops=103.2,
    ),
}
