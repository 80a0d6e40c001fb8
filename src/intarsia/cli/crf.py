"""`intarsia crf fit`: a model and held-out images in; the numbers of a dense CRF that fit it best, into the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .evaluate import show_source
from .terminal import AsJson, Root, answer, console, percent, table

app = typer.Typer(help="The dense CRF that sharpens a model's answers (`predict --crf`).", no_args_is_help=True)


@app.command()
def fit(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A checkpoint, the folder of a run, or a public model.")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE", help="A data set's name, a folder, or a recipe; none: what the model was trained on."
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            help="Which part of it, never the one that was trained on; none: val, and all pairs of a folder without splits."
        ),
    ] = "",
    root: Root = None,
    by: Annotated[
        str, typer.Option(help="What the numbers shall raise: boundary (mean IoU of boundaries) or miou.")
    ] = "boundary",
    images: Annotated[
        int,
        typer.Option(min=2, help="Take at most so many images, spread over the data: half to fit on, half to measure."),
    ] = 40,
    out: Annotated[
        Path | None,
        typer.Option(help="The checkpoint to write; none: MODEL's own, which a public model has not.", metavar="FILE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit the numbers of a dense CRF on one half of held-out images, measure it on the other, and keep them in the checkpoint."""
    from .source import there

    if data is not None:
        there(data)
    import dataclasses

    from .. import checkpoint as files
    from ..errors import CheckpointError, ModelError, nearest
    from ..evaluation.crf import MEASURES, fit_crf
    from ..evaluation.entry import dataset_of
    from ..inference import Predictor
    from ..inference.assemble import models_in
    from .source import check_kept, is_recipe, opened

    check_kept(model, out)
    if len(several := models_in(model)) > 1:
        raise CheckpointError(
            f"a CRF is fitted to one model and kept in its checkpoint, not to {len(several)}; fit each"
        )
    if by not in MEASURES:
        raise ModelError(f"a CRF is fitted by boundary or miou, not {by!r}{nearest(by, MEASURES)}")
    if out is not None and out.suffix not in ("", ".safetensors"):
        raise CheckpointError(f"{out}: a checkpoint is a safetensors file; name it {out.stem}.safetensors")
    predictor = Predictor.load(model, settings={"crf": False})
    source: Any = data
    if data is not None and is_recipe(data):
        source = opened(data, root, [split or "val"])[0]
    dataset, said, _ = dataset_of(predictor, source, split or None, root)
    terminal = console(error=True)

    def done(tried: int, score: float, options: dict[str, Any]) -> None:
        if not as_json:
            terminal.print(f"{tried:3d}  {percent(score)}  {_written(options)}", markup=False, soft_wrap=True)

    found = fit_crf(predictor, dataset, measure=by, images=images, done=done)
    stored = files.resolve(model, state=True, say=lambda sentence: None)  # which loading has said
    kept = {**stored.calibration, "crf": found.to_dict()} if found.raises else dict(stored.calibration)
    path = files.save(out or model, dataclasses.replace(stored, calibration=kept)) if found.raises else None
    if as_json:
        return answer({**found.to_dict(), "kept": path is not None, "checkpoint": path})
    show(found)
    show_source(said)
    console().print(
        f"kept in {path}; predict, evaluate and compare use these numbers with --crf"
        if path is not None
        else "not kept: on images that it was not fitted on, the CRF raises nothing",
        markup=False,
        soft_wrap=True,
    )
    return None


def show(found: Any) -> None:
    """The scores without and with the CRF on images that it was not fitted on, and its numbers."""
    from ..errors import counted

    told = {"boundary": "mean IoU of boundaries", "miou": "mIoU"}
    rows = [
        (told[name], percent(before), percent(after), str(found.differences[name].mean.value))
        for name, (before, after) in found.measured.items()
    ]
    out, (fitted, measured) = console(), found.images
    out.print(table(None, ("", ">without", ">with the CRF", ">difference (95 %)"), rows))
    out.print(
        f"{_written(found.options)}; {found.tried} sets of numbers tried on {counted(fitted, 'image')}, measured on "
        f"{counted(measured, 'other')}",
        markup=False,
        soft_wrap=True,
    )


def _written(options: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value:g}" for key, value in options.items())
