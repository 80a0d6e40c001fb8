"""`intarsia predict`: pictures in; label maps, overlays and one JSON line an image out.

Files that somebody else made, or changed, are never written over; `..output` knows which.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import IntarsiaError
from ..naming import key
from ..output import Output
from .terminal import AsJson, Overwrite, answer, console, plain, refuse

LINES, UNSURE = "predictions.jsonl", "uncertainty"


def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A checkpoint, or the folder of a run.")],
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Pictures, folders of pictures, or patterns such as 'day*/*.jpg'."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results.", metavar="DIR")],
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
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Name every pixel of pictures: DIR/<name>.png, DIR/overlays/<name>.png, DIR/predictions.jsonl."""
    from ..errors import DataError, ModelError, nearest
    from ..inference import KINDS, Predictor, expand, left_out, result_names

    if uncertainty is not None and uncertainty not in KINDS:
        raise ModelError(f"there is no uncertainty {uncertainty!r}{nearest(uncertainty, KINDS)}")
    paths = expand(inputs)
    if sentence := left_out(inputs):
        console(error=True).print(sentence, markup=False, soft_wrap=True)
    names = result_names(paths)
    given, folder = {key(str(path.resolve())): path for path in paths}, out.resolve()
    for name in names:
        for target in targets(name, uncertainty):
            picture = given.get(key(str(folder / target)))
            if picture is not None and (folder / target).exists() and picture.samefile(folder / target):
                raise DataError(f"the result for {picture} would be written over it; choose another folder with --out")
    predictor = Predictor.load(model, device=device)
    every = (target for name in names for target in targets(name, uncertainty))
    results = Output(out, chain([LINES], every), overwrite=overwrite)
    lines = run(predictor, paths, names, results, alpha=alpha, workers=workers, quiet=as_json, unsure=uncertainty)
    failed = [line for line in lines if "error" in line]
    if as_json:
        tree: dict[str, Any] = {
            "out": out,
            "images": len(lines) - len(failed),
            "failed": len(failed),
            "predictions": lines,
        }
        if failed:
            tree["error"] = failed[0]["error"]
        answer(tree)
    if failed:
        rest = f"the others are in {out}" if len(failed) < len(lines) else f"{out} holds none"
        refuse(f"{len(failed)} of {len(lines)} pictures could not be read; {rest}", as_json=False)
        return 2
    if not as_json:
        console().print(
            f"{len(lines)} pictures: label maps in {out}, overlays in {out / 'overlays'}", markup=False, soft_wrap=True
        )
    return 0


def targets(name: str, unsure: str | None = None) -> list[str]:
    """The files that are written of a picture, below the folder of the results: label map, overlay, maps of uncertainty."""
    maps = [f"{UNSURE}/{name}.npy", f"{UNSURE}/{name}.png"] if unsure is not None else []
    return [f"{name}.png", f"overlays/{name}.png", *maps]


def run(
    predictor: Any,
    paths: Sequence[Path],
    names: Sequence[str],
    results: Output,
    *,
    alpha: float,
    workers: int,
    quiet: bool,
    unsure: str | None = None,
) -> list[dict[str, Any]]:
    """Predict and write one picture after the other; one that cannot be read is told and does not stop the others.

    Args:
        names: what the results of each picture are called, as `inference.result_names` has them.

    Returns: what predictions.jsonl holds.
    """
    lines: list[dict[str, Any]] = []
    with results.growing(LINES) as record:

        def note(line: dict[str, Any]) -> None:
            lines.append(plain(line))
            record.write(json.dumps(lines[-1], ensure_ascii=False, allow_nan=False) + "\n")
            record.flush()

        def failed(_: str, error: IntarsiaError) -> None:
            refuse(str(error), as_json=False)
            note({"image": paths[len(lines)], "error": str(error)})

        for prediction in predictor.stream(paths, workers=workers, failed=failed):
            # results and failures come in the order of the paths
            path, name = paths[len(lines)], names[len(lines)]
            said: dict[str, Any] = {"note": prediction.note} if prediction.note else {}
            if said:
                console(error=True).print(f"{path}: {prediction.note}", markup=False, soft_wrap=True)
            labels, overlay = targets(name)
            with results.file(labels) as file:
                prediction.save(file)
            with results.file(overlay) as file:
                prediction.overlay(alpha).save(file)
            if unsure is not None:
                said["uncertainty"] = _unsure(predictor, prediction, unsure, name, results)
            height, width = prediction.labels.shape
            shares = prediction.shares()
            note(
                {
                    "image": path,
                    "labels": results.folder / labels,
                    "overlay": results.folder / overlay,
                    "height": height,
                    "width": width,
                    "shares": shares,
                    **said,
                }
            )
            if not quiet:
                most = ", ".join(f"{name} {share:.0%}" for name, share in _largest(shares))
                console().print(f"{path} -> {results.folder / labels}  ({most})", markup=False, soft_wrap=True)
    return lines


def _unsure(predictor: Any, prediction: Any, kind: str, name: str, results: Output) -> Path:
    """Write the map of one picture as numbers and as a gray picture; returns the path of the numbers."""
    import numpy as np
    from PIL import Image

    from ..inference import uncertainty
    from ..inference.inputs import fit_channels, to_tensor

    image = to_tensor(fit_channels(prediction.image, predictor.in_channels)[0])
    found = uncertainty(predictor, image, kind)[0].numpy()
    numbers, gray = targets(name, kind)[-2:]
    with results.file(numbers) as file:
        np.save(file, found)
    seen = np.sqrt(found) if kind in ("mc-dropout", "tta") else found
    with results.file(gray) as file:
        Image.fromarray((255 * seen.clip(0, 1)).round().astype(np.uint8)).save(file)
    return results.folder / numbers


def _largest(shares: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(((n, s) for n, s in shares.items() if s >= 0.005), key=lambda item: -item[1])[:3]
