"""The table of the family `instances`: architectures that find objects, each with a box, a class and a mask."""

from ...structures import Detections
from ..instances.centermask import CenterMask
from ..instances.maskrcnn import MaskRCNN
from ..instances.retinamask import RetinaMask
from ..instances.shapemask import ShapeMask
from ..instances.sharpmask import SharpMask
from ..instances.tensormask import TensorMask
from ..instances.yolact import YOLACT
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
    "centermask": Entry(
        build=CenterMask,
        title="CenterMask: Real-Time Anchor-Free Instance Segmentation",
        year=2020,
        paper="arXiv:1911.06667",
        idea="points find the boxes without anchors, and attention inside each box says where its mask is worth drawing",
        output=Detections,
        loss="centermask",
        smallest={"encoder": "resnet18", "channels": 32, "depth": 2, "width": 64},
        full={"num_classes": 80},
        parameters=50_989_196,
        gflops=319.6,
    ),
    "sharpmask": Entry(
        build=SharpMask,
        title="Learning to Refine Object Segments",
        year=2016,
        paper="arXiv:1603.08695",
        idea="score every window of the image, whatever is in it, and refine a coarse mask with finer and finer features",
        output=Detections,
        loss="sharpmask",
        smallest={"encoder": "resnet18", "window": 32, "channels": 64, "hidden": 64, "scales": (0,), "limit": 20},
        parameters=18_505_480,
        gflops=462.6,
    ),
    "shapemask": Entry(
        build=ShapeMask,
        title="ShapeMask: Learning to Segment Novel Objects by Refining Shape Priors",
        year=2019,
        paper="arXiv:1904.03239",
        idea="mix the usual shapes of a class into a first guess, and refine it by what this one object looks like",
        output=Detections,
        loss="shapemask",
        smallest={
            "encoder": "resnet18",
            "channels": 32,
            "width": 16,
            "depth": 2,
            "clusters": 3,
            "enlarge": 2,
            "limit": 20,
        },
        full={"num_classes": 80},
        parameters=35_562_772,
        gflops=459.3,
    ),
    "yolact": Entry(
        build=YOLACT,
        title="YOLACT",
        year=2019,
        paper="arXiv:1904.02689",
        idea="draw a few maps of the whole picture, and add them up for each object by coefficients of its own",
        output=Detections,
        loss="yolact",
        smallest={"encoder": "resnet18", "channels": 32, "prototypes": 8, "sizes": (12, 32, 56, 48, 64), "limit": 20},
        full={"num_classes": 80},
        parameters=50_136_511,
        training_only=20_560,
        gflops=139.3,
    ),
    "retinamask": Entry(
        build=RetinaMask,
        title="RetinaMask",
        year=2019,
        paper="arXiv:1901.03353",
        idea="a detector of one stage that learns better by drawing masks of its best boxes, too",
        output=Detections,
        loss="retinamask",
        smallest={"encoder": "resnet18", "channels": 32, "limit": 20, "candidates": 100},
        full={"num_classes": 80},
        parameters=36_483_204,
        gflops=174.5,
    ),
    "tensormask": Entry(
        build=TensorMask,
        title="TensorMask",
        year=2019,
        paper="arXiv:1903.12174",
        idea="slide masks over the picture as detectors slide boxes: at each place of a pyramid a window, and in it a mask",
        output=Detections,
        loss="tensormask",
        smallest={
            "encoder": "resnet18",
            "channels": 32,
            "width": 16,
            "sizes": (12, 20),
            "limit": 20,
            "candidates": 200,
        },
        full={"num_classes": 80},
        parameters=36_567_490,
        gflops=294.7,
    ),
}
