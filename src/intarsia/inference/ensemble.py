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
from .gather import View, gathered


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


def check_alike(names: Sequence[str], spaces: Sequence[LabelSpace], channels: Sequence[int]) -> None:
    """See that models can be averaged: the same classes in the same order, of the same images.

    Args:
        names: what a message calls the models.
        spaces: the classes of each.
        channels: of the images of each.

    Raises: ModelError saying what differs.
    """
    first = spaces[0]
    for name, space, count in zip(names[1:], spaces[1:], channels[1:], strict=True):
        if count != channels[0]:
            raise ModelError(
                f"{names[0]} takes images of {channels[0]} channels and {name} of {count}; models are averaged on the same images"
            )
        if (space.names, space.activation, space.planes, space.things) == (
            first.names,
            first.activation,
            first.planes,
            first.things,
        ):
            continue
        if space.names != first.names:
            pairs = zip(first.names, space.names, strict=False)
            at = next((n for n, (a, b) in enumerate(pairs) if a != b), None)
            told = (
                f"class {at} is {first.names[at]!r} in {names[0]} and {space.names[at]!r} in {name}"
                if at is not None
                else f"{names[0]} tells {len(first.names)} classes apart and {name} {len(space.names)}"
            )
        elif space.things != first.things:
            told = f"the things are {', '.join(first.things) or 'none'} in {names[0]} and {', '.join(space.things) or 'none'} in {name}"
        else:
            told = f"{names[0]} has {_heads(first)} and {name} {_heads(space)}"
        raise ModelError(f"{told}; models are averaged when they have the same classes in the same order")


def _heads(space: LabelSpace) -> str:
    return "several labels a pixel" if space.planes else f"a {space.activation}"
