"""Ensembles: an engine that asks several others about the same images, and averages what they say.

    image - each engine - probabilities, under its own temperature - mean or maximum - scores

Thomas G. Dietterich. "Ensemble Methods in Machine Learning." MCS 2000.
Balaji Lakshminarayanan et al. "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles." NeurIPS 2017.
arXiv:1612.01474
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..errors import ModelError
from ..labels import LabelSpace
from ..structures import Output
from .engine import Engine
from .gather import gathered
from .poses import View


class Ensemble:
    """An engine that runs several others and joins what they say, as `Averaged` joins views.

    Args:
        engines: each raw integers [B, C, H, W] to an output, all of one kind and of the same classes.
        how: "mean", or "max" of the probabilities.
        sigmoid: whether scores become probabilities by a sigmoid, and not by a softmax.
        temperatures: what the scores of each are divided by before they become probabilities; none: 1.

    Raises: ModelError for no engine, or another number of temperatures.
    """

    def __init__(
        self, engines: Sequence[Engine], *, how: str = "mean", sigmoid: bool = False, temperatures: Sequence[float] = ()
    ) -> None:
        if not engines:
            raise ModelError("an ensemble of no models was given; name at least one")
        self.engines, self.how, self.sigmoid = tuple(engines), how, sigmoid
        self.temperatures = tuple(temperatures) or (1.0,) * len(self.engines)
        if len(self.temperatures) != len(self.engines):
            raise ModelError(f"{len(self.temperatures)} temperatures for {len(self.engines)} models; give one for each")

    def __call__(self, image: Tensor) -> Output:
        """Run all engines on raw integers [B, C, H, W].

        Returns: an output of their kind; its scores are those of temperature 1.

        Raises: ModelError for outputs that cannot be averaged.
        """
        size = (image.shape[2], image.shape[3])
        seen = (
            (engine(image), View(size), temperature)
            for engine, temperature in zip(self.engines, self.temperatures, strict=True)
        )
        return gathered(seen, size, self.how, sigmoid=self.sigmoid)


def check_alike(one: tuple[str, LabelSpace, int], other: tuple[str, LabelSpace, int]) -> None:
    """See that two models can be averaged: the same classes in the same order, of the same images.

    Args:
        one, other: what a message calls the model, its classes, and the channels of its images.

    Raises: ModelError saying what differs.
    """
    (a, first, channels), (b, second, others) = one, other
    if channels != others:
        raise ModelError(
            f"{a} takes images of {channels} channels and {b} of {others}; models are averaged on the same images"
        )
    if first.names != second.names:
        pairs = enumerate(zip(first.names, second.names, strict=False))
        told = next(
            (f"class {n} is {mine!r} in {a} and {theirs!r} in {b}" for n, (mine, theirs) in pairs if mine != theirs),
            f"{a} tells {len(first.names)} classes apart and {b} {len(second.names)}",
        )
    elif first.things != second.things:
        told = f"the things are {_listed(first.things)} in {a} and {_listed(second.things)} in {b}"
    elif (first.activation, first.planes) != (second.activation, second.planes):
        told = f"{a} has {_heads(first)} and {b} {_heads(second)}"
    else:
        return
    raise ModelError(f"{told}; models are averaged when they have the same classes in the same order")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _heads(space: LabelSpace) -> str:
    return "several labels a pixel" if space.planes else f"a {space.activation}"
