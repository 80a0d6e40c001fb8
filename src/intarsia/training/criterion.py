"""The loss of a run: chosen by what the network returns, refused where it takes another output, built with its weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from ..config import Recipe
from ..errors import TrainingError
from ..labels import LabelSpace
from ..losses import LOSSES, OF_PLANES, USUAL_LOSS, USUAL_OF_PLANES, Auxiliary, accepts
from ..models.catalogue import ARCHITECTURES
from ..structures import SemanticLogits

Criterion = Callable[..., Any]


def with_loss(recipe: Recipe, output: type, labels: LabelSpace) -> Recipe:
    """Name the loss in a recipe that names none: that of the network's paper, or the usual one of what it returns.

    Raises: TrainingError when there is no usual one; and as `check_loss`.
    """
    if recipe.loss.name:
        check_loss(recipe.loss.name, output, labels)
        return recipe
    row = ARCHITECTURES.get(recipe.model.name) if recipe.model is not None else None
    of_paper = row.loss if row is not None and row.output is output else ""
    usual = USUAL_OF_PLANES.get(output) if labels.planes else None
    name = of_paper or usual or USUAL_LOSS.get(output)
    if name is None:
        able = takers(output, labels)
        raise TrainingError(
            f"the network returns {output.__name__}, and the recipe names no loss; "
            + (f"set loss.name to one of {', '.join(able)}" if able else "hand your own over with loss=")
        )
    return recipe.model_copy(update={"loss": recipe.loss.model_copy(update={"name": name})})


def check_loss(name: str, output: type, labels: LabelSpace) -> None:
    """See that a loss of the table takes what a network returns.

    Raises: TrainingError naming those that do.
    """
    kinds, able = accepts(LOSSES[name]), takers(output, labels)
    instead = f"use {' or '.join(able)}" if able else "hand your own over with loss="
    if kinds is not None and not _among(output, kinds):
        raise TrainingError(
            f"the loss {name} takes {_named(kinds)}, and the network returns {output.__name__}; {instead}"
        )
    if labels.planes and name not in able:
        raise TrainingError(
            f"the loss {name} takes one label a pixel, and the data has several (labels.planes); {instead}"
        )


def takers(output: type, labels: LabelSpace) -> list[str]:
    """List the losses of the table that take a kind of output."""
    able = [name for name, loss in LOSSES.items() if _among(output, accepts(loss) or ())]
    of_planes = [name for name in able if name in OF_PLANES] if labels.planes else []
    return of_planes or able


def criterion(recipe: Recipe, output: type, labels: LabelSpace, weights: Sequence[float] | None) -> nn.Module:
    """Build the recipe's loss; of SemanticLogits, for the main head and for the auxiliary ones.

    Args:
        recipe: with the loss's name.
        output: the kind of output that the network returns.
        weights: one for each class, or None.

    Raises: TrainingError when the loss takes no class weights and some are asked for.
    """
    constructor = LOSSES[recipe.loss.name]
    given: dict[str, Any] = {"ignore_index": labels.ignore_index}
    if weights is not None:
        given["weights"] = weights
    given["things"] = tuple(labels.names.index(name) for name in labels.things)
    given["auxiliary"] = recipe.loss.auxiliary
    known = inspect.signature(constructor).parameters
    if weights is not None and "weights" not in known:
        raise TrainingError(f"loss {recipe.loss.name} takes no class weights; set loss.class_weights=none")
    given = {key: value for key, value in given.items() if key in known}
    loss: Any = constructor(**given, **recipe.loss.options)
    if output is SemanticLogits:
        beside = {"edges": recipe.loss.edges, "presence": recipe.loss.presence}
        return Auxiliary(loss, recipe.loss.auxiliary, **beside, ignore_index=labels.ignore_index)
    return loss if isinstance(loss, nn.Module) else Plain(loss)


def own_loss(loss: Any, output: type) -> nn.Module:
    """Take a user's loss, (output, truth) -> a number or named numbers.

    Raises: TrainingError when it cannot be called, or its annotation says that it takes another output.
    """
    if isinstance(loss, type) or not callable(loss):
        what = f"the class {loss.__name__}, not one of its objects" if isinstance(loss, type) else repr(loss)[:80]
        raise TrainingError(f"loss= is {what}; give a function (output, truth) -> a tensor, or a dict of named tensors")
    kinds = accepts(loss)
    if kinds is not None and not _among(output, kinds):
        raise TrainingError(
            f"loss= takes {_named(kinds)}, as its annotation says, and the network returns {output.__name__}; "
            f"annotate its first parameter with {output.__name__}, and read the parts that this has"
        )
    return loss if isinstance(loss, nn.Module) else Plain(loss)


class Plain(nn.Module):
    """A plain function as a loss."""

    def __init__(self, loss: Criterion) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, output: Any, truth: Any) -> Any:
        return self.loss(output, truth)


def _among(output: type, kinds: Sequence[type]) -> bool:
    return any(issubclass(output, kind) for kind in kinds)


def _named(kinds: Sequence[type]) -> str:
    return " or ".join(kind.__name__ for kind in kinds)
