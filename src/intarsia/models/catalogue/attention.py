"""The table of the family `attention`: architectures in which pixels choose what they look at."""

from ..attention.hierarchical import Hierarchical
from ..attention.ocr import OCR
from .entry import Entry

ATTENTION: dict[str, Entry] = {
    "ocr": Entry(
        build=OCR,
        title="Object-Contextual Representations for Semantic Segmentation",
        year=2020,
        paper="arXiv:1909.11065",
        idea="a pixel asks the objects of the image which of them it belongs to",
        deck_row="B16",
        reported="C 82.4 (R-101); COCO-Stuff 39.5, 40.5 (HRNet-W48)",
        smallest={"encoder": "resnet18", "channels": 32, "width": 16},
        full={"encoder": "resnet101"},
        parameters=57_863_786,
        gflops=477.8,
    ),
    "hierarchical": Entry(
        build=Hierarchical,
        title="Hierarchical Multi-Scale Attention for Semantic Segmentation",
        year=2020,
        paper="arXiv:2005.10821",
        idea="the image in several sizes, and a map of how far to trust each size against the next larger",
        deck_row="B17",
        reported="C 85.1",
        smallest={
            "encoder": "hrnet_w18_small",
            "channels": 32,
            "width": 16,
            "attention": 8,
            "scales": (0.5, 1.0),
        },
        full={"encoder": "hrnet_w48"},
        parameters=72_144_667,
        gflops=1776.8,
    ),
}
