"""One pair of files as arrays, whatever is unusual about it: for the clean copy, and for the pictures of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ...data.dataset import Notes
from ...data.files.ahead import ahead
from ...data.files.codecs import decode_mask, read_image
from ...data.files.formats import opened
from ...data.files.npy import planes_of
from ...data.folders.layout import image_of
from ...data.folders.planes import Files, lay
from ...data.layers import hidden_planes
from ...data.pairs import Pair, Pairs
from ...errors import DataError, LabelError, OddMode, PartError
from ...labels import LabelSpace
from ..finding import Sight
from .examine import Exam, inspect, inspect_mask, spooled
from .regions import between
from .storage import natural
from .views import Spool


class Case(NamedTuple):
    """One pair, its exam, and the data set that decodes it (None: plain files)."""

    item: Pair
    exam: Exam
    parts: Files = ()
    classes: tuple[str, ...] = ()  # of all such files of the data set
    dataset: Pairs | None = None


@dataclass(frozen=True)
class Split:
    """One split under examination.

    Attributes:
        name: no two splits that are looked at together share one.
        cases: its pairs of files.
        samples: exams of a data set that is not made of files.
        labels: what the values that were counted mean.
        notes: what is left out, what was taken for granted, and which annotations cannot be used.
    """

    name: str
    cases: tuple[Case, ...] = ()
    samples: tuple[Exam, ...] = ()
    labels: LabelSpace | None = None
    notes: Notes = field(default_factory=Notes)

    @property
    def exams(self) -> list[Exam]:
        """The exam of each sample."""
        return [case.exam for case in self.cases] or list(self.samples)

    @property
    def items(self) -> Sequence[Pair]:
        """The files of each sample."""
        return [case.item for case in self.cases]

    @property
    def title(self) -> str:
        """What a sentence calls it."""
        return "the whole set" if self.name == "all" else self.name


def decode(case: Case) -> tuple[np.ndarray, np.ndarray | None, int | None, tuple[str, ...]]:
    """A mask as it is stored, its palette, how many pixels lie in several planes, None where it has none, and the classes of hidden planes."""
    assert case.item.mask is not None
    if case.parts:
        numbers = {name: number for number, name in enumerate(case.classes, 1)}
        whole, twice, under = lay([(numbers[named], path) for named, path in case.parts])
        covered = tuple(case.classes[number - 1] for number in under)
        return whole.astype(np.uint8 if len(numbers) < 256 else np.uint16), None, twice, covered
    stored, palette = decode_mask(case.item.mask)
    planes = planes_of(case.item.mask)
    if planes is None:
        return stored, palette, None, ()
    names = [f"class {number}" for number in range(len(planes))]
    return stored, palette, int((planes.sum(axis=0) > 1).sum()), hidden_planes(planes, names)


def masks_of(items: Iterable[Pair], blend: bool = True) -> list[Exam]:
    """Examine the masks of some pairs without their images; what cannot be read is the exam's error.

    Args:
        blend: see `inspect_mask`.
    """

    def seen(item: Pair) -> Exam:
        try:
            stored, palette, twice, _ = decode(Case(item, Exam(item.name, "")))
            if stored.size == 0:
                raise DataError(f"{item.mask}: holds no pixel")
        except DataError as error:
            return inspect_mask(item, error)
        exam = inspect_mask(item, (stored, palette), blend)
        hot = exam.form is not None and twice is not None
        return replace(exam, form=exam.form._replace(kind="npy one-hot", one_hot=True)) if exam.form and hot else exam

    return list(ahead(seen, items))


def look(case: Case, classes: tuple[str, ...], spool: Spool, quick: bool = False) -> Case:
    """Examine one pair of a folder that nobody described: the case with its exam, whatever is wrong with its files.

    Args:
        classes: of masks that are several files each, all of the data set.
        spool: where the small pictures of many samples go.
        quick: look only at values, sizes, and what cannot be read.
    """
    case = case._replace(classes=classes)
    image: np.ndarray | DataError
    mask: tuple[np.ndarray, np.ndarray | None] | DataError
    try:
        image = image_of(case.item)
    except DataError as error:
        image = error
    overlap: int | None = None
    covered: tuple[str, ...] = ()
    try:
        stored, palette, overlap, covered = decode(case)
        mask = stored, palette
        if mask[0].size == 0:
            raise DataError(f"{case.item.mask}: holds no pixel")
    except DataError as error:
        mask = error
    exam = replace(inspect(case.item, image, mask, quick), overlap=overlap or 0, covered=covered)
    if case.parts and exam.place == str(case.item.mask):  # a folder; the file that is wrong, or else the first
        wrong = mask.path if isinstance(mask, PartError) else None
        exam = replace(exam, place=str(wrong or case.parts[0][1]))
    if exam.form is not None and overlap is not None and not case.parts:
        exam = replace(exam, form=exam.form._replace(kind="npy one-hot", one_hot=True))
    return case._replace(exam=spooled(exam, spool))


def picture(case: Case) -> np.ndarray:
    """An image [H, W, C] as its data set reads it, or else in any mode that Pillow can turn into RGB."""
    if case.dataset is not None and case.dataset.image_hook is not None:
        return case.dataset.read(case.item)
    try:  # a data set's further files are parts of masks, not channels
        return image_of(case.item) if case.dataset is None else read_image(case.item.image)
    except OddMode:
        pass
    with opened(case.item.image) as image:
        return np.asarray(image.convert("RGB"))


def codes_of(case: Case, space: LabelSpace, table: Mapping[int, int] | None) -> np.ndarray:
    """A mask as class numbers and the ignore index, -1 where a value has no meaning; planes as a picture shows them.

    Args:
        table: own value -> common value, where the mask is not stored as the others are.

    Raises: DataError or LabelError when it cannot be read.
    """
    assert case.item.mask is not None
    if case.dataset is not None:
        known = case.dataset.decode(case.item)
        assert known is not None
        raw = known.classes
        if space.planes and known.planes is not None:
            planes, labels = space.encode_planes(known.planes, known.ignored)
            return space.flattened(planes, labels).astype(np.int32)
    else:
        stored, palette = decode(case)[:2]
        raw = natural(stored, palette, case.item.mask)[0]
        if case.exam.form is not None and case.exam.form.alpha:
            raw = stored[..., -1]  # also where a mask of one color does not show it
    blended = between(raw) if case.exam.blend and case.exam.form is not None else None
    if table is not None:
        keys = np.array(sorted(table), np.int64)
        places = np.searchsorted(keys, raw).clip(max=len(keys) - 1)
        raw = np.where(keys[places] == raw, np.array([table[int(k)] for k in keys], np.int64)[places], -1)
    codes = space.classes_of(raw)
    if blended is not None:
        codes[blended] = -1
    return codes


def reader(
    cases: Iterable[Case], space: LabelSpace, tables: Mapping[str, Mapping[int, int]] | None = None
) -> Callable[[Sight], tuple[np.ndarray | None, np.ndarray | None]]:
    """What a report shows of a sight: its image, and its class numbers, -1 where a value has no meaning; None where it has none."""
    known = {(case.item.name, case.item.image): case for case in cases}

    def read(sight: Sight) -> tuple[np.ndarray | None, np.ndarray | None]:
        image = labels = None
        if sight.image is None:
            return None, None
        case = known.get((sight.name, sight.image))
        with suppress(DataError):
            image = picture(case or Case(Pair(sight.name, sight.image, None), Exam(sight.name, "")))
        if case is not None and case.item.mask is not None:
            with suppress(DataError, LabelError):
                labels = codes_of(case, space, (tables or {}).get(case.exam.place))
        return image, labels

    return read
