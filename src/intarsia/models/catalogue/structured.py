"""The table of the family `structured`: architectures that model how labels and parts of a picture depend on each other."""

from ..structured.crf_rnn import CRFRNN
from ..structured.dpn import DPN
from ..structured.dsspn import DSSPN
from ..structured.dynamic_routing import DynamicRouting
from ..structured.piecewise import Piecewise
from ..structured.sgr import SGR
from .entry import Entry

STRUCTURED: dict[str, Entry] = {
    "crf_rnn": Entry(
        build=CRFRNN,
        title="Conditional Random Fields as Recurrent Neural Networks",
        year=2015,
        paper="arXiv:1502.03240",
        idea="the mean field of a dense CRF is a recurrent layer, trained together with the network before it",
        deck_row="B40",
        reported="V 72.0, 74.7",
        one_label=True,
        smallest={"channels": (4, 8, 8, 16, 16, 32), "color": 60.0, "iterations": 3, "training_iterations": 2},
        parameters=134_378_186,
        gflops=228.7,
        no_graph="its lattice has as many vertices as the picture's colors ask for, and finds them by sorting",
    ),
    "dynamic_routing": Entry(
        build=DynamicRouting,
        title="Learning Dynamic Routing for Semantic Segmentation",
        year=2020,
        paper="arXiv:2003.10401",
        idea="a lattice of scales in which gates choose a way for each image, and are asked to choose a cheap one",
        deck_row="B39",
        reported="V 84.0, C 80.7",
        smallest={"layers": 3, "channels": 8},
        full={"layers": 33},
        parameters=38_872_820,
        gflops=52.2,
    ),
    "dsspn": Entry(
        build=DSSPN,
        title="Dynamic-Structured Semantic Propagation Network",
        year=2018,
        paper="arXiv:1803.06067",
        idea="classes hang in a tree, and each branch of it has a small network that tells its children apart",
        deck_row="B50",
        reported="COCO-Stuff 37.3 (R-101)",
        one_label=True,
        smallest={"encoder": "resnet18", "channels": 16, "width": 8},
        parameters=47_397_029,
        gflops=394.6,
    ),
    "sgr": Entry(
        build=SGR,
        title="Symbolic Graph Reasoning Meets Convolutions",
        year=2018,
        paper="https://papers.nips.cc/paper/7456-symbolic-graph-reasoning-meets-convolutions",
        idea="features vote for the nodes of a graph of meanings, which talk along its edges, and the pixels hear the result",
        deck_row="B51",
        reported="COCO-Stuff 39.1 (R-101)",
        smallest={"encoder": "resnet18", "channels": 16, "rates": (1, 2)},
        parameters=58_319_978,
        gflops=478.2,
    ),
    "dpn": Entry(
        build=DPN,
        title="Semantic Image Segmentation via Deep Parsing Network",
        year=2015,
        paper="arXiv:1509.02634",
        idea="one step of mean field in a random field of high order, as four layers behind a classifier",
        deck_row="B41",
        reported="V 77.5, C 66.8",
        one_label=True,
        smallest={"channels": (4, 8, 8, 16, 16, 32), "window": 9, "context": 3},
        parameters=134_525_188,
        gflops=1285.3,
    ),
    "piecewise": Entry(
        build=Piecewise,
        title="Efficient Piecewise Training of Deep Structured Models for Semantic Segmentation",
        year=2016,
        paper="arXiv:1504.01013",
        idea="each pair of neighboring places has a network for both labels at once, and each potential is learned by itself",
        deck_row="B42",
        reported="V 78.0",
        one_label=True,
        smallest={"encoder": "resnet18", "scales": (1.0, 0.5), "channels": 8, "hidden": 8, "reach": 1, "iterations": 2},
        parameters=41_137_863,
        gflops=651.3,
    ),
}
