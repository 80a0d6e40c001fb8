"""One row of the tables of architectures."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import nn

from ...structures import SemanticLogits


class Entry(NamedTuple):
    """One architecture."""

    build: Callable[..., nn.Module]  # (num_classes, *, options) -> network
    title: str  # of the paper
    year: int
    paper: str
    idea: str
    smallest: Mapping[str, Any]  # options of the smallest encoder of the paper's family, for tests
    parameters: int  # of the paper's size, as evaluation uses them, like the GFLOPs; a test counts them
    gflops: float  # of that size for one image of 512x512, a multiply-add counting as two; a test counts them
    full: Mapping[str, Any] = MappingProxyType(
        {}
    )  # options of the paper's size; 21 classes unless it says another number
    output: type = SemanticLogits  # what it returns, in training and in evaluation alike
    loss: str = ""  # its paper's own, by its name in `losses.LOSSES`, where it is not the usual one of the output
    one_label: bool = False  # its classes exclude each other at a pixel inside the network: no several labels a pixel
    training_only: int = 0  # further parameters of that size, of heads that only training has
    reported: str = ""  # mIoU in the lectures: V = PASCAL VOC test, C = Cityscapes, S = COCO-Stuff
    measured: str = ""  # our own score, with the file under benchmarks/results/ that holds it
    no_graph: str = ""  # why no exported graph can hold it, where none can
    deck_row: str = ""  # in the ledger of the lectures: for those who keep the table, and shown to nobody else

    @property
    def family(self) -> str:
        """The folder of `models` that holds it."""
        return self.build.__module__.split(".")[-2]
