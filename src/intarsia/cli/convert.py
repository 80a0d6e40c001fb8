"""`intarsia data convert`: one annotation tool's export, or a data set, becomes another's."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from ..characters import one_line
from .terminal import Root, console


def convert(
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
    split: Annotated[list[str] | None, typer.Option(help="A split; may be given again. Default: all.")] = None,
    root: Root = None,
    uncovered: Annotated[
        str | None,
        typer.Option(
            help="For masks: the class of what no region covers, or ignore; none: background, or ignore of a data set without one."
        ),
    ] = None,
) -> None:
    """Turn one annotation tool's export, or a data set, into another's, or into masks to train on."""
    from .source import there

    there(source)
    from ..annotations import convert as exports
    from ..annotations import from_datasets as samples
    from ..annotations.remarks import said
    from ..data.dataset import labels_of
    from ..datasets import recognize
    from ..datasets.catalogue import DATASETS
    from ..doctor.meaning.classes import alone
    from ..errors import LabelError
    from ..labels import IGNORE
    from .source import opened

    place = Path(source)
    known = recognize.exports(place) if source_tool is None and place.is_dir() and source not in DATASETS else []
    if len(known) == 1 and len(known[0][0]) == 1:  # the export lies in a folder below, or is the folder itself
        place = next(iter(known[0][0].values()))
    if len(known) == 1 and len(known[0][0]) > 1:
        project = chosen(
            {name: exports.read(file, known[0][1], root) for name, file in known[0][0].items()}, split, place
        )
    elif source_tool is None and not exports.candidates(place) and not place.is_file():
        datasets = opened(source, root, split, every=True, holdout=False)
        space = labels_of(datasets[0])
        if space is not None and (sentence := alone(space, place)):
            raise LabelError(sentence)
        project = samples.project(datasets)
        uncovered = uncovered or (samples.BACKGROUND if samples.BACKGROUND in datasets[0].labels.names else IGNORE)
    else:
        project = chosen({"": exports.read(place, source_tool, root)}, split, place)
    console().print(one_line(f"{project.source}: {told(project)}"), markup=False)
    for remark in [*lost_of(project, source), *said(project, project.remarks)]:
        console(error=True).print(one_line(remark), markup=False, soft_wrap=True)
    moved = exports.convert(project, to, out, uncovered=uncovered or samples.BACKGROUND)
    for remark in moved.remarks:
        console(error=True).print(one_line(f"{to}: {remark}"), markup=False, soft_wrap=True)
    lost = sum(picture.image is None for picture in moved)
    if lost:
        console(error=True).print(f"{lost} images were not found, so only their annotations are there", markup=False)
    console().print(f"{to}: {out}", markup=False, soft_wrap=True)


def lost_of(project: Any, source: str) -> list[str]:
    """The lines about annotations that cannot be used and so are left out; of many the first twenty."""
    from ..data.faults import told_faults

    if not (faults := project.faults):
        return []
    more = f"  and {len(faults) - 20} more; intarsia data audit {source} lists them all"
    lines = [f"  {fault}" for fault in faults[:20]] + ([more] if len(faults) > 20 else [])
    return [f"{told_faults(faults)}, left out:", *lines]


def chosen(projects: dict[str, Any], wanted: list[str] | None, place: Path) -> Any:
    """The pictures of the splits that are wanted, of an export in one file or in one for each split; all where none is named.

    Raises: DataError for a split that is not there.
    """
    from dataclasses import replace

    from ..annotations.splits import declared, part, together

    project = together(projects) if len(projects) > 1 else next(iter(projects.values()))
    if not wanted:
        return project
    known = declared(project)
    kept = [picture for split in dict.fromkeys(wanted) for picture in part(project.pictures, split, known, place)]
    return replace(project, pictures=tuple(kept))


def told(project: Any) -> str:
    """Pictures, regions and classes of a project."""
    regions = sum(len(picture.regions) for picture in project)
    shown = ", ".join(project.classes[:8]) + (
        f" and {len(project.classes) - 8} more" if len(project.classes) > 8 else ""
    )
    parts = ", ".join(f"{count} {name}" for name, count in Counter(p.split for p in project if p.split).items())
    return f"{len(project.pictures)} pictures{f' ({parts})' if parts else ''}, {regions} regions, {len(project.classes)} classes ({shown})"
