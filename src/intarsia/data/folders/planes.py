"""Masks of several planes: an array of one map for each class, or one file for each class or object of an image.

masks/CLASS/NAME.png     masks: masks/{class}            a folder for each class
masks/NAME/CLASS.png     masks: masks/{name}/{class}     a folder for each image; CLASS_1.png, CLASS_2.png are objects of a class
masks/NAME/1.png         masks: masks/{name}/{object}    the same, where files are numbered: one class, "object"
NAME.npy                 [K, H, W] or [H, W, K] of 0 and 1

Planes are laid over each other in the order of their classes: where two overlap, the later one is on top. Where the label
space says `planes`, they are kept as they are instead, and a folder or file called "ignore" marks pixels that do not count.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import DataError, LabelError, PartError, nearest
from ...labels import IGNORE, LabelSpace
from ..files.codecs import decode_mask
from ..files.formats import SUFFIXES
from ..layers import hidden
from ..pairs import Pair, Raw

OBJECT = "object"  # the class of objects whose files say no class
_PLACE = re.compile(r"(?:^|/)(?:\{name\}/)?\{(?:class|object)\}$")
_PLAIN = re.compile(r"(mask|object|obj|instance|inst|label|seg|annotation)?s?", re.IGNORECASE)

Files = tuple[tuple[str, Path], ...]  # the planes of one image: class, file


def stacked(pattern: str) -> bool:
    """Whether a pattern of masks speaks of planes."""
    return bool(_PLACE.search(pattern))


def home(pattern: str) -> str:
    """The folder of a pattern, without the words that stand for classes and names."""
    return _PLACE.sub("", pattern)


def files_of(root: Path, pattern: str, split: str = "", suffix: str = "") -> dict[str, Files]:
    """The planes of each image below a folder of masks, by the image's name, in the order of their classes.

    Args:
        suffix: how the files of a folder for each class end after the image's name.

    Raises: DataError when the folder is missing.
    """
    top = root / home(pattern).replace("{split}", split)
    if not top.is_dir():
        raise DataError(f"{top}: there is no such folder of masks")
    found: dict[str, list[tuple[str, Path]]] = {}
    for folder in sorted(p for p in top.iterdir() if p.is_dir() and not p.name.startswith((".", "_"))):
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.suffix.lower() not in SUFFIXES:
                continue
            if "{name}" not in pattern:
                if path.stem.endswith(suffix):
                    found.setdefault(path.stem.removesuffix(suffix), []).append((folder.name, path))
            else:
                named = OBJECT if "{object}" in pattern else class_of(path.stem, folder.name)
                found.setdefault(folder.name, []).append((named, path))
    return {name: tuple(sorted(files)) for name, files in found.items()}


def class_of(stem: str, name: str) -> str:
    """The class that a file's name speaks of: "car" of car_2 and of NAME-car; "object" where it speaks of none."""
    word = re.sub(r"[_\-. ]?\d+$", "", stem.removeprefix(name)).strip("_-. ")
    return OBJECT if _PLAIN.fullmatch(word) else word


def recognize(root: Path, place: str, names: Iterable[str]) -> str:
    """The pattern of a folder that holds a folder for each image, "" where its files are no planes."""
    held = {
        name: files
        for name, files in files_of(root, f"{place}/{{name}}/{{class}}".lstrip("/")).items()
        if name in set(names)
    }
    if not held or not binary(path for files in list(held.values())[:8] for _, path in files[:3]):
        return ""
    folders: dict[str, int] = {}
    for files in held.values():
        for named in {named for named, _ in files}:
            folders[named] = folders.get(named, 0) + 1
    classes = len(folders) <= 200 and OBJECT not in folders and (len(held) == 1 or max(folders.values()) > 1)
    return f"{place}/{{name}}/{'{class}' if classes else '{object}'}".lstrip("/")


def binary(paths: Iterable[Path]) -> bool:
    """Whether files hold two gray values at most; files that cannot be read say nothing."""
    for path in paths:
        try:
            stored, _ = decode_mask(path)
        except DataError:
            continue
        colored = stored.ndim == 3 and (stored[..., :3] != stored[..., :1]).any()
        if colored or len(np.unique(stored)) > 2:
            return False
    return True


def stack(files: Files, labels: LabelSpace, objects: bool) -> Raw:
    """Read the planes of one image as they are, those of one class together.

    Args:
        files: class, file; of a class that a label space with `planes` lists, or "ignore".
        objects: whether to number the files too; where two overlap, the later one is on top, as in `read`.

    Raises: DataError for a file that is neither on nor off in each pixel, or of another size than the others.
    """
    parts = [(named, plane_of(path)) for named, path in files]
    size = Counter(inside.shape for _, inside in parts).most_common(1)[0][0]
    usual = next(path for (_, path), (_, inside) in zip(files, parts, strict=True) if inside.shape == size)
    for (named, path), (_, inside) in zip(files, parts, strict=True):
        if inside.shape != size:
            raise DataError(
                f"{path}: the plane of {named!r} is {inside.shape[1]}x{inside.shape[0]} pixels, but {usual} is "
                f"{size[1]}x{size[0]}; the planes of an image must be of one size"
            )
    planes, ignored = np.zeros((labels.num_classes, *size), bool), np.zeros(size, bool)
    numbers = np.zeros(size, np.int32)
    for number, (named, inside) in enumerate(parts, 1):
        if named == IGNORE:
            ignored |= inside
        else:
            planes[labels.names.index(named)] |= inside
            numbers[inside] = number
    return Raw(np.zeros(size, np.uint8), numbers if objects else None, planes=planes, ignored=ignored)


def plane_of(path: Path) -> np.ndarray:
    """The mask of one class, [H, W] bool: 0 is off, the one other value is on.

    Raises: DataError where it holds more than these two values.
    """
    stored, palette = decode_mask(path)
    part = stored if palette is None else palette[stored]
    if part.ndim == 3:
        if part.shape[2] in (2, 4):
            part = part[..., :-1] * (part[..., -1:] > 0)
        part = part.max(axis=2)
    values = np.unique(part)
    if len(values[values != 0]) > 1:
        shown = ", ".join(map(str, values[:5].tolist())) + (", ..." if len(values) > 5 else "")
        how = f"put pixels that are unknown into a mask called {IGNORE!r}, which counts for no class" if len(values) == 3 else "write 0 and 255 without smoothing"  # fmt: skip
        raise DataError(f"{path}: holds {len(values)} values ({shown}), but the mask of one class is on or off; {how}")
    inside: np.ndarray = part != 0
    return inside


class Laid(NamedTuple):
    """Planes over each other."""

    values: np.ndarray  # [H, W] int32: the value given with each file, of the last one that holds a pixel
    twice: int  # how many pixels lie in planes of two values
    hidden: tuple[int, ...]  # the value of each plane of which less than a tenth is seen


def lay(files: Sequence[tuple[int, Path]], uncovered: int = 0) -> Laid:
    """Planes over each other, later ones on top.

    Raises: DataError when there is none, when one cannot be read, or when their sizes differ.
    """
    whole: np.ndarray | None = None
    twice, top = np.zeros((0, 0), bool), np.zeros((0, 0), np.int32)
    areas = []
    for number, (value, path) in enumerate(files, 1):
        try:
            part = decode_mask(path)[0]
        except DataError as error:
            raise PartError(str(error), path=path) from None
        part = part if part.ndim == 2 else part[..., :3].max(axis=2)
        inside = part > part.max(initial=0) // 2
        if whole is None:
            whole, twice = np.full(part.shape, uncovered, np.int32), np.zeros(part.shape, bool)
            top = np.zeros(part.shape, np.int32)
        if whole.shape != part.shape:
            told = f"{path}: {part.shape[1]}x{part.shape[0]} pixels, unlike the other masks of its image"
            raise PartError(told, path=path)
        twice |= inside & (whole != uncovered) & (whole != value)
        whole[inside], top[inside] = value, number
        areas.append(int(inside.sum()))
    if whole is None:
        raise DataError("an image has no mask of any class; add one, or remove the image")
    seen = np.bincount(top.ravel(), minlength=len(areas) + 1)[1:].tolist()
    words = hidden([str(value) for value, _ in files], areas, seen)
    return Laid(whole, int(twice.sum()), tuple(map(int, words)))


def numbers(labels: LabelSpace, classes: Iterable[str], where: str) -> tuple[dict[str, int], int]:
    """The value of each class of planes in a label space, and the value of pixels that none covers.

    Raises: LabelError for a class that the label space does not name.
    """
    values = {name: key for key, name in reversed(list(labels.values.items())) if isinstance(key, int)}
    values = values or {name: number for number, name in enumerate(labels.names)}
    held = sorted(set(classes))
    for name in held:
        if name not in values:
            raise LabelError(
                f"{where}: holds masks of {name!r}, which labels.classes does not name{nearest(name, list(values))}"
            )
    rest = [name for name in labels.names if name not in held]
    uncovered = next((name for name in rest if name == "background"), rest[0] if rest else None)
    return {name: values[name] for name in held}, labels.ignore_index if uncovered is None else values[uncovered]


def known(labels: LabelSpace, classes: Iterable[str], where: str) -> None:
    """Refuse planes of classes that a label space does not name.

    Raises: LabelError with the nearest name.
    """
    for name in sorted(set(classes)):
        if name not in (*labels.names, IGNORE):
            raise LabelError(
                f"{where}: holds masks of {name!r}, which labels.classes does not name{nearest(name, labels.names)}"
            )


def read_stack(files: Mapping[str, Files], labels: LabelSpace, objects: bool, item: Pair) -> Raw:
    """The planes of one image, as `stack` reads them: for `Pairs`."""
    return stack(files[item.name], labels, objects)


def read(files: Mapping[str, Files], values: Mapping[str, int], uncovered: int, objects: bool, item: Pair) -> Raw:
    """The raw values of one image, and with `objects` the number of the file that each pixel is of: for `Pairs`."""
    ordered = sorted(((values[named], path) for named, path in files[item.name]), key=lambda f: f[0])
    top, _, under = lay([(number, path) for number, (_, path) in enumerate(ordered, 1)])
    classes = np.array([uncovered, *(value for value, _ in ordered)], np.int32)
    things = np.arange(len(classes), dtype=np.int32) * (classes != values.get("background", uncovered))
    names = {value: name for name, value in values.items()}
    covered = tuple(names[ordered[number - 1][0]] for number in under)
    return Raw(classes[top], things[top] if objects else None, covered=covered)


def are_objects(files: Mapping[str, Files]) -> bool:
    """Whether the files are objects: an image has several of one class, or they say no class."""
    return any(
        OBJECT in (classes := [named for named, _ in held]) or len(set(classes)) < len(classes)
        for held in files.values()
    )
