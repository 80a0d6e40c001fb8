"""The table of the family `structured`: architectures that model how labels and parts of a picture depend on each other."""

from ..structured.crf_rnn import CRFRNN
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
        smallest={"channels": (4, 8, 8, 16, 16, 32), "color": 60.0, "iterations": 3, "training_iterations": 2},
        parameters=134_378_186,
        gflops=228.7,
    ),
}
