"""`intarsia score`: predictions that any tool has made and what is true in; the field's numbers out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import DataError, RecipeError, nearest
from .score_kinds import FLAGS, KINDS, Asked
from .terminal import AsJson, Overwrite, Root, answer, console

CITYSCAPES_TRUTH = "_gtFine_instanceIds.png"
RESULTS = ("scores.json", "images.safetensors")


def score(
    predictions: Annotated[
        str,
        typer.Argument(metavar="PREDICTIONS", help="A folder of label maps, frames or depth maps, or COCO's JSON."),
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
            help="semantic, panoptic, instances or cityscapes, told from TRUTH by itself; bdd100k, bdd100k_instances, video, vps, davis, volumes, depth and classification are named.",
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
    things: Annotated[str, typer.Option(help="Of frames: the classes that are tracked; none: person,car.")] = "",
    raw: Annotated[
        bool, typer.Option("--raw", help="Predictions hold the values of the data set's masks, not class numbers.")
    ] = False,
    split: Annotated[
        str, typer.Option(help="Which part of a data set; none: val, and all pairs of a folder without splits.")
    ] = "",
    root: Root = None,
    protocol: Annotated[
        str,
        typer.Option(
            help="Of label maps: what absent classes and averaging mean; 'all' shows all side by side. Of depth: all, "
            "kitti or nyu."
        ),
    ] = "",
    metrics: Annotated[
        str,
        typer.Option(
            help="What to measure as well. Of label maps: boundary, trimap, boundary_f, given_boundary_f, surface, categories, iiou; of instances: boundary."
        ),
    ] = "",
    depths: Annotated[
        str, typer.Option("--depth", help="Of vps: folders of predicted and true depth, PREDICTED,TRUE.")
    ] = "",
    depth_scale: Annotated[
        float | None,
        typer.Option(help="How many of a depth PNG's numbers are a meter: KITTI 256, NYU Depth v2 1000."),
    ] = None,
    limits: Annotated[str, typer.Option(help="Of depth: the least and largest true one that counts, 0.001,80.")] = "",
    median: Annotated[
        bool, typer.Option("--median", help="Scale each predicted depth map by the ratio of the medians.")
    ] = False,
    windows: Annotated[str, typer.Option(help="Of vps: numbers of frames; none: 1,2,3,4.")] = "",
    unsupervised: Annotated[
        bool, typer.Option("--unsupervised", help="Of davis: objects have no given numbers and are matched.")
    ] = False,
    weights: Annotated[
        str, typer.Option(help="Of video, for wSTQ: a folder of weights of pixels, or of how many cameras see them.")
    ] = "",
    spacing: Annotated[
        str,
        typer.Option(help="Of volumes and of label maps' surfaces: the size of a pixel along each axis, 5,0.7,0.7 mm."),
    ] = "",
    tolerance: Annotated[
        float | None, typer.Option(help="Of surfaces: the distance that surface Dice allows; none: 1.")
    ] = None,
    rule: Annotated[str, typer.Option(help="Of surfaces: whose definitions, monai (none), medpy or deepmind.")] = "",
    k: Annotated[str, typer.Option("--k", help="Of classification: numbers of guesses; none: 1,5.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for scores.json, and images.safetensors of label maps.", metavar="DIR")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Score predictions that any tool has made: mIoU, PQ, AP, STQ, VPQ, J and F, top-k or errors of depth."""
    asked = Asked(predictions, truth, classes, ignore, things, raw, split, root, protocol, metrics, depths, depth_scale,
                  limits, median, windows, unsupervised, weights, spacing, tolerance, rule, k)  # fmt: skip
    if kind and kind not in KINDS:
        raise RecipeError(f"--as is {kind!r}{nearest(kind, KINDS)}")
    kind = kind or recognized(Path(truth))
    chosen = KINDS[kind]
    given = {FLAGS[name]: getattr(asked, name) for name in FLAGS}
    if idle := [
        flag
        for flag, value in given.items()
        if value is not None and value is not False and value != "" and flag not in chosen.options
    ]:
        raise RecipeError(f"{idle[0]} says nothing about {kind} predictions; leave it out, or choose another --as")
    from ..output import Output

    results = Output(out, RESULTS, overwrite=overwrite) if out is not None else None
    found = chosen.read(asked)
    tree = {"kind": kind, "predictions": predictions, "truth": truth, **found.to_dict()}
    if results is not None:
        write(results, tree, getattr(found, "counts", None))
    if as_json:
        return answer(tree)
    chosen.show(found)
    if kind == "semantic" and protocol == "all":
        from .evaluate import show_protocols

        show_protocols(found)
    if out is not None:
        console().print(f"scores: {out / 'scores.json'}", markup=False, soft_wrap=True)
    return None


def recognized(truth: Path) -> str:
    """What kind of truth a path holds; frames of a video look like label maps in colors.

    Raises: DataError for JSON that is no truth of COCO's.
    """
    beside = truth.with_name(truth.name + ".json") if truth.name else truth
    files = [truth] if truth.suffix == ".json" else [*truth.glob("*.json"), *([beside] if beside.is_file() else [])]
    if truth.suffix != ".json" and (not truth.is_dir() or len(files) != 1):
        objects = truth.is_dir() and any(f for p in ("*", "*/*") for f in truth.glob(p + CITYSCAPES_TRUTH))
        return "cityscapes" if objects else "semantic"
    from ..annotations.beside import read_json

    tree = read_json(files[0])
    if isinstance(tree, dict) and isinstance(tree.get("frames"), list) and "config" in tree:
        return "instances"  # Scalabel's
    listed = tree.get("annotations") if isinstance(tree, dict) else None
    if isinstance(listed, list) and "categories" in tree:
        return "panoptic" if any("segments_info" in a for a in listed if isinstance(a, dict)) else "instances"
    if truth.is_dir():
        return "semantic"
    raise DataError(f"{truth}: is no truth in COCO's form, which has images, annotations and categories")


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
