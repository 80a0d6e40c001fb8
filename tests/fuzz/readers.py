"""What is done with a folder of strangers' files: every reader that takes such, and what comes after it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from intarsia import config
from intarsia.annotations.beside import size_of
from intarsia.annotations.coco_panoptic import read as read_panoptic
from intarsia.annotations.convert import convert, read
from intarsia.checkpoint import load
from intarsia.checkpoint.foreign.tensors import read as read_tensors
from intarsia.data.files.codecs import decode_mask, orientation_of, read_image
from intarsia.data.files.unpack import unpack
from intarsia.data.shards import shards
from intarsia.datasets.export import export
from intarsia.datasets.folder import folder as open_folder
from intarsia.datasets.nuclei import nuclei
from intarsia.doctor.meaning.class_names import labels_file, named
from intarsia.errors import IntarsiaError
from intarsia.evaluation import score_instances, score_panoptic
from intarsia.labels import LabelSpace
from intarsia.training import recipe

TARGETS = ("masks", "coco", "labelme", "cvat", "yolo")


def _export(case: Path, out: Path) -> None:
    project = read(case)
    with suppress(IntarsiaError):
        export(case, "all")[0]
    for tool in (TARGETS[sum(map(ord, case.parent.name)) % len(TARGETS)], "masks"):
        with suppress(IntarsiaError):
            convert(project, tool, out / tool)


def _pictures(case: Path, out: Path) -> None:
    for path in sorted(case.iterdir()):
        for reader in (read_image, decode_mask, size_of, orientation_of):
            with suppress(IntarsiaError):
                reader(path)  # type: ignore[operator]


def _folder(case: Path, out: Path) -> None:
    labels_file(case)
    named(case)
    dataset = open_folder(case, "all", labels=LabelSpace(("background", "cat", "dog")))
    for n in range(len(dataset)):
        with suppress(IntarsiaError):
            dataset[n]


def _recipe(case: Path, out: Path) -> None:
    for path in sorted(case.glob("*.yaml")):
        config.read(path)
        recipe.load(path)


def _archives(case: Path, out: Path) -> None:
    for path in sorted(case.iterdir()):
        with suppress(IntarsiaError):
            unpack(path, out / path.name)
        if path.suffix == ".zip":
            with suppress(IntarsiaError):
                read(path)


def _panoptic(case: Path, out: Path) -> None:
    with suppress(IntarsiaError):
        items, decode, _ = read_panoptic(case / "truth.json", case / "truth", lambda name: case / "truth" / "a.png")
        for item in items:
            decode(item)
    score_panoptic(case / "ours.json", case / "truth.json")


def _shards(case: Path, out: Path) -> None:
    dataset = shards(case, "train")
    for n in range(len(dataset)):
        with suppress(IntarsiaError):
            dataset[n]


def _checkpoint(case: Path, out: Path) -> None:
    with suppress(IntarsiaError):
        load(case / "last.safetensors", state=True)
    read_tensors(case / "peer.pth")


def _nuclei(case: Path, out: Path) -> None:
    np.asarray(nuclei(case, "all", table="t.csv")[0].labels)


READERS: dict[str, Callable[[Path, Path], None]] = {
    "pictures": _pictures,
    "folder": _folder,
    "recipe": _recipe,
    "archives": _archives,
    "panoptic": _panoptic,
    "results": lambda case, out: (score_instances(case / "found.json", case / "truth.json"), None)[1],
    "shards": _shards,
    "checkpoint": _checkpoint,
    "nuclei": _nuclei,
}


def reader_of(kind: str) -> Callable[[Path, Path], None]:
    """What is done with a kind of seeds; all others are exports."""
    return READERS.get(kind, _export)
