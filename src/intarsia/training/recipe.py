"""Recipes by name or by file, checked against everything that a recipe may choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import config
from ..config import Recipe
from ..errors import RecipeError, nearest
from .optimizers import OPTIMIZERS, SCHEDULES

PACKAGED = Path(__file__).parents[1] / "recipes"
SHORT = {  # the recipe that a data set's bare name stands for
    "shapes": "shapes/fpn_resnet18",
    "camvid": "camvid/fpn_regnetx_004",
}


def catalogues() -> dict[str, config.Catalogue]:
    """Name -> constructor for every choice in a recipe."""
    from ..checkpoint import NETWORKS
    from ..datasets.catalogue import CONSTRUCTORS as SETS
    from ..losses import LOSSES

    return {"model": NETWORKS, "data": SETS, "loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}


def names() -> list[str]:
    """The packaged recipes, as `intarsia train` takes them: "camvid/fpn_regnetx_004"."""
    return sorted(str(path.relative_to(PACKAGED).with_suffix("")) for path in PACKAGED.rglob("*.yaml"))


def locate(source: str | Path) -> Path:
    """The file a recipe's name stands for: a path, a packaged recipe, or a data set's bare name.

    Raises: RecipeError with the nearest name.
    """
    path, name = Path(source), str(source)
    if path.is_file() or path.suffix in (".yaml", ".yml"):
        return path
    packaged = PACKAGED / f"{SHORT.get(name, name)}.yaml"
    if packaged.exists():
        return packaged
    if path.is_dir():
        return path  # whoever reads it says what to do with a folder
    raise RecipeError(f"there is no recipe file and no packaged recipe {name!r}{nearest(name, [*SHORT, *names()])}")


def load(source: str | Path | Mapping[str, Any] | Recipe, overrides: Sequence[str] = ()) -> Recipe:
    """A checked recipe from a file, a packaged name, plain data, or another recipe.

    Args:
        overrides: "train.steps=100" and its like; they win over the source.

    Raises: RecipeError that names the place and the nearest key.
    """
    tree, where = config.read(locate(source) if isinstance(source, str | Path) else source)
    return config.parse(config.override(tree, overrides), where, catalogues())
