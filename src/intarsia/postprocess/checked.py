"""Check what a network returned: the one place, for training and prediction, that knows the shapes of outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..errors import ModelError
from ..labels import LabelSpace
from ..structures import (
    ClassLogits,
    CompetingMasks,
    DepthMap,
    Detections,
    DetectionsAndStuff,
    MaskQueries,
    Output,
    PanopticLogits,
    SemanticLogits,
)
from .outputs import ALLOWED, semantic, spelled

Shape = tuple[int | str, ...]


def checked(output: Any, image: Tensor, space: LabelSpace, network: str = "the network") -> Output:
    """Read what a network returned for images, whatever library it is of, and see that its parts have their shapes.

    Args:
        output: one of the outputs of `structures`; or a tensor, a mapping or a tuple that holds logits (`outputs.py`).
        image: [B, C, H, W] what the network was given.
        space: the classes.
        network: what a message calls it.

    Raises: ModelError saying what is there and what is needed.
    """
    known = recognized(output, network)
    sizes = {"B": image.shape[0], "H": image.shape[2], "W": image.shape[3]}
    for name, (part, wanted) in PARTS[type(known)](known, space).items():
        if part is not None and not _fits(part, wanted, sizes):
            shape = [sizes.get(side, side) if isinstance(side, str) else side for side in wanted]
            raise ModelError(
                f"{network} returned {name} of shape {list(part.shape)} where [{', '.join(map(str, shape))}] is needed "
                f"({' x '.join(map(str, wanted))}, {_counted(space)})"
            )
    return known


def recognized(output: Any, network: str = "the network") -> Output:
    """Read what a network returned as an output, whatever library it is of.

    Args:
        output: as for `checked`.

    Raises: ModelError where no logits are found in it.
    """
    if type(output) in PARTS:
        known: Output = output
        return known
    found = semantic(output)
    if found is None:
        raise ModelError(f"{network} returned {spelled(output)}; {ALLOWED}")
    return found


def semantic_view(output: Output) -> SemanticLogits | None:
    """Find the semantic map in an output; None where it has none, as boxes, queries and depth have none.

    Returns: logits [B, K, H, W].
    """
    return VIEWS[type(output)](output) if type(output) in VIEWS else None


def finite(output: Output, network: str = "the network", hint: str = "") -> None:
    """See that the main parts of an output are numbers.

    Raises: ModelError, ending in the hint.
    """
    for part in output:
        if isinstance(part, Detections):
            finite(part, network, hint)
        elif isinstance(part, Tensor) and part.is_floating_point() and part.numel() and part.amax().isnan():
            raise ModelError(
                f"{network} returned scores that are no numbers (NaN)"
                f"{hint or '; its weights are broken: use an earlier checkpoint'}"
            )


def _fits(part: Tensor, wanted: Shape, sizes: dict[str, int]) -> bool:
    """Whether a part has the shape; a letter that is no size of the image may be any number."""
    if part.ndim != len(wanted):
        return False
    return all(
        have == (sizes.get(side, have) if isinstance(side, str) else side)
        for have, side in zip(part.shape, wanted, strict=True)
    )


def _counted(space: LabelSpace) -> str:
    return f"{space.num_classes} classes, {'planes' if space.planes else space.activation}"


def _queries(o: MaskQueries | CompetingMasks, space: LabelSpace) -> dict[str, tuple[Tensor | None, Shape]]:
    """The parts of what queries say."""
    return {
        "classes": (o.classes, ("B", "Q", space.num_classes + 1)),
        "masks": (o.masks, ("B", o.classes.shape[1], "h", "w")),
    }


def _rows(found: Detections) -> dict[str, tuple[Tensor | None, Shape]]:
    """The parts of what a detector found."""
    n = found.scores.shape[1]
    return {
        "scores": (found.scores, ("B", "N")),
        "classes": (found.classes, ("B", n)),
        "boxes": (found.boxes, ("B", n, 4)),
        "masks": (found.masks, ("B", n, "m", "n")),
        "windows": (found.windows, ("B", n, 4)),
        "whole": (found.whole, ("B", n, "h", "w")),
    }


PARTS: dict[type, Callable[[Any, LabelSpace], dict[str, tuple[Tensor | None, Shape]]]] = {
    ClassLogits: lambda o, s: {"logits": (o.logits, ("B", s.head_size))},
    SemanticLogits: lambda o, s: {"scores": (o.logits, ("B", s.head_size, "H", "W"))},
    MaskQueries: lambda o, s: _queries(o, s),
    CompetingMasks: lambda o, s: _queries(o, s),
    PanopticLogits: lambda o, s: {
        "semantic": (o.semantic, ("B", s.num_classes, "H", "W")),
        "centers": (o.centers, ("B", 1, "H", "W")),
        "offsets": (o.offsets, ("B", 2, "H", "W")),
        "depth": (o.depth, ("B", 1, "H", "W")),
        "motion": (o.motion, ("B", 2, "H", "W")),
    },
    Detections: lambda o, s: _rows(o),
    DetectionsAndStuff: lambda o, s: {"semantic": (o.semantic, ("B", s.num_classes, "H", "W")), **_rows(o.objects)},
    DepthMap: lambda o, s: {"depth": (o.depth, ("B", 1, "H", "W"))},
}

VIEWS: dict[type, Callable[[Any], SemanticLogits]] = {  # outputs that have a semantic map
    SemanticLogits: lambda output: output,
    PanopticLogits: lambda output: SemanticLogits(output.semantic),
}
