"""`intarsia benchmark`: networks against each other on this machine, in latency, memory and score."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import DataError, ModelError
from .summary import checked, pixels
from .terminal import AsJson, Overwrite, Root, answer, console, percent, table

FILES = ("benchmark.json", "benchmark.html")


def benchmark(
    context: typer.Context,
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL [KEY=VALUE]...",
            help="Checkpoints, runs, exported files, public models and architectures; behind an architecture its options, "
            "encoder=resnet18, and behind any a published score in percent, score=61.5.",
        ),
    ],
    encoder: Annotated[
        str,
        typer.Option(help="Encoders for every architecture that takes one: resnet18,mobilenetv2_100.", metavar="NAMES"),
    ] = "",
    backend: Annotated[
        str,
        typer.Option(
            help="How to compute what is no exported file: eager, channels_last, folded, bfloat16, compiled, onnxruntime; none: "
            "those that are ready at once here.",
            metavar="NAMES",
        ),
    ] = "",
    size: Annotated[str, typer.Option(metavar="SIZE", help="Of the images: 512, or HEIGHTxWIDTH.")] = "512x1024",
    data: Annotated[
        str,
        typer.Option(
            metavar="SOURCE", help="What trained models are scored on: a data set's name, a folder, or a recipe."
        ),
    ] = "",
    split: Annotated[str, typer.Option(help="Which part of the data set; none: as for `evaluate`.")] = "",
    root: Root = None,
    classes: Annotated[int, typer.Option(min=1, help="Of an architecture: how many maps it draws.")] = 19,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at once.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Of the processor.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each network has its turn.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.001, help="Of a turn.")] = 1.0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Folder for benchmark.json and benchmark.html.", metavar="DIR")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Time networks in turn: latency, images a second, memory, and with data their score, as a table and a plot."""
    wanted, given = pixels(size), grouped(models)
    if data:
        from .source import there

        there(data)
    elif split or root:
        raise DataError("--split and --root say which data to score on; name it with --data")
    from ..study import Contender
    from ..study import benchmark as run

    source: Any = data or None
    if data:
        from .source import is_recipe, opened

        source = opened(data, root, [split or "val"])[0] if is_recipe(data) else data
    results = None
    if out is not None:
        from ..output import Output

        results = Output(out, FILES, overwrite=overwrite)

    def say(line: str) -> None:
        if not as_json:
            console(error=True).print(line, markup=False, soft_wrap=True, style="dim")

    found = run(
        [Contender(model, _options(model, pairs)) for model, pairs in given],
        encoders=_names(encoder),
        backends=_names(backend),
        size=wanted,
        batch=batch_size,
        classes=classes,
        device=device,
        threads=threads,
        rounds=rounds,
        seconds=seconds,
        data=source,
        split=split or None,
        root=root,
        say=say,
    )
    if results is not None:
        from .. import report

        results.text(FILES[0], json.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n")
        with results.file(FILES[1]) as file:
            report.write_benchmark(file, found=found, command=shlex.join(["intarsia", *context.obj]))
    if as_json:
        return answer({**found.to_dict(), **({"report": out / FILES[1]} if out else {})})
    show(found)
    if out:
        console().print(f"report: {out / FILES[1]}", markup=False, soft_wrap=True)
    return None


def grouped(arguments: list[str]) -> list[tuple[str, list[str]]]:
    """Each model with the KEY=VALUE arguments that follow it.

    Raises: ModelError for an option that stands before any model.
    """
    found: list[tuple[str, list[str]]] = []
    for one in arguments:
        if "=" not in one or Path(one).exists():
            found.append((one, []))
        elif not found:
            raise ModelError(f"{one!r} is an option of no model; write the model before it")
        else:
            found[-1][1].append(one)
    return found


def _options(model: str, pairs: list[str]) -> dict[str, Any]:
    """The options behind a model, those of an architecture checked against its constructor."""
    from ..checkpoint import NETWORKS
    from ..study.contenders import SCORE

    rest = [item for item in pairs if item.partition("=")[0] != SCORE]
    published = [_number(item) for item in pairs if item not in rest]
    score = {SCORE: published[-1]} if published else {}
    if not rest:
        return score
    if model in NETWORKS and not Path(model).exists():
        return {**checked(model, rest), **score}
    return {**dict(item.split("=", 1) for item in rest), **score}


def _number(item: str) -> Any:
    text = item.partition("=")[2]
    try:
        return float(text)
    except ValueError:
        return text  # what it should be is said where it is used


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def show(found: Any) -> None:
    """The benchmark for people: a row a network and backend, and how far to trust it."""
    scored = any(one.score is not None for one in found.speeds)
    head = ["network", "backend", ">ms", ">90 %", ">99 %", ">spread", ">images/s", ">MB", ">GFLOPs"]
    rows = [
        [
            one.name,
            one.backend,
            f"{1000 * one.median:.1f}",
            f"{1000 * one.p90:.1f}",
            f"{1000 * one.p99:.1f}",
            "-" if one.spread != one.spread else f"{100 * one.spread:.0f} %",
            f"{one.fps:.2f}",
            "-" if one.memory is None else f"{one.memory / 1e6:.0f}",
            "-" if one.gflops is None else f"{one.gflops:.1f}",
            *([f"{percent(one.score.value) if one.score else '-'}{' *' if one.front else ''}"] if scored else []),
        ]
        for one in found.speeds
    ]
    out = console()
    out.print(table(None, (*head, *([f">{found.measure}"] if scored else [])), rows))
    if scored:
        out.print("*: no other is as fast and scores as high", markup=False, soft_wrap=True)
    if found.data:
        out.print(f"scored on {found.data}", markup=False, soft_wrap=True)
    images = f"{found.batch} image{'s' if found.batch > 1 else ''} of {found.size[0]}x{found.size[1]}"
    out.print(f"{images}, {found.threads} threads, {found.device}; {found.verdict}", markup=False, soft_wrap=True)
