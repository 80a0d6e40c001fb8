"""Find pictures that stand twice (the same one, saved again, neighbors of one video) and masks that stand beside two images."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple, overload

import numpy as np

from ...errors import counted
from ..exam.examine import Exam
from ..exam.fingerprints import TURNS, cropped, turn, turned
from ..finding import Finding, Severity, Sight
from .near_duplicates import pairs

_FRAMES = 9.0  # mean difference up to which neighbors in a row of numbers are of one scene
_SCENE = 20.0  # the same in a row that is a video for sure
_VIDEO = 15  # frames: two so close to each other in a video are no copies, however alike
_ONE_SCENE = 0.95  # correlation of thumbnails from which two images show one scene, and may share a mask
_MANY = 0.2  # of the masks: where more are shared, it is how the set is made, as with a field of view
AGREE = 0.9  # share of points on which two masks of one picture must agree
_LOOSELY = 0.08  # so much less, where one is cropped and its points lie elsewhere
_NUMBER = re.compile(r"(\d+)(?=\D*$)")

Found = tuple[str, Exam]


class Again(NamedTuple):
    """Two samples of one picture that is not stored alike."""

    one: Found
    two: Found
    way: int  # how the second is turned against the first
    agreement: float  # of their masks; see `agreement`


class Copies(NamedTuple):
    """The samples of one picture in a data set."""

    same: tuple[tuple[Found, ...], ...] = ()  # groups of samples with one picture, pixel for pixel
    again: tuple[Again, ...] = ()  # pairs of samples of one picture that was saved again, turned, cropped or lit


def copies(splits: Sequence[str], exams: Sequence[Sequence[Exam]]) -> Copies:
    """Which samples of some splits show one picture; neighbors in a video do not."""
    held: dict[bytes, list[Found]] = defaultdict(list)
    for split, part in zip(splits, exams, strict=True):
        for exam in part:
            if exam.picture and not exam.flat:
                held[exam.picture].append((split, exam))
    return Copies(tuple(tuple(group) for group in held.values() if len(group) > 1), tuple(near(splits, exams)))


def near(splits: Sequence[str], exams: Sequence[Sequence[Exam]]) -> list[Again]:
    """Pairs of samples of one picture, saved as JPEG, resized, turned, cropped, or in another light; not neighbors in a video."""
    everything = [(s, e) for s, part in zip(splits, exams, strict=True) for e in part if e.prints is not None]
    prints = [e.prints for _, e in everything if e.prints is not None]
    places = _places(splits, exams)
    found = []
    for n, m, way in pairs(prints, _Thumbs([e for _, e in everything])):
        one, two = everything[n], everything[m]
        row, place = places.get(one[1], ("", 0))
        other, next_to = places.get(two[1], ("", 0))
        video = row and row == other and abs(place - next_to) <= _VIDEO
        if not video and one[1].picture != two[1].picture:
            found.append(Again(one, two, way, agreement(one[1], two[1], way)))
    return found


class _Thumbs(Sequence[np.ndarray]):
    """The thumbnails of samples, read when they are asked for."""

    def __init__(self, exams: Sequence[Exam]) -> None:
        self.exams = exams

    def __len__(self) -> int:
        return len(self.exams)

    @overload
    def __getitem__(self, place: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[np.ndarray]: ...
    def __getitem__(self, place: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        return _Thumbs(self.exams[place]) if isinstance(place, slice) else self.exams[place].thumb


def leaks(splits: Sequence[str], exams: Sequence[Sequence[Exam]], found: Copies) -> Iterator[Finding]:
    """What copies mean: across splits they make the score worthless, within one they only count double."""
    yield from _same(found.same)
    yield from _saved_again(found.again)
    same = [Again(g[0], g[1], 0, agreement(g[0][1], g[1][1])) for g in found.same]
    yield from _disagreeing([*same, *found.again])
    yield from _frames(splits, exams)


def _same(groups: Sequence[Sequence[Found]]) -> Iterator[Finding]:
    """The findings about pictures that stand twice, pixel for pixel."""
    across = [group for group in groups if len({split for split, _ in group}) > 1]
    within = [group for group in groups if len({split for split, _ in group}) == 1]
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


def _saved_again(again: Sequence[Again]) -> Iterator[Finding]:
    """The findings about pictures that were saved again, whose masks agree."""
    alike = [a for a in again if a.agreement >= AGREE]
    leaked, similar = [a for a in alike if a.one[0] != a.two[0]], [a for a in alike if a.one[0] == a.two[0]]
    if leaked:
        yield _finding(
            "near_duplicates_across",
            "error",
            f"{_many(len(leaked), 'image')} in more than one split, {_again(leaked)} (the first: {_shown(leaked[0][:2])}): files differ, but picture and mask do not.",
            [a[:2] for a in leaked],
            "Keep each image in one split.",
        )
    if similar:
        yield _finding(
            "near_duplicates",
            "warning",
            f"{len(similar)} {'pair' if len(similar) == 1 else 'pairs'} of images within a split are hardly different, {_again(similar)} (the first: {_shown(similar[0][:2])}).",
            [a[:2] for a in similar],
            "Remove copies that were saved again; frames of a still camera may stay.",
        )


def same_masks(splits: Sequence[str], exams: Sequence[Sequence[Exam]]) -> Iterator[Finding]:
    """The finding about masks that another image has as well; those without much of a border may be alike by chance."""
    labeled = [(s, e) for s, part in zip(splits, exams, strict=True) for e in part if e.values and not e.error]
    held: dict[bytes, list[Found]] = defaultdict(list)
    for split, exam in labeled:
        if exam.borders.size and exam.thumb.size:
            held[exam.mask].append((split, exam))
    most = max(2, _MANY * len(labeled))
    groups = [group for group in held.values() if len(group) <= most]
    hit = [pair for group in groups for pair in combinations(group, 2) if not _one_scene(pair[0][1], pair[1][1])]
    concerned = {exam for pair in hit for _, exam in pair}
    if hit and len(concerned) <= most:
        yield Finding(
            "same_mask",
            "warning",
            f"{len(concerned)} of the {len(labeled)} masks are pixel for pixel those of other images (the first: {_shown(hit[0])}), so one of each two belongs elsewhere.",
            tuple(map(_shown, hit[:5])),
            "Look at both images, and put the right mask beside the other one.",
            tuple(Sight(e.name, e.image_path, e.mask_path, s) for pair in hit[:2] for s, e in pair),
        )


def _one_scene(one: Exam, two: Exam) -> bool:
    """Whether two images show one scene, and so may share a mask."""
    if one.picture == two.picture:
        return True
    a, b = (exam.thumb.astype(np.float32).ravel() for exam in (one, two))
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b) >= _ONE_SCENE * max(float(np.sqrt((a @ a) * (b @ b))), 1e-6)


def agreement(one: Exam, two: Exam, way: int = 0) -> float:
    """Share of points on which two masks agree when the second is turned, 0..1; -1 where either has none."""
    if not one.grid.size or not two.grid.size:
        return -1.0
    if way < TURNS:
        return float((one.grid == turn(two.grid, way)).mean())
    return min(float((one.grid == cropped(two.grid, way)).mean()) + _LOOSELY, 1.0)


def _again(found: Sequence[Again]) -> str:
    """What was done to copies: saved again, or turned as well."""
    told = dict.fromkeys(turned(way) for way in sorted({a.way for a in found} - {0}))
    return f"saved again or {' or '.join(told)}" if told else "saved again"


def _disagreeing(found: Sequence[Again]) -> Iterator[Finding]:
    hit = [a for a in found if 0 <= a.agreement < AGREE]
    if hit:
        yield _finding(
            "contradiction",
            "warning",
            f"{len(hit)} {'pair' if len(hit) == 1 else 'pairs'} of one picture with different masks (the first: {_shown(hit[0][:2])}, alike on {hit[0].agreement:.0%} of the pixels), so at least one mask is wrong.",
            [a[:2] for a in hit],
            "Look at both masks, and keep the better one.",
        )


def _frames(splits: Sequence[str], exams: Sequence[Sequence[Exam]]) -> Iterator[Finding]:
    """Neighbors of one video on both sides of a split."""
    hit: list[list[Found]] = []
    for row in _rows(splits, exams).values():
        far = _usual(row)
        most = _SCENE if _video(row) else _FRAMES
        for (_, split, a), (_, other, b) in pairwise(row):
            if split != other and a.picture != b.picture:
                apart = _apart(a, b)
                if apart <= most and apart < 0.5 * far:
                    hit.append([(split, a), (other, b)])
    if hit:
        yield _finding(
            "frames",
            "warning",
            f"{counted(len(hit), 'pair')} of neighboring video frames {'stand' if len(hit) > 1 else 'stands'} on both sides of a split (the first: {_shown(hit[0])}), so the score flatters.",
            hit,
            "Put whole videos on one side, by lists of names.",
        )


def _rows(splits: Sequence[str], exams: Sequence[Sequence[Exam]]) -> dict[str, list[tuple[int, str, Exam]]]:
    """Samples whose names differ in their last number only, in the order of that number."""
    rows: dict[str, list[tuple[int, str, Exam]]] = defaultdict(list)
    for split, part in zip(splits, exams, strict=True):
        for exam in part:
            if exam.prints is not None and (key := _row(exam.name)):
                rows[key[0]].append((key[1], split, exam))
    for row in rows.values():
        row.sort(key=lambda r: r[:2])
    return rows


def _places(splits: Sequence[str], exams: Sequence[Sequence[Exam]]) -> dict[Exam, tuple[str, int]]:
    """Of each sample that is a frame of a video: the video, and its place in it.

    Of a few pictures, nobody can tell.
    """
    places: dict[Exam, tuple[str, int]] = {}
    for name, row in _rows(splits, exams).items():
        if _video(row):
            places |= {e: (name, n) for n, (*_, e) in enumerate(row)}
    return places


def _video(row: list[tuple[int, str, Exam]]) -> bool:
    """Whether neighbors in a row of numbers are far more alike than pictures far apart."""
    steps = [_apart(a, b) for (*_, a), (*_, b) in pairwise(row)]
    return len(row) >= 6 and float(np.median(steps)) < 0.7 * _usual(row)


def _usual(row: list[tuple[int, str, Exam]]) -> float:
    """How different pictures far apart in a row are; of few pictures, a lot."""
    if len(row) < 6:
        return 1e9
    half = len(row) // 2
    return float(np.median([_apart(a, b) for (*_, a), (*_, b) in zip(row, row[half:], strict=False)]))


def _apart(one: Exam, two: Exam) -> float:
    """Mean difference of two pictures' thumbnails, in gray levels."""
    return float(np.abs(one.thumb.astype(np.int16) - two.thumb).mean())


def _row(name: str) -> tuple[str, int] | None:
    """What stands before and after the last number of a name, and the number."""
    found = _NUMBER.search(name)
    if found is None:
        return None
    return name[: found.start()] + "#" + name[found.end() :], int(found[1])


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
