"""The table of the family `instances`: architectures that find objects, each with a box, a class and a mask."""

from ...structures import Detections
from ..instances.maskrcnn import MaskRCNN
from .entry import Entry

INSTANCES: dict[str, Entry] = {
    "maskrcnn": Entry(
        build=MaskRCNN,
        title="Mask R-CNN",
        year=2017,
        paper="arXiv:1703.06870",
        idea="find the boxes first, then draw a mask inside each, in cells that round nothing",
        output=Detections,
        smallest={"encoder": "resnet18", "channels": 32, "width": 64},
        full={"num_classes": 80},
        parameters=44_396_336,
        gflops=232.9,
    ),
}
