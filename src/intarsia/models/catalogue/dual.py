"""The table of the family `dual`: architectures that learn from less than a mask."""

from ..dual.boxsup import BoxSup
from ..dual.dis import DIS
from .entry import Entry

DUAL: dict[str, Entry] = {
    "boxsup": Entry(
        build=BoxSup,
        title="BoxSup: Exploiting Bounding Boxes to Supervise Convolutional Networks for Semantic Segmentation",
        year=2015,
        paper="arXiv:1503.01640",
        idea="a network learns masks from boxes, by choosing for each box a region that looks likely to itself",
        deck_row="B43",
        reported="V 75.1",
        smallest={"channels": (4, 8, 8, 16, 16, 32), "rate": 2},
        parameters=20_505_429,
        gflops=251.3,
    ),
    "dis": Entry(
        build=DIS,
        title="Deep Dual Learning for Semantic Image Segmentation",
        year=2017,
        paper="doi:10.1109/ICCV.2017.296",
        idea="what is drawn of an image must suffice to draw the image again, and that makes images without masks useful",
        deck_row="B45",
        reported="V 86.8 (R-101)",
        smallest={"encoder": "resnet18", "channels": 16, "narrow": 4},
        parameters=51_949_141,
        gflops=431.9,
        training_only=79_622,
    ),
}
