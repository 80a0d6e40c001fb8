"""What transformers writes beside its weights: the names of the classes (config.json) and what is done with a picture first
(preprocessor_config.json)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import LabelError
from ...labels import LabelSpace
from ...limits import OPTION
from ..resizing import Resizing
from .pipeline import AS_IT_IS, Pipeline

PREPARED = "preprocessor_config"  # the key under which `tensors.read` keeps the second file
METHODS = {0: "nearest", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers


def labels_of(settings: Mapping[str, Any], count: int) -> LabelSpace | None:
    """The classes that a config.json names, in order; None where it names other than `count`, or only numbers them."""
    named = settings.get("id2label")
    if not isinstance(named, Mapping) or len(named) != count:
        return None
    names = [named.get(str(n)) for n in range(count)]
    if not all(isinstance(name, str) for name in names) or all(str(name).startswith("LABEL_") for name in names):
        return None
    try:
        return LabelSpace(tuple(map(str, names)))
    except LabelError:  # as of two classes of one name
        return None


def pipeline_of(settings: Mapping[str, Any], direct: bool = False) -> Pipeline:
    """Size, mean and deviation as its image processor has them; each that is not understood: as without a processor.

    Args:
        direct: whether the library enlarges the network's coarse maps to the picture's size in one step.
    """
    told = settings.get(PREPARED)
    if not isinstance(told, Mapping) or told.get("do_rescale", True) is not True:
        return AS_IT_IS
    size = told.get("size")
    sides = (size.get("height"), size.get("width")) if isinstance(size, Mapping) else (size, size)
    method = METHODS.get(told.get("resample", 2)) if isinstance(told.get("resample", 2), int) else None
    rule = None
    whole = (
        told.get("keep_aspect_ratio", False) is not True
    )  # DPT's other rule, which no rule here says: as the picture is
    if (
        whole
        and told.get("do_resize", True) is True
        and method
        and all(isinstance(s, int) and 0 < s <= OPTION for s in sides)
    ):
        rule = Resizing(size=sides, method=method, direct=direct)  # type: ignore[arg-type]
    mean, std = told.get("image_mean"), told.get("image_std")
    if told.get("do_normalize", True) is not True or not (_numbers(mean) and _numbers(std)):
        return Pipeline(resize=rule)
    return Pipeline(mean=tuple(mean), std=tuple(std), resize=rule)  # type: ignore[arg-type]


def _numbers(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and all(isinstance(one, float | int) for one in given)
