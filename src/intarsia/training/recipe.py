"""Recipes by name or by file, checked against everything that a recipe may choose."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import config
from ..config import Recipe
from .budget import BUDGETS, overriding
from .defaults import Chosen
from .packaged import is_source, locate


def catalogues() -> dict[str, config.Catalogue]:
    """Name -> constructor for every choice in a recipe."""
    from ..checkpoint import NETWORKS
    from ..classical import LEARNED
    from ..datasets.catalogue import CONSTRUCTORS as SETS
    from ..losses import LOSSES
    from .optimizers import OPTIMIZERS, SCHEDULES

    return {
        "model": {**NETWORKS, **LEARNED},
        "data": SETS,
        "loss": LOSSES,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
    }


def load(source: str | Path | Mapping[str, Any] | Recipe, overrides: Sequence[str] = ()) -> Recipe:
    """A checked recipe from a file, a packaged name, plain data, or another recipe.

    Args:
        overrides: "train.steps=100" and its like; they win over the source.

    Raises: RecipeError that names the place and the nearest key.
    """
    tree, where = config.read(locate(source) if isinstance(source, str | Path) else source)
    changed = config.override(tree, overrides)
    if learns_at_once(changed):  # its budget is one pass over the samples, whatever stands there for a network
        budget = changed.get("train") or {}
        if isinstance(budget, Mapping):  # or the parser says what it should be
            changed["train"] = {**{k: v for k, v in budget.items() if k not in BUDGETS}, "epochs": 1}
    return config.parse(changed, where, catalogues())


def learns_at_once(tree: Mapping[str, Any]) -> bool:
    """Whether a recipe's model is a classifier of pixels that is fitted in one pass, and no network."""
    from ..classical import LEARNED

    model = tree.get("model")
    name = model.get("name") if isinstance(model, Mapping) else model
    return isinstance(name, str) and name in LEARNED


def planned(
    source: str | Path | Mapping[str, Any] | Recipe,
    overrides: Sequence[str] = (),
    budget: Mapping[str, float] | None = None,
    out: Path | None = None,
    measure: bool = True,
) -> tuple[Recipe, list[Chosen]]:
    """A checked recipe for whatever somebody wants to train: as `load`, and for a folder of data one that is chosen.

    Args:
        budget: {"minutes": 15}, or epochs or steps, instead of the recipe's.
        out: the folder of a run to go on with; for a folder of data its recipe is the run's.
        measure: time some steps for a choice.

    Returns: the recipe; and what was chosen, with the reason of each choice; nothing for a recipe that somebody wrote.

    Raises: RecipeError, DataError or LabelError.
    """
    spent = overriding(budget) if budget else []
    if not is_source(source):
        return load(source, [*spent, *overrides]), []
    if out is not None and (out / "recipe.yaml").is_file():
        return load(out / "recipe.yaml", [*spent, *overrides]), []
    from .usual import data_of, looked_at
    from .usual import planned as plan

    assert isinstance(source, str | Path)
    given = {key.strip(): value for key, _, value in (item.partition("=") for item in overrides)}
    wish = dict(budget) if budget else {n: float(v) for n in BUDGETS if (v := given.get(f"train.{n}")) and v != "null"}
    if learns_at_once(config.override({}, [item for item in overrides if item.startswith("model")])):
        return load(data_of(looked_at(source)), overrides), []  # nothing is chosen, because nothing of a network is
    alone = int(os.environ.get("WORLD_SIZE") or 1) == 1  # several processes must come to one answer, so none measures
    tree, chosen = plan(looked_at(source), wish or None, measure=measure and alone)
    kept = [
        c
        for c in chosen
        if not any(k == c.key or k.startswith(f"{c.key}.") or c.key.startswith(f"{k}.") for k in given)
    ]
    if wish and not budget:
        return load(tree, [*overriding(wish), *overrides]), kept
    return load(tree, overrides), kept
