"""Plan the clean copy of a data set: which samples are left out and why, and what the others are called."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..labels import LabelSpace
from ..naming import check, distinct
from .diagnosis import Diagnosis
from .exam.reading import Split
from .findings.duplicates import AGREE, Found
from .meaning.reading import Table

_UNREAD = ("unreadable", "encoding")  # kinds of errors of an exam that no rule mends

Key = tuple[str, str]  # split and name of a sample


class Plan(NamedTuple):
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


def planned(found: Diagnosis, out: Path, accept: Collection[str]) -> Plan:
    """Plan the clean copy of a diagnosis.

    Raises: DataError for samples that are not files, and for a kind of finding that was not made.
    """
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
    names = dict(zip(keys, distinct([check(name) for name in wished]), strict=True))
    fits = [e.fit[0] for e in exams if e.fit]
    return Plan(
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
