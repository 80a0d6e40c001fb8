"""What a tally is asked for, beside counting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...errors import RecipeError
from ...structures import Sample


class Wish(NamedTuple):
    """The options of a scoring.

    Args:
        protocol: of `metrics.PROTOCOLS`, for label maps and planes.
        metrics: names of `evaluation.MEASURES` to measure as well; of label maps only.
        full: also look where the errors are; of label maps only.
        temperature: logits are divided by it before they become probabilities.
        samples: the data set, read by number, for those who look at an image again.
        again: from a Sample to its answer.
        surface: options of `metrics.SurfaceDistances` for the metric "surface".
    """

    protocol: str = "dataset"
    metrics: tuple[str, ...] = ()
    full: bool = False
    temperature: float = 1.0
    samples: Any = None
    again: Callable[[Sample], Any] | None = None
    surface: Mapping[str, Any] | None = None


def labels_alone(wish: Wish, what: str) -> None:
    """See that nothing is asked for that only label maps have.

    Raises: RecipeError naming it.
    """
    if wish.metrics or wish.full:
        asked = f"metric {wish.metrics[0]!r}" if wish.metrics else "full=True (--full)"
        raise RecipeError(f"{asked} looks at label maps, and the model answers with {what}; leave it out")


def whole(wish: Wish, what: str) -> None:
    """See that no protocol of a mean over classes of pixels is asked for where the measure has its own.

    Raises: RecipeError naming it.
    """
    labels_alone(wish, what)
    if wish.protocol != "dataset":
        raise RecipeError(
            f"protocol {wish.protocol!r} says how an mIoU is taken, and the model answers with {what}; leave it out"
        )
