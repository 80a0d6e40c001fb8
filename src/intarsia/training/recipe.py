"""Recipes by name or by file, checked against everything that a recipe may choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import config
from ..config import Recipe
from .packaged import locate


def catalogues() -> dict[str, config.Catalogue]:
    """Name -> constructor for every choice in a recipe."""
    from ..checkpoint import NETWORKS
    from ..datasets.catalogue import CONSTRUCTORS as SETS
    from ..losses import LOSSES
    from .optimizers import OPTIMIZERS, SCHEDULES

    return {"model": NETWORKS, "data": SETS, "loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}


def load(source: str | Path | Mapping[str, Any] | Recipe, overrides: Sequence[str] = ()) -> Recipe:
    """A checked recipe from a file, a packaged name, plain data, or another recipe.

    Args:
        overrides: "train.steps=100" and its like; they win over the source.

    Raises: RecipeError that names the place and the nearest key.
    """
    tree, where = config.read(locate(source) if isinstance(source, str | Path) else source)
    return config.parse(config.override(tree, overrides), where, catalogues())
