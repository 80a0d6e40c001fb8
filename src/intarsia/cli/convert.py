"""`intarsia data convert`: one annotation tool's export, or a data set, becomes another's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

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
        project = exports.read(place, source_tool, root)
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


def told(project: Any) -> str:
    """Pictures, regions and classes of a project."""
    regions = sum(len(picture.regions) for picture in project)
    shown = ", ".join(project.classes[:8]) + (
        f" and {len(project.classes) - 8} more" if len(project.classes) > 8 else ""
    )
    return f"{len(project.pictures)} pictures, {regions} regions, {len(project.classes)} classes ({shown})"
