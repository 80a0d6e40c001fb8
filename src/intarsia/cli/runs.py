"""`intarsia runs`: the runs of a folder, listed, compared and cleaned."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from .terminal import AsJson, answer, console, percent, table

app = typer.Typer(help="The runs of a folder: list, compare, clean.", no_args_is_help=True)
Top = Annotated[Path, typer.Argument(metavar="DIR", help="The folder that the runs lie in.")]


@app.command("list")
def listed(top: Top = Path("runs"), as_json: AsJson = False) -> None:
    """List the runs below a folder, the latest first."""
    from ..training.runs import runs

    found = runs(top)
    if as_json:
        return answer([run._asdict() for run in found])
    terminal = console()
    if not found:
        return terminal.print(f"no run below {top}", markup=False)
    rows = [
        (
            run.path.relative_to(top), run.state, run.network, f"{run.step} steps, {run.minutes:.1f} min of {run.budget}",
            percent(run.best), _size(run.size), time.strftime("%Y-%m-%d %H:%M", time.localtime(run.when)),
        )
        for run in found
    ]  # fmt: skip
    terminal.print(table(None, ("run", "state", "network", "trained", ">best, %", ">size", "changed"), rows))
    return terminal.print("each run's run.html shows its curves and pictures", markup=False)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    second: Annotated[Path, typer.Argument(metavar="OTHER", help="Another one.")],
    as_json: AsJson = False,
) -> None:
    """Compare two runs: the keys of their recipes that differ, and what they scored."""
    from ..training.runs import differing, one

    a, b = one(first), one(second)
    keys = differing(first, second)
    if as_json:
        changed = [{"key": key, "first": x, "second": y} for key, x, y in keys]
        return answer({"first": a._asdict(), "second": b._asdict(), "recipe": changed})
    terminal = console()
    rows: list[tuple[str, Any, Any]] = [(key, _shown(x), _shown(y)) for key, x, y in keys]
    rows += [
        ("steps", a.step, b.step),
        ("minutes", f"{a.minutes:.1f}", f"{b.minutes:.1f}"),
        ("best validation, %", percent(a.best), percent(b.best)),
        ("last validation", a.last or "-", b.last or "-"),
    ]
    both = [name for name in a.iou if name in b.iou]
    rows += [(f"IoU of {name}, %", percent(a.iou[name]), percent(b.iou[name])) for name in both]
    terminal.print(table(None, ("", str(first), str(second)), rows))
    return terminal.print(
        "one run each: for a verdict on the same images, intarsia compare MODEL OTHER DATA",
        markup=False,
        soft_wrap=True,
    )


@app.command()
def clean(
    top: Top = Path("runs"),
    resume_files: Annotated[
        bool,
        typer.Option(
            "--resume-files",
            help="Also last.safetensors of finished runs that have a best checkpoint; they cannot be resumed afterwards.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove the files; without it they are only listed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what is left of runs that came to no checkpoint; files that training has not written stay."""
    from ..training.runs import runs, unneeded

    files = unneeded(runs(top), resume_files)
    size = sum(file.stat().st_size for file in files)
    for file in files if yes else ():
        file.unlink()
        if not any(file.parent.iterdir()):
            file.parent.rmdir()
    if as_json:
        return answer({"files": files, "bytes": size, "removed": yes})
    terminal = console()
    for file in files:
        terminal.print(str(file), markup=False, soft_wrap=True)
    what = f"{len(files)} files, {_size(size)}"
    told = f"removed {what}" if yes else f"{what} may go; --yes removes them" if files else "nothing to remove"
    return terminal.print(told, markup=False)


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)
