"""What a user hands over in place of what a recipe names: network, data, augmentation, loss and optimizer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from ..config import Recipe
from ..errors import TrainingError

EXAMPLE = "give a function of the parameters, such as optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1)"


class Own(NamedTuple):
    """Parts of a run that are the user's; None where the recipe's are taken."""

    model: nn.Module | None = None
    data: Any = None
    augment: Any = None
    loss: Callable[..., Any] | None = None
    optimizer: Callable[..., Any] | None = None

    def names(self) -> dict[str, str]:
        """Name the loss and the optimizer, for the record in a checkpoint: functions have no contents that can be compared."""
        given = {"loss": self.loss, "optimizer": self.optimizer}
        return {part: name_of(value) for part, value in given.items() if value is not None}

    def remarks(self, recipe: Recipe) -> list[str]:
        """Say what of the recipe is not used, and what of the loss is not kept.

        Raises: TrainingError for class weights, which a loss of the user's is not built with.
        """
        told = []
        if self.loss is not None and recipe.loss.class_weights != "none":
            raise TrainingError(
                "loss= is a loss of your own, which is not built with the recipe's loss.class_weights; set "
                "loss.class_weights=none, and weigh the classes in the loss"
            )
        if self.loss is not None:
            instead = f", in place of the recipe's {recipe.loss.name}" if recipe.loss.name else ""
            told.append(f"the loss is your own, {name_of(self.loss)}{instead}")
        if isinstance(self.loss, nn.Module) and self.loss.state_dict():
            told.append("what the loss has of parameters and buffers is neither trained nor kept in checkpoints")
        if self.optimizer is not None:
            told.append(
                f"the optimizer is your own, {name_of(self.optimizer)}, in place of the recipe's {recipe.optimizer.name}"
            )
        return told


def name_of(value: Any) -> str:
    """Name a function, a class, or the class of an object."""
    if isinstance(value, partial):
        return name_of(value.func)
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def refuse_other(out: Path, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """See that a run that is resumed gets the same loss and optimizer of the user's again, as far as their names say.

    Args:
        before, now: "loss" and "optimizer" -> name; absent where the recipe's is taken.

    Raises: TrainingError saying which to hand over.
    """
    for part in ("loss", "optimizer"):
        old, new = before.get(part), now.get(part)
        if old == new:
            continue
        was = f"{part}={old}, handed over by its user" if old else f"the recipe's {part}"
        todo = f"hand it over again ({part}=)" if old else f"leave {part}= out"
        raise TrainingError(
            f"the run in {out} was trained with {was}, and now there is {new or 'none'}; {todo}, or start a new run from its "
            "weights with --from (start=)"
        )


def optimizer_of(make: Callable[..., Any], model: nn.Module) -> tuple[torch.optim.Optimizer, list[str]]:
    """Let a user's function make the optimizer.

    Args:
        make: called with the list of the network's parameters, frozen ones among them.

    Returns: the optimizer, and what a person should know of it.

    Raises: TrainingError for anything that is no optimizer of these parameters, or that steps otherwise than by `step()`.
    """
    if isinstance(make, torch.optim.Optimizer) or not callable(make):
        raise TrainingError(f"optimizer= is {type(make).__name__}, not a function; {EXAMPLE}")
    parameters = list(model.parameters())
    made = make(parameters)
    if not isinstance(made, torch.optim.Optimizer):
        raise TrainingError(f"optimizer= returned a {type(made).__name__}, which is no torch optimizer; {EXAMPLE}")
    name = type(made).__name__
    held = {id(parameter) for group in made.param_groups for parameter in group["params"]}
    known = {id(parameter) for parameter in parameters}
    if foreign := len(held - known):
        raise TrainingError(
            f"the optimizer {name} has {foreign} parameters that are not the network's, of another network perhaps; {EXAMPLE}"
        )
    if any("lr" not in group for group in made.param_groups):
        raise TrainingError(
            f"the optimizer {name} has no learning rate `lr`, which the recipe's schedule sets; {EXAMPLE}"
        )
    closure = inspect.signature(made.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise TrainingError(
            f"the optimizer {name} computes the loss several times a step (closure), which training does not; {EXAMPLE}"
        )
    left = sum(parameter.requires_grad and id(parameter) not in held for parameter in parameters)
    return made, [f"the optimizer leaves {left} of {len(parameters)} parameters as they are"] if left else []
