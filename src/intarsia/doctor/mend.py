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
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from ..data.dataset import Fault
from ..data.faults import of as faults_of
from ..data.files.codecs import orientation_of, upright, write_image, write_labels
from ..data.folders.planes import stack
from ..data.pairs import Pairs, mismatch, with_channels
from ..errors import DataError, LabelError, nearest
from ..labels import IGNORE, LabelSpace
from ..naming import distinct
from .diagnose import Diagnosis
from .exam.examine import Exam
from .exam.fingerprints import fit, gray
from .exam.reading import Case, Ward, codes_of, picture
from .findings.duplicates import AGREE, copies, near

Step = dict[str, str]
ANNOTATION = "annotation"  # the first word of what was done with one that cannot be used
ACCEPTABLE = ("off_by_one",)  # kinds of findings that rest on how classes look: mended where a person accepts them
_COPIED = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def mend(found: Diagnosis, out: str | Path, accept: Collection[str] = ()) -> list[Step]:
    """Write the clean copy of a folder.

    Args:
        accept: kinds of findings that rest on how classes look, and are mended because a person says so: "off_by_one".

    Returns: of each file that is not an untouched image or mask: {"file", "action"}, as in fixed.json.

    Raises: DataError when `out` is there already and not empty, lies within the source, or nothing would be left, and for
        a kind that cannot be accepted or was not found.
    """
    acceptable(accept)
    tables, lost = dict(found.meaning.tables), found.meaning.lost
    for kind in accept:
        if kind not in found.proposed:
            raise DataError(f"{found.root}: there is no finding {kind} to accept; leave out --accept {kind}")
        tables |= found.proposed[kind]
    named = [{"file": str(i.mask), "action": f"named {i.name}, as its image is"} for i in found.spelled]
    return _written(found.root, found.wards, found.meaning.space, tables, lost, Path(out), named)


def acceptable(kinds: Collection[str]) -> None:
    """Refuse kinds of findings that nobody needs to accept.

    Raises: DataError with the nearest name.
    """
    for kind in kinds:
        if kind not in ACCEPTABLE:
            raise DataError(f"there is no finding {kind!r} to accept{nearest(kind, ACCEPTABLE)}")


def mend_pairs(datasets: Sequence[Any], exams: Sequence[list[Exam]], out: str | Path) -> list[Step]:
    """Write the clean copy of a data set whose masks have a meaning; see `mend`."""
    for dataset in datasets:
        if not isinstance(dataset, Pairs):
            raise DataError("only a data set of files can be mended; correct what makes the samples instead")
    wards = [
        Ward(
            d.split,
            d.name,
            [Case(i, e, dataset=d) for i, e in zip(d.items, part, strict=True)],
            d.unmatched,
            d.labels,
        )
        for d, part in zip(datasets, exams, strict=True)
    ]
    steps = [
        {"file": str(f.file), "action": ": ".join(part for part in (_how(f), f.place, f.why) if part)}
        for f in faults_of(datasets)
    ]
    root = Path(os.path.commonpath([str(c.item.image.absolute().parent) for w in wards for c in w.cases]))
    return _written(root, wards, datasets[0].labels, {}, {}, Path(out), steps)


def _how(fault: Fault) -> str:
    return f"{ANNOTATION} left out" if fault.annotation else "left out"


def _written(
    root: Path,
    wards: Sequence[Ward],
    space: LabelSpace,
    tables: dict[int, dict[int, int]],
    lost: dict[int, str],
    out: Path,
    named: Sequence[Step] = (),
) -> list[Step]:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: is there already; name a new folder for the clean copy")
    if root.resolve() == out.resolve() or root.resolve() in out.resolve().parents:
        raise DataError(f"{out}: lies within {root}, which is never written to; name a folder elsewhere")
    left = _left_out(wards, lost)
    everything = [c.exam for w in wards for c in w.cases if id(c.exam) not in left and c.exam.channels]
    kinds, depths = Counter(e.channels for e in everything), Counter(e.bits for e in everything)
    channels = (3 if kinds.get(3) else kinds.most_common(1)[0][0]) if len(kinds) > 1 else None
    plain = space.plain
    if space.planes:
        _check_folders(space, out)
    fits = [e.fit[0] for e in everything if e.fit]
    usual = float(np.median(fits)) if len(fits) >= 5 else 0.0
    steps = list(named)
    for ward in wards:
        ward.split = "" if len(wards) == 1 and ward.split in ("all", "data") else ward.split
    pairs = [(ward, case) for ward in wards for case in ward.cases]
    wished = [
        f"{ward.split}/{name}".lstrip("/")
        for (ward, _), name in zip(pairs, _foldered(pairs, space.planes), strict=True)
    ]
    names = {id(case): name for (_, case), name in zip(pairs, distinct(wished), strict=True)}
    renamed = {id(c): names[id(c)] for (_, c), wish in zip(pairs, wished, strict=True) if wish != names[id(c)]}

    def work(case: Case) -> list[Step]:
        if id(case.exam) in left:
            return [{"file": str(case.item.image), "action": f"left out: {left[id(case.exam)]}"}]
        try:
            table, name = tables.get(id(case.exam)), names[id(case)]
            done = _one(case, space, plain, table, name, out, channels, len(depths) > 1, usual)
            told = f"written as {name}, since another is called so on some disks"
            return [*done, {"file": str(case.item.image), "action": told}] if id(case) in renamed else done
        except (DataError, LabelError) as error:
            return [{"file": str(case.item.image), "action": f"left out: {error}"}]

    for ward in wards:
        for folder in ("images", "masks"):
            (out / folder / ward.split).mkdir(parents=True, exist_ok=True)
        for side, what in zip(ward.unmatched, ("no mask belongs to it", "no image belongs to it"), strict=True):
            steps += [{"file": str(root / name), "action": f"left out: {what}"} for name in side]
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
        for done in pool.map(work, [case for _, case in pairs]):
            steps += done
    if not any((out / "masks").rglob("*.png")):
        raise DataError(f"{root}: nothing can be mended by a rule; {steps[0]['file']}: {steps[0]['action']}")
    for place in [*(out / "images").iterdir(), *(out / "masks").iterdir()]:
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
    tree = {**space.to_dict(), "values": dict(plain.values)}
    (out / "labels.yaml").write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")
    (out / "fixed.json").write_text(json.dumps(steps, indent=1, ensure_ascii=False), encoding="utf-8")
    return steps


def _check_folders(space: LabelSpace, out: Path) -> None:
    """Refuse classes whose masks cannot lie in a folder of the class's name.

    Raises: DataError naming the first.
    """
    for name in space.names:
        if "/" in name or "\\" in name or name.startswith((".", "_")):
            raise DataError(f"{out}: the masks of {name!r} cannot lie in a folder of that name; rename the class")


def _foldered(pairs: Sequence[tuple[Ward, Case]], planes: bool) -> list[str]:
    """The names of samples as files: a folder stays where all have one, which every reader of folders finds again.

    Of samples that lie at several depths the folders become part of the file's name: `a/b` is `a_b`.
    """
    names = [case.item.name for _, case in pairs]
    if planes:
        return [name.replace("/", "_") for name in names]
    parts = [part for name in names for part in name.split("/")]
    if all(name.count("/") == 1 for name in names) and not any(part.startswith((".", "_")) for part in parts):
        return names
    return [name.replace("/", "_") for name in names]


def _left_out(wards: Sequence[Ward], lost: dict[int, str]) -> dict[int, str]:
    """The samples that no rule mends, and why: of copies, all but one."""
    splits, exams = [w.split for w in wards], [[c.exam for c in w.cases] for w in wards]
    left = {id(e): f"the mask {lost[id(e)]}" for part in exams for e in part if id(e) in lost}
    for part in exams:
        for exam in part:
            if exam.error and exam.error[0] in ("unreadable", "encoding"):
                left[id(exam)] = exam.error[1]
    rank = {split: n for n, split in enumerate(splits)}  # training comes first, and gives way
    for ward in wards:
        for case in ward.cases:
            if case.item.mask is None and not case.parts:
                left[id(case.exam)] = "it has no mask"
    for group, _ in copies(splits, exams):
        kept = [(s, e) for s, e in group if id(e) not in left]
        if len(kept) > 1:
            if len({e.mask for _, e in kept}) > 1 and len({s for s, _ in kept}) == 1:
                for s, e in kept:
                    left[id(e)] = f"the same image stands in {s} with another mask, and nothing says which one is right"
                continue
            best = max(kept, key=lambda k: (rank[k[0]], -kept.index(k)))
            for _, e in kept:
                if e is not best[1]:
                    left[id(e)] = f"the same image is {best[0]}/{best[1].name}"
    for again in near(splits, exams):
        first, second = sorted((again.one, again.two), key=lambda f: rank[f[0]])
        if first[0] != second[0] and again.agreement >= AGREE and not {id(first[1]), id(second[1])} & set(left):
            left[id(first[1])] = f"the same image, saved again, is {second[0]}/{second[1].name}"
    return left


def _one(
    case: Case, space: LabelSpace, plain: LabelSpace, table: dict[int, int] | None, name: str, out: Path,
    channels: int | None, mixed_depth: bool, usual: float,
) -> list[Step]:  # fmt: skip
    """Write one pair under a name of its own below images/ and masks/, and say what was done; `usual` is how well borders lie on edges in sound pairs, see `likeness.fit`."""
    assert case.item.mask is not None or case.parts
    if space.planes:
        return _one_of_planes(case, space, name, out, channels, mixed_depth)
    image, done = _image(case, channels, mixed_depth)
    labels, told = _mask(case, space, table, image, usual)
    mask = out / "masks" / f"{name}.png"
    mask.parent.mkdir(parents=True, exist_ok=True)
    _write_picture(case, image, done, out / "images" / name)
    write_labels(mask, labels, plain)
    return _steps(case, done, told)


def _one_of_planes(
    case: Case, space: LabelSpace, name: str, out: Path, channels: int | None, mixed_depth: bool
) -> list[Step]:
    """The same for several labels a pixel: a mask for each class that the image holds, at masks/CLASS/NAME.png."""
    image, done = _image(case, channels, mixed_depth)
    if case.dataset is None:
        raw = stack(case.parts, space, False)
    else:
        known = case.dataset.decode(case.item)
        assert known is not None
        raw = known
    if raw.planes is None:
        raise LabelError(f"{case.item.mask}: holds one mask, but each of {len(space.names)} classes has its own")
    planes, labels = space.encode_planes(raw.planes, raw.ignored)
    if labels.shape != image.shape[:2]:
        raise DataError(mismatch(str(case.item.image), str(case.item.mask), image.shape, labels.shape, "planes"))
    _write_picture(case, image, done, out / "images" / name)
    split, _, stem = name.rpartition("/")
    parts = {**dict(zip(space.names, planes, strict=True)), IGNORE: labels == space.ignore_index}
    held = {named: plane for named, plane in parts.items() if plane.any()} or {space.names[0]: planes[0]}
    for named, plane in held.items():
        place = out / "masks" / split / named / f"{stem}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(plane.astype(np.uint8) * np.uint8(255)).save(place)
    hooked = case.dataset is not None and case.dataset.mask_hook is not None
    return _steps(case, done, ["written as its data set reads it, without objects and depth"] if hooked else [])


def _image(case: Case, channels: int | None, mixed_depth: bool) -> tuple[np.ndarray, list[str]]:
    """The image of a pair as it is written, and what was changed in it."""
    image, done = picture(case), []
    own = _own(case)
    if own:
        done.append("written as its data set reads it")
    if case.dataset is not None and case.dataset.channels is not None:
        channels = case.dataset.channels
    if case.exam.error and case.exam.error[0] == "mode":
        done.append("turned into RGB")
    if channels is not None and image.shape[2] != channels:
        image = with_channels(image, channels, case.item.image)
        done.append(f"written with {channels} channels")
    if mixed_depth and image.dtype != np.uint8:
        image = (image / 257 + 0.5).astype(np.uint8)
        done.append("written with 8 bits")
    if not own and orientation_of(case.item.image) != 1:
        done.append("turned upright as its EXIF data say")
    return image, done


def _mask(
    case: Case, space: LabelSpace, table: dict[int, int] | None, image: np.ndarray, usual: float
) -> tuple[np.ndarray, list[str]]:
    """The mask of a pair as it is written, [H, W] class numbers of the image's size, and what was changed in it."""
    told = []
    turned = 1 if _own(case) else orientation_of(case.item.image)
    labels, change = _labels(case, space, table)
    if change:
        told.append(change)
    way = {2: 1, 3: 3, 4: 2}.get(turned, 0)  # in the words of likeness.turn
    if way and case.exam.turned[1] == 1 and case.exam.fit and case.exam.fit[way] > 1.15 * case.exam.fit[0]:
        labels = upright(labels, turned)
        told.append("turned as the EXIF data of its image say, since its borders then lie on the image's edges")
    if labels.shape != image.shape[:2]:
        labels, how = _refit(labels, image, case.item.image, turned, usual)
        told.append(how)
    if case.dataset is not None and case.dataset.mask_hook is not None:
        told.append("written as its data set reads it, without objects and depth")
    return labels, told


def _own(case: Case) -> bool:
    """Whether a data set makes the image, so that the file alone is not it."""
    return case.dataset is not None and case.dataset.image_hook is not None


def _write_picture(case: Case, image: np.ndarray, done: Sequence[str], target: Path) -> None:
    """Write an image under a name that its type is added to: a copy of its file where nothing was changed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    name, source, own = target.name, case.item.image, _own(case)
    if not done and source.suffix.lower() in _COPIED:
        shutil.copyfile(source, target.with_name(name + source.suffix))
    elif image.shape[2] == 1 or (image.dtype == np.uint8 and image.shape[2] <= 4):
        write_image(target.with_name(name + ".png"), image)
    elif own:
        np.save(target.with_name(name + ".npy"), image)
    else:
        shutil.copyfile(source, target.with_name(name + source.suffix))


def _steps(case: Case, done: Sequence[str], told: Sequence[str]) -> list[Step]:
    """What was done to the image and to the mask of a pair, as in fixed.json."""
    steps = [{"file": str(case.item.image), "action": ", ".join(done)}] if done else []
    return [*steps, *([{"file": str(case.item.mask), "action": ", ".join(told)}] if told else [])]


def _labels(case: Case, space: LabelSpace, table: dict[int, int] | None) -> tuple[np.ndarray, str]:
    """A mask as class numbers, and what was changed in it."""
    codes = codes_of(case, space, table)
    stray = codes < 0
    labels = np.where(stray, space.ignore_index, codes).astype(space.dtype)
    done = _told(case.exam, table or {}, space)
    if stray.any():
        done.append(f"{int(stray.sum())} px of no class ignored")
    return labels, ", ".join(done)


def _told(exam: Exam, table: dict[int, int], space: LabelSpace) -> list[str]:
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
    """How well a smaller mask lies, as it is, in the corner or the middle of a picture that suits it best; see `likeness.fit`."""
    height, width = labels.shape
    down, right = picture.shape[0] - height, picture.shape[1] - width
    if down < 0 or right < 0:
        return 0.0
    spots = ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2))
    return max((f[0] for y, x in spots if (f := fit(picture[y : y + height, x : x + width], labels))), default=0.0)
