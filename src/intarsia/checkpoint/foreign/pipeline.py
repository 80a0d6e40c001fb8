"""What a library does with a picture before its network sees it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..resizing import Resizing


class Pipeline(NamedTuple):
    """How pictures are prepared for a network, beyond what its tensors say.

    Args:
        mean, std: one number for each channel, in units of the full scale; None: as our encoder of that name has them.
            A network that wants blue first gets its first kernel turned around instead, by `Found.change`.
        resize: the size it wants; None: the picture's own.
        predict: keys of a recipe's `predict`, such as {"window": 512, "overlap": 0.25}, in the size after `resize`.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: Resizing | None = None
    predict: Mapping[str, Any] = MappingProxyType({})


AS_IT_IS = Pipeline()
IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
