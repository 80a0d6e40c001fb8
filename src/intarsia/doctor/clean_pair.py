"""Write one pair of a clean copy: what a rule can mend is mended, and all changes are listed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
from PIL import Image

from ..data.files.codecs import orientation_of, upright, write_image, write_labels
from ..data.files.object_masks import SUFFIX, ObjectMasks, on_top, write_object_masks
from ..data.folders.planes import stack
from ..data.pairs import mismatch, with_channels
from ..errors import DataError, LabelError
from ..labels import IGNORE, LabelSpace
from .clean_plan import Plan
from .exam.examine import Exam
from .exam.fingerprints import fit, gray
from .exam.reading import Case, codes_of, picture

_COPIED = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


class Step(TypedDict):
    """What was done to a file, as fixed.json has it."""

    file: str
    action: str
    left_out: Literal["", "file", "annotation"]  # what of it is left out


def step_of(file: object, action: str) -> Step:
    """What was done to a file of which nothing is left out."""
    return {"file": str(file), "action": action, "left_out": ""}


def write_pair(case: Case, name: str, plan: Plan) -> list[Step]:
    """Write one pair under a name of its own below images/ and masks/, and say what was done."""
    assert case.item.mask is not None or case.parts
    image, done = _image(case, plan)
    if plan.space.planes:
        told = _write_planes(case, name, image, plan)
    else:
        labels, told = _mask(case, image, plan)
        mask = plan.out / "masks" / f"{name}.png"
        mask.parent.mkdir(parents=True, exist_ok=True)
        write_labels(mask, labels, plan.plain)
        told += _write_maps(case, labels, plan, name)
    _write_picture(case, image, bool(done), plan.out / "images" / name)
    steps = [step_of(case.item.image, ", ".join(done))] if done else []
    return [*steps, *([step_of(case.item.mask, ", ".join(told))] if told else [])]


def _image(case: Case, plan: Plan) -> tuple[np.ndarray, list[str]]:
    """The image of a pair as the clean copy has it, and what was done to it."""
    image, done, channels = picture(case), [], plan.channels
    if _own(case):
        done.append("written as its data set reads it")
    if case.dataset is not None and case.dataset.channels is not None:
        channels = case.dataset.channels
    if case.exam.error and case.exam.error[0] == "mode":
        done.append("turned into RGB")
    if channels is not None and image.shape[2] != channels:
        image = with_channels(image, channels, case.item.image)
        done.append(f"written with {channels} channels")
    if plan.shallow and image.dtype != np.uint8:
        image = (image / 257 + 0.5).astype(np.uint8)
        done.append("written with 8 bits")
    if not _own(case) and orientation_of(case.item.image) != 1:
        done.append("turned upright as its EXIF data say")
    return image, done


def _own(case: Case) -> bool:
    """Whether a data set makes the image, or several files do, so that the file alone is not it."""
    if case.item.files is not None and not case.parts and case.dataset is None:
        return True
    return case.dataset is not None and case.dataset.image_hook is not None


def _mask(case: Case, image: np.ndarray, plan: Plan) -> tuple[np.ndarray, list[str]]:
    """The mask of a pair as it is written, [H, W] class numbers of the image's size, and what was changed in it."""
    turned = 1 if _own(case) else orientation_of(case.item.image)
    labels, told = _labels(case, plan)
    way = {2: 1, 3: 3, 4: 2}.get(turned, 0)  # in the words of fingerprints.turn
    if way and case.exam.turned[1] == 1 and case.exam.fit and case.exam.fit[way] > 1.15 * case.exam.fit[0]:
        labels = upright(labels, turned)
        told.append("turned as the EXIF data of its image say, since its borders then lie on the image's edges")
    if labels.shape != image.shape[:2]:
        labels, how = _refit(labels, image, case.item.image, turned, plan.usual)
        told.append(how)
    return labels, told


def _write_planes(case: Case, name: str, image: np.ndarray, plan: Plan) -> list[str]:
    """Write several labels a pixel, a mask for each class that the image holds, at masks/CLASS/NAME.png; what was changed."""
    space = plan.space
    raw = stack(case.parts, space, False) if case.dataset is None else case.dataset.decode(case.item)
    if raw is None or raw.planes is None:
        raise LabelError(f"{case.item.mask}: holds one mask, but each of {len(space.names)} classes has its own")
    planes, labels = space.encode_planes(raw.planes, raw.ignored)
    if labels.shape != image.shape[:2]:
        raise DataError(mismatch(str(case.item.image), str(case.item.mask), image.shape, labels.shape, "planes"))
    split, _, stem = name.rpartition("/")
    parts = {**dict(zip(space.names, planes, strict=True)), IGNORE: labels == space.ignore_index}
    held = {named: plane for named, plane in parts.items() if plane.any()} or {space.names[0]: planes[0]}
    for named, plane in held.items():
        place = plan.out / "masks" / split / named / f"{stem}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(plane.astype(np.uint8) * np.uint8(255)).save(place)
    return _write_maps(case, labels, plan, name)


def _write_maps(case: Case, labels: np.ndarray, plan: Plan, name: str) -> list[str]:
    """Write the objects and depth of a pair that its data set reads in its own way; what is lost of it.

    Objects that overlap keep all of their pixels, in one file of their masks.
    """
    dataset = case.dataset
    if dataset is None or dataset.mask_hook is None:
        return []
    try:
        sample = dataset.sample(case.item, dataset.read(case.item), dataset.decode(case.item))
    except (DataError, LabelError):  # the mask had to be mended, which the maps cannot be
        return ["written as its data set reads it, without objects and depth"]
    if tuple(sample.labels.shape) != labels.shape:
        return ["written as its data set reads it, without objects and depth"]
    if sample.masks is not None and sample.classes is not None:
        names = tuple(dataset.labels.names[number] for number in sample.classes.tolist())
        masks = sample.masks.numpy()
        top = on_top(masks) if sample.objects is None else sample.objects.numpy()
        target = plan.out / "objects" / f"{name}{SUFFIX}"
        target.parent.mkdir(parents=True, exist_ok=True)
        write_object_masks(target, ObjectMasks(masks, names, top))
    elif sample.objects is not None:
        _write_map(plan.out / "objects" / name, sample.objects.numpy())
    if sample.depth is not None:
        _write_map(plan.out / "depth" / name, sample.depth.numpy())
    lost = "" if sample.previous is None else ", without the objects of the frame before"
    return [f"written as its data set reads it{lost}"]


def _write_map(target: Path, array: np.ndarray) -> None:
    """Write object numbers as PNG of 16 bits where they fit, and all else as .npy, under a name that its type is added to."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if array.dtype.kind == "i" and array.max(initial=0) < 1 << 16:
        Image.fromarray(array.astype(np.uint16)).save(target.with_name(target.name + ".png"))
    else:
        np.save(target.with_name(target.name + ".npy"), array)


def _write_picture(case: Case, image: np.ndarray, changed: bool, target: Path) -> None:
    """Write an image under a name that its type is added to: a copy of its file where nothing was changed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    name, source = target.name, case.item.image
    if not changed and source.suffix.lower() in _COPIED:
        shutil.copyfile(source, target.with_name(name + source.suffix))
    elif image.shape[2] == 1 or (image.dtype == np.uint8 and image.shape[2] <= 4):
        write_image(target.with_name(name + ".png"), image)
    elif _own(case):
        np.save(target.with_name(name + ".npy"), image)
    else:
        shutil.copyfile(source, target.with_name(name + source.suffix))


def _labels(case: Case, plan: Plan) -> tuple[np.ndarray, list[str]]:
    """A mask as class numbers, and what was changed in it."""
    space, table = plan.space, plan.tables.get(case.exam.place)
    codes = codes_of(case, space, table)
    stray = codes < 0
    labels = np.where(stray, space.ignore_index, codes).astype(space.dtype)
    done = _told(case.exam, table or {}, space)
    if stray.any():
        done.append(f"{int(stray.sum())} px of no class ignored")
    return labels, done


def _told(exam: Exam, table: Mapping[int, int], space: LabelSpace) -> list[str]:
    """Which values of a mask became which classes, where they were not class numbers before."""
    form = exam.form
    if form is not None and form.palette is not None and space.by_color:
        return ["palette indices written as the classes of their colors"]
    own = np.array(sorted(table or exam.values), np.int64)
    codes = space.classes_of(np.array([table.get(int(v), int(v)) for v in own], np.int64)) if len(own) else own
    moved = [(int(v), int(c)) for v, c in zip(own, codes, strict=True) if c >= 0 and v != c]
    if not moved:
        return []
    if len(moved) > 6:
        return [f"{len(moved)} values written as {len({c for _, c in moved})} classes"]
    colored = form.colored if form is not None else space.by_color
    name = {**dict(enumerate(space.names)), space.ignore_index: "ignore"}
    return ["; ".join(f"{f'#{v:06x}' if colored else v} -> {name[c]}" for v, c in moved)]


def _refit(labels: np.ndarray, image: np.ndarray, path: Path, turned: int, usual: float) -> tuple[np.ndarray, str]:
    """A mask at its image's size where that follows from both sizes, and the image agrees.

    Raises: DataError where it does not.
    """
    (height, width), size = labels.shape, image.shape[:2]
    if turned in (5, 6, 7, 8) and (width, height) == size:  # the image's EXIF turned it, its mask has none
        return upright(labels, turned), "turned as the EXIF data of its image say"
    told = f"{path}: {size[1]}x{size[0]} pixels, its mask {width}x{height}"
    if abs(height * size[1] - width * size[0]) > 0.01 * height * size[1]:
        raise DataError(f"{told}: nothing says how they belong together")
    resized = np.asarray(Image.fromarray(labels).resize((size[1], size[0]), Image.Resampling.NEAREST))
    picture = gray(image)
    lies, whole = fit(picture, resized), max(height, size[0]) / min(height, size[0])
    simple = min(abs(whole * n - round(whole * n)) for n in (2, 3)) < 0.01 * whole  # twice, half, three quarters
    if lies and ((lies[0] < 0.6 * usual and not simple) or _window(picture, labels) > 1.3 * lies[0]):
        raise DataError(f"{told}: resized, its borders do not lie on the image's edges; one of them seems to be cut")
    return resized, f"resized from {width}x{height} to {size[1]}x{size[0]} by the nearest pixel"


def _window(picture: np.ndarray, labels: np.ndarray) -> float:
    """How well a smaller mask lies, as it is, in the corner or the middle of a picture that suits it best; see `fingerprints.fit`."""
    height, width = labels.shape
    down, right = picture.shape[0] - height, picture.shape[1] - width
    if down < 0 or right < 0:
        return 0.0
    spots = ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2))
    return max((f[0] for y, x in spots if (f := fit(picture[y : y + height, x : x + width], labels))), default=0.0)
