"""`intarsia data`: the data sets this program reads, and the label doctor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ..characters import one_line
from .audit import audit
from .boxes import boxes
from .convert import convert
from .terminal import AsJson, Overwrite, Root, answer, console, table

app = typer.Typer(help="Data sets: list them, and check one before anything trains.", no_args_is_help=True)
app.command("audit")(audit)
app.command("convert")(convert)
app.command("boxes")(boxes)


@app.command("list")
def listed(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As docs/data.md has it: a table, and how to get each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the data sets this program reads."""
    from ..datasets.listed import LISTED

    if not (as_json or markdown):  # titles alone cost nothing to import
        rows = [(name, entry.title, ", ".join(entry.options)) for name, entry in LISTED.items()]
        return console().print(table(None, ("name", "about", "options"), rows))
    from ..datasets.catalogue import DATASETS
    from ..datasets.offered import OFFERED

    found = []
    for name, entry in DATASETS.items():
        found.append({"name": name, "about": entry.title, "options": list(LISTED[name].options), "terms": entry.terms,
                      "steps": entry.steps, "files": [file.url for file in OFFERED.get(name, ())]})  # fmt: skip
    if as_json:
        return answer(found)
    return print(as_markdown(found))


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


@app.command("get")
def got(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set's name; `intarsia data list` has them.")],
    root: Annotated[Path | None, typer.Option(help="Where it shall lie. Default: data/NAME.", metavar="DIR")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the archives beside what was unpacked.")] = False,
    sha256: Annotated[
        list[str] | None,
        typer.Option(help="The checksum of a file for which none is published; may be given again.", metavar="HEX"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download a data set that is offered to everybody; type it again after a cut, and it goes on."""
    from ..datasets import named
    from ..datasets.download import RECORD, get
    from ..datasets.offered import OFFERED
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

            files = get(OFFERED[name], place, tell=moved, keep=keep, sha256=sha256 or ())
    except DataError as error:
        raise DataError(*str(error).split("\n"), f"By hand: {entry.steps}") from None
    if as_json:
        return answer({"name": name, "root": place, "files": [file._asdict() for file in files]})
    out = console()
    for file in files:
        if not file.fetched:
            out.print(f"{file.name}: is there already", markup=False, soft_wrap=True)
        else:
            sure = "the published checksum" if file.checked else "the checksum that you gave"
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
    overwrite: Overwrite = False,
) -> None:
    """Draw samples with their labels, before and after augmentation: a recipe's own, or a usual one."""
    from .source import there

    there(source)
    import numpy as np

    from .. import draw
    from ..data.augment.pipeline import Augmentation
    from ..data.dataset import images_of
    from ..data.samples import as_sample, shown_labels
    from ..draw.sheet import sheet
    from ..output import Output
    from .source import augmentation_of, opened

    results = Output(out.parent, [out.name], overwrite=overwrite)
    dataset = opened(source, root, [split] if split else None)[0]
    images_of(dataset, "shown")
    space = dataset.labels
    change = Augmentation(space.ignore_index, **augmentation_of(source, root))
    picked = [n * len(dataset) // min(count, len(dataset)) for n in range(min(count, len(dataset)))]

    def read(index: int) -> Any:
        return as_sample(dataset[index], index)

    def another(rng: Any) -> Any:
        return change(read(int(rng.integers(len(dataset)))), rng)

    rows = []
    for index in picked:
        sample = read(index)
        pictures = [draw.viewable(sample.image), draw.overlay(sample.image, shown_labels(sample, space), space)]
        for version in range(times):
            rng = np.random.default_rng((seed, version, index))
            made = change(sample, rng)
            if change.mixes:
                made = change.mix(made, rng, partial(another, rng))
            pictures.append(draw.overlay(made.image, shown_labels(made, space), space))
        rows.append((sample.name, pictures))
    picture = sheet(rows, ["image", "labels", *(f"augmented {n + 1}" for n in range(times))])
    shown = np.concatenate([np.asarray(shown_labels(read(index), space)).ravel() for index in picked])[None]
    whole = draw.with_legend(picture, shown, space, font_size=14)
    with results.file(out.name) as file:
        whole.save(file)
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
    from .source import there

    there(source)
    from ..data.write_shards import shard
    from .source import opened

    said: list[str] = []
    datasets = opened(source, root, split, every=True, said=said)
    written = shard(datasets, out, size=size, said=said)
    for sentence in said:
        console(error=True).print(one_line(sentence), markup=False, soft_wrap=True)
    samples = ", ".join(f"{len(dataset)} {dataset.split}" for dataset in datasets)
    console().print(f"{samples} samples in {len(written)} tar files: {out}", markup=False, soft_wrap=True)


@app.command("tools")
def tools(as_json: AsJson = False) -> None:
    """List the annotation tools whose exports are read, and those that can be written."""
    from ..annotations.catalogue import TOOLS

    if as_json:
        return answer({n: {"title": t.title, "written": t.write is not None, "says": t.says} for n, t in TOOLS.items()})
    rows = [(n, t.title, "yes" if t.write else "no", t.says) for n, t in TOOLS.items()]
    return console().print(table(None, ("name", "tool", "written", "what survives"), rows))
