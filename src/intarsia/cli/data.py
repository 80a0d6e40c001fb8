"""`intarsia data`: the data sets this program reads, and the label doctor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from .terminal import AsJson, Root, answer, console, percent, table

app = typer.Typer(help="Data sets: list them, and check one before anything trains.", no_args_is_help=True)
COLORS = {"error": "red", "warning": "yellow", "note": "cyan"}


@app.command("list")
def listed(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As docs/data.md has it: a table, and how to get each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the data sets this program reads."""
    from .. import config
    from ..data.datasets.catalogue import DATASETS
    from ..data.datasets.offered import OFFERED

    found = []
    for name, entry in DATASETS.items():
        parameters, _ = config.signature(entry.open, skip=config.GIVEN["data"])
        found.append({"name": name, "about": entry.title, "options": list(parameters), "terms": entry.terms,
                      "steps": entry.steps, "files": [file.url for file in OFFERED.get(name, ())]})  # fmt: skip
    if as_json:
        return answer(found)
    if markdown:
        return print(as_markdown(found))
    rows = [(f["name"], f["about"], ", ".join(f["options"])) for f in found]
    return console().print(table(None, ("name", "about", "options"), rows))


def as_markdown(found: list[dict[str, Any]]) -> str:
    """The data sets as a section of a document: one table, and the steps and folders of each."""
    lines = ["## The data sets", "", "| name | data set | options | `data get` |", "|---|---|---|---|"]
    for entry in found:
        options = ", ".join(f"`{name}`" for name in entry["options"])
        lines.append(f"| `{entry['name']}` | {entry['about']} | {options} | {'yes' if entry['files'] else ''} |")
    for entry in found:
        if entry["steps"]:
            first, *tree = entry["steps"].splitlines()
            lines += ["", f"### {entry['name']}", "", first, *(["", *tree] if tree else []), "", entry["terms"]]
    return "\n".join(lines)


@app.command()
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
    out: Annotated[Path | None, typer.Option(help="Write a page with pictures.", metavar="FILE.html")] = None,
    as_json: AsJson = False,
) -> int:
    """Check images, masks and labels, and mend what a rule can mend; exit code 1 when there are errors."""
    import time

    from .. import data
    from ..data.audit import examined, judge
    from ..data.datasets.catalogue import DATASETS
    from ..data.doctor.folder import diagnose
    from ..data.doctor.mend import mend, mend_pairs
    from ..data.doctor.reading import Case, reader
    from ..errors import DataError, NoPairs
    from .source import opened

    if out is not None and out.is_dir():
        raise DataError(f"{out}: is a folder; give the page a file's name, such as {out / 'audit.html'}")
    if fix is not None and fix.exists() and (not fix.is_dir() or any(fix.iterdir())):
        raise DataError(f"{fix}: is there already; name a new folder for the clean copy")
    started = time.perf_counter()
    found: data.Audit
    space: Any
    steps: list[dict[str, str]] | None = None
    read: Any = None
    whole: Any = None
    recognized: list[data.Finding] = []
    if Path(source).is_dir() and source not in DATASETS:
        try:
            whole = diagnose(source, split)
        except NoPairs:  # then it may be an export, or a data set as its makers pack it
            recognized = [data.Finding("recognized", "note", data.init(source)[1].split("\n")[0])]
    if whole is not None:
        found, space = whole.audit, whole.meaning.space
        read = reader([c for w in whole.wards for c in w.cases], space, whole.meaning.tables)
        steps = mend(whole, fix) if fix else None
    else:
        datasets = opened(source, root, split)
        exams = examined(datasets)
        found, space = judge(datasets, exams, said=recognized), getattr(datasets[0], "labels", None)
        cases = [
            Case(i, e, dataset=d)
            for d, p in zip(datasets, exams, strict=True)
            if isinstance(d, data.Pairs)
            for i, e in zip(d.items, p, strict=True)
        ]
        read = reader(cases, space) if space else None
        steps = mend_pairs(datasets, exams, fix) if fix else None
    if out is not None and space is not None and read is not None:
        from ..report import audit_page

        command = f"intarsia data audit {source}" + (f" --root {root}" if root else "") + f" --out {out}"
        out.parent.mkdir(parents=True, exist_ok=True)
        seconds = time.perf_counter() - started
        audit_page.write(out, found, space, title=Path(source).name, read=read, command=command, seconds=seconds)
    if as_json:
        tree = found.to_dict()
        answer({**tree, **({"page": out} if out else {}), **({"fixed": {"out": fix, "steps": steps}} if fix else {})})
    else:
        show(found, space)
        if steps is not None:
            lost = sum(step["action"].startswith("left out") for step in steps)
            console().print(
                f"clean copy: {fix} ({len(steps) - lost} files changed, {lost} left out; fixed.json lists them)",
                markup=False,
                soft_wrap=True,
            )
            console().print(f"to train on it: intarsia init {fix}", markup=False, soft_wrap=True)
        if out is not None:
            console().print(f"page: {out}", markup=False, soft_wrap=True)
    return 1 if found.errors else 0


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


@app.command("get")
def got(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set's name; `intarsia data list` has them.")],
    root: Annotated[Path | None, typer.Option(help="Where it shall lie. Default: data/NAME.", metavar="DIR")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the archives beside what was unpacked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Download a data set that is offered to everybody; type it again after a cut, and it goes on."""
    from ..data import named
    from ..data.datasets.offered import OFFERED
    from ..data.download import RECORD, get
    from ..errors import DataError
    from .terms import tell

    entry, place = named(name), root or Path("data") / name
    if not OFFERED.get(name):
        told = f"its makers hand it out themselves, so get it by hand\n{entry.steps}" if entry.steps else entry.title
        raise DataError(f"{name} is not to be downloaded: {told}")
    tell(name, again=True)
    try:
        with _progress(quiet=as_json) as (bar, tasks):

            def moved(file: str, here: int, total: int) -> None:
                if file not in tasks:
                    tasks[file] = bar.add_task(file, total=total or None)
                bar.update(tasks[file], completed=here)

            files = get(OFFERED[name], place, tell=moved, keep=keep)
    except DataError as error:
        raise DataError(f"{error}\nBy hand: {entry.steps}") from None
    if as_json:
        return answer({"name": name, "root": place, "files": [file._asdict() for file in files]})
    out = console()
    for file in files:
        if not file.fetched:
            out.print(f"{file.name}: is there already", markup=False, soft_wrap=True)
        else:
            sure = (
                "the published checksum" if file.checked else f"no checksum is published; its sha256 is {file.sha256}"
            )
            out.print(f"{file.name}: {file.size} bytes, {sure}", markup=False, soft_wrap=True)
    return out.print(f"{name}: {place}; what arrived stands in {RECORD}", markup=False, soft_wrap=True)


@contextmanager
def _progress(quiet: bool) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A bar with rate and time left for each file, on standard error; nothing where nobody watches."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    screen = console(error=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, disable=quiet or not screen.is_terminal) as bar:
        yield bar, {}


@app.command("show")
def show_samples(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A data set's name, a folder, an export, or a recipe.")
    ],
    root: Root = None,
    split: Annotated[str | None, typer.Option(help="The split to look at; default: the first, training.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Samples, spread over the split.")] = 4,
    times: Annotated[int, typer.Option(min=0, help="Augmented versions of each.")] = 3,
    seed: Annotated[int, typer.Option(help="Of the augmentation.")] = 0,
    out: Annotated[Path, typer.Option(help="The picture to write.", metavar="FILE")] = Path("samples.png"),
) -> None:
    """Draw samples with their labels, before and after augmentation: a recipe's own, or a usual one."""
    import numpy as np

    from .. import draw
    from ..data.augment import Augmentation
    from ..data.loader import as_sample
    from ..draw.sheet import sheet
    from ..errors import DataError
    from .source import augmentation_of, opened

    dataset = opened(source, root, [split] if split else None)[0]
    if held := getattr(dataset, "holds", ""):
        raise DataError(f"{dataset.name} holds {held}; samples are shown of images and their masks")
    space = dataset.labels
    change = Augmentation(space.ignore_index, **augmentation_of(source))
    picked = [n * len(dataset) // min(count, len(dataset)) for n in range(min(count, len(dataset)))]

    def read(index: int) -> Any:
        return as_sample(dataset[index], index)

    def another(rng: Any) -> Any:
        return change(read(int(rng.integers(len(dataset)))), rng)

    rows = []
    for index in picked:
        sample = read(index)
        pictures = [draw.viewable(sample.image), draw.overlay(sample.image, sample.labels, space)]
        for version in range(times):
            rng = np.random.default_rng((seed, version, index))
            made = change(sample, rng)
            if change.mixes:
                made = change.mix(made, rng, partial(another, rng))
            pictures.append(draw.overlay(made.image, made.labels, space))
        rows.append((sample.name, pictures))
    picture = sheet(rows, ["image", "labels", *(f"augmented {n + 1}" for n in range(times))])
    shown = np.concatenate([np.asarray(read(index).labels).ravel() for index in picked])[None]
    whole = draw.with_legend(picture, shown, space, font_size=14)
    out.parent.mkdir(parents=True, exist_ok=True)
    whole.save(out)
    console().print(f"{len(rows)} of {len(dataset)} samples: {out}", markup=False, soft_wrap=True)


@app.command("shard")
def sharded(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A data set's name, a folder, an export, or a recipe.")
    ],
    out: Annotated[Path, typer.Option(help="A new folder for the tar files.", metavar="DIR")],
    root: Root = None,
    split: Annotated[list[str] | None, typer.Option(help="A split; may be given again. Default: all.")] = None,
    size: Annotated[int, typer.Option(min=1, help="Samples in a tar file.")] = 1000,
) -> None:
    """Write a data set as tar files, which data: {name: shards, root: ...} reads from here or from a server."""
    from ..data.shard import shard
    from .source import opened

    datasets = opened(source, root, split)
    written = shard(datasets, out, size=size)
    samples = sum(map(len, datasets))
    console().print(f"{samples} samples in {len(written)} tar files: {out}", markup=False, soft_wrap=True)


@app.command("convert")
def converted(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="An annotation tool's export, a file or a folder; or a data set's name, a folder, a recipe.",
        ),
    ],
    to: Annotated[str, typer.Option(help="The format to write; `intarsia data tools` lists them.")],
    out: Annotated[Path, typer.Option(help="A new folder.", metavar="DIR")],
    source_tool: Annotated[str | None, typer.Option("--from", help="The tool; found out when absent.")] = None,
    split: Annotated[list[str] | None, typer.Option(help="Of a data set; may be given again. Default: all.")] = None,
    root: Root = None,
    uncovered: Annotated[
        str | None,
        typer.Option(
            help="For masks: the class of what no region covers, or ignore; none: background, or ignore of a data set without one."
        ),
    ] = None,
) -> None:
    """Turn one annotation tool's export, or a data set, into another's, or into masks to train on."""
    from ..data import recognize
    from ..data.datasets.catalogue import DATASETS
    from ..data.exports import convert as exports
    from ..data.exports import samples
    from ..labels import IGNORE
    from .source import opened

    place = Path(source)
    if source_tool is None and place.is_dir() and not exports.candidates(place):
        below = [list(splits.values()) for splits, _ in recognize.exports(place)]
        place = below[0][0] if len(below) == 1 and len(below[0]) == 1 and source not in DATASETS else place
    if source_tool is None and not exports.candidates(place) and not place.is_file():
        datasets = opened(source, root, split)
        project = samples.project(datasets)
        uncovered = uncovered or (samples.BACKGROUND if samples.BACKGROUND in datasets[0].labels.names else IGNORE)
    else:
        project = exports.read(place, source_tool)
    console().print(f"{project.source}: {told(project)}", markup=False)
    for remark in project.remarks:
        console(error=True).print(remark, markup=False, soft_wrap=True)
    moved = exports.convert(project, to, out, uncovered=uncovered or samples.BACKGROUND)
    for remark in moved.remarks:
        console(error=True).print(f"{to}: {remark}", markup=False, soft_wrap=True)
    lost = sum(picture.image is None for picture in moved)
    if lost:
        console(error=True).print(f"{lost} images were not found, so only their annotations are there", markup=False)
    console().print(f"{to}: {out}", markup=False, soft_wrap=True)


@app.command("tools")
def tools(as_json: AsJson = False) -> None:
    """List the annotation tools whose exports are read, and those that can be written."""
    from ..data.exports.catalogue import TOOLS

    if as_json:
        return answer({n: {"title": t.title, "written": t.write is not None, "says": t.says} for n, t in TOOLS.items()})
    rows = [(n, t.title, "yes" if t.write else "no", t.says) for n, t in TOOLS.items()]
    return console().print(table(None, ("name", "tool", "written", "what survives"), rows))


def told(project: Any) -> str:
    """Pictures, regions and classes of a project."""
    regions = sum(len(picture.regions) for picture in project)
    shown = ", ".join(project.classes[:8]) + (
        f" and {len(project.classes) - 8} more" if len(project.classes) > 8 else ""
    )
    return f"{len(project.pictures)} pictures, {regions} regions, {len(project.classes)} classes ({shown})"
