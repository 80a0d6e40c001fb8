"""Put the answers of overlapping windows together into one of the whole picture.

    labels, planes, depth   each pixel from the part that owns it
    segments                numbered through; things that agree where two windows overlap are one, stuff of a class is one
    objects                 those of one class that agree where two windows overlap are one, with all pixels of both

Two things agree when their masks (or boxes), inside of what both windows see, have an IoU of at least `SAME`. An object of
which a window sees only a piece, while another sees more of it, is left out: nearly all of it lies in what both windows see,
and most of it inside of the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..labels.meetings import meetings, occurring
from ..structures import Answer, CroppedMask, Depth, Labels, Objects, Planes, Segments

SAME = 0.5  # the least IoU of one thing in two windows, and the least share of a piece inside of the whole
PIECE = 0.9  # share of a piece's pixels that lie in what both windows see

Box = tuple[int, int, int, int]  # y0, x0, y1, x1


class Placed(NamedTuple):
    """The answer of a part of a picture.

    Args:
        box: what the part sees: y0, x0, y1, x1 in the picture.
        own: which of these pixels no other part owns; all parts together own each pixel once.
        answer: of the part, on the CPU.
    """

    box: Box
    own: Box
    answer: Any


def paste(size: tuple[int, int], parts: Iterable[Placed], things: Collection[int] = ()) -> Answer:
    """Take each pixel of `Labels`, `Planes` or `Depth` from the part that owns it.

    Args:
        size: (H, W) of the picture.
        parts: answers of one kind.
        things: unused.
    """
    whole: Tensor | None = None
    kind: Any = None
    for part in parts:
        (values,), kind = part.answer, type(part.answer)
        if whole is None:
            whole = values.new_empty(*values.shape[:-2], *size)
        whole[..., *_slices(part.own)] = values[..., *_slices(part.own, part.box)]
    answer: Answer = kind(whole)
    return answer


def segments(size: tuple[int, int], parts: Iterable[Placed], things: Collection[int] = ()) -> Segments:
    """Number the segments of all parts through, and make one of those that are one.

    A pixel belongs to the segment that its own part has there; where that has none, to that of another part.

    Args:
        size: (H, W) of the picture.
        parts: `Segments`, row by row.
        things: the classes whose objects are told apart; all segments of another class are one.
    """
    ids = np.zeros(size, np.int32)
    depth: np.ndarray | None = None
    classes, scores, one = [-1], [0.0], _Joined(1)
    stuff: dict[int, int] = {}
    recent: list[tuple[Box, np.ndarray]] = []
    for part in parts:
        answer: Segments = part.answer
        local, back, _ = occurring(np.asarray(answer.ids))
        table = np.zeros(len(local), np.int32)
        for n, number in enumerate(local.tolist()):
            if number:
                table[n] = one.add()
                classes.append(int(answer.classes[number]))
                scores.append(float(answer.scores.get(number, np.nan)))
                if classes[-1] not in things:
                    one.join(stuff.setdefault(classes[-1], int(table[n])), int(table[n]))
        mine = table[back.reshape(answer.ids.shape)]
        recent = [(box, theirs) for box, theirs in recent if box[2] > part.box[0]]
        for box, theirs in recent:
            both = _common(part.box, box)
            if both is not None:
                _join(mine[_slices(both, part.box)], theirs[_slices(both, box)], classes, one)
        recent.append((part.box, mine))
        seen, own = ids[_slices(part.box)], _slices(part.own, part.box)
        seen[own] = np.where(mine[own] > 0, mine[own], seen[own])
        np.copyto(seen, mine, where=seen == 0)
        if answer.depth is not None:
            depth = np.full(size, np.nan, np.float32) if depth is None else depth
            depth[_slices(part.own)] = np.asarray(answer.depth)[_slices(part.own, part.box)]
    table = np.array([one.first(n) for n in range(len(classes))], np.int32)
    found, back, _ = occurring(table[ids])
    kept = [n for n in found.tolist() if n]
    numbers = np.array([0] * (len(found) - len(kept)) + list(range(1, len(kept) + 1)), np.int32)
    groups = one.groups(range(1, len(classes)))
    best = {group[0]: max((scores[n] for n in group if scores[n] == scores[n]), default=None) for group in groups}
    return Segments(
        numbers[back.reshape(size)],
        {n: classes[first] for n, first in enumerate(kept, start=1)},
        scores={n: score for n, first in enumerate(kept, start=1) if (score := best[first]) is not None},
        depth=depth,
    )


def objects(size: tuple[int, int], parts: Iterable[Placed], things: Collection[int] = ()) -> Objects:
    """Make one of the objects that are one, with the pixels of all and the best score.

    Args:
        size: (H, W) of the picture.
        parts: `Objects` with masks, or with boxes alone, row by row.
        things: unused.

    Returns: best first; shapes a list of `CroppedMask`, or [M, 4] boxes where the parts have no masks.
    """
    pieces: list[_Piece] = []
    one = _Joined(0)
    recent: list[int] = []  # of windows that the next may overlap
    for part in parts:
        fresh = [one.add() for _ in range(len(part.answer.classes))]
        pieces += _pieces(part)
        recent = [n for n in recent if pieces[n].seen[2] > part.box[0]]
        for pair in _pairs(pieces, recent, fresh):
            one.join(*pair)
        recent += fresh
    groups = one.groups(n for n, piece in enumerate(pieces) if not piece.dropped)
    found = sorted((_united([pieces[n] for n in group]) for group in groups), key=lambda piece: -piece.score)
    boxes = torch.tensor([[p.box[1], p.box[0], p.box[3], p.box[2]] for p in found]).reshape(-1, 4).float()
    masks = [CroppedMask(_slices(p.box), p.mask, size) for p in found if p.mask is not None]
    return Objects(
        boxes if found and not masks else masks,
        torch.tensor([p.label for p in found], dtype=torch.int64),
        torch.tensor([p.score for p in found], dtype=torch.float32),
        boxes=boxes,
    )


STITCHED: dict[type, Callable[..., Answer]] = {
    Labels: paste,
    Planes: paste,
    Depth: paste,
    Segments: segments,
    Objects: objects,
}


class _Joined:
    """Numbers in groups, each group known by its smallest."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def add(self) -> int:
        self.parent.append(len(self.parent))
        return len(self.parent) - 1

    def first(self, n: int) -> int:
        while self.parent[n] != n:
            n = self.parent[n]
        return n

    def join(self, a: int, b: int) -> None:
        a, b = sorted((self.first(a), self.first(b)))
        self.parent[b] = a

    def groups(self, members: Iterable[int]) -> list[list[int]]:
        held: dict[int, list[int]] = {}
        for n in members:
            held.setdefault(self.first(n), []).append(n)
        return list(held.values())


def _join(mine: np.ndarray, theirs: np.ndarray, classes: list[int], one: _Joined) -> None:
    """Join the segments of two windows that agree in what both see."""
    pairs, counts = meetings(mine, theirs)
    own, other = Counter[int](), Counter[int]()
    for (a, b), both in zip(pairs.tolist(), counts.tolist(), strict=True):
        own[a] += both
        other[b] += both
    for (a, b), both in zip(pairs.tolist(), counts.tolist(), strict=True):
        if a and b and classes[a] == classes[b] and both >= SAME * (own[a] + other[b] - both):
            one.join(a, b)


class _Piece:
    """An object as one window sees it, in the picture's coordinates.

    Args:
        box: around it.
        mask: [h, w] bool, inside of the box; None for an object that is a box alone.
        seen: what its window sees.
    """

    def __init__(self, box: tuple[Any, ...], mask: np.ndarray | None, label: int, score: float, seen: Box) -> None:
        self.box, self.mask, self.label, self.score, self.seen = box, mask, label, score, seen
        self.dropped = False

    def area(self, box: tuple[Any, ...] | None) -> float:
        """How many of its pixels lie in a box inside of its own."""
        if box is None:
            return 0.0
        return (
            (box[2] - box[0]) * (box[3] - box[1])
            if self.mask is None
            else float(self.mask[_slices(box, self.box)].sum())
        )

    def shared(self, other: _Piece, box: tuple[Any, ...] | None) -> float:
        """How many pixels of a box inside of both belong to both."""
        if box is None or self.mask is None or other.mask is None:
            return self.area(box)
        return float((self.mask[_slices(box, self.box)] & other.mask[_slices(box, other.box)]).sum())


def _pieces(part: Placed) -> list[_Piece]:
    answer: Objects = part.answer
    labels = np.asarray(answer.classes).tolist()
    scores = [1.0] * len(labels) if answer.scores is None else np.asarray(answer.scores).tolist()
    top, left = part.box[:2]
    pieces = []
    for shape, label, score in zip(answer.shapes, labels, scores, strict=True):
        box: tuple[Any, ...]
        if isinstance(shape, CroppedMask):
            box = (shape.box[0].start, shape.box[1].start, shape.box[0].stop, shape.box[1].stop)
            mask = shape.inside
        elif shape.ndim == 2:
            whole: np.ndarray = np.asarray(shape)
            rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
            box = (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1) if len(rows) else (0, 0, 0, 0)
            box, mask = tuple(map(int, box)), whole[_slices(box)].copy()
        else:
            x0, y0, x1, y1 = np.asarray(shape).tolist()
            box, mask = (y0, x0, y1, x1), None
        place = (box[0] + top, box[1] + left, box[2] + top, box[3] + left)
        pieces.append(_Piece(place, mask, label, score, part.box))
    return pieces


def _pairs(pieces: list[_Piece], before: list[int], fresh: list[int]) -> list[tuple[int, int]]:
    """Which of the new objects are one with which of the others; pieces of a larger one are dropped."""
    agree = []
    for a in fresh:
        for b in before:
            mine, theirs = pieces[a], pieces[b]
            band = _common(mine.seen, theirs.seen)
            if mine.label != theirs.label or band is None or theirs.dropped:
                continue
            here, there = _common(mine.box, band), _common(theirs.box, band)
            both = mine.shared(theirs, None if here is None or there is None else _common(here, there))
            if not both:
                continue
            areas = mine.area(here), theirs.area(there)
            if both >= SAME * (sum(areas) - both):
                agree.append((both / (sum(areas) - both), a, b))
                continue
            for one, inside in zip((mine, theirs), areas, strict=True):
                one.dropped |= both >= SAME * inside >= SAME * PIECE * one.area(one.box)
    found, taken = [], set()
    for _, a, b in sorted(agree, reverse=True):  # one object of a window is one of another
        if (a, pieces[b].seen) not in taken and (b, pieces[a].seen) not in taken:
            taken |= {(a, pieces[b].seen), (b, pieces[a].seen)}
            found.append((a, b))
    return found


def _united(group: list[_Piece]) -> _Piece:
    """All pixels of several pieces, with the best score."""
    if len(group) == 1:
        return group[0]
    sides = list(zip(*(piece.box for piece in group if piece.area(piece.box)), strict=True)) or [(0,)] * 4
    box = (min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3]))
    mask: np.ndarray | None = None
    if group[0].mask is not None:
        mask = np.zeros((box[2] - box[0], box[3] - box[1]), bool)
        for piece in group:
            if piece.mask is not None and piece.mask.size:
                mask[_slices(piece.box, box)] |= piece.mask
    return _Piece(box, mask, group[0].label, max(piece.score for piece in group), group[0].seen)


def _common(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...] | None:
    box = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _slices(box: tuple[Any, ...], within: tuple[Any, ...] = (0, 0)) -> tuple[slice, slice]:
    """Rows and columns of a box, counted from the corner of another."""
    return slice(box[0] - within[0], box[2] - within[0]), slice(box[1] - within[1], box[3] - within[1])
