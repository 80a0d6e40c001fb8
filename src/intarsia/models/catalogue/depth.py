"""The table of the family `depth`: architectures that say how far away each pixel is."""

from ...structures import DepthMap
from ..depth.densedepth import DenseDepth
from .entry import Entry

DEPTH: dict[str, Entry] = {
    "densedepth": Entry(
        build=DenseDepth,
        title="High Quality Monocular Depth Estimation via Transfer Learning",
        year=2018,
        paper="arXiv:1812.11941",
        idea="a good encoder, and a plain decoder that doubles and looks at the finer feature",
        output=DepthMap,
        smallest={"encoder": "densenet121", "channels": 32},
        parameters=52_125_641,
        gflops=248.6,
    ),
}
