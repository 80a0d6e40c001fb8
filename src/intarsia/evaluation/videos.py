"""The frames of a data set of videos in their order, each with an answer whose numbers last, and the weights of its pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..data.dataset import Shot, cells_of, title_of
from ..errors import DataError
from ..inference import Predictor
from ..inference.tracked import Tracked
from ..postprocess.panorama import coverage
from ..structures import Sample, Segments


class Step(NamedTuple):
    """One frame."""

    sample: Sample
    answer: Segments
    shot: Shot
    weights: np.ndarray | None  # [H, W] 1 / how many cameras see a pixel; None for a single camera


def followed(predictor: Predictor, dataset: object, shots: Sequence[Shot], samples: Iterable[Sample]) -> Iterator[Step]:
    """Answer all frames; of several cameras, those of one time together.

    Args:
        shots: the video and camera of each sample.

    Raises: DataError for cameras of which nobody knows where they look, or that lack a picture.
    """
    tracked, held = Tracked(predictor, shots), list[tuple[int, Sample, Segments]]()
    cameras: dict[str, list[str]] = {}
    for shot in shots:
        known = cameras.setdefault(shot.video, [])
        if shot.camera not in known:
            known.append(shot.camera)
    for index, (sample, shot) in enumerate(zip(samples, shots, strict=True)):
        try:
            answer = tracked.answer(sample.image, shot)
        except DataError as error:
            raise type(error)(f"{sample.name}: {error}") from error
        wanted = cameras[shot.video]
        if len(wanted) == 1:
            yield Step(sample, answer, shot, None)
            continue
        if any(shots[n] == shot or shots[n].video != shot.video for n, _, _ in held):
            there = {shots[n].camera for n, _, _ in held}
            lost = next((camera for camera in cameras[shots[held[0][0]].video] if camera not in there), shot.camera)
            raise DataError(
                f"{held[0][1].name}: the camera {lost!r} took no picture at this time; give the pictures of all cameras, "
                "or leave the camera out"
            )
        held.append((index, sample, answer))
        if len(held) == len(wanted):
            yield from _together(tracked, dataset, shots, held)
            held.clear()


def _together(
    tracked: Tracked, dataset: object, shots: Sequence[Shot], held: Sequence[tuple[int, Sample, Segments]]
) -> Iterator[Step]:
    """The frames of all cameras at one time, with numbers that they share."""
    cells = {}
    for index, sample, _ in held:
        found = cells_of(dataset, index)
        if found is None:
            raise DataError(
                f"{title_of(dataset)}: the camera {shots[index].camera!r} is not calibrated: nobody knows which of its pixels "
                f"another camera sees too ({sample.name}); give its calibration, or take one camera"
            )
        cells[shots[index].camera] = np.asarray(found)
    answers = {shots[index].camera: answer for index, _, answer in held}
    joined, seen = tracked.joined(shots[held[0][0]].video, answers, cells), coverage(cells)
    for index, sample, _ in held:
        camera = shots[index].camera
        yield Step(sample, joined[camera], shots[index], 1 / seen[camera])
