"""Pictures that stand twice: the same one, the same one saved again, and neighbors of one video, within and across splits."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ..examine import Exam
from ..findings import Finding, Severity, Sight
from .likeness import pairs

SAME = 1.6, 12  # mean and largest difference of thumbnails up to which a picture is another one saved again
_FRAMES = 9.0  # mean difference up to which neighbors in a row of numbers are of one scene
AGREE = 0.9  # share of points on which two masks of one picture must agree
_NUMBER = re.compile(r"(\d+)(?=\D*$)")

Found = tuple[str, Exam]


def copies(splits: Sequence[str], exams: Sequence[list[Exam]]) -> Iterator[tuple[list[Found], bool]]:
    """Groups of samples with one picture, pixel for pixel, and whether they stand in several splits."""
    held: dict[bytes, list[Found]] = defaultdict(list)
    for split, part in zip(splits, exams, strict=True):
        for exam in part:
            if exam.picture and not exam.flat:
                held[exam.picture].append((split, exam))
    for group in held.values():
        if len(group) > 1:
            yield group, len({split for split, _ in group}) > 1


def near(splits: Sequence[str], exams: Sequence[list[Exam]]) -> list[tuple[Found, Found]]:
    """Pairs of samples of one picture that is not stored alike: saved as JPEG, resized, or with other colors of one gray."""
    everything = [(s, e) for s, part in zip(splits, exams, strict=True) for e in part if e.thumb.size]
    found = pairs([e.print for _, e in everything], [e.thumb for _, e in everything])
    close = [(everything[a], everything[b]) for a, b, mean, top in found if mean <= SAME[0] and top <= SAME[1]]
    return [(a, b) for a, b in close if a[1].picture != b[1].picture]


def leaks(splits: Sequence[str], exams: Sequence[list[Exam]]) -> Iterator[Finding]:
    """What copies mean: across splits they make the score worthless, within one they only count double."""
    groups = list(copies(splits, exams))
    across, within = [g for g, far in groups if far], [g for g, far in groups if not far]
    if across:
        yield _finding(
            "duplicates_across",
            "error",
            f"{_many(len(across), 'image')} in more than one split (the first: {_shown(across[0])}), so the score would be measured on what was trained on.",
            across,
            "Keep each image in one split.",
        )
    if within:
        differ = [g for g in within if len({e.mask for _, e in g}) > 1]
        told = f", {len(differ)} of them with different masks" if differ else ""
        yield _finding(
            "duplicates",
            "warning",
            f"{_many(len(within), 'image')} more than once within a split{told} (the first: {_shown(within[0])}).",
            [*differ, *(g for g in within if g not in differ)],
            "Remove the copies.",
        )
    again = near(splits, exams)
    frames = {id(e): key for part in exams for e in part if (key := _row(e.name))}
    leaked, similar = [], []
    for a, b in again:
        if a[0] != b[0]:
            video = _follow(frames.get(id(a[1])), frames.get(id(b[1])))
            if not video and agreement(a[1], b[1]) >= AGREE:
                leaked.append([a, b])
        elif agreement(a[1], b[1]) >= AGREE and not _follow(frames.get(id(a[1])), frames.get(id(b[1]))):
            similar.append([a, b])
    if leaked:
        yield _finding(
            "near_duplicates_across",
            "error",
            f"{_many(len(leaked), 'image')} in more than one split, saved again (the first: {_shown(leaked[0])}): files differ, but picture and mask do not.",
            leaked,
            "Keep each image in one split.",
        )
    if similar:
        yield _finding(
            "near_duplicates",
            "warning",
            f"{len(similar)} pairs of images within a split are hardly different (the first: {_shown(similar[0])}).",
            similar,
            "Remove copies that were saved again; frames of a still camera may stay.",
        )
    yield from _disagreeing([*([g[0], g[1]] for g, _ in groups), *([a, b] for a, b in again)])
    yield from _frames(splits, exams)


def agreement(one: Exam, two: Exam) -> float:
    """Share of points on which two masks agree, 0..1; -1 where either has none."""
    if not one.grid.size or not two.grid.size:
        return -1.0
    return float((one.grid == two.grid).mean())


def _disagreeing(groups: list[list[Found]]) -> Iterator[Finding]:
    hit = [g for g in groups if 0 <= agreement(g[0][1], g[1][1]) < AGREE]
    if hit:
        yield _finding(
            "contradiction",
            "warning",
            f"{len(hit)} {'pair' if len(hit) == 1 else 'pairs'} of one picture with different masks (the first: {_shown(hit[0])}, alike on {agreement(hit[0][0][1], hit[0][1][1]):.0%} of the pixels), so at least one mask is wrong.",
            hit,
            "Look at both masks, and keep the better one.",
        )


def _frames(splits: Sequence[str], exams: Sequence[list[Exam]]) -> Iterator[Finding]:
    """Neighbors of one video on both sides of a split."""
    rows: dict[str, list[tuple[int, str, Exam]]] = defaultdict(list)
    for split, part in zip(splits, exams, strict=True):
        for exam in part:
            if exam.thumb.size and (key := _row(exam.name)):
                rows[key[0]].append((key[1], split, exam))
    hit: list[list[Found]] = []
    for row in rows.values():
        row.sort(key=lambda r: r[:2])
        for (_, split, a), (_, other, b) in pairwise(row):
            if split != other and a.picture != b.picture and a.thumb.shape == b.thumb.shape:
                apart = float(np.abs(a.thumb.astype(np.int16) - b.thumb).mean())
                if apart <= _FRAMES and apart < 0.5 * _usual(row):
                    hit.append([(split, a), (other, b)])
    if hit:
        yield _finding(
            "frames",
            "warning",
            f"{len(hit)} pairs of neighboring video frames stand on both sides of a split (the first: {_shown(hit[0])}), so the score flatters.",
            hit,
            "Put whole videos on one side, by lists of names.",
        )


def _usual(row: list[tuple[int, str, Exam]]) -> float:
    """How different pictures far apart in a row are; of few pictures, a lot."""
    if len(row) < 6:
        return 1e9
    half = len(row) // 2
    apart = [
        np.abs(a.thumb.astype(np.int16) - b.thumb).mean() for (*_, a), (*_, b) in zip(row, row[half:], strict=False)
    ]
    return float(np.median(apart))


def _row(name: str) -> tuple[str, int] | None:
    """What stands before and after the last number of a name, and the number."""
    found = _NUMBER.search(name)
    if found is None:
        return None
    return name[: found.start()] + "#" + name[found.end() :], int(found[1])


def _follow(one: tuple[str, int] | None, two: tuple[str, int] | None) -> bool:
    return one is not None and two is not None and one[0] == two[0] and abs(one[1] - two[1]) <= 2


def _finding(kind: str, severity: Severity, message: str, groups: Sequence[Sequence[Found]], fix: str) -> Finding:
    """A finding about groups of samples; the first of them are shown."""
    return Finding(kind, severity, message, tuple(map(_shown, groups[:5])), fix, _sights(groups))


def _shown(group: Sequence[Found]) -> str:
    return " = ".join(f"{split}/{e.name}" for split, e in group[:3])


def _sights(groups: Sequence[Sequence[Found]]) -> tuple[Sight, ...]:
    """Both pictures of the first groups, up to five in all."""
    flat = [Sight(e.name, e.image_path, e.mask_path, split) for group in groups[:2] for split, e in group[:2]]
    return tuple(dict.fromkeys(flat))[:5]


def _many(count: int, what: str) -> str:
    return f"{count} {what} stands" if count == 1 else f"{count} {what}s stand"
