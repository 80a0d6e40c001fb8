"""From a classifier of whole pictures to a dense network with the same weights: fully connected layers become convolutions.

Long, Shelhamer, Darrell. "Fully Convolutional Networks for Semantic Segmentation." CVPR 2015. arXiv:1411.4038, section 3.1

    classifier        average, linear [K, C]           cam       1x1 convolution [K, C, 1, 1] at every place
    vgg_classifier    flatten 7x7, fc6, fc7, score     fcn32s    7x7 convolution, 1x1, 1x1, enlarged 32 times

A linear layer over a flattened map is a convolution whose kernel fits once; the weights stay what they are. So the dense
network answers at each place what the classifier would answer for the window around it, and nothing has to be trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from torch import Tensor

from ..encoders.classic import SIDE
from ..errors import CheckpointError, ModelError
from ..models.catalogue import ARCHITECTURES
from ..structures import ClassLogits
from .record import Checkpoint

Weights = dict[str, Tensor]


class Surgery(NamedTuple):
    """What becomes of one kind of classifier."""

    model: str  # the dense network's name in the catalogue
    weights: Callable[[Mapping[str, Tensor]], Weights]  # the classifier's weights -> those of the dense network
    options: tuple[str, ...] = ()  # of the dense network, which its user may choose


def dense(stored: Checkpoint, **options: Any) -> Checkpoint:
    """Make a dense network of a classifier, with the same weights and classes.

    Args:
        stored: a classifier of whole pictures: `classifier` or `vgg_classifier`.
        options: of the dense network: `window` and `output_stride` of `cam`; `fcn32s` has none.

    Returns: the checkpoint of a network that draws maps. Its temperature is 1, for one of whole pictures is none of pixels.

    Raises: CheckpointError where there is no linear layer that could become a convolution; ModelError for an option that
        the dense network does not have.
    """
    if stored.model not in SURGERIES:
        raise CheckpointError(f"{_called(stored)}; dense takes {' or '.join(SURGERIES)}")
    surgery = SURGERIES[stored.model]
    for key in options:
        if key not in surgery.options:
            takes = f"takes {' and '.join(surgery.options)}" if surgery.options else "takes no options"
            raise ModelError(f"{surgery.model}, which a {stored.model} becomes, has no {key}; it {takes}")
    made = replace(
        stored,
        model=surgery.model,
        options={**stored.options, **options},
        weights=surgery.weights(stored.weights),
        recipe={},
        protocol="dataset",
        notes={**stored.notes, "made_from": stored.model},
        state={},
        progress={},
        calibration={},
    )
    made.build()  # whose errors say what does not fit
    return made


def _called(stored: Checkpoint) -> str:
    """Why a checkpoint is no classifier that could become dense."""
    if stored.model is None:
        return "the checkpoint holds a network of the user's own, of which nobody knows which layer is its linear head"
    entry = ARCHITECTURES.get(stored.model)
    if entry is not None and entry.output is ClassLogits:
        return f"{stored.model} is a classifier without a linear head"
    return f"{stored.model} answers for each place already, and has no linear head of whole pictures"


def _of_average(weights: Mapping[str, Tensor]) -> Weights:
    """The linear layer behind an average as a 1x1 convolution."""
    head = "classify.weight"
    return {key: kernel(tensor, 1) if key == head else tensor for key, tensor in weights.items()}


def _of_vgg(weights: Mapping[str, Tensor]) -> Weights:
    """Fully connected fc6, fc7 and scores as convolutions of 7x7, 1x1 and 1x1, where FCN has them."""
    sides = {"fc6.weight": SIDE, "fc7.weight": 1, "score.weight": 1}
    turned = {key: kernel(tensor, sides[key]) if key in sides else tensor for key, tensor in weights.items()}
    return {f"encoder.{key}" if key.startswith(("fc6.", "fc7.")) else key: t for key, t in turned.items()}


def kernel(weight: Tensor, side: int) -> Tensor:
    """Turn the weight of a linear layer [out, in * side * side], over a map flattened channels first, into a kernel.

    Returns: [out, in, side, side], the same numbers.
    """
    return weight.reshape(weight.shape[0], -1, side, side)


SURGERIES: dict[str, Surgery] = {
    "classifier": Surgery("cam", _of_average, ("window", "output_stride")),
    "vgg_classifier": Surgery("fcn32s", _of_vgg),
}
