"""`intarsia predict`: pictures in; answers, overlays and one JSON line an image out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..characters import one_line
from ..errors import ModelError, counted, nearest
from .cluster import Actors, Cluster, check_left_out, run_job
from .large import (
    Always,
    As,
    Form,
    Intensity,
    Level,
    Measure,
    MinSize,
    Polygons,
    Simplify,
    SkipBlank,
    Spacing,
    bar,
    large_of,
    vectors_of,
)
from .terminal import AsJson, Overwrite, answer, console, refuse
from .views import Crf, CrfWith, Decide, Flip, Overlap, Scales, Window, decisions_of, settings_of

if TYPE_CHECKING:
    from ..inference import Predictor


def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A checkpoint, the folder of a run, an exported file, a public model such as torchvision:deeplabv3_resnet50 "
            "(`intarsia models --pretrained`), a method such as classical:otsu (`intarsia models --classical`), or another "
            "library's file; MODEL,MODEL averages several.",
        ),
    ],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Pictures (slides, large TIFFs and Zarr arrays too), folders of pictures, patterns such as 'day*/*.jpg', or "
            "@list.txt, one path a line.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            help="Folder for the results; with --cluster also an address such as s3://bucket/results.", metavar="DIR"
        ),
    ],
    alpha: Annotated[float, typer.Option(min=0, max=1, help="How strongly the overlay covers the picture.")] = 0.5,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Threads that read ahead.")] = 1,
    uncertainty: Annotated[
        str | None,
        typer.Option(
            help="Also write a map of 0 (sure) to 1, DIR/uncertainty/<name>.npy and .png: entropy, margin, mc-dropout, tta "
            "(variances, whose root the picture shows) or sets (how many classes could be true)."
        ),
    ] = None,
    window: Window = None,
    overlap: Overlap = None,
    flip: Flip = None,
    scales: Scales = None,
    crf: Crf = None,
    crf_with: CrfWith = None,
    decide: Decide = None,
    task: Annotated[
        str,
        typer.Option(
            help="What is answered: classification, semantic, detection, instance, panoptic, depth; else the model's own."
        ),
    ] = "",
    threshold: Annotated[
        str | None,
        typer.Option(
            help="What must be more probable than this to count, 0..1: of two classes the second one, of objects their score, of "
            "several labels a pixel each class (also one each: 'lung=0.3,lesion=0.6').",
            metavar="P",
        ),
    ] = None,
    probabilities: Annotated[
        str | None,
        typer.Option(
            help="Also write DIR/probabilities/<name>: npy ([K, H, W] float32) or tif (a page a class).",
            metavar="npy|tif",
        ),
    ] = None,
    values: Annotated[
        bool,
        typer.Option(
            "--values", help="Label maps hold the data set's own values, such as 0 and 255, instead of class numbers."
        ),
    ] = False,
    clear: Annotated[
        str | None,
        typer.Option(
            help="Class that overlays leave clear; background where there are two classes; '' for none.",
            metavar="CLASS",
        ),
    ] = None,
    min_score: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Overlays and counts show objects that score at least this; results.json has all.",
        ),
    ] = 0.5,
    server: As = "",
    polygons: Polygons = "",
    measure: Measure = False,
    spacing: Spacing = "",
    min_size: MinSize = 0,
    simplify: Simplify = 0.0,
    large: Always = None,
    level: Level = 0,
    skip_blank: SkipBlank = "",
    form: Form = "tif",
    intensity: Intensity = "",
    backend: Annotated[
        str,
        typer.Option(
            help="How the network is computed: eager, channels_last, folded, bfloat16, compiled, onnxruntime; auto: the quickest here whose answers "
            "hold, measured in jobs of many pictures and remembered.",
            metavar="NAME",
        ),
    ] = "auto",
    cluster: Cluster = "",
    actors: Actors = 0,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Answer pictures: DIR/<name>.png or what the task answers with, DIR/overlays/<name>.png, DIR/predictions.jsonl."""
    from ..inference import Predictor
    from ..inference import predict as run
    from ..inference.cluster.worker import Task
    from ..inference.frames import range_of

    vectors = vectors_of(polygons, measure, spacing, min_size, simplify)
    settings = settings_of(window, overlap, flip, scales, crf, crf_with)
    chosen = decisions_of(decide)
    if cluster:
        check_left_out(
            alpha=alpha != 0.5, clear=clear is not None, uncertainty=uncertainty, probabilities=probabilities, polygons=polygons,
            measure=measure, large=large, level=level, skip_blank=skip_blank, form=form != "tif", **{"as": server},
        )  # fmt: skip
        if threshold is not None:
            chosen["threshold"] = threshold_of(threshold, Predictor.load(model, device="cpu", task=task))
        asked = Task(
            model, out, device, task, chosen, settings, values, min_score, workers, backend, range_of(intensity)
        )
        return run_job(asked, inputs, cluster, actors, overwrite, as_json)
    folder = Path(out)
    predictor = Predictor.load(model, device=device, task=task, settings=settings)
    if threshold is not None:
        chosen["threshold"] = threshold_of(threshold, predictor)
    predictor = predictor.deciding(decide=chosen) if chosen else predictor
    with bar() as progress:
        found = run(
            predictor,
            inputs,
            folder,
            alpha=alpha,
            clear=clear,
            uncertainty=uncertainty,
            probabilities=probabilities,
            values=values,
            min_score=min_score,
            vectors=vectors,
            server=server,
            large=large_of(large, level, skip_blank, form),
            intensity=range_of(intensity),
            progress=progress,
            workers=workers,
            backend=backend,
            overwrite=overwrite,
            say=lambda sentence: console(error=True).print(one_line(sentence), markup=False, soft_wrap=True),
            done=show_failures if as_json else show,
        )
    lines, failed = found.lines, found.failed
    if as_json:
        tree: dict[str, Any] = {
            "out": folder,
            "images": len(lines) - len(failed),
            "failed": len(failed),
            "predictions": lines,
        }
        if failed:
            tree["error"] = failed[0]["error"]
        answer(tree)
    if failed:
        rest = f"the others are in {folder}" if len(failed) < len(lines) else f"{folder} holds none"
        refuse(f"{len(failed)} of {len(lines)} pictures could not be read; {rest}", as_json=False)
        return 2
    if not as_json:
        places = f"{found.told} in {folder}, overlays in {folder / 'overlays'}"
        console().print(f"{counted(len(lines), 'picture')}: {places}", markup=False, soft_wrap=True)
    return 0


def threshold_of(text: str, predictor: Predictor) -> float | list[float]:
    """Read a threshold: a number, one for each class in their order, or class=number for some of them.

    Raises: ModelError for what is none of these, a number outside of 0..1, and a name that is no class.
    """
    names, parts = predictor.labels.names, text.split(",")
    if "=" not in text:
        numbers = [_number(part, text) for part in parts]
        return numbers[0] if len(numbers) == 1 else numbers
    usual = predictor.decide.get("threshold", 0.5)
    limits = dict(zip(names, [usual] * len(names) if isinstance(usual, int | float) else usual, strict=True))
    for part in parts:
        name, _, number = part.partition("=")
        if name.strip() not in names:
            raise ModelError(f"--threshold names {name.strip()!r}, which is no class{nearest(name.strip(), names)}")
        limits[name.strip()] = _number(number, text)
    return list(limits.values())


def _number(part: str, text: str) -> float:
    try:
        number = float(part)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise ModelError(
            f"--threshold is {text!r}; give a number of 0 to 1, such as 0.3, or one a class, such as lung=0.3,lesion=0.6"
        )
    return number


def show(line: Mapping[str, Any]) -> None:
    """Print what was found in one picture, a line of predictions.jsonl, or why it cannot be read."""
    from ..inference.results import main_file, tell

    show_failures(line)
    if "error" not in line:
        console().print(one_line(f"{line['image']} -> {main_file(line)}  ({tell(line)})"), markup=False, soft_wrap=True)


def show_failures(line: Mapping[str, Any]) -> None:
    """Print, on standard error, why a picture cannot be read, or what was done to its channels."""
    if "error" in line:
        refuse(line["error"], as_json=False)
    elif "note" in line:
        console(error=True).print(one_line(f"{line['image']}: {line['note']}"), markup=False, soft_wrap=True)
