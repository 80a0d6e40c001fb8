"""How long a run trains: a number of steps, epochs or minutes, and the share of it that is spent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

BUDGETS = ("steps", "epochs", "minutes")


def spent(train: Mapping[str, Any], batches: int, step: int, seconds: float) -> float:
    """Share of a budget that is spent, 0..1 and a little beyond.

    Args:
        train: a recipe's section `train`, with one of steps, epochs and minutes.
        batches: in an epoch.
    """
    if train.get("minutes") is not None:
        return seconds / (60 * train["minutes"])
    if train.get("steps") is not None:
        return step / train["steps"]
    return step / max(math.ceil((train.get("epochs") or 0) * batches / train.get("accumulate", 1)), 1)


def spoken(train: Mapping[str, Any]) -> str:
    """Return a budget as it is spoken of: "100 steps".

    Args:
        train: a recipe's section `train`.
    """
    return next((f"{train[name]:g} {name}" for name in BUDGETS if train.get(name) is not None), "no budget")
