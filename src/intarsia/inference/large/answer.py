"""One large picture answered into a folder of results: label map or planes, overlay of a small copy, and its line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from ...data.regions.source import Source, is_large, open_source
from ...data.regions.stacked import Stacked
from ...draw import overlay_answer
from ...errors import DataError, ModelError, extra, nearest
from ...labels import LabelSpace
from ...output import Output
from ...structures import Answer, Labels, Planes
from ..inputs import channel_files
from ..vectors import place_of, write_vectors
from ..writing import plane_files
from .blank import Rule, rule_of
from .files import check_zarr, write_tiff, write_zarr
from .planes import Plane, decoded
from .run import check_large, fill, head_of, step_of
from .store import Store

if TYPE_CHECKING:
    from ..predictor import Predictor
    from ..wanted import Wanted

FORMS = ("tif", "zarr")
UNFINISHED = ".unfinished"  # ends the folder of a large picture's finished tile rows


class Large(NamedTuple):
    """How large pictures are answered.

    Args:
        always: every picture is answered tile row by tile row, and a folder is one picture in tiles; None: those that are
            not read as a whole; False: none.
        level: of a pyramid; 0 has the most pixels.
        skip_blank: tiles whose values all lie in a range are not predicted: "230..255", or "230..255=CLASS".
        forms: of the label map, some of `FORMS`.
    """

    always: bool | None = None
    level: int = 0
    skip_blank: str = ""
    forms: tuple[str, ...] = ("tif",)

    def takes(self, path: Path) -> bool:
        """Tell whether a picture is answered tile row by tile row."""
        return is_large(path) if self.always is None else self.always

    def files(self, name: str, space: LabelSpace) -> list[str]:
        """List the files that are written of a picture, below the folder of the results."""
        if "tif" not in self.forms:
            return []
        return [f"planes/{own}/{name}.tif" for own in plane_files(space)] if space.planes else [f"{name}.tif"]


USUAL = Large()


def check_forms(forms: tuple[str, ...]) -> None:
    """Refuse forms that no label map is written in.

    Raises: DataError.
    """
    for form in forms:
        if form not in FORMS:
            raise DataError(f"a large label map is written in no form {form!r}{nearest(form, FORMS)}")
    if not forms:
        raise DataError(f"no form is given for large label maps; choose from {', '.join(FORMS)}")


def check_needed(large: Large) -> None:
    """Refuse options of large pictures where there is none.

    Raises: DataError.
    """
    given = {"level": large.level, "skip-blank": large.skip_blank, "form": large.forms != USUAL.forms}
    if odd := next((name for name, one in given.items() if one), None):
        raise DataError(
            f"{odd} is of pictures that are predicted tile row by tile row, and none of these is; add --large, or leave it out"
        )


def check_possible(
    predictor: Predictor, wanted: Wanted, large: Large = USUAL, folder: Path = Path(), names: Sequence[str] = ()
) -> None:
    """Refuse what is not written of large pictures, before hours of work end in it.

    Args:
        folder, names: of the results.

    Raises: ModelError; DataError for a Zarr array that somebody else has written; MissingExtra without a library that
        writes.
    """
    check_large(predictor)
    if "tif" in large.forms:
        extra("tifffile", "large")
    if "zarr" in large.forms:
        extra("zarr", "large")
        for name in names:
            check_zarr(folder / f"{name}.zarr")
    asked = {
        "probabilities": wanted.probabilities,
        "uncertainty": wanted.uncertainty,
        "raw values": wanted.values,
        "files of servers": wanted.server,
    }
    if odd := next((name for name, given in asked.items() if given), None):
        raise ModelError(
            f"{odd} are not written of pictures beyond memory; leave that out, or cut the picture into tiles"
        )


def answer_large(
    predictor: Predictor,
    path: Path,
    name: str,
    results: Output,
    wanted: Wanted,
    large: Large,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Answer a large picture, or go on where an earlier process was stopped.

    Args:
        name: of its results.
        wanted: how the overlay looks.
        progress: is given the share that is done, 0..1.

    Returns: its line, as `Predictions` lists it; besides, `blank`: how many tiles were left out.

    Raises: DataError for a picture that cannot be read, and a full disk; ModelError as `Predictor.output`.
    """
    rule = rule_of(large.skip_blank, predictor.labels) if large.skip_blank else None
    with closing(_opened(path, large.level)) as source:
        head = head_of(predictor, source, rule, large.level)
        with closing(Store(results.folder / f"{name}{UNFINISHED}", head, anew=results.overwrite)) as store:
            before = store.done
            channels = fill(predictor, source, store, rule, progress)
            line: dict[str, Any] = {}
            if "tif" in large.forms:
                line |= _tiffs(large, name, results, store, source, predictor.labels)
            if "zarr" in large.forms:
                made = str(write_zarr(results, f"{name}.zarr", store, source, predictor.labels))
                space = predictor.labels
                alone: dict[str, Any] = (
                    {"planes": dict.fromkeys(space.names, made)} if space.planes else {"labels": made}
                )
                line |= {"zarr": made} if line else {**alone, "zarr": made}
            line |= _told(predictor, source, store, rule)
            if wanted.vectors.asked:
                spacing, size = wanted.vectors.spacing or source.spacing, (source.height, source.width)
                place = place_of(name, size, None if large.level else path)
                line |= write_vectors(store.rows(), place, predictor.labels, wanted.vectors, spacing, results)
            overlay = f"overlays/{name}.png"
            with results.file(overlay) as file:
                _overlay(predictor, source, store, wanted).save(file)
            line |= {"overlay": str(results.folder / overlay), "height": source.height, "width": source.width}
            told = [channels, _note(predictor, store, rule, before)]
            line["note"] = "; ".join(filter(None, told))
            store.remove()
    return line


def _tiffs(large: Large, name: str, results: Output, store: Store, source: Source, space: LabelSpace) -> dict[str, Any]:
    """Write the label map, or the planes of several labels a pixel; returns what the line says of the files."""
    targets = large.files(name, space)
    for number, target in enumerate(targets):
        with results.file(target) as file:
            write_tiff(file, Plane(store, number) if space.planes else store, source, space)
    places = [str(results.folder / target) for target in targets]
    return {"planes": dict(zip(space.names, places, strict=True))} if space.planes else {"labels": places[0]}


def _opened(path: Path, level: int) -> Source:
    """The source of a picture, which may have a file for each channel."""
    files = channel_files(path)
    if len(files) == 1:
        return open_source(path, level)
    with ExitStack() as stack:
        sources = [stack.enter_context(closing(open_source(file, level))) for file in files]
        stacked = Stacked(sources)
        stack.pop_all()
    return stacked


def _told(predictor: Predictor, source: Source, store: Store, rule: Rule | None) -> dict[str, Any]:
    """What the line says of the label map in numbers."""
    counts = np.sum([one["counts"] for one in store.lines], axis=0)
    pixels = source.height * source.width
    told: dict[str, Any] = {
        "shares": {name: float(counts[n]) / pixels for n, name in enumerate(predictor.labels.names)}
    }
    if rule is not None:
        told["blank"] = sum(one["blank"] for one in store.lines)
    return told


def _note(predictor: Predictor, store: Store, rule: Rule | None, before: int) -> str:
    windowed, side = check_large(predictor), int(store.head["side"])
    share = f"{windowed.overlap:.0%}".replace("%", " %")
    parts = [f"predicted tile row by tile row, in windows of {side}x{side} pixels that overlap by at least {share}"]
    if rule is not None:
        tiles = sum(len(one["sizes"]) for one in store.lines)
        blank = sum(one["blank"] for one in store.lines)
        nothing = "of no class" if predictor.labels.planes else "ignored"
        name = predictor.labels.names[rule.value] if rule.value < predictor.labels.num_classes else nothing
        parts.append(f"{blank} of {tiles} tiles are blank ({rule.low}..{rule.high}), their pixels {name}")
    if before:
        parts.append(f"{before} of {store.done} tile rows were finished before")
    return "; ".join(parts)


def _overlay(predictor: Predictor, source: Source, store: Store, wanted: Wanted) -> Any:
    """The small picture under its labels."""
    step, top, parts = step_of(source.height, source.width), 0, []
    for rows in store.rows():
        parts.append(rows[-top % step :: step, ::step].copy())  # a view would keep all rows in memory
        top += len(rows)
    labels = np.concatenate(parts)
    space = predictor.labels
    answer: Answer = Labels(torch.from_numpy(labels))
    if space.planes:
        answer = Planes(torch.from_numpy(decoded(labels, space.num_classes)))
    picture = np.frombuffer(store.picture(), source.dtype).reshape(*labels.shape, source.channels)
    return overlay_answer(picture, answer, space, wanted.alpha, wanted.clear)
