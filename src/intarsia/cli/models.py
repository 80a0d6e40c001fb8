"""`intarsia models`: the catalogue of architectures, and one of them in full."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .terminal import AsJson, answer, console, table

COLUMNS = ("name", "year", "paper", ">parameters", "idea")


def models(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show one architecture: its idea, its drawing, its options.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as the README holds it.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the architectures, with paper and size; or show one in full."""
    if name is not None:
        tree = described(name)
        return answer(tree) if as_json else _show(tree)
    entries = catalogue()
    if as_json:
        return answer(entries)
    if markdown:
        return print(as_markdown(entries))
    rows = [(e["name"], e["year"], e["paper"], millions(e["parameters"]), e["idea"]) for e in entries]
    out = console()
    out.print(table(None, COLUMNS, rows))
    out.print("Parameters: as in the paper, with its number of classes or 21. More on one: intarsia models NAME")
    return None


def catalogue() -> list[dict[str, Any]]:
    """Every architecture as plain data, in the table's order."""
    from ..models.catalogue import ARCHITECTURES

    return [_entry(name) for name in ARCHITECTURES]


def as_markdown(entries: list[dict[str, Any]]) -> str:
    """The catalogue as a table of the README; a test compares the two."""
    lines = ["| name | year | paper | parameters | idea |", "|---|---:|---|---:|---|"]
    for e in entries:
        number = e["paper"].removeprefix("arXiv:")
        paper = (
            f"[{e['title']}](https://arxiv.org/abs/{number})" if number != e["paper"] else f"{e['title']}, {e['paper']}"
        )
        lines.append(f"| `{e['name']}` | {e['year']} | {paper} | {millions(e['parameters'])} | {e['idea']} |")
    return "\n".join(lines)


def described(name: str) -> dict[str, Any]:
    """One architecture with its drawing and its options.

    Raises: ModelError with the nearest name.
    """
    import inspect

    from .. import config
    from ..errors import ModelError, nearest
    from ..models.catalogue import ARCHITECTURES

    if name not in ARCHITECTURES:
        raise ModelError(f"there is no architecture {name!r}{nearest(name, ARCHITECTURES)}")
    build = ARCHITECTURES[name].build
    known = {"model": {name: build}}
    parameters, _ = config.signature(build, skip=config.GIVEN["model"])
    options = [config.explain(f"model.{name}.{option}", known) for option in parameters]
    module = inspect.getmodule(build)
    return {**_entry(name), "options": options, "header": inspect.getdoc(module) or ""}


def millions(count: int) -> str:
    """31043521 as "31.0 M"."""
    return f"{count / 1e6:.1f} M"


def _entry(name: str) -> dict[str, Any]:
    from ..models import count_parameters
    from ..models.catalogue import ARCHITECTURES

    entry = ARCHITECTURES[name]
    options = {"num_classes": 21, **entry.full}
    tree = {key: value for key, value in entry._asdict().items() if key not in ("build", "smallest", "full")}
    return {"name": name, **tree, "parameters": count_parameters(name, **options), "counted_with": options}


def _show(tree: dict[str, Any]) -> None:
    out = console()
    out.print(tree["header"], markup=False, soft_wrap=True)
    out.print()
    rows = [(o["key"].split(".")[-1], o["type"], o["default"], o["meaning"]) for o in tree["options"]]
    out.print(
        table(
            "Options, as keys of a recipe's model and as keywords of intarsia.build",
            ("option", "type", "default", "meaning"),
            rows,
        )
    )
    counted = ", ".join(f"{key}={value!r}" for key, value in tree["counted_with"].items())
    out.print(f"{tree['parameters']:,} parameters with {counted}", markup=False)
