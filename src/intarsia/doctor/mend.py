"""A clean copy of a data set: what a rule can mend is mended, what none can is left out, and both are written down.

images/SPLIT/NAME.jpg   as they came, or as PNG where the file had to change; folders in NAME stay
masks/SPLIT/NAME.png    class numbers in the classes' colors; 255 (65535 beyond 255 classes) is ignored
masks/SPLIT/CLASS/NAME.png   of several labels a pixel: 0 or 255; what does not count lies in a folder "ignore"
labels.yaml             the label space
fixed.json              of each file: what was done

The source is only read.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict

import numpy as np
import yaml
from PIL import Image

from ..data.dataset import Fault
from ..data.faults import of as faults_of
from ..data.files.ahead import ahead
from ..data.files.codecs import orientation_of, upright, write_image, write_labels
from ..data.folders.planes import stack
from ..data.pairs import mismatch, with_channels
from ..errors import DataError, LabelError, nearest
from ..labels import IGNORE, LabelSpace
from ..naming import distinct
from ..output import check_renewable, renewed
from .diagnosis import Diagnosis
from .exam.examine import Exam
from .exam.fingerprints import fit, gray
from .exam.reading import Case, Split, codes_of, picture
from .findings.duplicates import AGREE, Found
from .meaning.reading import Table

ACCEPTABLE = ("off_by_one",)  # kinds of findings that rest on how classes look: mended where a person accepts them
_KIND, _TAKEN = "clean copy", "is there already; name a new folder for the clean copy"
_COPIED = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_UNREAD = ("unreadable", "encoding")  # kinds of errors of an exam that no rule mends

Key = tuple[str, str]  # split and name of a sample


class Step(TypedDict):
    """What was done to a file, as fixed.json has it."""

    file: str
    action: str
    left_out: Literal["", "file", "annotation"]  # what of it is left out


def mend(found: Diagnosis, out: str | Path, accept: Collection[str] = ()) -> list[Step]:
    """Write the clean copy of what a `visit` looked at.

    Args:
        out: a new folder, or one that holds nothing but an earlier clean copy, which is replaced.
        accept: kinds of findings that rest on how classes look, and are mended because a person says so: "off_by_one".

    Returns: what was done to each file that is not an untouched image or mask, as in fixed.json.

    Raises: DataError when `out` holds anything but an earlier clean copy, lies within the source, or nothing would be left, for a
        data set that is not made of files, and for a kind that cannot be accepted or was not found.
    """
    acceptable(accept)
    out = Path(out)
    plan = _planned(found, out, accept)
    if plan.root.resolve() == out.resolve() or plan.root.resolve() in out.resolve().parents:
        raise DataError(f"{out}: lies within {plan.root}, which is never written to; name a folder elsewhere")
    with renewed(out, _KIND, _TAKEN) as place:
        return _copy(found, plan._replace(out=place))


def _copy(found: Diagnosis, plan: _Plan) -> list[Step]:
    """Write the clean copy into a folder that is empty."""
    out = plan.out
    steps = [_fault(fault) for fault in faults_of(found.splits)]
    steps += [_step(i.mask, f"named {i.name}, as its image is") for i in found.spelled]
    for split in found.splits:
        for folder in ("images", "masks"):
            (out / folder / plan.folders[split.name]).mkdir(parents=True, exist_ok=True)
        for side, what in zip(split.notes.unmatched, ("no mask belongs to it", "no image belongs to it"), strict=True):
            steps += [_left(plan.root / name, what) for name in side]
    keyed = [((split.name, case.item.name), case) for split in found.splits for case in split.cases]
    for done in ahead(lambda pair: _mended(pair[0], pair[1], plan), keyed):
        steps += done
    if not any((out / "masks").rglob("*.png")):
        raise DataError(f"{plan.root}: nothing can be mended by a rule; {steps[0]['file']}: {steps[0]['action']}")
    for place in [*(out / "images").iterdir(), *(out / "masks").iterdir()]:
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
    tree = {**plan.space.to_dict(), "values": dict(plan.plain.values)}
    (out / "labels.yaml").write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")
    (out / "fixed.json").write_text(json.dumps(steps, indent=1, ensure_ascii=False), encoding="utf-8")
    return steps


def acceptable(kinds: Collection[str]) -> None:
    """Refuse kinds of findings that nobody needs to accept.

    Raises: DataError with the nearest name.
    """
    for kind in kinds:
        if kind not in ACCEPTABLE:
            raise DataError(f"there is no finding {kind!r} to accept{nearest(kind, ACCEPTABLE)}")


def vacant(out: Path) -> None:
    """Refuse a place for the clean copy where anything but an earlier one is.

    Raises: DataError.
    """
    check_renewable(out, _KIND, _TAKEN)


class _Plan(NamedTuple):
    """What is the same for all pairs of a clean copy."""

    root: Path  # folder of the source
    out: Path
    space: LabelSpace  # of the common values
    plain: LabelSpace  # of the clean copy: class numbers
    tables: Mapping[str, Table]  # place of a mask -> its own values -> common values, where they differ
    left: Mapping[Key, str]  # samples that are left out, and why
    folders: Mapping[str, str]  # split -> folder below images and masks
    names: Mapping[Key, str]  # sample -> its name below images and masks
    renamed: frozenset[Key]  # samples that could not have the name that they would
    channels: int | None  # of all images, where those of the source differ
    shallow: bool  # all images get 8 bits, since those of the source have 8 and 16
    usual: float  # how well borders lie on edges in sound pairs, see `fingerprints.fit`; 0 where too few say


def _planned(found: Diagnosis, out: Path, accept: Collection[str]) -> _Plan:
    if any(split.samples for split in found.splits) or found.labels is None:
        raise DataError("only a data set of files can be mended; correct what makes the samples instead")
    if found.labels.planes:
        _check_folders(found.labels, out)
    tables = dict(found.tables)
    for kind in accept:
        if kind not in found.proposed:
            raise DataError(f"{found.title}: there is no finding {kind} to accept; leave out --accept {kind}")
        tables |= found.proposed[kind]
    keys = [(split.name, case.item.name) for split in found.splits for case in split.cases]
    left = _left_out(found)
    exams = [e for s in found.splits for e in s.exams if (s.name, e.name) not in left and e.channels]
    kinds = Counter(e.channels for e in exams)
    alone = len(found.splits) == 1 and found.splits[0].name in ("all", "data")
    folders = {split.name: "" if alone else split.name for split in found.splits}
    wished = [
        f"{folders[s]}/{name}".lstrip("/")
        for (s, _), name in zip(keys, _foldered(keys, found.labels.planes), strict=True)
    ]
    names = dict(zip(keys, distinct(wished), strict=True))
    fits = [e.fit[0] for e in exams if e.fit]
    return _Plan(
        root=found.root or _home(found.splits),
        out=out,
        space=found.labels,
        plain=found.labels.plain,
        tables=tables,
        left=left,
        folders=folders,
        names=names,
        renamed=frozenset(key for key, wish in zip(keys, wished, strict=True) if wish != names[key]),
        channels=(3 if kinds.get(3) else kinds.most_common(1)[0][0]) if len(kinds) > 1 else None,
        shallow=len({e.bits for e in exams}) > 1,
        usual=float(np.median(fits)) if len(fits) >= 5 else 0.0,
    )


def _home(splits: Sequence[Split]) -> Path:
    """The folder below which all images lie."""
    return Path(os.path.commonpath([str(c.item.image.absolute().parent) for s in splits for c in s.cases]))


def _step(file: object, action: str) -> Step:
    return {"file": str(file), "action": action, "left_out": ""}


def _left(file: object, why: str) -> Step:
    return {"file": str(file), "action": f"left out: {why}", "left_out": "file"}


def _fault(fault: Fault) -> Step:
    """An annotation that cannot be used, or a picture with all that was drawn on it."""
    start = "annotation left out" if fault.annotation else "left out"
    action = ": ".join(part for part in (start, fault.place, fault.why) if part)
    return {"file": str(fault.file), "action": action, "left_out": "annotation" if fault.annotation else "file"}


def _mended(key: Key, case: Case, plan: _Plan) -> list[Step]:
    """Write one pair, unless it is left out, and say what was done."""
    if key in plan.left:
        return [_left(case.item.image, plan.left[key])]
    try:
        done = _written(case, plan.names[key], plan)
    except (DataError, LabelError) as error:
        return [_left(case.item.image, str(error))]
    told = f"written as {plan.names[key]}, since another is called so on some disks"
    return [*done, _step(case.item.image, told)] if key in plan.renamed else done


def _check_folders(space: LabelSpace, out: Path) -> None:
    """Refuse classes whose masks cannot lie in a folder of the class's name.

    Raises: DataError naming the first.
    """
    for name in space.names:
        if "/" in name or "\\" in name or name.startswith((".", "_")):
            raise DataError(f"{out}: the masks of {name!r} cannot lie in a folder of that name; rename the class")


def _foldered(keys: Sequence[Key], planes: bool) -> list[str]:
    """The names of samples as files: a folder stays where all have one, which every reader of folders finds again.

    Of samples that lie at several depths the folders become part of the file's name: `a/b` is `a_b`.
    """
    names = [name for _, name in keys]
    if planes:
        return [name.replace("/", "_") for name in names]
    parts = [part for name in names for part in name.split("/")]
    if all(name.count("/") == 1 for name in names) and not any(part.startswith((".", "_")) for part in parts):
        return names
    return [name.replace("/", "_") for name in names]


def _left_out(found: Diagnosis) -> dict[Key, str]:
    """The samples that no rule mends, and why: of copies, all but one."""
    left: dict[Key, str] = {}
    for split in found.splits:
        for case in split.cases:
            exam, key = case.exam, (split.name, case.exam.name)
            if exam.place in found.lost:
                left[key] = f"the mask {found.lost[exam.place]}"
            if exam.error and exam.error[0] in _UNREAD:
                left[key] = exam.error[1]
            if case.item.mask is None and not case.parts:
                left[key] = "it has no mask"
    rank = {split.name: n for n, split in enumerate(found.splits)}  # training comes first, and gives way
    for group in found.copies.same:
        left |= _all_but_one([one for one in group if _key(one) not in left], rank)
    for again in found.copies.again:
        first, second = sorted((again.one, again.two), key=lambda f: rank[f[0]])
        if first[0] != second[0] and again.agreement >= AGREE and not {_key(first), _key(second)} & set(left):
            left[_key(first)] = f"the same image, saved again, is {second[0]}/{second[1].name}"
    return left


def _all_but_one(group: Sequence[Found], rank: Mapping[str, int]) -> dict[Key, str]:
    """Of samples with one picture those that are left out: all where they are of one split and their masks differ."""
    if len(group) < 2:
        return {}
    if len({exam.mask for _, exam in group}) > 1 and len({split for split, _ in group}) == 1:
        told = "the same image stands in {} with another mask, and nothing says which one is right"
        return {_key(one): told.format(one[0]) for one in group}
    best = max(range(len(group)), key=lambda n: (rank[group[n][0]], -n))
    split, exam = group[best]
    return {_key(one): f"the same image is {split}/{exam.name}" for n, one in enumerate(group) if n != best}


def _key(found: Found) -> Key:
    return found[0], found[1].name


def _written(case: Case, name: str, plan: _Plan) -> list[Step]:
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
    _write_picture(case, image, bool(done), plan.out / "images" / name)
    steps = [_step(case.item.image, ", ".join(done))] if done else []
    return [*steps, *([_step(case.item.mask, ", ".join(told))] if told else [])]


def _image(case: Case, plan: _Plan) -> tuple[np.ndarray, list[str]]:
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


def _mask(case: Case, image: np.ndarray, plan: _Plan) -> tuple[np.ndarray, list[str]]:
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
    return labels, [*told, *_hooked(case)]


def _write_planes(case: Case, name: str, image: np.ndarray, plan: _Plan) -> list[str]:
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
    return _hooked(case)


def _hooked(case: Case) -> list[str]:
    """What is lost of a mask that its data set reads in its own way."""
    hooked = case.dataset is not None and case.dataset.mask_hook is not None
    return ["written as its data set reads it, without objects and depth"] if hooked else []


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


def _labels(case: Case, plan: _Plan) -> tuple[np.ndarray, list[str]]:
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
