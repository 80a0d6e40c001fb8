"""What a resumed run does otherwise than before, in sentences: a budget that grew, other frozen parts, other data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ..checkpoint import Checkpoint
from ..errors import counted
from .budget import spent, spoken
from .optimizers import factor
from .run import Run


def remarks(run: Run, old: Checkpoint, course: Callable[[float], float]) -> list[str]:
    """What a person should know before a run goes on, which has its state back already.

    Args:
        old: the run as it was saved, with its recipe.
        course: of the learning rate, at shares of the budget.
    """
    before, now = old.recipe.get("train", {}), run.recipe.to_dict()["train"]
    told = []
    if spoken(before) != spoken(now):
        told.append(_rate(run, before, course))
    for key in ("freeze", "unfreeze_at"):
        if (before.get(key) or None) != (now.get(key) or None):
            told.append(f"train.{key} was {before.get(key) or 'not set'} and is now {now.get(key) or 'not set'}")
    if told_of := _processes(run, old):
        told.append(told_of)
    if old.data_hash and run.shipped.data_hash and old.data_hash != run.shipped.data_hash:
        told.append("the training data is not what it was when the run was saved; it goes on with what is there now")
    return told


def _processes(run: Run, old: Checkpoint) -> str:
    """How a run goes on in another number of processes than it was saved by; empty where there are as many."""
    before, now, size = old.progress.get("world", run.fabric.world_size), run.fabric.world_size, run.loader.order.size
    if before == now:
        return ""
    parted = any(isinstance(m, _BatchNorm) or (isinstance(m, _DropoutNd) and m.p) for m in run.model.modules())
    other = "; batch norm and dropout see other parts of them, so that numbers differ" if parted else ""
    return (
        f"the run was saved by {before} process{'es' * (before > 1)} and goes on in {now}: each step has the same "
        f"{counted(size, 'image')} as it would have had{other}"
    )


def _rate(run: Run, before: Mapping[str, Any], course: Callable[[float], float]) -> str:
    """The schedule follows the share of the budget, so that another budget moves the learning rate: from where to where."""
    warmup, peak = run.recipe.schedule.warmup, max(group["lr"] for group in run.optimizer.param_groups)
    shares = min(spent(before, len(run.loader), run.step, run.seconds), 1.0), min(run.progress, 1.0)
    was, will = (peak * factor(course, warmup, share) for share in shares)
    now = spoken(run.recipe.to_dict()["train"])
    return (
        f"the budget was {spoken(before)} and is now {now}, of which {100 * shares[1]:.0f} % is spent; the schedule "
        f"{run.recipe.schedule.name} is laid over the whole of it, so the learning rate goes on at {will:.3g} (it was {was:.3g})"
    )
