"""The packaged recipes: their names, and the files that names stand for. Nothing else is imported for that."""

from __future__ import annotations

from pathlib import Path

from ..errors import RecipeError, nearest

PACKAGED = Path(__file__).parents[1] / "recipes"
LARGEST = 100_000  # bytes of a recipe
SHORT = {  # the recipe that a data set's bare name stands for
    "shapes": "shapes/fpn_resnet18",
    "camvid": "camvid/fpn_regnetx_004",
}


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
    near = (
        nearest(name, [*SHORT, *names()])
        or "; give a file, a folder of images and masks, or a name of `intarsia recipe list`"
    )
    raise RecipeError(f"there is no recipe file and no packaged recipe {name!r}{near}")


def is_source(source: object) -> bool:
    """Whether this is the place of a data set, from which a recipe follows: a folder, an export, an archive."""
    if not isinstance(source, str | Path) or str(source) in (*SHORT, *names()):  # ./camvid is the folder
        return False
    import yaml

    path = Path(source)
    if not path.is_file() or path.suffix.lower() in (".yaml", ".yml"):
        return path.is_dir()
    if path.stat().st_size > LARGEST:
        return True
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        return True
    return not (isinstance(tree, dict) and "train" in tree)  # a recipe by another ending
