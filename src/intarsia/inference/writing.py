"""Files of answers: a literal table of the forms of each kind, by the ending of the file's name.

number = R + 256 G + 65536 B     of a panoptic PNG: COCO's, 0 is void
256 a meter                      of a depth PNG of 16 bits: KITTI's, 0 is unknown; 255.996 m are the most that it holds
bit n                            of a PNG of planes: class n is on
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..annotations.regions import packed, runs_of
from ..data.files.codecs import write_labels
from ..draw.shapes import found, whole
from ..errors import DataError
from ..labels import LabelSpace, category_ids, raw_of
from ..metrics.image_matches import SURE
from ..naming import distinct
from ..structures import Answer, Depth, Labels, Objects, Planes, Segments, Tags

PER_METER = 256
BITS = 16  # classes that a PNG of one bit a class holds
_DESCRIPTION = 270  # the tag of a TIFF that holds a text about it
LARGEST_ID = (1 << 24) - 1  # that a color stands for


class Made(NamedTuple):
    """An answer to be written, and what of its picture the file says."""

    answer: Any
    space: LabelSpace
    size: tuple[int, int]  # (H, W)
    name: str
    values: bool = False  # whether label maps hold the data set's raw values
    min_score: float = SURE  # from which on the picture shows objects


def save(
    path: Path, answer: Answer, space: LabelSpace, size: tuple[int, int], name: str, *, values: bool = False
) -> Path:
    """Write an answer in the form that the name's ending stands for; returns the path.

    Raises: DataError for another ending, or when it cannot be written; LabelError where classes have no raw values.
    """
    forms = FORMS[type(answer)]
    if path.suffix.lower() not in forms:
        kind = type(answer).__name__.lower()
        ways = " or ".join(f"{path.stem}{ending}" if ending else f"{path.stem}, a folder" for ending in forms)
        raise DataError(f"{path}: {kind} are written as {' or '.join(e or 'a folder' for e in forms)}; name it {ways}")
    if values and type(answer) is not Labels:
        raise DataError(
            f"{path}: raw values are those of label maps, and this answer is {type(answer).__name__.lower()}"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path.parent}: the folder cannot be made ({error.strerror})") from error
    try:
        forms[path.suffix.lower()](path, Made(answer, space, size, name, values))
    except OSError as error:
        raise error if isinstance(error, DataError) else DataError(
            f"{path}: cannot be written ({error.strerror or error})"
        ) from None  # fmt: skip
    return path


def write_label_map(path: Path, made: Made) -> None:
    """Write a label map: class numbers, or the raw values of the data set."""
    labels = np.asarray(made.answer.classes)
    if made.values:
        Image.fromarray(raw_of(labels, made.space)).save(path, format="PNG")
    else:
        write_labels(path, labels.astype(made.space.dtype, copy=False), made.space)


def write_plane(path: Path, plane: np.ndarray) -> None:
    """Write the mask of one class as PNG, 255 where it is on."""
    Image.fromarray(np.asarray(plane, bool).astype(np.uint8) * 255).save(path, format="PNG")


def write_panoptic(path: Path, segments: Segments) -> None:
    """Write the numbers of segments as the colors of a PNG.

    Raises: DataError for a number that no color stands for, or a segment without a class.
    """
    ids = np.asarray(segments.ids)
    if ids.size and (ids.min() < 0 or ids.max() > LARGEST_ID):
        odd = int(ids.min() if ids.min() < 0 else ids.max())
        raise DataError(f"{path}: segment {odd} is no number that a color can stand for (1 to {LARGEST_ID})")
    colors = np.stack([ids & 255, ids >> 8 & 255, ids >> 16 & 255], axis=-1).astype(np.uint8)
    Image.fromarray(colors).save(path, format="PNG")


def write_depth(path: Path, meters: np.ndarray) -> None:
    """Write depth as PNG of 16 bits, 256 a meter, to the nearest; 0 where it is unknown.

    Raises: DataError for depths that the file cannot hold.
    """
    depth = np.asarray(meters, np.float64)
    known = np.isfinite(depth) & (depth > 0)
    numbers = np.zeros(depth.shape)
    numbers[known] = np.maximum(1, np.round(depth[known] * PER_METER))
    if numbers.size and numbers.max() > 65535:
        raise DataError(
            f"{path}: a depth of {depth[known].max():.6g} m is beyond the {65535 / PER_METER:.3f} m that 16 bits hold; write .npy instead"
        )
    Image.fromarray(numbers.astype(np.uint16)).save(path, format="PNG")


def write_probabilities(path: Path, probabilities: np.ndarray, names: tuple[str, ...]) -> None:
    """Write [K, H, W] float32 as .npy, or as .tif of one page a class, whose description lists the names."""
    if path.suffix == ".npy":
        np.save(path, probabilities)
        return
    first, *rest = [Image.fromarray(np.ascontiguousarray(page, np.float32)) for page in probabilities]
    first.save(path, format="TIFF", save_all=True, append_images=rest, tiffinfo={_DESCRIPTION: json.dumps(names)})


def categories_of(space: LabelSpace) -> list[dict[str, Any]]:
    """The classes as COCO's files list them."""
    return [
        {"id": number, "name": name, "isthing": int(name in space.things), "color": list(color)}
        for number, name, color in zip(category_ids(space), space.names, space.colors, strict=True)
    ]


def results_of(objects: Objects, space: LabelSpace, size: tuple[int, int], image_id: int | str) -> list[dict[str, Any]]:
    """The objects of a picture as COCO's results: category, score, box, and run lengths where there are masks."""
    parts, numbers = found(objects), category_ids(space)
    listed = []
    for n, (kind, (x0, y0, x1, y1)) in enumerate(zip(parts.classes.tolist(), parts.boxes.tolist(), strict=True)):
        entry: dict[str, Any] = {"image_id": image_id, "category_id": numbers[kind], "bbox": [x0, y0, x1 - x0, y1 - y0]}
        if parts.scores is not None:
            entry["score"] = float(parts.scores[n])
        if parts.masks is not None:
            entry["segmentation"] = {"size": list(size), "counts": packed(runs_of(whole(parts.masks[n])))}
        listed.append(entry)
    return listed


def panoptic_entry(segments: Segments, space: LabelSpace, image_id: int | str, file_name: str) -> dict[str, Any]:
    """The annotation of a picture in COCO's panoptic form; only segments that are in view are listed.

    Raises: DataError for a segment without a class.
    """
    ids, numbers, listed = np.asarray(segments.ids), category_ids(space), []
    present, places, counts = np.unique(ids, return_inverse=True, return_counts=True)
    boxes = _boxes(places.reshape(ids.shape), len(present))
    for n, number in enumerate(present.tolist()):
        if number == 0:
            continue
        if number not in segments.classes:
            raise DataError(f"{file_name}: segment {number} has pixels and no class")
        x0, y0, x1, y1 = boxes[n]
        entry = {"id": number, "category_id": numbers[segments.classes[number]], "area": int(counts[n])}
        entry |= {"bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": int(number in segments.crowd)}
        listed.append({**entry, **({"score": float(segments.scores[number])} if number in segments.scores else {})})
    return {"image_id": image_id, "file_name": file_name, "segments_info": listed}


def image_ids(names: list[str]) -> list[int | str]:
    """What COCO's files call pictures: the numbers that their names are, as in COCO; where one is none, the names."""
    last = [name.rpartition("/")[2] for name in names]
    if all(name.isascii() and name.isdecimal() for name in last):
        numbers = [int(name) for name in last]
        if len(set(numbers)) == len(numbers):
            return [*numbers]
    return [*names]


def plane_files(space: LabelSpace) -> list[str]:
    """What the file or folder of each class is called: its name, without what a disk does not take."""
    return distinct(
        ["".join("_" if c in '/\\:*?"<>|' else c for c in name).strip(". ") or "class" for name in space.names]
    )


def tags_of(answer: Tags, space: LabelSpace) -> dict[str, Any]:
    """Tags as plain data: the names of the classes, and the probability of each."""
    scores = {name: float(answer.scores[n]) for n, name in enumerate(space.names)}
    return {"tags": [space.names[int(n)] for n in answer.classes], "scores": scores}


def _boxes(places: np.ndarray, count: int) -> list[tuple[int, int, int, int]]:
    """The box x0, y0, x1, y1 around each of the numbers 0 .. count - 1 of a map."""
    from scipy.ndimage import find_objects

    boxes = find_objects(places + 1, count)
    return [(x.start, y.start, x.stop, y.stop) for y, x in boxes]


def _planes_folder(path: Path, made: Made) -> None:
    path.mkdir(exist_ok=True)
    for name, plane in zip(plane_files(made.space), made.answer.planes, strict=True):
        write_plane(path / f"{name}.png", np.asarray(plane))


def _planes_bits(path: Path, made: Made) -> None:
    planes = np.asarray(made.answer.planes)
    if len(planes) > BITS:
        raise DataError(
            f"{path}: a PNG of one bit a class holds {BITS} classes, and there are {len(planes)}; name it {path.stem}.npy, or "
            f"{path.stem}, a folder of one PNG a class"
        )
    weights = (1 << np.arange(len(planes))).astype(np.uint16)
    bits = np.tensordot(weights, planes.astype(np.uint16), axes=1)
    Image.fromarray(bits.astype(np.uint8 if len(planes) <= 8 else np.uint16)).save(path, format="PNG")


def _panoptic(path: Path, made: Made) -> None:
    entry = panoptic_entry(made.answer, made.space, image_ids([made.name])[0], path.name)
    write_panoptic(path, made.answer)
    image = {"id": entry["image_id"], "file_name": made.name, "height": made.size[0], "width": made.size[1]}
    _json(
        path.with_suffix(".json"), {"images": [image], "annotations": [entry], "categories": categories_of(made.space)}
    )


def _objects(path: Path, made: Made) -> None:
    _json(path, results_of(made.answer, made.space, made.size, image_ids([made.name])[0]))


def _json(path: Path, tree: Any) -> None:
    path.write_text(json.dumps(tree, ensure_ascii=False, allow_nan=False), encoding="utf-8")


Writer = Callable[[Path, Made], None]

FORMS: Mapping[type, Mapping[str, Writer]] = {
    Labels: {".png": write_label_map},
    Planes: {
        "": _planes_folder,
        ".png": _planes_bits,
        ".npy": lambda path, made: np.save(path, np.asarray(made.answer.planes)),
    },
    Segments: {".png": _panoptic},
    Objects: {".json": _objects},
    Depth: {
        ".png": lambda path, made: write_depth(path, made.answer.meters),
        ".npy": lambda path, made: np.save(path, np.asarray(made.answer.meters, np.float32)),
    },
    Tags: {".json": lambda path, made: _json(path, tags_of(made.answer, made.space))},
}
