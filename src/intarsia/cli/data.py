"""`intarsia data`: the data sets this program reads, and the label doctor."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from .terminal import AsJson, Root, answer, console, percent, table

app = typer.Typer(help="Data sets: list them, and check one before anything trains.", no_args_is_help=True)
COLORS = {"error": "red", "warning": "yellow", "note": "cyan"}


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """List the data sets this program reads."""
    from .. import config
    from ..data.datasets.catalogue import DATASETS

    found = []
    for name, constructor in DATASETS.items():
        parameters, _ = config.signature(constructor, skip=config.GIVEN["data"])
        about = (inspect.getdoc(constructor) or "").split("\n\n")[0].replace("\n", " ")
        found.append({"name": name, "about": about, "options": list(parameters)})
    if as_json:
        return answer(found)
    rows = [(f["name"], f["about"], ", ".join(f["options"])) for f in found]
    return console().print(table(None, ("name", "about", "options"), rows))


@app.command()
def audit(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A data set's name, a folder, or a recipe.")],
    root: Root = None,
    split: Annotated[
        list[str] | None, typer.Option(help="A split to look at; may be given again. Default: train and val.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check images, masks and labels; exit code 1 when there are errors."""
    from .. import data
    from .source import opened

    datasets = opened(source, root, split)
    found = data.audit(*datasets)
    if as_json:
        answer(found.to_dict())
    else:
        show(found, datasets)
    return 1 if found.errors else 0


def show(found: Any, datasets: list[Any]) -> None:
    """The audit for people: what was looked at, the classes, and every finding with its cure."""
    out = console()
    images = ", ".join(f"{count} {split}" for split, count in found.images.items())
    out.print(
        f"{images} images of {found.channels} channels, {found.bits} bits; {percent(found.ignored)} % of the pixels are ignored",
        markup=False,
    )
    space = getattr(datasets[0], "labels", None)
    if space is not None:
        raw = {name: values for values, _, name in space.rows()}
        total = max(int(found.counts.sum()), 1)
        rows = [(n, name, raw[name], percent(found.counts[n] / total)) for n, name in enumerate(space.names)]
        out.print(table("Classes", (">number", "class", "value in the masks", ">% of labeled pixels"), rows))
    for finding in found.findings:
        out.print(f"[{COLORS[finding.severity]}]{finding.severity}[/]  ", end="")
        out.print(finding.message, markup=False)
        for place in finding.places:
            out.print(f"         {place}", markup=False, soft_wrap=True)
        if finding.fix:
            out.print(f"         to do: {finding.fix}", markup=False)
    verdict = f"{len(found.errors)} errors, {len(found.warnings)} warnings"
    out.print(verdict if found.findings else "nothing wrong was found")
