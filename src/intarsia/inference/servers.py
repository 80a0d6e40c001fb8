"""What the servers of benchmarks and Kaggle take, made of the answers: `predict --as cityscapes`.

cityscapes   cityscapes/NAME.png, gray, label ids; ignored pixels 0
ade20k       ade20k/NAME.png, gray, 1..150; ignored pixels 0
voc          results/VOC2012/Segmentation/comp6_test_cls/NAME.png, VOC's palette, 0..20
kitti        kitti/NAME.png, gray, label ids of Cityscapes; of depth 16 bits, 256 a meter
coco         coco_results.json of all: a run length for each class of a picture (COCO-Stuff); objects are results.json
rle-csv      submission.csv of all: pixels counted down the columns from 1, "start length start length ..."
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..annotations.regions import packed, runs_of
from ..data.files.codecs import write_labels
from ..datasets import ade20k, cityscapes, voc
from ..draw.shapes import found, whole
from ..errors import DataError, ModelError, nearest
from ..labels import LabelSpace, category_ids, raw_of
from ..output import Output
from ..structures import Depth, Labels, Objects
from .writing import Made, write_depth

_BACKGROUND = "background"
Add = Callable[[Made], None]


class Server(NamedTuple):
    """How one server takes answers.

    Args:
        takes: the kinds of answers.
        opened: gives a function that adds a picture, and closes the file of all of them afterwards.
        space: the classes that it knows; None: any.
        folder: of a file for each picture; "" where there is one file of all.
        whole: the file of all pictures.
    """

    takes: tuple[type, ...]
    opened: Callable[[Output, LabelSpace, Mapping[str, int | str], str], Any]
    space: LabelSpace | None = None
    folder: str = ""
    whole: str = ""

    def files(self, names: list[str]) -> list[str]:
        """List the files that are written of pictures of these names."""
        return [f"{self.folder}/{name}.png" for name in names] if self.folder else [self.whole]


def check_server(name: str, kind: type, space: LabelSpace) -> Server:
    """Find a server, and see that it takes a kind of answers with these classes.

    Raises: DataError for an unknown server, or one that does not know a class; ModelError for answers that it does not take.
    """
    if name not in SERVERS:
        raise DataError(f"there is no server {name!r}{nearest(name, SERVERS)}")
    server = SERVERS[name]
    if kind not in server.takes:
        taken = " or ".join(one.__name__.lower() for one in server.takes)
        own = kind.__name__.lower()
        more = "; COCO's files of these are written without --as" if name == "coco" else ""
        raise ModelError(f"{name} takes {taken}, and this model answers {own}{more}")
    if server.space is not None and kind is Labels:
        odd = [one for one in space.names if one not in server.space.names]
        if odd:
            raise DataError(
                f"{name} does not know class {odd[0]!r}{nearest(odd[0], server.space.names)}; it takes its own "
                f"{server.space.num_classes} classes"
            )
    return server


def as_server(space: LabelSpace, theirs: LabelSpace) -> LabelSpace:
    """The same classes with the raw values by which a server calls them."""
    values = {key: name for key, name in theirs.values.items() if name in (*space.names, "ignore")}
    return LabelSpace(space.names, space.colors, values)


def rle_of(mask: np.ndarray) -> str:
    """Write a mask [H, W] as Kaggle's runs: pixels counted down the columns from 1, start and length of each run."""
    runs = runs_of(mask)
    starts = np.cumsum([0, *runs])[1:-1:2] + 1
    return " ".join(f"{start} {length}" for start, length in zip(starts.tolist(), runs[1::2], strict=True))


@contextmanager
def _gray(results: Output, space: LabelSpace, _: Mapping[str, int | str], name: str) -> Iterator[Add]:
    server = SERVERS[name]

    def add(made: Made) -> None:
        with results.file(f"{server.folder}/{made.name}.png") as file:
            if isinstance(made.answer, Depth):
                write_depth(file, np.asarray(made.answer.meters))
                return
            assert server.space is not None
            raw = raw_of(np.asarray(made.answer.classes), as_server(space, server.space))
            if name == "voc":
                write_labels(file, server.space.encode(raw), server.space)
            else:
                Image.fromarray(raw.astype(np.uint8)).save(file, format="PNG")

    yield add


@contextmanager
def _stuff(results: Output, space: LabelSpace, ids: Mapping[str, int | str], _: str) -> Iterator[Add]:
    numbers, first = category_ids(space), True
    with results.growing("coco_results.json") as file:
        file.write("[")

        def add(made: Made) -> None:
            nonlocal first
            labels = np.asarray(made.answer.classes)
            for number in range(space.num_classes):
                mask = labels == number
                if mask.any():
                    counts = {"size": list(made.size), "counts": packed(runs_of(mask))}
                    entry = {"image_id": ids[made.name], "category_id": numbers[number], "segmentation": counts}
                    file.write(("\n" if first else ",\n") + json.dumps(entry))
                    first = False

        try:
            yield add
        finally:
            file.write("\n]\n")


@contextmanager
def _runs(results: Output, space: LabelSpace, _: Mapping[str, int | str], __: str) -> Iterator[Add]:
    """Objects get a line each; of two classes the second one gets a line; of more each, but for the background."""
    two = space.num_classes == 2
    with results.growing("submission.csv") as file:
        lines = csv.writer(file, lineterminator="\n")
        several = False

        def add(made: Made) -> None:
            nonlocal several
            if not several:
                named = isinstance(made.answer, Labels) and not two
                lines.writerow(["ImageId", "Class", "EncodedPixels"] if named else ["ImageId", "EncodedPixels"])
                several = True
            if isinstance(made.answer, Objects):
                lines.writerows([made.name, rle] for rle in _apart(made) or [""])
                return
            labels = np.asarray(made.answer.classes)
            if two:
                lines.writerow([made.name, rle_of(labels == 1)])
                return
            for number, name in enumerate(space.names):
                if name != _BACKGROUND:
                    lines.writerow([made.name, name, rle_of(labels == number)])

        yield add


def _apart(made: Made) -> list[str]:
    """The runs of objects that score enough, the best first; a pixel belongs to one of them."""
    parts = found(made.answer)
    if parts.masks is None:
        raise ModelError("rle-csv takes masks, and this model finds boxes alone")
    taken, runs = np.zeros(made.size, bool), []
    for n, mask in enumerate(parts.masks):
        if parts.scores is not None and float(parts.scores[n]) < made.min_score:
            continue
        own = whole(mask) & ~taken
        taken |= own
        if own.any():
            runs.append(rle_of(own))
    return runs


_VOC = "results/VOC2012/Segmentation/comp6_test_cls"
SERVERS: Mapping[str, Server] = {
    "cityscapes": Server((Labels,), _gray, cityscapes.LABELS, "cityscapes"),
    "ade20k": Server((Labels,), _gray, ade20k.LABELS, "ade20k"),
    "coco": Server((Labels,), _stuff, None, "", "coco_results.json"),
    "voc": Server((Labels,), _gray, voc.LABELS, _VOC),
    "kitti": Server((Labels, Depth), _gray, cityscapes.LABELS, "kitti"),
    "rle-csv": Server((Labels, Objects), _runs, None, "", "submission.csv"),
}
