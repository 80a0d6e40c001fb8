"""The learning rate's range: a few steps at rates that rise from far too low to far too high, and the loss at each.

Smith. "Cyclical Learning Rates for Training Neural Networks." WACV 2017. arXiv:1506.01186, section 3.3
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..config import Recipe
from ..errors import TrainingError
from ..losses.auxiliary import total
from . import recipe as recipes
from .own import Own
from .prepare import prepared

SMOOTH = 0.8  # share of the running mean that is kept at each step
RUINED = 4.0  # times the lowest loss: nothing is learned at rates beyond


class Found(NamedTuple):
    """What a search found: the loss, smoothed, after a step at each rate, and the rate to take."""

    rates: list[float]
    losses: list[float]
    proposal: float
    batch_size: int


def find_rate(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *overrides: str,
    steps: int = 100,
    lowest: float = 1e-6,
    highest: float = 10.0,
    **own: Any,
) -> Found:
    """Find a learning rate for a recipe; nothing is written, and the network is thrown away.

    Args:
        recipe, overrides: as for `train`.
        steps: how many; fewer are made when the loss is ruined before.
        lowest, highest: the rates of the first and of the last step, of the group of parameters that learns fastest.
        own: model, data, augment, loss and optimizer as for `train`.

    Raises: as `train`; TrainingError when the loss falls at no rate.
    """
    plan, _ = recipes.planned(recipe, overrides, measure=False)
    run = prepared(plan, Path("runs") / "find-rate", None, Own(**own), None)
    groups = run.optimizer.param_groups
    peak = max(group["lr"] for group in groups)
    shares = [group["lr"] / peak for group in groups]
    batches = run.loader.stream()
    run.frozen.train()
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    try:
        for step in range(steps):
            rate = lowest * (highest / lowest) ** (step / max(steps - 1, 1))
            for group, share in zip(groups, shares, strict=True):
                group["lr"] = rate * share
            loss = total(run.objective(next(batches).to(run.fabric.device)))
            run.fabric.backward(loss)
            value = float(loss.detach())
            if not math.isfinite(value):
                break
            mean = SMOOTH * mean + (1 - SMOOTH) * value
            rates.append(rate)
            losses.append(mean / (1 - SMOOTH ** (step + 1)))
            if losses[-1] > RUINED * min(losses):
                break
            run.stepper.step()
            run.stepper.zero_grad()
    finally:
        batches.close()
    return Found(rates, losses, proposal(rates, losses), plan.train.batch_size)


def proposal(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate at which the loss falls fastest, over the logarithm of the rate.

    Raises: TrainingError when it falls at none.
    """
    if len(rates) >= 3:
        slope = np.gradient(np.asarray(losses), np.log(np.asarray(rates)))
        best = int(slope.argmin())
        if slope[best] < 0:
            return float(rates[best])
    raise TrainingError(
        "the loss falls at no learning rate; look at the data and its labels (intarsia audit), or at the recipe's loss"
    )
