"""`intarsia data audit`: the label doctor looks at a data set, and mends what a rule can mend."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .terminal import AsJson, Overwrite, Root, answer, console, percent, table

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
    out: Annotated[Path | None, typer.Option(help="Write a page with pictures.", metavar="FILE.html")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Check images, masks and labels, and mend what a rule can mend; exit code 1 when there are errors."""
    import time

    from .. import data, doctor
    from ..data.dataset import labels_of
    from ..datasets.catalogue import DATASETS
    from ..doctor.audit import examined, judge
    from ..doctor.diagnose import diagnose
    from ..doctor.exam.reading import Case, reader
    from ..doctor.mend import ANNOTATION, acceptable, mend, mend_pairs
    from ..errors import DataError, NoPairs, counted
    from ..output import Output
    from .source import is_recipe, opened

    if out is not None and out.is_dir():
        raise DataError(f"{out}: is a folder; give the page a file's name, such as {out / 'audit.html'}")
    if fix is not None and fix.exists() and (not fix.is_dir() or any(fix.iterdir())):
        raise DataError(f"{fix}: is there already; name a new folder for the clean copy")
    page = Output(out.parent, [out.name], overwrite=overwrite) if out is not None else None
    acceptable(accept or ())
    if accept and fix is None:
        raise DataError(f"--accept {accept[0]} says what --fix may mend; give --fix DIR as well")
    started = time.perf_counter()
    found: doctor.Audit
    space: Any
    steps: list[dict[str, str]] | None = None
    read: Any = None
    whole: Any = None
    recognized: list[doctor.Finding] = []
    if Path(source).is_dir() and source not in DATASETS:
        try:
            whole = diagnose(source, split)
        except NoPairs:  # then it may be an export, or a data set as its makers pack it
            recognized = [doctor.Finding("recognized", "note", line) for line in _told(source)]
    elif source not in DATASETS and not is_recipe(source) and Path(source).exists():
        recognized = [doctor.Finding("recognized", "note", line) for line in _told(source)]
    if whole is not None:
        found, space = whole.audit, whole.meaning.space
        read = reader([c for w in whole.wards for c in w.cases], space, whole.meaning.tables)
        steps = mend(whole, fix, accept or ()) if fix else None
    else:
        datasets = opened(source, root, split, every=source not in DATASETS and not is_recipe(source))
        exams = examined(datasets)
        found, space = judge(datasets, exams, said=recognized), labels_of(datasets[0])
        cases = [
            Case(i, e, dataset=d)
            for d, p in zip(datasets, exams, strict=True)
            if isinstance(d, data.Pairs)
            for i, e in zip(d.items, p, strict=True)
        ]
        read = reader(cases, space) if space else None
        if accept:
            raise DataError(
                f"{source}: what its values mean is known, so no finding of it is to be accepted; leave out --accept"
            )
        steps = mend_pairs(datasets, exams, fix) if fix else None
    if out is not None and page is not None and space is not None and read is not None:
        from ..report import audit_page

        command = f"intarsia data audit {source}" + (f" --root {root}" if root else "") + f" --out {out}"
        seconds = time.perf_counter() - started
        with page.file(out.name) as file:
            audit_page.write(file, found, space, title=Path(source).name, read=read, command=command, seconds=seconds)
    if as_json:
        tree = found.to_dict()
        answer({**tree, **({"page": out} if out else {}), **({"fixed": {"out": fix, "steps": steps}} if fix else {})})
    else:
        show(found, space)
        if steps is not None:
            lost = sum(step["action"].startswith("left out") for step in steps)
            single = sum(step["action"].startswith(ANNOTATION) for step in steps)
            drawn = f", {counted(single, 'annotation')} left out" if single else ""
            console().print(
                f"clean copy: {fix} ({len(steps) - lost - single} files changed, {lost} left out{drawn}; fixed.json lists them)",
                markup=False,
                soft_wrap=True,
            )
            console().print(f"to train on it: intarsia init {fix}", markup=False, soft_wrap=True)
        if out is not None:
            console().print(f"page: {out}", markup=False, soft_wrap=True)
    return 1 if found.errors else 0


def _told(source: str) -> list[str]:
    """What an export is recognized as, and what is said of its splits."""
    from ..datasets.recognize import recognize

    known = recognize(Path(source), 0.2)
    return [f"{source}: {known.title}.", *(f"{line[0].upper()}{line[1:]}." for line in known.splits)]


def show(found: Any, space: Any) -> None:
    """The audit for people: what was looked at, the classes, and every finding with its cure."""
    out = console()
    images = ", ".join(str(count) if split == "all" else f"{count} {split}" for split, count in found.images.items())
    channels = f"{found.channels} {'channel' if found.channels == 1 else 'channels'}, {found.bits} bits"
    out.print(
        f"{images} images of {channels}; {percent(found.ignored)} % of the pixels are ignored",
        markup=False,
    )
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
    counts = ((len(found.errors), "error"), (len(found.warnings), "warning"))
    verdict = ", ".join(f"{number} {what}{'' if number == 1 else 's'}" for number, what in counts)
    out.print(verdict if found.findings else "nothing wrong was found")
