"""What the results of many pictures are: files of each, a line of each, and where it is usual one file of all.

labels    NAME.png
planes    planes/CLASS/NAME.png, 255 where a class is
segments  panoptic/NAME.png and panoptic.json of all, COCO's panoptic form
objects   results.json of all, COCO's results, and categories.json, what its numbers stand for
depth     depth/NAME.png, 256 a meter; depth/NAME.npy where a depth is beyond what 16 bits hold
tags      in the line alone
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, TextIO

import numpy as np

from ..draw.depth import limits_of
from ..draw.shapes import found
from ..labels import LabelSpace
from ..output import Output
from ..structures import Depth, Labels, Objects, Planes, Segments, Tags
from . import writing
from .measures import largest, many, shares_of
from .writing import PER_METER, Made

ANSWERS: dict[str, type] = {  # what a task answers with; semantic, of a label space of planes, with planes
    "classification": Tags,
    "semantic": Labels,
    "detection": Objects,
    "instance": Objects,
    "panoptic": Segments,
    "depth": Depth,
}


class Kind(NamedTuple):
    """How the results of one kind of answer are written."""

    files: Callable[[str, LabelSpace], list[str]]  # of a picture, by the name of its results
    write: Callable[[Made, Output], dict[str, Any]]  # returns what the picture's line says
    whole: tuple[str, ...] = ()  # files of all pictures


def expected(task: str, space: LabelSpace) -> type:
    """The kind of answer of a task; "" is taken for semantic."""
    kind = ANSWERS[task or "semantic"]
    return Planes if kind is Labels and space.planes else kind


class Gathered:
    """The file of all pictures, written entry by entry as they come.

    Args:
        results: the folder.
        space: the classes.
        ids: what the file calls each picture, by the name of its results.
    """

    def __init__(self, results: Output, space: LabelSpace, ids: dict[str, int | str]) -> None:
        self.results, self.space, self.ids = results, space, ids
        self.stack = ExitStack()
        self.add: Callable[[Made], None] | None = None

    def __enter__(self) -> Gathered:
        return self

    def __exit__(self, *error: Any) -> None:
        self.stack.__exit__(*error)

    def __call__(self, made: Made) -> None:
        """Add a picture; the first one opens the file."""
        way = GATHER.get(type(made.answer))
        if way is None:
            return
        if self.add is None:
            self.add = self.stack.enter_context(way(self))
        self.add(made)


@contextmanager
def _all_objects(whole: Gathered) -> Iterator[Callable[[Made], None]]:
    whole.results.text("categories.json", json.dumps(writing.categories_of(whole.space), ensure_ascii=False))
    with whole.results.growing("results.json") as file, _listed(file, "[\n", "\n]\n") as put:

        def add(made: Made) -> None:
            for entry in writing.results_of(made.answer, made.space, made.size, whole.ids[made.name]):
                put(entry)

        yield add


@contextmanager
def _all_segments(whole: Gathered) -> Iterator[Callable[[Made], None]]:
    images: list[dict[str, Any]] = []
    head = f'{{"categories": {json.dumps(writing.categories_of(whole.space), ensure_ascii=False)},\n"annotations": [\n'
    with whole.results.growing("panoptic.json") as file:
        try:
            with _listed(file, head, "\n],\n") as put:

                def add(made: Made) -> None:
                    image_id, (height, width) = whole.ids[made.name], made.size
                    images.append({"id": image_id, "file_name": made.name, "height": height, "width": width})
                    put(writing.panoptic_entry(made.answer, made.space, image_id, f"{made.name}.png"))

                yield add
        finally:
            file.write(f'"images": {json.dumps(images, ensure_ascii=False)}}}\n')


@contextmanager
def _listed(file: TextIO, head: str, tail: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Write the items of a JSON list one by one; the list is whole whatever breaks off the work."""
    file.write(head)
    first = True

    def put(entry: dict[str, Any]) -> None:
        nonlocal first
        file.write(("" if first else ",\n") + json.dumps(entry, ensure_ascii=False, allow_nan=False))
        first = False

    try:
        yield put
    finally:
        file.write(tail)


def _labels(made: Made, results: Output) -> dict[str, Any]:
    with results.file(f"{made.name}.png") as file:
        writing.write_label_map(file, made)
    shares = shares_of(made.answer, made.space, made.size)
    return {"labels": str(results.folder / f"{made.name}.png"), "shares": shares}


def _planes(made: Made, results: Output) -> dict[str, Any]:
    places = {}
    for own, target, plane in zip(
        made.space.names, _plane_files(made.name, made.space), made.answer.planes, strict=True
    ):
        with results.file(target) as file:
            writing.write_plane(file, np.asarray(plane))
        places[own] = str(results.folder / target)
    return {"planes": places, "shares": shares_of(made.answer, made.space, made.size)}


def _segments(made: Made, results: Output) -> dict[str, Any]:
    target = f"panoptic/{made.name}.png"
    with results.file(target) as file:
        writing.write_panoptic(file, made.answer)
    entry = writing.panoptic_entry(made.answer, made.space, made.name, target)
    names = dict(zip(writing.category_ids(made.space), made.space.names, strict=True))
    listed = [
        {
            "id": s["id"],
            "class": names[s["category_id"]],
            "area": s["area"],
            **({"score": s["score"]} if "score" in s else {}),
        }
        for s in entry["segments_info"]
    ]
    shares = shares_of(made.answer, made.space, made.size)
    return {"panoptic": str(results.folder / target), "segments": listed, "shares": shares}


def _objects(made: Made, results: Output) -> dict[str, Any]:
    parts = found(made.answer)
    scores: Sequence[float | None] = [None] * len(parts.classes) if parts.scores is None else parts.scores.tolist()
    listed = [
        {"class": made.space.names[kind], "score": score, "box": box}
        for kind, score, box in zip(parts.classes.tolist(), scores, parts.boxes.tolist(), strict=True)
    ]
    return {"objects": listed, "results": str(results.folder / "results.json"), "min_score": made.min_score}


def _depth(made: Made, results: Output) -> dict[str, Any]:
    near, far = limits_of(made.answer.meters)
    held = far * PER_METER <= 65535
    target = f"depth/{made.name}.{'png' if held else 'npy'}"
    with results.file(target) as file:
        if held:
            writing.write_depth(file, made.answer.meters)
        else:
            np.save(file, np.asarray(made.answer.meters, np.float32))
    per = {"per_meter": PER_METER} if held else {}
    return {"depth": str(results.folder / target), "near": near, "far": far, **per}


def _tags(made: Made, _: Output) -> dict[str, Any]:
    return writing.tags_of(made.answer, made.space)


def _plane_files(name: str, space: LabelSpace) -> list[str]:
    return [f"planes/{own}/{name}.png" for own in writing.plane_files(space)]


KINDS: dict[type, Kind] = {
    Labels: Kind(lambda name, _: [f"{name}.png"], _labels),
    Planes: Kind(_plane_files, _planes),
    Segments: Kind(lambda name, _: [f"panoptic/{name}.png"], _segments, ("panoptic.json",)),
    Objects: Kind(lambda _, __: [], _objects, ("results.json", "categories.json")),
    Depth: Kind(lambda name, _: [f"depth/{name}.png", f"depth/{name}.npy"], _depth),
    Tags: Kind(lambda _, __: [], _tags),
}

GATHER: dict[type, Callable[[Gathered], Any]] = {Objects: _all_objects, Segments: _all_segments}

FILES: dict[str, str] = {  # of a line: where its answer is, and what these files are called together
    "labels": "label maps",
    "panoptic": "panoptic maps",
    "depth": "depth maps",
    "results": "objects (results.json)",
    "planes": "planes, a folder a class,",
}


def main_file(line: Mapping[str, Any]) -> str:
    """The file of a picture's answer, by its line; the overlay where the line itself holds the answer."""
    held = next((line[key] for key in FILES if key in line), line["overlay"])
    return str(held if isinstance(held, str) else next(iter(held.values())))


def told_together(lines: Sequence[Mapping[str, Any]]) -> str:
    """What the files of pictures are called together: "label maps"."""
    line = next((line for line in lines if "error" not in line), {})
    return next((FILES[key] for key in FILES if key in line), "tags (predictions.jsonl)")


def tell(line: Mapping[str, Any]) -> str:
    """What was found in a picture, by its line, in a few words."""
    return next((told(line) for key, told in TOLD.items() if key in line), "")


def _many(objects: Sequence[Mapping[str, Any]], min_score: float) -> str:
    sure = [one["class"] for one in objects if one["score"] is None or one["score"] >= min_score]
    return many(Counter(sure), len(objects) - len(sure), min_score)


TOLD: dict[str, Callable[[Mapping[str, Any]], str]] = {  # of a line: what it holds, and how that is told
    "tags": lambda line: ", ".join(f"{name} {line['scores'][name]:.0%}" for name in line["tags"]) or "no class",
    "near": lambda line: f"{line['near']:.3g} to {line['far']:.3g} m" if line["far"] else "no depth is known",
    "objects": lambda line: _many(line["objects"], line["min_score"]),
    "shares": lambda line: largest(line["shares"]),
}
