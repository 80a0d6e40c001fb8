"""`intarsia calibrate`: held-out images in; a temperature, and on request label sets, into the checkpoint."""

from __future__ import annotations

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
    as_json: AsJson = False,
) -> None:
    """Make a model's probabilities honest on held-out images, and keep that in its checkpoint."""
    from .source import there

    if source is not None:
        there(source)
    import dataclasses

    from .. import checkpoint as files
    from ..data.dataset import title_of
    from ..errors import counted
    from ..evaluation.entry import dataset_of
    from ..evaluation.reliance import Part, fit_sets, fit_temperature
    from ..inference import Predictor
    from .source import is_recipe, opened

    predictor = Predictor.load(model)
    data: Any = source
    if source is not None and is_recipe(source):
        data = opened(source, root, [split or "val"])[0]
    dataset, said, _ = dataset_of(predictor, data, split or None, root)
    found = fit_temperature(predictor, dataset)
    called = [title_of(dataset), said.get("split", split)]
    kept: dict[str, Any] = {**found.to_dict(), "data": " ".join(filter(None, called))}
    if coverage is not None:
        predictor.temperature = found.value
        others = Part(dataset, range(1 if len(dataset) > 1 else 0, len(dataset), 2))  # those that T was not fitted on
        kept["sets"] = fit_sets(predictor, others, coverage, score=score).to_dict()
    stored = files.load(model, state=True)
    path = files.save(model, dataclasses.replace(stored, calibration=kept))
    if as_json:
        told = {key: text for key, text in said.items() if key in ("pairs", "values")}
        return answer({**kept, **told, "checkpoint": path})
    show(found, "the same image" if len(dataset) == 1 else counted(found.images[1], "other"))
    show_source(said)
    out = console()
    if "sets" in kept:
        sets = kept["sets"]
        out.print(
            f"label sets: threshold {sets['threshold']:.4f} ({sets['score']}) from {counted(sets['images'], 'image')}; on average over "
            f"images like these, they hold the truth of {100 * sets['coverage']:g} % of an image's pixels at least",
            markup=False,
            soft_wrap=True,
        )
    out.print(f"kept in {path}; no pixel's class changes", markup=False, soft_wrap=True)
    return None


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
