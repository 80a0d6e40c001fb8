"""`intarsia calibrate`: held-out images in; a temperature, thresholds by class, and on request label sets, into the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .evaluate import show_source
from .terminal import AsJson, Root, answer, console, table


def calibrate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A checkpoint, or the folder of a run.")],
    source: Annotated[
        str | None,
        typer.Argument(
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
    coverage: Annotated[
        float | None, typer.Option(help="Fit label sets as well, which hold the truth of so large a share of pixels.")
    ] = None,
    score: Annotated[str, typer.Option(help="Of the label sets: lac (smallest sets) or aps.")] = "lac",
    thresholds: Annotated[
        bool | None,
        typer.Option(
            "--thresholds/--no-thresholds",
            help="Fit from which probability on each class is drawn, for the highest Dice (and so IoU); none: for several labels a pixel.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The checkpoint to write; none: MODEL's own, which a public model has not.", metavar="FILE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a model's probabilities honest on held-out images, fit thresholds, and keep both in its checkpoint."""
    from .source import there

    if source is not None:
        there(source)
    import dataclasses

    from .. import checkpoint as files
    from ..data.dataset import title_of
    from ..errors import counted
    from ..evaluation.entry import dataset_of
    from ..evaluation.reliance import Part, fit_sets, fit_temperature
    from ..evaluation.thresholds import fit_thresholds
    from ..inference import Predictor
    from .source import check_kept, is_recipe, opened

    check_kept(model, out)
    predictor = Predictor.load(model)
    data: Any = source
    if source is not None and is_recipe(source):
        data = opened(source, root, [split or "val"])[0]
    dataset, said, _ = dataset_of(predictor, data, split or None, root)
    found = fit_temperature(predictor, dataset)
    called = [title_of(dataset), said.get("split", split)]
    kept: dict[str, Any] = {**found.to_dict(), "data": " ".join(filter(None, called))}
    predictor.temperature = found.value
    cut = None
    if thresholds or (thresholds is None and predictor.labels.planes):
        cut = fit_thresholds(predictor, dataset)
        kept |= {"decide": cut.decide, "thresholds": cut.to_dict()}
    if coverage is not None:
        others = Part(dataset, range(1 if len(dataset) > 1 else 0, len(dataset), 2))  # those that T was not fitted on
        kept["sets"] = fit_sets(predictor, others, coverage, score=score).to_dict()
    stored = files.resolve(model, state=True, say=lambda sentence: None)  # which loading has said
    path = files.save(out or model, dataclasses.replace(stored, calibration=kept))
    if as_json:
        told = {key: text for key, text in said.items() if key in ("pairs", "values")}
        return answer({**kept, **told, "checkpoint": path})
    show(found, "the same image" if len(dataset) == 1 else counted(found.images[1], "other"))
    show_source(said)
    terminal = console()
    if "sets" in kept:
        sets = kept["sets"]
        terminal.print(
            f"label sets: threshold {sets['threshold']:.4f} ({sets['score']}) from {counted(sets['images'], 'image')}; on average over "
            f"images like these, they hold the truth of {100 * sets['coverage']:g} % of an image's pixels at least",
            markup=False,
            soft_wrap=True,
        )
    if cut is not None:
        show_thresholds(cut)
        terminal.print(
            f"kept in {path}; predict and evaluate use these thresholds from now on", markup=False, soft_wrap=True
        )
        return None
    terminal.print(f"kept in {path}; no class changes", markup=False, soft_wrap=True)
    return None


def show_thresholds(found: Any) -> None:
    """The threshold of each class, and the Dice at 0.5 and at it, of images that it was not fitted on."""
    from ..errors import counted

    def percent(share: float) -> str:
        return "-" if share != share else f"{100 * share:.1f}"

    rows = [
        (name, f"{value:.2f}", percent(before), percent(after))
        for name, value, (before, after) in zip(found.names, found.values, found.dice, strict=True)
    ]
    out = console()
    out.print(table(None, ("class", ">threshold", ">Dice at 0.5", ">Dice at it"), rows))
    fitted, measured = found.images
    out.print(
        f"thresholds fitted on {counted(fitted, 'image')} and measured on {counted(measured, 'image')}",
        markup=False,
        soft_wrap=True,
    )
    if found.refused:
        told = ", ".join(f"{name} ({value:.2f})" for name, value in found.refused.items())
        out.print(
            f"the fitted threshold of these raises nothing there, so they stay at 0.5: {told}",
            markup=False,
            soft_wrap=True,
        )


def show(found: Any, others: str) -> None:
    """What a temperature does, and where a fitted one is not kept, why."""
    from ..errors import counted

    both = {"negative log-likelihood": found.nll, "expected calibration error": found.ece}
    rows = [(told, f"{before:.4f}", f"{after:.4f}") for told, (before, after) in both.items()]
    out, fitted = console(), counted(found.images[0], "image")
    out.print(table(None, ("", ">before", ">after"), rows))
    if found.refused is None:
        out.print(f"temperature {found.value:.3f}, fitted on {fitted} and measured on {others}")
        return
    tried, nll = found.refused
    out.print(
        f"temperature 1, as before: {tried:.3f}, fitted on {fitted}, makes {others} no likelier "
        f"(negative log-likelihood {found.nll[0]:.4f} without it, {nll:.4f} with it)",
        markup=False,
        soft_wrap=True,
    )
