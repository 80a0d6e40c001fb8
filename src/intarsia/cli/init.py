"""`intarsia init`: look at a folder of images and masks, and write a complete recipe for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import DataError
from ..output import Output
from .terminal import AsJson, answer, console


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of images and masks, or an export.")],
    out: Annotated[Path, typer.Option(help="The recipe to write.", metavar="FILE")] = Path("recipe.yaml"),
    classes: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Class names in order, with commas between: background,cat,dog")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="How long you want to train: 15m, 2h, 30ep or 500steps.", metavar="BUDGET")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "--force", help="Write over a recipe that is there, also a changed one.")
    ] = False,
    role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPLIT=ROLE",
            help="What a split of an export is for whose name does not say so: train, val, test or none. May be given again.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at a folder of images and masks, or at an annotation tool's export, and write a complete recipe for it."""
    if not folder.exists():
        raise DataError(f"{folder}: there is no such folder")
    import yaml

    from ..training.budget import parsed
    from ..training.recipe import load
    from ..training.usual import init as look

    wish = parsed(budget) if budget else None

    results = Output(out.parent, [out.name], overwrite=overwrite)
    names = [name.strip() for name in classes.split(",") if name.strip()] if classes else None
    tree, inferred = look(folder, classes=names, roles=_roles(role or []), budget=wish)
    load(tree)  # what is written must be readable
    head = f"# Written by: intarsia init {folder}\n# What a key means: intarsia recipe explain KEY\n"
    text = head + yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)
    results.text(out.name, text)
    if as_json:
        return answer({"written": out, "inferred": inferred, "recipe": tree})
    terminal = console()
    terminal.print(inferred, markup=False, soft_wrap=True)
    terminal.print(f"wrote {out}; look through it, then:", markup=False, soft_wrap=True)
    terminal.print(f"  intarsia train {out} --out runs/{out.stem}", markup=False, soft_wrap=True)
    return None


def _roles(given: list[str]) -> dict[str, str]:
    """The roles that were given, by the names of splits."""
    roles = {}
    for text in given:
        name, sign, wish = text.rpartition("=")
        if not sign:
            raise DataError(f"--role {text}: write a split's name and what it is for, such as --role batch_7=val")
        roles[name.strip()] = wish.strip()
    return roles
