"""`intarsia score`: predictions that any tool has made and what is true in; the field's numbers out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import DataError, RecipeError, nearest
from .terminal import AsJson, Overwrite, Root, answer, console, percent, table

KINDS = ("semantic", "panoptic", "instances", "video")
RESULTS = ("scores.json", "images.safetensors")


def score(
    predictions: Annotated[
        str, typer.Argument(metavar="PREDICTIONS", help="A folder of label maps, or a JSON file of COCO's.")
    ],
    truth: Annotated[
        str,
        typer.Argument(
            metavar="TRUTH",
            help="The same of what is true; for label maps also a data set's name, a folder or a recipe.",
        ),
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--as",
            help="semantic, panoptic, instances or video; told from TRUTH by itself, all but video.",
            metavar="KIND",
        ),
    ] = "",
    classes: Annotated[
        str,
        typer.Option(
            help="Of label maps and frames: names in the order of their numbers, sky,road,car; a file with one a line; "
            "or how many there are."
        ),
    ] = "",
    ignore: Annotated[
        str, typer.Option(help="Values of label maps that do not count, such as 0 or 0,255; none: 255.")
    ] = "",
    things: Annotated[str, typer.Option(help="Of video: the classes that are tracked; none: person,car.")] = "",
    raw: Annotated[
        bool, typer.Option("--raw", help="Predictions hold the values of the data set's masks, not class numbers.")
    ] = False,
    split: Annotated[
        str, typer.Option(help="Which part of a data set; none: val, and all pairs of a folder without splits.")
    ] = "",
    root: Root = None,
    protocol: Annotated[
        str, typer.Option(help="Of label maps: what absent classes and averaging mean; 'all' shows all side by side.")
    ] = "dataset",
    metrics: Annotated[
        str, typer.Option(help="Of label maps: what to measure as well: boundary, trimap, boundary_f, surface.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for scores.json, and images.safetensors of label maps.", metavar="DIR")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Score predictions that any tool has made: mIoU, PQ, AP or STQ."""
    if kind and kind not in KINDS:
        raise RecipeError(f"--as is {kind!r}{nearest(kind, KINDS)}")
    kind = kind or recognized(Path(truth))
    given = {"--classes": classes, "--ignore": ignore, "--things": things, "--raw": raw, "--split": split,
             "--root": root, "--protocol": protocol != "dataset", "--metrics": metrics}  # fmt: skip
    useful = {"semantic": set(given) - {"--things"}, "video": {"--classes", "--things"}}.get(kind, set())
    if idle := [name for name, value in given.items() if value and name not in useful]:
        raise RecipeError(f"{idle[0]} says nothing about {kind} predictions; leave it out, or choose another --as")
    names = _classes(classes)
    from .. import evaluation
    from ..output import Output

    results = Output(out, RESULTS, overwrite=overwrite) if out is not None else None

    if kind == "panoptic":
        found: Any = evaluation.score_panoptic(predictions, truth)
    elif kind == "instances":
        found = evaluation.score_instances(predictions, truth)
    elif kind == "video":
        found = evaluation.score_video(
            predictions, truth, **_given(classes=_numbered(names), things=_listed(things) or None)
        )
    else:
        found = _semantic(predictions, truth, names, ignore, raw, split, root, protocol, _listed(metrics))
    tree = {"kind": kind, "predictions": predictions, "truth": truth, **found.to_dict()}
    if results is not None:
        write(results, tree, getattr(found, "counts", None))
    if as_json:
        return answer(tree)
    {"panoptic": show_panoptic, "instances": show_instances, "video": show_video}.get(kind, _show_semantic)(found)
    if protocol == "all":
        from .evaluate import show_protocols

        show_protocols(found)
    if out is not None:
        console().print(f"scores: {out / 'scores.json'}", markup=False, soft_wrap=True)
    return None


def recognized(truth: Path) -> str:
    """What kind of truth a path holds; frames of a video cannot be told from label maps in colors.

    Raises: DataError for JSON that is no truth of COCO's.
    """
    beside = truth.with_name(truth.name + ".json") if truth.name else truth
    files = [truth] if truth.suffix == ".json" else [*truth.glob("*.json"), *([beside] if beside.is_file() else [])]
    if truth.suffix != ".json" and (not truth.is_dir() or len(files) != 1):
        return "semantic"
    from ..data.exports.files import read_json

    tree = read_json(files[0])
    listed = tree.get("annotations") if isinstance(tree, dict) else None
    if isinstance(listed, list) and "categories" in tree:
        return "panoptic" if any("segments_info" in a for a in listed if isinstance(a, dict)) else "instances"
    if truth.is_dir():
        return "semantic"
    raise DataError(f"{truth}: is no truth in COCO's form, which has images, annotations and categories")


def _semantic(
    predictions: str,
    truth: str,
    classes: list[str] | int | None,
    ignore: str,
    raw: bool,
    split: str,
    root: str | None,
    protocol: str,
    metrics: list[str],
) -> Any:
    """Label maps against label maps, which mean the same values, or against a data set."""
    from ..evaluation import MaskFolder, Predictions, score_masks
    from ..evaluation.masks import alone, without
    from .source import truth_of

    numbers = _listed(ignore)
    if wrong := [n for n in numbers if not n.isdigit()]:
        raise RecipeError(f"--ignore holds {wrong[0]!r}; give values of label maps, such as 0 or 0,255")
    place, found, pairs = Path(truth), Path(predictions), ""
    if place.is_dir() and alone(place, [found]):
        if split:
            raise RecipeError(f"{truth}: holds label maps alone, and no splits; leave out --split")
        space = without([place, found], [int(n) for n in numbers], classes) if numbers else classes
        dataset: Any = MaskFolder(place, space, others=[found])
    elif numbers:
        raise DataError(
            f"{truth!r} says itself which values count; leave out --ignore, or write labels.values in a recipe"
        )
    elif isinstance(classes, int):
        raise DataError(f"{truth!r} says itself how many classes it has; leave out --classes, or name them")
    else:
        dataset, pairs = truth_of(truth, root, split or None, classes)
    seen = Predictions(found, dataset.labels, raw or isinstance(dataset, MaskFolder))
    scored = score_masks(seen, dataset, protocol=protocol, metrics=metrics, only=True)
    return dataclasses.replace(scored, source={**({"pairs": pairs} if pairs else {}), **scored.source})


def write(results: Any, tree: Any, counts: Any) -> None:
    """scores.json, and the counts of each image, which `compare` takes.

    Raises: DataError when they cannot be written.
    """
    from .terminal import plain

    text = json.dumps(plain(tree), indent=1, ensure_ascii=False, allow_nan=False)
    results.text("scores.json", text + "\n")
    if counts is not None:
        with results.file("images.safetensors") as file:
            counts.save(file)


def _show_semantic(found: Any) -> None:
    from .evaluate import show, show_measures

    show(found)
    show_measures(found)


def show_panoptic(found: Any) -> None:
    """PQ, SQ and RQ: a row a class that occurs, then things, stuff and all."""
    scores, out = found.scores, console()
    rows = []
    for k, name in enumerate(found.names):
        if scores.matched[k] + scores.invented[k] + scores.missed[k]:
            counts = (scores.matched[k], scores.invented[k], scores.missed[k])
            part = "thing" if k in found.things else "stuff"
            rows.append((name, part, *map(percent, (scores.pq[k], scores.sq[k], scores.rq[k])), *counts))
    for name in ("things", "stuff", "all"):
        part = getattr(scores, name)
        rows.append((name, f"{part.classes} classes", *map(percent, part[:3]), "", "", ""))
    columns = ("class", "", ">PQ", ">SQ", ">RQ", ">matched", ">invented", ">missed")
    out.print(table(None, columns, rows))
    absent = len(found.names) - scores.all.classes
    out.print(
        f"in percent; {found.images} images; {absent} of {len(found.names)} classes occur nowhere and do not count"
    )


def show_instances(found: Any) -> None:
    """AP and AR as COCO prints them, for masks and boxes side by side, then the AP of each class that occurs."""
    kinds = {kind: part for kind, part in (("masks", found.masks), ("boxes", found.boxes)) if part is not None}
    told = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "ap_small": "AP small", "ap_medium": "AP medium",
            "ap_large": "AP large", "ar1": "AR, 1 an image", "ar10": "AR, 10 an image", "ar100": "AR, 100 an image",
            "ar_small": "AR small", "ar_medium": "AR medium", "ar_large": "AR large"}  # fmt: skip
    rows = [(name, *(percent(getattr(part, key)) for part in kinds.values())) for key, name in told.items()]
    out, columns = console(), [f">{kind}" for kind in kinds]
    values = list(zip(found.names, *(part.classes for part in kinds.values()), strict=True))
    seen = [(name, *map(percent, row)) for name, *row in values if any(x == x for x in row)]
    out.print(table("AP by class", ("class", *columns), seen))
    out.print(table(None, ("", *columns), rows))
    out.print(
        f"in percent; {found.detections} detections of {found.objects} objects in {found.images} images; "
        f"{len(found.names) - len(seen)} of {len(found.names)} classes have no object and do not count",
        soft_wrap=True,
    )


def show_video(found: Any) -> None:
    """STQ, AQ and SQ of each sequence and of all, and the IoU of each class."""
    out = console()
    out.print(table(None, ("class", ">IoU", ""), _tracked(found)))
    rows = [(name or "(frames)", *map(percent, values)) for name, values in found.scores.sequences.items()]
    rows.append(("all", *map(percent, (found.scores.stq, found.scores.aq, found.scores.sq))))
    out.print(table(None, ("sequence", ">STQ", ">AQ", ">SQ"), rows))
    out.print(f"in percent; {found.frames} frames; '-' where a class or a track does not occur")


def _tracked(found: Any) -> Iterable[tuple[str, ...]]:
    return (
        (name, percent(iou), "tracked" if name in found.things else "")
        for name, iou in zip(found.names, found.scores.iou, strict=True)
    )


def _classes(given: str) -> list[str] | int | None:
    """Names, or how many there are; None where nothing is said."""
    if given.strip().isdigit():
        if not int(given):
            raise RecipeError("--classes is 0; there is one class at least")
        return int(given)
    path = Path(given)
    if given and "," not in given and path.is_file():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: no text with one class a line ({error})") from None
        return [line.strip() for line in lines if line.strip()]
    return _listed(given) or None


def _numbered(classes: list[str] | int | None) -> list[str] | None:
    return [str(n) for n in range(classes)] if isinstance(classes, int) else classes


def _listed(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _given(**options: Any) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}
