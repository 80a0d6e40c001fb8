"""One worker of a job: it holds the model, answers batches of pictures, and writes each mask before the rows of its batch.

A worker may be killed at any moment. Whoever gets its batch next takes over the masks that are whole, so that no picture is
answered twice but the one that was at hand, and a picture at which workers die again and again becomes a row with an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ...data.files.codecs import read_labels
from ...draw.maps import counted as pixels_of
from ...errors import DataError, IntarsiaError
from ...labels import LabelSpace
from ...metrics.image_matches import SURE
from ...structures import Depth, Labels, Objects, Planes, Segments, Tags
from .. import running
from ..choose import by_name
from ..measures import COUNTS
from ..prediction import Prediction
from ..predictor import Predictor
from ..reading import Picture
from ..writing import BITS, FORMS, Made
from .fetched import read_ahead
from .folder import UNFINISHED, JobFolder
from .table import Row, row_of, write_part

KINDS: dict[type, tuple[str, str]] = {  # the folder of answers of a kind, and the ending of their main file
    Labels: ("masks", ".png"),
    Planes: ("planes", ".png"),
    Segments: ("panoptic", ".png"),
    Objects: ("objects", ".json"),
    Depth: ("depth", ".png"),
    Tags: ("tags", ".json"),
}
DEATHS = 3  # of workers at one picture, after which it is given up
OURS, OTHERS = "ours", "others"
FOUND = "the answer of a worker that was stopped, found whole"


class Item(NamedTuple):
    """A picture to be answered.

    Args:
        image: an absolute path or an address.
        name: of its results, without ending.
        there: whether an answer of that name is there without a row: "" for none, OURS, or OTHERS, which is of another list of
            pictures and is written anew.
    """

    image: str
    name: str
    there: str = ""


@dataclass(frozen=True)
class Task:
    """What each worker of a job does, as plain data that travels between processes.

    Args:
        model, device, task, decide, settings: as for `Predictor.load`.
        out: the folder of the job, a path or an address.
        values, min_score: as for `Wanted`.
        workers: threads that read ahead.
        backend: how the network is computed; "" and "auto": the usual way, the same on every machine.
        intensity: values of NIfTI and DICOM that are black and white.
        began: when the job was begun, in seconds; rows of a later one are taken for the newer ones.
    """

    model: str
    out: str
    device: str = "auto"
    task: str = ""
    decide: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    values: bool = False
    min_score: float = SURE
    workers: int = 1
    backend: str = ""
    intensity: tuple[float, float] | None = None
    began: float = 0.0

    def load(self, device: str = "") -> Predictor:
        """Load the model.

        Raises: as `Predictor.load`.
        """
        device = device or self.device
        made = Predictor.load(self.model, device=device, task=self.task, decide=self.decide, settings=self.settings)
        return made if self.backend in ("", "auto") else by_name(made, self.backend)


class Worker:
    """A process of a job.

    Args:
        task: what it does.
        predictor: the model, where it is loaded already.
    """

    def __init__(self, task: Task, predictor: Predictor | None = None) -> None:
        self.task = task
        self.predictor = predictor or task.load()
        self.folder = JobFolder(task.out)
        self.called = f"{socket.gethostname()}:{os.getpid()}"

    def answer(self, items: Sequence[Item]) -> tuple[int, int]:
        """Answer a batch, and write its rows.

        Returns: how many pictures are answered, and how many could not be read.

        Raises: DataError when an answer cannot be written; ModelError as `Predictor.output`.
        """
        batch = self._batch(items)
        diary = f"{UNFINISHED}/{batch}.json"
        content = self.folder.read(diary)
        deaths = None if content is None else json.loads(content)  # None: nobody has begun this batch before
        if deaths is None:
            self.folder.put(diary, b"{}")
        rows = list(self._rows(items, deaths, diary))
        write_part(self.folder, batch, rows, self.predictor.labels.names)
        self.folder.remove([diary])
        failed = sum(row["error"] is not None for row in rows)
        return len(rows) - failed, failed

    def _batch(self, items: Sequence[Item]) -> str:
        """What a batch is called: the same for every worker that is given it."""
        found = hashlib.blake2b(digest_size=12)
        for item in items:
            found.update(f"{item.image}\0{item.name}\0".encode("utf-8", "surrogateescape"))
        return f"{self.task.began:017.6f}-{found.hexdigest()}"

    def _rows(self, items: Sequence[Item], deaths: dict[str, int] | None, diary: str) -> Iterator[Row]:
        todo: list[Item] = []
        for item in items:
            if deaths is not None and deaths.get(item.image, 0) >= DEATHS:
                told = f"{item.image}: {DEATHS} workers died while they answered it; predict it by itself, without --cluster"
                yield row_of(item.image, item.name, self.called, error=told)
            elif self._may_be_there(item, deaths) and (row := self._found(item)) is not None:
                yield row
            else:
                todo.append(item)
        with tempfile.TemporaryDirectory() as folder:
            images = [item.image for item in todo]
            channels = self.predictor.in_channels
            reading = read_ahead(images, channels, self.task.workers, Path(folder), self.task.intensity)
            for item, job in zip(todo, reading, strict=True):
                if deaths is not None:  # a worker has died in this batch: the next one can tell at which picture
                    deaths[item.image] = deaths.get(item.image, 0) + 1
                    self.folder.put(diary, json.dumps(deaths).encode())
                yield self._answered(item, job)
                if deaths is not None:
                    deaths.pop(item.image)
                del job  # or its picture would stay while the next one is read

    def _may_be_there(self, item: Item, deaths: dict[str, int] | None) -> bool:
        """Whether it is worth a look, which an object store charges for."""
        return item.there == OURS or (deaths is not None and item.there != OTHERS)

    def _answered(self, item: Item, job: Callable[[], Picture]) -> Row:
        """Answer one picture and write it; a picture that cannot be read is a row with its error."""
        began = time.perf_counter()
        try:
            prediction = running.predicted(self.predictor, job())
        except IntarsiaError as error:
            told = str(error)
            told = told if item.image in told else f"{item.image}: {told}"
            return row_of(item.image, item.name, self.called, error=told)
        height, width = prediction.size
        place = self._write(prediction, item.name)
        counts = COUNTS.get(type(prediction.answer))
        pixels = counts(prediction.answer, prediction.space, self.task.min_score) if counts else None
        return row_of(
            item.image, item.name, self.called, answer=place, height=height, width=width, pixels=_by_name(pixels, prediction.space),
            seconds=time.perf_counter() - began, note=prediction.note or None,
        )  # fmt: skip

    def _write(self, prediction: Prediction, name: str) -> str:
        kind = type(prediction.answer)
        top, ending = KINDS[kind]
        if kind is Planes and prediction.space.num_classes > BITS:
            ending = ".npy"
        made = Made(prediction.answer, prediction.space, prediction.size, name, self.task.values, self.task.min_score)

        def write(path: Path) -> Path:
            try:
                FORMS[kind][ending](path, made)
            except DataError:  # a depth that 16 bits do not hold
                if kind is not Depth:
                    raise
                path = path.with_name(f"{PurePosixPath(name).name}.npy")
                FORMS[kind][".npy"](path, made)
            return path

        place = PurePosixPath(top, f"{name}{ending}")
        return self.folder.write(str(place.parent), place.name, write)

    def _found(self, item: Item) -> Row | None:
        """The row of a picture whose label map is there; None where it must be answered."""
        labels = self.predictor.labels
        place = f"{KINDS[Labels][0]}/{item.name}{KINDS[Labels][1]}"
        if labels.planes or self.predictor.task not in ("", "semantic"):
            return None
        content = self.folder.read(place)
        if content is None:
            return None
        try:
            classes = _classes(content, labels, self.task.values)
        except (IntarsiaError, OSError, ValueError):
            return None  # and is written anew
        pixels = _by_name(pixels_of(classes, labels), labels)
        height, width = classes.shape
        return row_of(
            item.image, item.name, self.called, answer=place, height=height, width=width, pixels=pixels, note=FOUND
        )


def _classes(content: bytes, labels: LabelSpace, values: bool) -> np.ndarray:
    """The class numbers of a label map that a worker wrote, [H, W]."""
    if not values:
        with Image.open(BytesIO(content)) as image:
            return np.asarray(image)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.png"
        path.write_bytes(content)
        return read_labels(path, labels)


def _by_name(counts: Any, space: LabelSpace) -> dict[str, int] | None:
    if counts is None:
        return None
    return {name: int(counts[n]) for n, name in enumerate(space.names)}
