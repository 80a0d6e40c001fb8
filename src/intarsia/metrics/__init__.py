"""Counts gathered image by image, ratios taken once at the end.

metric.update(predicted, labels), ... -> metric.merge(other) -> metric.compute()

pixels      ConfusionMatrix -> Scores under a Protocol; ImageCounts; TopK; Calibration
boundaries  BoundaryIoU, TrimapIoU, BoundaryF, SurfaceDistances
segments    PanopticQuality, AveragePrecision, CityscapesPrecision, TrackingQuality, VideoPanopticQuality,
            VideoObjectQuality, InstanceIoU, CategoryIoU, by_category
depth       DepthErrors
trust       bootstrap, compare, over_seeds, latency
"""

from ..structures import Frame, Objects, Segments
from .average_precision import AveragePrecision
from .boundary import BoundaryF, BoundaryIoU, TrimapIoU
from .calibration import Calibration
from .categories import CategoryIoU, InstanceIoU, by_category
from .cityscapes_precision import CityscapesPrecision
from .confusion import ConfusionMatrix
from .depth import DepthErrors
from .latency import latency
from .object_shapes import box_iou
from .panoptic import PanopticQuality, segments
from .per_image import ImageCounts
from .protocols import PROTOCOLS, Protocol
from .scores import Scores
from .significance import bootstrap, compare, over_seeds
from .surface import SurfaceDistances
from .topk import TopK
from .video import TrackingQuality
from .video_objects import VideoObjectQuality
from .video_panoptic import VideoPanopticQuality

__all__ = [
    "PROTOCOLS",
    "AveragePrecision",
    "BoundaryF",
    "BoundaryIoU",
    "Calibration",
    "CategoryIoU",
    "CityscapesPrecision",
    "ConfusionMatrix",
    "DepthErrors",
    "Frame",
    "ImageCounts",
    "InstanceIoU",
    "Objects",
    "PanopticQuality",
    "Protocol",
    "Scores",
    "Segments",
    "SurfaceDistances",
    "TopK",
    "TrackingQuality",
    "TrimapIoU",
    "VideoObjectQuality",
    "VideoPanopticQuality",
    "bootstrap",
    "box_iou",
    "by_category",
    "compare",
    "latency",
    "over_seeds",
    "segments",
]
