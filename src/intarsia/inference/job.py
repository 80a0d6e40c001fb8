"""Predict many pictures into a folder: answers, overlays, probabilities, maps of uncertainty, and one JSON line a picture.

    inputs - expand - names - Predictor.stream - the answers' files (`results.py`), out/overlays/<name>.png,
                            ` out/predictions.jsonl     out/probabilities/<name>.npy, out/uncertainty/<name>.npy and .png

Files that somebody else made, or changed, are never written over; `..output` knows which.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch

from ..data.regions.source import spacing_of
from ..errors import DataError, IntarsiaError
from ..labels import LabelSpace
from ..metrics.image_matches import SURE
from ..naming import key
from ..output import Output
from ..structures import Labels
from .choose import by_name, choose
from .films import Films, film_files, step_file
from .frames import Frame, Labeled, frames_of, volume_files
from .inputs import given_pictures, left_out, result_names, whole_pictures
from .large.answer import USUAL, Large, answer_large, check_forms, check_needed, check_possible
from .prediction import Prediction
from .predictor import Predictor
from .results import KINDS as RESULTS
from .results import Gathered, expected, told_together
from .servers import SERVERS, check_server
from .tracked import follows, shots_of_files, stream
from .uncertainty import UNSURE, write_uncertainty
from .vectors import Vectors, place_of, write_vectors
from .wanted import NO_VECTORS, Wanted, check_wanted
from .writing import Made, image_ids, write_probabilities

LINES, PROBABLE = "predictions.jsonl", "probabilities"


@dataclass(frozen=True)
class Predictions:
    """What was written of many pictures.

    Args:
        folder: that the results lie in.
        lines: one for each picture, in their order, as predictions.jsonl holds them: image, overlay, height, width; by the
            kind of answer labels, planes, panoptic and segments, objects, results and min_score, depth with near and far, or tags and
            scores; shares where the answer covers pixels; and where there are some probabilities, uncertainty and note. For
            a picture that cannot be read, image and error.
        left_out: a sentence about files in the folders given whose kind is not read; "" where there are none.
    """

    folder: Path
    lines: list[dict[str, Any]]
    left_out: str = ""

    @property
    def told(self) -> str:
        """What the files of the answers are called together: "label maps"."""
        return told_together(self.lines)

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
    task: str = "",
    decide: Mapping[str, Any] = MappingProxyType({}),
    clear: str | None = None,
    probabilities: str | None = None,
    values: bool = False,
    min_score: float = SURE,
    vectors: Vectors = NO_VECTORS,
    server: str = "",
    large: Large = USUAL,
    intensity: tuple[float, float] | None = None,
    progress: Callable[[str, float], None] | None = None,
    backend: str = "",
) -> Predictions:
    """Answer pictures, and write what was found into a folder.

    A picture that cannot be read does not stop the others; its line in predictions.jsonl holds the error.

    Args:
        model: a Predictor, a checkpoint, or the folder of a run; several models, "a,b", are averaged.
        inputs: pictures, folders of pictures, or patterns such as "day*/*.jpg".
        out: the folder for the results.
        alpha, uncertainty, clear, probabilities, values, min_score, vectors, server: as for `Wanted`.
        settings: for a model that is loaded: windows and views, as for `Predictor.load`.
        device: for a model that is loaded; "auto" takes a GPU where there is one.
        workers: threads that read ahead.
        overwrite: also replace files of `out` that this program did not write, or that were changed since.
        say: gets a sentence about what of the inputs is left out, before the first picture.
        done: is given each picture's line once its files are written, in the order of the pictures.
        task, decide: as for `Predictor`; "" and nothing: the model's own.
        large: how pictures are answered that do not fit into memory; what was finished of one when a process was stopped
            is used by the next.
        intensity: values of NIfTI and DICOM that are black and white, where they are no numbers of 8 or 16 bits.
        progress: is given the name of a large picture and the share of it that is done, 0..1.
        backend: how the network is computed, a name of `backends.BACKENDS`; "auto": the quickest on this machine whose answers
            hold, measured where there are many pictures, and remembered; "": as the predictor does it, and "auto" for a model
            that is loaded.

    Raises: DataError, LabelError, ModelError or CheckpointError, before the first picture wherever that is possible.
    """
    wanted = Wanted(alpha, clear, uncertainty, probabilities, values, min_score, vectors, server)
    if workers < 0:
        raise DataError(f"workers is {workers}; give the number of threads that read ahead, 0 or more")
    given = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    check_forms(large.forms)
    paths, called = whole_pictures(given_pictures(given, large.always is True))
    if (sentence := left_out(given)) and say:
        say(sentence)
    items, called = _items(paths, called, large, intensity)
    names = result_names(called)
    if isinstance(model, Predictor):
        predictor = model.deciding(task, decide) if task or decide else model
    else:
        predictor = Predictor.load(model, device=device, task=task, decide=decide, settings=settings)
    backend = backend or ("" if isinstance(model, Predictor) else "auto")
    if backend not in ("", "auto"):
        predictor = by_name(predictor, backend)
    check_wanted(predictor, wanted)
    kind = expected(predictor.task, predictor.labels)
    theirs = check_server(server, kind, predictor.labels).files(names) if server else []
    beyond = [isinstance(item, Path) and large.takes(item) for item in items]
    theirs += volume_files([item for item in items if isinstance(item, Frame)])
    if follows(predictor) and not any(beyond):
        shots_of_files(items)  # which refuses a video that lacks frames
        theirs += film_files(dict(zip(names, items, strict=True)))
    if any(beyond):
        own = [name for name, large_one in zip(names, beyond, strict=True) if large_one]
        check_possible(predictor, wanted, large, Path(out), own)
    else:
        check_needed(large)
    ours = [
        [
            *vectors.files(name),
            *(
                [*large.files(name, predictor.labels), f"overlays/{name}.png"]
                if own
                else targets(name, uncertainty, kind, predictor.labels, probabilities)
            ),
        ]
        for name, own in zip(names, beyond, strict=True)
    ]
    _keep_apart(paths, ours, Path(out))
    results = Output(out, chain([LINES, *RESULTS[kind].whole, *theirs], *ours), overwrite=overwrite)
    parts = _Parts(items, names, beyond, large, progress)
    if (
        backend == "auto" and uncertainty != "mc-dropout"
    ):  # which draws networks of its own from the one that was loaded
        usual_ones = [item for item, own in zip(items, beyond, strict=True) if not own]
        predictor, why = choose(predictor, usual_ones, len(usual_ones))
        if why and say:
            say(why)
    lines = _write_all(predictor, parts, results, wanted, workers, done)
    return Predictions(results.folder, lines, sentence)


def _items(
    paths: Sequence[Path], called: Sequence[Path], large: Large, intensity: tuple[float, float] | None
) -> tuple[list[Path | Frame], list[Path]]:
    """The pictures, those of files that hold several each by itself, and what each is called."""
    items: list[Path | Frame] = []
    names: list[Path] = []
    for path, name in zip(paths, called, strict=True):
        frames = [] if large.takes(path) else frames_of(path, intensity)
        items += frames or [path]
        names += [name.with_name(f"{frame.name}.frame") for frame in frames] or [name]
    return items, names


def targets(
    name: str, unsure: str | None = None, kind: type = Labels, space: LabelSpace | None = None, sure: str | None = None
) -> list[str]:
    """List the files that are written of a picture, below the folder of the results: answer, overlay, maps.

    Args:
        name: what the picture's results are called, as `result_names` has it.
        unsure: the kind of uncertainty that is written as well.
        kind: of the answer.
        space: the classes, where planes are written.
        sure: the form of the probabilities that are written as well.
    """
    own = RESULTS[kind].files(name, space or LabelSpace(("any",)))
    maps = [f"{UNSURE}/{name}.npy", f"{UNSURE}/{name}.png"] if unsure is not None else []
    return [*own, f"overlays/{name}.png", *([f"{PROBABLE}/{name}.{sure}"] if sure else []), *maps]


def _keep_apart(paths: Sequence[Path], ours: Sequence[Sequence[str]], out: Path) -> None:
    """Refuse results that would be written over the pictures they are made from."""
    given, folder = {key(str(path.resolve())): path for path in paths}, out.resolve()
    for target in chain.from_iterable(ours):
        picture = given.get(key(str(folder / target)))
        if picture is not None and (folder / target).exists() and picture.samefile(folder / target):
            raise DataError(f"the result for {picture} would be written over it; choose another folder with --out")


Several = tuple[Callable[[Made], None] | None, ...]  # what adds a picture to the files of all pictures


class _Parts(NamedTuple):
    """Pictures, what their results are called, and which are answered tile row by tile row."""

    paths: Sequence[Path | Frame]
    names: Sequence[str]
    beyond: Sequence[bool]
    large: Large
    progress: Callable[[str, float], None] | None


def _write_all(
    predictor: Predictor,
    parts: _Parts,
    results: Output,
    wanted: Wanted,
    workers: int,
    done: Callable[[Mapping[str, Any]], None] | None,
) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    paths, names = parts.paths, parts.names
    ids = dict(zip(names, image_ids(list(names)), strict=True))
    if wanted.server:
        submitted = SERVERS[wanted.server].opened(results, predictor.labels, ids, wanted.server)
    else:
        submitted = nullcontext()
    frames = {name: path for name, path in zip(names, paths, strict=True) if isinstance(path, Frame)}
    volumes = Labeled(results, frames)
    moving = follows(predictor) and not any(parts.beyond)
    films: Any = nullcontext()
    if moving:
        films = Films(results, predictor.labels, dict(zip(names, paths, strict=True)), shots_of_files(paths))
    with (
        results.growing(LINES) as record,
        Gathered(results, predictor.labels, ids) as whole,
        submitted as submit,
        films as film,
    ):

        def note(line: dict[str, Any]) -> None:
            lines.append(line)
            record.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
            record.flush()
            if done:
                done(line)

        def failed(_: str, error: IntarsiaError) -> None:
            note({"image": str(paths[len(lines)]), "error": str(error)})

        keep = wanted.probabilities is not None
        for beyond, group in groupby(zip(paths, parts.beyond, strict=True), key=lambda pair: pair[1]):
            several = [path for path, _ in group]
            if beyond:
                for path in several:
                    assert isinstance(path, Path)  # frames are never large
                    note(
                        {"image": str(path), **_write_large(predictor, path, names[len(lines)], results, wanted, parts)}
                    )
                continue
            answered = (
                stream(predictor, several, workers, failed)
                if moving
                else predictor.stream(several, workers=workers, failed=failed, probabilities=keep)
            )
            for prediction in answered:
                # results and failures come in the order of the paths
                path, name = paths[len(lines)], names[len(lines)]
                line = {
                    "image": str(path),
                    **_write(prediction, name, results, wanted, (whole, submit, volumes, film), film),
                }
                if prediction.note:
                    line["note"] = prediction.note
                if wanted.uncertainty is not None:
                    line["uncertainty"] = str(
                        write_uncertainty(predictor, prediction.image, wanted.uncertainty, name, results)
                    )
                note(line)
    return lines


def _write_large(
    predictor: Predictor, path: Path, name: str, results: Output, wanted: Wanted, parts: _Parts
) -> dict[str, Any]:
    """Answer one large picture; one that cannot be read does not stop the others."""
    progress = parts.progress

    def moved(share: float) -> None:
        if progress is not None:
            progress(name, share)

    try:
        return answer_large(predictor, path, name, results, wanted, parts.large, moved)
    except DataError as error:
        if isinstance(error.__cause__, OSError):  # of the folder of results, and not of the picture
            raise
        return {"error": str(error)}


def _write(
    prediction: Prediction, name: str, results: Output, wanted: Wanted, several: Several, film: Films | None
) -> dict[str, Any]:
    """Write one picture's answer, overlay and probabilities; returns what its line says of them."""
    made = Made(prediction.answer, prediction.space, prediction.size, name, wanted.values, wanted.min_score)
    line = RESULTS[type(prediction.answer)].write(made, results)
    for add in several:
        if add is not None:
            add(made)
    if wanted.vectors.asked:
        place = place_of(name, prediction.size, prediction.path)
        spacing = wanted.vectors.spacing or prediction.spacing or spacing_of(prediction.path)
        line |= write_vectors([prediction.labels], place, prediction.space, wanted.vectors, spacing, results)
    overlay = f"overlays/{name}.png"
    seen = prediction.overlay(wanted.alpha, wanted.clear, wanted.min_score)
    with results.file(overlay) as file:
        seen.save(file)
    if film is not None:
        film.show(name, seen)
        line["tracks"] = str(results.folder / step_file(name))
    if wanted.probabilities:
        sure = f"{PROBABLE}/{name}.{wanted.probabilities}"
        with results.file(sure) as file:
            write_probabilities(file, prediction.probabilities, prediction.space.names)
        line[PROBABLE] = str(results.folder / sure)
    height, width = prediction.size
    return {**line, "overlay": str(results.folder / overlay), "height": height, "width": width}
