"""Which of the ids in masks are classes, and what becomes of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ...labels import VOID, LabelSpace
from ..exam.examine import Exam
from .class_names import Named
from .off_by_one import shifted
from .reading import STRAY, Reading

_FEW = 5  # masks: of fewer, each id may well be a class
_OFTEN, _LARGE = 0.1, 0.01  # share of the masks, or of the pixels, from which an id is a class for sure
_SMALL = 0.015  # share of a mask up to which an id may be a slip

View = tuple[Exam, dict[int, int]]  # a mask, and the pixels of each of its values


def classes_of(
    views: Sequence[View], held: Counter[int], file: Named | None, known: LabelSpace | None
) -> tuple[set[int], int]:
    """The ids that are classes or ignored, and how many names there are for ids that are positions.

    Args:
        held: id -> masks that hold it.
    """
    if known is not None:
        return {v for v in held if not known.stray({v: 1})}, known.num_classes
    if file is not None and not file.colors:
        return _named(views, held, file)
    usual = _usual(views, held)
    body = sorted(usual - VOID)
    if not body:
        return set(held), 0
    if len(body) > 2 and shifted(body[-1], views, held):  # of two ids each is a class
        usual, body = usual - {body[-1]}, body[:-1]
    ids = {v for v in usual if v >= 0} | {255}
    ids |= {v for v in held if v >= 0 and v not in usual and not _slip(v, body, views, held)}
    return ids, 0


def _named(views: Sequence[View], held: Counter[int], file: Named) -> tuple[set[int], int]:
    """The same by the names of a file: its own ids, or their positions from 0 or from 1 on, whichever suits more masks."""
    count = len(file.names)
    choices = [set(file.ids) | {255}] if file.ids else [set(range(count)) | {255}, set(range(1, count + 1)) | {255}]
    fits = [sum(set(v) <= choice for _, v in views) for choice in choices]
    best = max(range(len(choices)), key=lambda n: fits[n])
    if fits[best] >= 0.6 * len(views):
        return choices[best], 0 if file.ids else count
    if not file.ids and max(set(held) - {255}, default=0) == count:
        return choices[0], count
    return set(held), 0


def _usual(views: Sequence[View], held: Counter[int]) -> set[int]:
    """The ids that stand in many masks, or cover much."""
    if len(views) < _FEW:
        return set(held)
    pixels: Counter[int] = Counter()
    for _, values in views:
        pixels.update(values)
    total = pixels.total()
    return {v for v in held if held[v] >= max(2, _OFTEN * len(views)) or pixels[v] >= _LARGE * total}


def _slip(value: int, body: Sequence[int], views: Sequence[View], held: Counter[int]) -> bool:
    """Whether a rare id is no class: far beyond the usual ones, or one more than they are in masks that count from one."""
    if value == body[-1] + 1 and shifted(value, views, held):
        return True
    rare = all(v[value] < _SMALL * sum(v.values()) for _, v in views if value in v)
    rest = sorted(set(held) - VOID - {value})  # rare classes too: where they fill a row, what lies beyond it is none
    top = rest[-1] + 1 if _row(rest) else body[-1] + 1 if _row(body) else 2 * body[-1] + 8
    return rare and value > top


def _row(ids: Sequence[int]) -> bool:
    """Whether ids are 0, 1, 2, ... or 1, 2, 3, ... without a gap."""
    return ids[0] in (0, 1) and list(ids) == list(range(ids[0], ids[-1] + 1))


def outside(hit: Sequence[Exam], ids: set[int], count: int, reading: Reading) -> Reading:
    """Masks that hold other values than ids: these have no meaning."""
    worst: Counter[int] = Counter()
    for exam in hit:
        worst.update({v: n for v, n in reading.values(exam).items() if v not in ids})
    told = ", ".join(f"{v} ({n} px)" for v, n in worst.most_common(5)) + (", ..." if len(worst) > 5 else "")
    remap = ", ".join(f"{v}: ignore" for v, _ in worst.most_common(5))
    rows = [(e, ", ".join(f"{v}: {n} px" for v, n in reading.values(e).items() if v not in ids)) for e in hit[:5]]
    return reading.telling(
        "stray",
        "warning" if max(worst) < 0 else "error",  # below 0 there is no class, so nothing can be meant by it
        f"{len(hit)} of the {count} masks hold values outside {brief(ids)}: {told}",
        hit,
        f"If they mean nothing, write labels.values: {{{remap}}}; --fix ignores them.",
        [f"{e.place} ({words})"[:300] for e, words in rows],
    ).translated(hit, lambda _, value: value if value in ids else STRAY)


def brief(values: Iterable[int]) -> str:
    """Ids for people: "0..18", or the first six."""
    ranked = sorted(values)
    body = [v for v in ranked if v not in VOID] or ranked
    if len(body) > 3 and body[-1] - body[0] == len(body) - 1:
        return f"{body[0]}..{body[-1]}"
    return ", ".join(map(str, body[:6])) + (f" and {len(body) - 6} more" if len(body) > 6 else "")
