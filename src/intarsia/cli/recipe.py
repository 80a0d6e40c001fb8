"""`intarsia recipe`: the packaged recipes, and what their keys mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from ..characters import printable
from ..output import Output
from .terminal import AsJson, Overwrite, answer, console, facts, table

app = typer.Typer(help="The packaged recipes, and what their keys mean.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="RECIPE", help="A packaged recipe, or a file.")]


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """List the packaged recipes."""
    from ..training.packaged import PACKAGED, SHORT, names

    short = {full: name for name, full in SHORT.items()}
    found = [{"name": n, "short": short.get(n), "about": _about(PACKAGED / f"{n}.yaml")} for n in names()]
    if as_json:
        return answer(found)
    rows = [(f"{f['name']}\n(or {f['short']})" if f["short"] else f["name"], f["about"]) for f in found]
    return console().print(table(None, ("recipe", "about"), rows))


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A packaged recipe, a file, a run, or a folder of data.")
    ],
    budget: Annotated[
        str | None,
        typer.Option(help="For a folder of data: how long to train: 15m, 2h, 30ep or 500steps.", metavar="BUDGET"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a recipe: a packaged one, that of a run, or the one that a folder of images and masks is trained with."""
    from .. import config
    from ..training.packaged import is_source, locate

    if is_source(name) and not (Path(name) / "recipe.yaml").is_file():
        return _chosen(name, budget, as_json)
    path = Path(name) / "recipe.yaml" if Path(name).is_dir() else locate(name)
    tree, _ = config.read(path)
    if as_json:
        return answer(tree)
    return print(printable(path.read_text(encoding="utf-8")), end="")


def _chosen(source: str, budget: str | None, as_json: bool) -> None:
    """Print the recipe that is chosen for a folder of data, the reasons in front."""
    import yaml

    from ..training.budget import parsed
    from ..training.recipe import planned

    recipe, chosen = planned(source, budget=parsed(budget) if budget else None)
    tree = recipe.to_dict()
    if as_json:
        return answer({"recipe": tree, "chosen": [choice._asdict() for choice in chosen]})
    lines = [f"# {key}: {why}" for key, _, why in chosen]
    text = yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)
    return print(printable("\n".join([f"# For {source}; what was chosen, and why:", *lines, text])), end="")


@app.command()
def copy(
    name: Name,
    to: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The file to write; by default the recipe's name, here.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Copy a packaged recipe to a file of your own, to change it."""
    from ..training.packaged import locate

    path = locate(name)
    target = to or Path(path.name)
    if target.is_dir():
        target = target / path.name
    results = Output(target.parent, [target.name], overwrite=overwrite)
    results.text(target.name, path.read_text(encoding="utf-8"))
    if as_json:
        return answer({"written": target})
    return console().print(
        f"wrote {target}; train with: intarsia train {target} --out runs/{target.stem}", markup=False, soft_wrap=True
    )


@app.command()
def explain(
    key: Annotated[
        str | None,
        typer.Argument(metavar="KEY", help="A key, such as train.ema or model.pspnet.bins; none: all of them."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a key of a recipe means, its type and its default."""
    out = console()
    if key is None:
        every = [explained(k) for k in _leaves()]
        if as_json:
            return answer({"keys": every})
        rows = [(t["key"], _type(t), _default(t), t["meaning"]) for t in every]
        return out.print(table(None, ("key", "type", "default", "meaning"), rows))
    tree = explained(key)
    if as_json:
        return answer(tree)
    lines = {"": tree["meaning"]}
    if not tree["keys"]:
        lines |= {"type": _type(tree), "default": _default(tree)}
    lines |= {"one of": ", ".join(tree["choices"]), "keys": ", ".join(tree["keys"])}
    out.print(key, style="bold", markup=False)
    return out.print(facts({label: text for label, text in lines.items() if text}))


def explained(key: str) -> dict[str, Any]:
    """What `config.explain` says; the catalogues are imported only for keys that choose from them."""
    from .. import config

    if key.split(".")[0] in config.PLACES:
        from ..training.recipe import catalogues

        tree = config.explain(key, catalogues())
    else:
        tree = config.explain(key, {})
    if key.endswith(".name") and not tree["meaning"]:
        tree["meaning"] = f"Which one; `intarsia recipe explain {key.removesuffix('.name')}` lists them."
    return tree


def _leaves() -> list[str]:
    from ..config import Recipe, explain

    leaves = []
    for key in Recipe.model_fields:
        below = explain(key, {})["keys"]
        leaves += [f"{key}.{part}" for part in below] or [key]
    return leaves


def _type(tree: dict[str, Any]) -> str:
    """A type as people write it: 'softmax' | 'sigmoid' rather than Literal['softmax', 'sigmoid']."""
    told = re.sub(r"Literal\[(.*?)\]", lambda m: m[1].replace(", ", " | "), tree["type"])
    return re.sub(r"^Union\[(.*)\]$", lambda m: m[1].replace(", ", " | "), told)


def _default(tree: dict[str, Any]) -> str:
    return "none" if tree["default"] is None else str(tree["default"])


def _about(path: Path) -> str:
    """The comment at the head of a recipe."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = lines[: next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))]
    return "\n".join(line.removeprefix("#").strip() for line in head)
