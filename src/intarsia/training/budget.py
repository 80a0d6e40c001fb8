"""How long a run trains: a number of steps, epochs or minutes, and the share of it that is spent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ..errors import TrainingError

BUDGETS = ("steps", "epochs", "minutes")
UNITS = {  # as people write them: the key of a recipe, and how many of it one is
    "s": ("minutes", 1 / 60), "m": ("minutes", 1.0), "min": ("minutes", 1.0), "h": ("minutes", 60.0), "d": ("minutes", 1440.0),
    "ep": ("epochs", 1.0), "epochs": ("epochs", 1.0), "steps": ("steps", 1.0),
}  # fmt: skip


def parsed(text: str) -> dict[str, float]:
    """Read a budget as people write it: "15m", "2h", "30ep" or "500steps" becomes {"minutes": 15.0} and its like.

    Raises: TrainingError for anything else, and for nothing at all.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text.lower())
    key, factor = UNITS.get(found[2], ("", 0.0)) if found else ("", 0.0)
    value = float(found[1]) * factor if found else 0.0
    if not key or not value or (key == "steps" and value % 1):
        raise TrainingError(f"{text!r} is no budget; write minutes, hours, epochs or steps: 15m, 2h, 30ep or 500steps")
    return {key: int(value) if key == "steps" else round(value, 4)}


def overriding(budget: Mapping[str, float]) -> list[str]:
    """The overrides of a recipe that set a budget, and unset the others."""
    return [f"train.{name}={budget.get(name, 'null')}" for name in BUDGETS]


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
