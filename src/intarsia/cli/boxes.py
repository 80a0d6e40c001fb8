"""`intarsia data boxes`: masks to train on, chosen for the boxes of a data set (BoxSup)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ..characters import one_line
from .terminal import Root, console


def boxes(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="An export with boxes or objects; a data set's name, a recipe.")
    ],
    out: Annotated[Path, typer.Option(help="A new folder of images and masks.", metavar="DIR")],
    model: Annotated[
        str | None,
        typer.Option(help="A model that has learned from such masks: regions it finds likely are preferred."),
    ] = None,
    background: Annotated[
        str, typer.Option(metavar="CLASS", help="The class of what lies outside of all boxes.")
    ] = "background",
    turn: Annotated[int, typer.Option(min=0, help="Another number draws other regions.")] = 0,
    split: Annotated[list[str] | None, typer.Option(help="A split; may be given again. Default: all.")] = None,
    root: Root = None,
) -> None:
    """Choose for each box of a data set the region that looks like its object, and write the regions as masks.

    Train on the masks, give the model to --model, and choose again: each turn the regions get better (BoxSup).
    """
    from .source import there

    there(source)
    import numpy as np

    from ..annotations import convert as exports
    from ..annotations import from_datasets as samples
    from ..annotations.beside import scratch
    from ..annotations.project import Pictures
    from ..errors import LabelError, nearest
    from ..training.box_supervision import BoxLabels
    from .source import opened

    datasets = opened(source, root, split, every=True, holdout=False)
    labels = datasets[0].labels
    if background not in labels.names:
        raise LabelError(
            f"{source}: has no class {background!r} for what lies outside of its boxes{nearest(background, labels.names)}; "
            f"its classes are {', '.join(labels.names)}; name one with --background"
        )
    predictor = None if model is None else _predictor(model, labels)
    outside = labels.names.index(background)
    boxed = [BoxLabels(data, predictor, background=outside, turn=turn) for data in datasets]
    project, folder = samples.project(datasets), scratch()
    places = [(data, at) for data in boxed for at in range(len(data))]
    for number, (data, at) in enumerate(_counted(places)):  # once each: a picture is asked for several times below
        np.save(folder / f"{number}.npy", data[at].labels.numpy())
    drawn = Pictures(len(places), lambda n: _drawn(project.pictures[n], folder / f"{n}.npy", labels))
    found = exports.convert(replace(project, pictures=drawn), "masks", out, uncovered=background)
    for remark in (*project.remarks, *found.remarks):
        console(error=True).print(one_line(remark), markup=False, soft_wrap=True)
    terminal = console()
    terminal.print(f"{len(drawn)} pictures with a region for each box: {out}", markup=False, soft_wrap=True)
    terminal.print("train on them, and choose again by what was learned:", markup=False, soft_wrap=True)
    terminal.print(f"  intarsia train {out} --out RUN", markup=False, soft_wrap=True)
    again = f"  intarsia data boxes {source} --model RUN --turn {turn + 1} --out {out}-{turn + 1}"
    terminal.print(again, markup=False, soft_wrap=True)


def _predictor(model: str, labels: Any) -> Any:
    """The model, whose classes must be those of the boxes."""
    from ..errors import LabelError
    from ..inference import Predictor

    predictor = Predictor.load(model)
    if predictor.labels.names != labels.names:
        raise LabelError(
            f"{model}: has the classes {', '.join(predictor.labels.names)}, and the boxes {', '.join(labels.names)}; "
            "give a model that was trained on masks of these boxes"
        )
    return predictor


def _counted(places: list[Any]) -> Iterable[Any]:
    """The same places, with a bar of how many are done."""
    from rich.progress import track

    return track(places, "regions", console=console(error=True), transient=True)


def _drawn(picture: Any, file: Path, labels: Any) -> Any:
    """A picture whose regions are those that were chosen for its boxes."""
    import numpy as np

    from ..annotations.from_datasets import regions

    return picture._replace(regions=regions(np.load(file), None, labels))
