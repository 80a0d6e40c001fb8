"""The table of the family `attention`: architectures in which pixels choose what they look at."""

from ..attention.dfn import DFN
from ..attention.gscnn import GSCNN
from ..attention.hanet import HANet
from ..attention.hierarchical import Hierarchical
from ..attention.manet import MANet
from ..attention.ocr import OCR
from ..attention.pan import PAN
from ..attention.segformer import SegFormer
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
    "manet": Entry(
        build=MANet,
        title="MA-Net: A Multi-Scale Attention Network for Liver and Tumor Segmentation",
        year=2020,
        paper="doi:10.1109/ACCESS.2020.3025372",
        idea="a U-Net whose coarsest map attends to all its places, and whose channels are weighed where two levels meet",
        smallest={"encoder": "resnet18", "channels": (4, 8, 8, 8, 8), "attention": 8, "reduction": 2},
        full={"encoder": "resnet50"},
        parameters=147_442_893,
        gflops=150.3,
    ),
    "pan": Entry(
        build=PAN,
        title="Pyramid Attention Network for Semantic Segmentation",
        year=2018,
        paper="arXiv:1805.10180",
        idea="a small pyramid says where the coarsest map matters, and each finer map is weighed by the coarser one",
        smallest={"encoder": "resnet18", "channels": 16},
        full={"encoder": "resnet101"},
        parameters=43_257_462,
        gflops=108.3,
    ),
    "segformer": Entry(
        build=SegFormer,
        title="SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers",
        year=2021,
        paper="arXiv:2105.15203",
        idea="a transformer that needs no code of places, and a decoder of nothing but linear layers",
        smallest={"encoder": "mit_b0", "channels": 16},
        full={"encoder": "mit_b5"},
        parameters=84_609_493,
        gflops=219.8,
    ),
    "gscnn": Entry(
        build=GSCNN,
        title="Gated-SCNN: Gated Shape CNNs for Semantic Segmentation",
        year=2019,
        paper="arXiv:1907.05740",
        idea="a thin stream at the image's size draws shapes, and the deep one tells it which lines matter",
        deck_row="B33",
        reported="C 82.8 (Wide ResNet-38)",
        smallest={"encoder": "resnet18", "shape": (8, 6, 4), "channels": 16, "detail": 8},
        parameters=137_278_655,
        gflops=1510.5,
    ),
    "dfn": Entry(
        build=DFN,
        title="Learning a Discriminative Feature Network for Semantic Segmentation",
        year=2018,
        paper="arXiv:1804.09337",
        idea="the image's mean chooses channels on the way up, and a second way, from fine to coarse, learns borders",
        deck_row="B28",
        reported="V 86.2, C 79.3 (R-101)",
        smallest={"encoder": "resnet18", "channels": 16, "border": 4},
        full={"encoder": "resnet101s"},
        parameters=88_339_058,
        gflops=550.2,
        training_only=2_371_840,
    ),
    "hanet": Entry(
        build=HANet,
        title="Cars Can't Fly Up in the Sky: Improving Urban-Scene Segmentation via Height-Driven Attention Networks",
        year=2020,
        paper="arXiv:2003.05128",
        idea="which channels matter is asked of each row of the picture by itself",
        deck_row="B34",
        reported="C 83.2 (ResNeXt-101, with Mapillary)",
        smallest={"encoder": "resnet18", "channels": 16, "detail": 8, "reduction": 4, "side": 16},
        full={"encoder": "resnet101s"},
        parameters=60_693_337,
        gflops=191.4,
        training_only=4_730_389,
    ),
}
