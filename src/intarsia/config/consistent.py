"""Keys of a recipe that are right by themselves and do not go together."""

from __future__ import annotations

from ..errors import RecipeError
from .schema import Recipe

BUDGETS = ("steps", "epochs", "minutes")


def check(recipe: Recipe, where: str) -> None:
    """Refuse a recipe whose keys do not go together.

    Args:
        where: what errors begin with.

    Raises: RecipeError naming the keys.
    """
    _training(recipe, where)
    _pictures(recipe, where)
    _sizes(recipe, where)


def _training(recipe: Recipe, where: str) -> None:
    given = [name for name in BUDGETS if getattr(recipe.train, name) is not None]
    if len(given) != 1:
        what = " and ".join(given) if given else "none"
        raise RecipeError(f"{where}: train: give one budget, of {', '.join(BUDGETS)}; {what} given")
    if recipe.train.unfreeze_at is not None and not recipe.train.freeze:
        raise RecipeError(
            f"{where}: train.unfreeze_at: nothing is frozen; name parts of the network in train.freeze, such as [encoder]"
        )
    if recipe.train.until is not None and recipe.evaluate.every is None:
        raise RecipeError(
            f"{where}: train.until: {recipe.train.until:g} is looked for in validations on the way, and there are none; "
            "set evaluate.every to a number of steps"
        )
    if recipe.train.patience is not None and recipe.evaluate.every is None:
        raise RecipeError(
            f"{where}: train.patience: validations on the way are counted, and there are none; set evaluate.every to a "
            "number of steps"
        )


def _pictures(recipe: Recipe, where: str) -> None:
    low, high = recipe.augment.scale
    if not 0 < low <= high:
        raise RecipeError(
            f"{where}: augment.scale: [{low}, {high}] is no range; write [smallest, largest], both above 0"
        )
    if recipe.augment.crop and min(recipe.augment.crop) < 1:
        raise RecipeError(
            f"{where}: augment.crop: {list(recipe.augment.crop)} is no size; write [height, width] in pixels"
        )
    if recipe.augment.crop is None and recipe.augment.scale != (1.0, 1.0) and recipe.train.batch_size > 1:
        raise RecipeError(
            f"{where}: augment.scale without augment.crop makes images of many sizes, which fit into no batch; add augment.crop: [height, width]"
        )
    mixed = ("cutmix", "classmix", "copy_paste", "mosaic")
    if (total := sum(getattr(recipe.augment, name) for name in mixed)) > 1 + 1e-9:
        raise RecipeError(
            f"{where}: augment: the probabilities of {', '.join(mixed)} add up to {total:g}; at most one happens to a "
            "sample, so keep their sum at or below 1"
        )


def _sizes(recipe: Recipe, where: str) -> None:
    """Crops of several sizes."""
    sized = [key for key in ("sizes", "grow_from") if getattr(recipe.augment, key)]
    if sized and recipe.augment.crop is None:
        raise RecipeError(f"{where}: augment.{sized[0]} changes the size of crops; add augment.crop: [height, width]")
    if recipe.augment.grow_from and recipe.train.minutes is not None:
        raise RecipeError(
            f"{where}: augment.grow_from: the size of a batch follows from its number, and how many there are in "
            f"{recipe.train.minutes:g} minutes nobody knows; give train.steps or train.epochs"
        )
    if (
        recipe.augment.grow_from
        and recipe.augment.crop
        and any(a > b for a, b in zip(recipe.augment.grow_from, recipe.augment.crop, strict=True))
    ):
        raise RecipeError(
            f"{where}: augment.grow_from: {list(recipe.augment.grow_from)} is larger than augment.crop, "
            f"{list(recipe.augment.crop)}, which crops grow to"
        )
