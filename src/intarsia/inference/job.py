"""Predict many pictures into a folder: label maps, overlays, maps of uncertainty, and one JSON line a picture.

    inputs - expand - names - Predictor.stream - out/<name>.png, out/overlays/<name>.png, out/uncertainty/<name>.npy and .png
                                               ` out/predictions.jsonl

Files that somebody else made, or changed, are never written over; `..output` knows which.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..errors import DataError, IntarsiaError, ModelError, nearest
from ..naming import key
from ..output import Output
from .inputs import expand, fit_channels, left_out, result_names, to_tensor
from .prediction import Prediction
from .predictor import Predictor
from .uncertainty import KINDS
from .uncertainty import uncertainty as uncertainty_of

LINES, UNSURE = "predictions.jsonl", "uncertainty"
VARIANCES = ("mc-dropout", "tta")  # kinds of uncertainty whose pictures show the root


@dataclass(frozen=True)
class Predictions:
    """What was written of many pictures.

    Args:
        folder: that the results lie in.
        lines: one for each picture, in their order, as predictions.jsonl holds them: image, labels, overlay, height, width,
            shares, and where there are some uncertainty and note; or image and error, for one that cannot be read.
        left_out: a sentence about files in the folders given whose kind is not read; "" where there are none.
    """

    folder: Path
    lines: list[dict[str, Any]]
    left_out: str = ""

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The lines of pictures that could not be read."""
        return [line for line in self.lines if "error" in line]


def predict(
    model: Predictor | str | Path,
    inputs: str | Path | Iterable[str | Path],
    out: str | Path,
    *,
    alpha: float = 0.5,
    uncertainty: str | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str | torch.device = "auto",
    workers: int = 1,
    overwrite: bool = False,
    say: Callable[[str], None] | None = None,
    done: Callable[[Mapping[str, Any]], None] | None = None,
) -> Predictions:
    """Name every pixel of pictures, and write what was found into a folder.

    A picture that cannot be read does not stop the others; its line in predictions.jsonl holds the error.

    Args:
        model: a Predictor, a checkpoint, or the folder of a run; several models, "a,b", are averaged.
        inputs: pictures, folders of pictures, or patterns such as "day*/*.jpg".
        out: the folder for the results.
        alpha: how strongly the overlay covers the picture, 0..1.
        uncertainty: of `KINDS`; a map of it is written for each picture as well, [H, W] float32 of 0 (sure) to 1.
        settings: for a model that is loaded: windows and views, as for `Predictor.load`.
        device: for a model that is loaded; "auto" takes a GPU where there is one.
        workers: threads that read ahead.
        overwrite: also replace files of `out` that this program did not write, or that were changed since.
        say: is told, in a sentence, what of the inputs is left out, before the first picture.
        done: is given each picture's line once its files are written, in the order of the pictures.

    Raises: DataError, ModelError or CheckpointError, before the first picture wherever that is possible.
    """
    if uncertainty is not None and uncertainty not in KINDS:
        raise ModelError(f"there is no uncertainty {uncertainty!r}{nearest(uncertainty, KINDS)}")
    if not 0 <= alpha <= 1:
        raise DataError(f"alpha is {alpha}; give the strength of the overlay, 0 to 1")
    if workers < 0:
        raise DataError(f"workers is {workers}; give the number of threads that read ahead, 0 or more")
    given = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    paths = expand(given)
    if (sentence := left_out(given)) and say:
        say(sentence)
    names = result_names(paths)
    _keep_apart(paths, names, Path(out), uncertainty)
    predictor = model if isinstance(model, Predictor) else Predictor.load(model, device=device, settings=settings)
    every = (target for name in names for target in targets(name, uncertainty))
    results = Output(out, chain([LINES], every), overwrite=overwrite)
    lines = _write_all(predictor, paths, names, results, alpha, workers, uncertainty, done)
    return Predictions(results.folder, lines, sentence)


def targets(name: str, unsure: str | None = None) -> list[str]:
    """List the files that are written of a picture, below the folder of the results: label map, overlay, uncertainty.

    Args:
        name: what the picture's results are called, as `result_names` has it.
        unsure: the kind of uncertainty that is written as well.
    """
    maps = [f"{UNSURE}/{name}.npy", f"{UNSURE}/{name}.png"] if unsure is not None else []
    return [f"{name}.png", f"overlays/{name}.png", *maps]


def _keep_apart(paths: Sequence[Path], names: Sequence[str], out: Path, unsure: str | None) -> None:
    """Refuse results that would be written over the pictures they are made from."""
    given, folder = {key(str(path.resolve())): path for path in paths}, out.resolve()
    for name in names:
        for target in targets(name, unsure):
            picture = given.get(key(str(folder / target)))
            if picture is not None and (folder / target).exists() and picture.samefile(folder / target):
                raise DataError(f"the result for {picture} would be written over it; choose another folder with --out")


def _write_all(
    predictor: Predictor,
    paths: Sequence[Path],
    names: Sequence[str],
    results: Output,
    alpha: float,
    workers: int,
    unsure: str | None,
    done: Callable[[Mapping[str, Any]], None] | None,
) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    with results.growing(LINES) as record:

        def note(line: dict[str, Any]) -> None:
            lines.append(line)
            record.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
            record.flush()
            if done:
                done(line)

        def failed(_: str, error: IntarsiaError) -> None:
            note({"image": str(paths[len(lines)]), "error": str(error)})

        for prediction in predictor.stream(paths, workers=workers, failed=failed):
            # results and failures come in the order of the paths
            path, name = paths[len(lines)], names[len(lines)]
            line = {"image": str(path), **_write(prediction, name, results, alpha)}
            if prediction.note:
                line["note"] = prediction.note
            if unsure is not None:
                line["uncertainty"] = str(_write_unsure(predictor, prediction, unsure, name, results))
            note(line)
    return lines


def _write(prediction: Prediction, name: str, results: Output, alpha: float) -> dict[str, Any]:
    """Write one picture's label map and overlay; returns what its line says of them."""
    labels, overlay = targets(name)
    with results.file(labels) as file:
        prediction.save(file)
    with results.file(overlay) as file:
        prediction.overlay(alpha).save(file)
    height, width = prediction.labels.shape
    places = {"labels": str(results.folder / labels), "overlay": str(results.folder / overlay)}
    return {**places, "height": height, "width": width, "shares": prediction.shares()}


def _write_unsure(predictor: Predictor, prediction: Prediction, kind: str, name: str, results: Output) -> Path:
    """Write one picture's map as numbers and as a gray picture; returns the path of the numbers."""
    image = to_tensor(fit_channels(prediction.image, predictor.in_channels)[0])
    found = uncertainty_of(predictor, image, kind)[0].numpy()
    numbers, gray = targets(name, kind)[-2:]
    with results.file(numbers) as file:
        np.save(file, found)
    seen = np.sqrt(found) if kind in VARIANCES else found
    with results.file(gray) as file:
        Image.fromarray((255 * seen.clip(0, 1)).round().astype(np.uint8)).save(file)
    return results.folder / numbers
