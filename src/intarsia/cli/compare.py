"""`intarsia compare`: two models, or two folders of predictions, on the same images; which is better, and can one tell."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from .evaluate import show_source
from .terminal import AsJson, Overwrite, Root, answer, console, percent, table


def compare(
    context: typer.Context,
    a: Annotated[
        str, typer.Argument(metavar="A", help="A run's folder, a checkpoint, or a folder of label maps from any tool.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one.")],
    labels: Annotated[
        str | None,
        typer.Option(
            help="What is true: a data set's name, a folder or a recipe; none: what the model was trained on.",
            metavar="SOURCE",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Which part of the data set; none: val, and all pairs of a folder without splits.")
    ] = "",
    root: Root = None,
    classes: Annotated[
        str, typer.Option(help="Names of the classes of a folder of label maps, in order: sky,road,car.")
    ] = "",
    raw: Annotated[
        bool, typer.Option("--raw", help="Predictions hold the values of the data set's masks, not class numbers.")
    ] = False,
    protocol: Annotated[str, typer.Option(help="What absent classes, ignored pixels and averaging mean.")] = "dataset",
    out: Annotated[Path | None, typer.Option(help="Folder for compare.html and compare.json.", metavar="DIR")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Say which of two models is better, and whether that can be known."""
    from .source import there

    if labels is not None:
        there(labels)
    from ..evaluation import compare as run
    from .source import is_recipe, truth_of

    names = [name.strip() for name in classes.split(",") if name.strip()] or None
    truth: Any = labels
    if labels is not None and is_recipe(labels) and not Path(labels).is_dir():
        truth = truth_of(labels, root, split or None, names)[0]
    command = shlex.join(["intarsia", *context.obj])
    options: dict[str, Any] = {"split": split or None, "root": root, "classes": names, "raw": raw, "protocol": protocol}
    verdict = run(a, b, truth, **options, out=out, command=command, overwrite=overwrite)
    if as_json:
        return answer({**verdict.to_dict(), **({"report": out / "compare.html"} if out else {})})
    show(verdict)
    if out:
        console().print(f"report: {out / 'compare.html'}", markup=False, soft_wrap=True)
    return None


def show(verdict: Any) -> None:
    """The verdict for people: one row a class, and the sentence last."""
    a, b = verdict.names
    changes = [*verdict.classes.items(), ("all classes", verdict.mean)]
    rows = [
        (
            name,
            *map(percent, verdict.iou.get(name, verdict.miou)),
            points(change.value.value),
            f"{points(change.value.low)} to {points(change.value.high)}",
            "-" if change.p != change.p else f"{change.p:.4f}",
            "no" if not change.real else f"{b if change.value.value > 0 else a} is better",
        )
        for name, change in changes
    ]
    out = console()
    out.print(table(None, ("class", ">A", ">B", ">B - A", ">95 %", ">p", "can be told"), rows))
    out.print(f"A {a}: mIoU {percent(verdict.miou[0])}   B {b}: mIoU {percent(verdict.miou[1])}", markup=False)
    most = [row for row in verdict.images[:3] if row[1] != row[2]]
    if most:
        told = ", ".join(f"{name} ({points(other - one)})" for name, one, other in most)
        out.print(f"changed most: {told}", markup=False, soft_wrap=True)
    out.print(
        f"IoU in percent, differences in points; p of the permutation test, of classes after Holm; protocol {verdict.protocol!r}",
        markup=False,
        soft_wrap=True,
    )
    show_source(verdict.source)
    out.print(verdict.sentence, style="bold", markup=False, soft_wrap=True)


def points(value: float) -> str:
    """A difference of 0..1 in points, with its sign."""
    if value != value:
        return "-"
    rounded = round(100 * value, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"
