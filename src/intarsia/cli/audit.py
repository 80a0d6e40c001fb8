"""`intarsia data audit`: the label doctor looks at a data set, and mends what a rule can mend."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import counted
from .terminal import AsJson, Overwrite, Root, answer, console, percent, table

if TYPE_CHECKING:
    from ..doctor import Audit, Diagnosis
    from ..labels import LabelSpace
    from ..output import Output

COLORS = {"error": "red", "warning": "yellow", "note": "cyan"}


def audit(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A data set's name, a folder, an export, or a recipe.")
    ],
    root: Root = None,
    split: Annotated[
        list[str] | None, typer.Option(help="A split to look at; may be given again. Default: all that are there.")
    ] = None,
    fix: Annotated[
        Path | None, typer.Option(help="A new folder for a clean copy; the source is only read.", metavar="DIR")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            help="With --fix: mend as well what only the look of classes speaks for: off_by_one. May be given again.",
            metavar="FINDING",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only values, sizes, files that cannot be read, and exact copies.")
    ] = False,
    suspect: Annotated[
        bool,
        typer.Option("--suspect", help="Tell what only seems so, too; sound data sets have such findings as well."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write a page with pictures.", metavar="FILE.html")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Check images, masks and labels, and mend what a rule can mend; exit code 1 when there are errors."""
    from .source import there

    there(source)
    from ..doctor import mend

    page = _checked(out, fix, accept or (), quick, suspect, overwrite)
    started = time.perf_counter()
    found = _looked(source, root, split, quick, suspect)
    steps = mend(found, fix, accept or ()) if fix else None
    if out is not None and page is not None and found.labels is not None:
        from ..report import audit_page

        command = f"intarsia data audit {source}" + (f" --root {root}" if root else "") + f" --out {out}"
        seconds = time.perf_counter() - started
        with page.file(out.name) as file:
            audit_page.write(file, found, title=Path(source).name, command=command, seconds=seconds)
    if as_json:
        more = {**({"page": out} if out else {}), **({"fixed": {"out": fix, "steps": steps}} if fix else {})}
        answer({**found.audit.to_dict(), **more})
    else:
        show(found.audit, found.labels)
        for line in [*(_copied(fix, steps) if steps is not None else []), *([f"page: {out}"] if out else [])]:
            console().print(line, markup=False, soft_wrap=True)
    return 1 if found.audit.errors else 0


def _checked(
    out: Path | None, fix: Path | None, accept: Sequence[str], quick: bool, suspect: bool, overwrite: bool
) -> Output | None:
    """Refuse options that do not fit together; gives the place of the page.

    Raises: DataError.
    """
    from ..doctor.mend import acceptable, vacant
    from ..errors import DataError
    from ..output import Output

    if out is not None and out.is_dir():
        raise DataError(f"{out}: is a folder; give the page a file's name, such as {out / 'audit.html'}")
    if fix is not None:
        vacant(fix)
    page = Output(out.parent, [out.name], overwrite=overwrite) if out is not None else None
    acceptable(accept)
    if accept and fix is None:
        raise DataError(f"--accept {accept[0]} says what --fix may mend; give --fix DIR as well")
    if quick and (fix is not None or suspect):
        raise DataError(
            f"--quick looks at too little for {'--suspect' if fix is None else '--fix'}; leave one of them out"
        )
    return page


def _looked(source: str, root: str | None, split: list[str] | None, quick: bool, suspect: bool) -> Diagnosis:
    """What the doctor finds in a source."""
    from ..doctor import visit
    from .source import opened, undescribed
    from .terms import tell

    if not undescribed(source):
        return visit(tuple(opened(source, root, split)), quick=quick, suspect=suspect)
    found = visit(source, splits=split, quick=quick, suspect=suspect)
    tell(found.dataset)
    return found


def _copied(fix: Path | None, steps: Sequence[Mapping[str, object]]) -> list[str]:
    """The lines about a clean copy."""
    lost, drawn = (sum(step["left_out"] == what for step in steps) for what in ("file", "annotation"))
    gone = f"{lost} left out" + (f", {counted(drawn, 'annotation')} left out" if drawn else "")
    changed = len(steps) - lost - drawn
    return [
        f"clean copy: {fix} ({changed} files changed, {gone}; fixed.json lists them)",
        f"to train on it: intarsia init {fix}",
    ]


def show(found: Audit, space: LabelSpace | None) -> None:
    """Print an audit: what was looked at, the classes, and every finding with its cure."""
    out = console()
    images = ", ".join(str(count) if split == "all" else f"{count} {split}" for split, count in found.images.items())
    channels = f"{found.channels} {'channel' if found.channels == 1 else 'channels'}, {found.bits} bits"
    ignored = f"{percent(found.ignored)} % of the pixels are ignored"
    out.print(f"{images} images of {channels}; {ignored}", markup=False)
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
    verdict = ", ".join((counted(len(found.errors), "error"), counted(len(found.warnings), "warning")))
    out.print(verdict if found.findings else "nothing wrong was found")
