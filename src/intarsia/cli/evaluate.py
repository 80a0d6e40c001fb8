"""`intarsia evaluate`: a checkpoint and a data set in; scores of what the model answers and a report out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from .terminal import AsJson, Overwrite, Root, answer, console, duration, percent, table
from .views import Crf, CrfWith, Decide, Flip, Overlap, Scales, Window, decisions_of, settings_of

NOT_SHARES = {  # numbers of measures that are distances, differences or sums of squares
    "hausdorff", "average", "to_truth", "to_prediction", "mean_hausdorff", "mean_average", "ravd", "brier",
}  # fmt: skip


def evaluate(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A checkpoint, the folder of a run, an exported file, a public model, or classical:otsu.",
        ),
    ],
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE", help="A data set's name, a folder, or a recipe; none: what the model was trained on."
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Which part of the data set; none: val, and all pairs of a folder without splits.")
    ] = "",
    root: Root = None,
    protocol: Annotated[
        str, typer.Option(help="What absent classes, ignored pixels and averaging mean; 'all' shows all side by side.")
    ] = "dataset",
    metrics: Annotated[
        str,
        typer.Option(
            help="What to measure as well: boundary, trimap, boundary_f, surface, categories, iiou, calibration, topk."
        ),
    ] = "",
    task: Annotated[
        str,
        typer.Option(
            help="What is answered and scored: semantic, instance, panoptic, detection, depth or classification; "
            "none: what the model's recipe says."
        ),
    ] = "",
    full: Annotated[
        bool, typer.Option("--full", help="Also look where the errors are: borders, small objects, confidence.")
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once; those of one size go together.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Folder for scores.json, images.safetensors and report.html.", metavar="DIR")
    ] = None,
    window: Window = None,
    overlap: Overlap = None,
    flip: Flip = None,
    scales: Scales = None,
    crf: Crf = None,
    crf_with: CrfWith = None,
    decide: Decide = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Score a model on a data set, and write a report."""
    from .source import there

    if source is not None:
        there(source)
    from ..evaluation import LabelScore
    from ..evaluation import evaluate as run
    from .source import is_recipe, opened

    data: Any = source
    if source is not None and is_recipe(source):
        data = opened(source, root, [split or "val"])[0]
    command = shlex.join(["intarsia", *context.obj])
    wanted = [name.strip() for name in metrics.split(",") if name.strip()]
    score = run(
        model,
        data,
        split=split or None,
        root=root,
        out=out,
        protocol=protocol,
        batch_size=batch_size,
        command=command,
        metrics=wanted,
        full=full,
        task=task,
        overwrite=overwrite,
        settings=settings_of(window, overlap, flip, scales, crf, crf_with),
        decide=decisions_of(decide),
    )
    if as_json:
        return answer({**score.to_dict(), **({"report": out / "report.html"} if out else {})})
    if not isinstance(score, LabelScore):
        show_tables(score)
    else:
        show(score)
        if protocol == "all":
            show_protocols(score)
        show_measures(score)
        show_errors(score)
    if out:
        console().print(f"report: {out / 'report.html'}", markup=False, soft_wrap=True)
    return None


def show(score: Any) -> None:
    """The scores for people: one row a class, then the means."""
    scores = score.scores
    rows = [
        (name, percent(iou), percent(dice), percent(precision), percent(recall))
        for (name, iou), dice, precision, recall in zip(
            score.iou.items(), _row(scores.dice), _row(scores.precision), _row(scores.recall), strict=True
        )
    ]
    out = console()
    out.print(table(None, ("class", ">IoU", ">Dice", ">precision", ">recall"), rows))
    means = {"mIoU": "miou", "accuracy": "accuracy", "mean accuracy": "mean_accuracy", "mean Dice": "mean_dice"}
    out.print("   ".join(f"{told} {percent(getattr(scores, name))}" for told, name in means.items()))
    out.print(f"in percent; '-' where a class does not occur; protocol {scores.protocol!r}", markup=False)
    out.print(
        f"{score.images} images in {duration(score.seconds)}; {percent(scores.ignored)} % of the pixels are ignored"
    )
    show_source(score.source)


def show_tables(score: Any) -> None:
    """The scores of any other answer than label maps, for people: its tables, then its main numbers."""
    out = console()
    for found in score.tables:
        first, *rest = found.columns
        out.print(table(found.title, (first, *(f">{name}" for name in rest)), found.rows))
    out.print(
        "   ".join(f"{name} {value}" for name, value in score.tiles if value != "-"), markup=False, soft_wrap=True
    )
    out.print(f"{score.images} images in {duration(score.seconds)}", markup=False)
    show_source(score.source)


def show_source(source: Mapping[str, str]) -> None:
    """Which pairs were scored, and how the values of masks were read, as far as it is known."""
    for key, label in (("pairs", "scored"), ("values", "values"), ("predicted", "predicted")):
        if key in source:
            console().print(f"{label}: {source[key]}", markup=False, soft_wrap=True)


def show_protocols(score: Any) -> None:
    """The mIoU and the mean Dice under every protocol, side by side."""
    from ..metrics import PROTOCOLS

    rows = []
    for name, miou in score.by_protocol.items():
        way = PROTOCOLS[name]
        says = way.absent if way.over == "classes" else f"{way.averaging}; {way.absent}"
        rows.append((name, percent(miou), percent(score.under(name).mean_dice), says))
    console().print(table("Protocols", ("protocol", ">mIoU", ">Dice", "what it means"), rows))


def show_measures(score: Any) -> None:
    """What was measured beside the confusion matrix: a row a class where there are classes, and a line of means."""
    from ..evaluation import MEASURES

    out, names = console(), score.space.names
    for name, found in score.measures.items():
        fields = found._asdict() if hasattr(found, "_asdict") else {"iou": _row(found.iou), "mean": found.miou}
        for key, value in list(fields.items()):
            if isinstance(value, dict):  # top-k: one number for each k; categories: one for each name
                fields.update({f"{key}@{k}" if isinstance(k, int) else f"{k}": v for k, v in value.items()})
        columns = {key: v for key, v in fields.items() if isinstance(v, list) and len(v) == len(names)}
        columns = {key: v for key, v in columns.items() if all(isinstance(number, float) for number in v)}
        means = {key: value for key, value in fields.items() if isinstance(value, float)}
        unit = "shares in percent" if {*columns, *means} & NOT_SHARES else "in percent"
        out.print(f"\n{name}: {MEASURES[name].says}; {unit}", markup=False)
        if columns:
            written = [[_written(key, value) for value in column] for key, column in columns.items()]
            rows = [(of, *cells) for of, *cells in zip(names, *written, strict=True)]
            out.print(table(None, ("class", *(f">{key}" for key in columns)), rows))
        out.print("   ".join(f"{key} {_written(key, value)}" for key, value in means.items()), markup=False)


def show_errors(score: Any) -> None:
    """Where the errors are: by distance from the borders, and by the size of objects."""
    if (found := score.anatomy) is None:
        return
    out, wrong = console(), sum(band.wrong for band in found.distances) or 1
    rows = [(band.says, percent(band.error), percent(band.wrong / wrong)) for band in found.distances]
    out.print(table("Pixels by distance from a border", ("distance, px", ">wrong", ">of all errors"), rows))
    objects = [
        (
            size.says,
            size.objects,
            percent(1 - size.recall),
            percent(size.found / size.objects if size.objects else None),
        )
        for size in found.sizes
    ]
    out.print(table("Objects by area", ("area, px", ">objects", ">missed", ">found"), objects))
    risk = f"; of the surest half {percent(found.risk.at(0.5))} % are wrong" if len(found.risk.risk) else ""
    out.print(f"expected calibration error {found.calibration.ece:.3f}{risk}", markup=False)


def _written(key: str, value: float) -> str:
    """Write a share of 0..1 in percent, and any other number with three digits after the point; "-" where there is none."""
    return percent(value) if key not in NOT_SHARES else "-" if value != value else f"{value:.3f}"


def _row(values: Any) -> list[float]:
    return list(values.values()) if hasattr(values, "values") else list(values)
