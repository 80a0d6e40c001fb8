"""Objects that are empty, there twice, cut or joined, and things of which there is no object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ...errors import counted
from ...labels import LabelSpace
from ..exam.counts import class_pixels
from ..exam.examine import Exam, sights
from ..exam.instances import Instances
from ..finding import Finding, Severity

MOST = 65535  # objects of one picture: more fit into no map of 16 bits, as most formats of results are


class Sort(NamedTuple):
    """What is counted of the objects of a picture, and the sentence about it."""

    count: Callable[[Instances], int]
    told: str  # the sentence, with {count} objects and {pictures}
    wish: str
    classes: Callable[[Instances], Sequence[int]] = lambda _: ()  # of those objects, where they are known


EMPTY = Sort(
    lambda seen: len(seen.empty),
    "{count} without a pixel in {pictures}",
    "Draw or remove them: nothing can be learned of them, and scores count them as missed.",
    lambda seen: seen.empty,
)
TWICE = Sort(
    lambda seen: len(seen.twice),
    "{count} with the pixels of another one of the same class in {pictures}",
    "Remove one of each two: no prediction can find both.",
    lambda seen: seen.twice,
)
MANY = Sort(
    lambda seen: max(sum(seen.classes.values()) - MOST, 0),
    f"{{count}} beyond the {MOST:,} that a map of 16 bits can number, in {{pictures}}",
    "Look whether the numbers are those of objects, or cut the pictures into tiles.",
)
CUT = Sort(
    lambda seen: seen.cut,
    "{count} in {pictures} with a neighbor of the same class along one straight line across both, as where a tile's edge "
    "cuts one object in two",
    "Give both parts one number where they are one object.",
)
JOINED = Sort(
    lambda seen: seen.joined,
    "{count} in {pictures} with pixels in two places far apart, as where two objects have one number",
    "Give each object a number of its own.",
)
Known = Sequence[tuple[Exam, Instances]]


def instances(split: str, space: LabelSpace | None, exams: Sequence[Exam], suspect: bool) -> Iterable[Finding]:
    """What is wrong with the objects of a split.

    Args:
        suspect: tell, too, of objects that seem to be cut or joined, as some of sound sets do.
    """
    known = [(exam, exam.instances) for exam in exams if exam.instances is not None]
    if space is None or not known:
        return
    yield from _finding("objects_empty", "warning", EMPTY, split, space, known)
    yield from _finding("objects_twice", "warning", TWICE, split, space, known)
    yield from _finding("objects_many", "warning", MANY, split, space, known)
    if suspect:
        yield from _finding("objects_cut", "warning", CUT, split, space, known)
        yield from _finding("objects_joined", "warning", JOINED, split, space, known)
    found = {number for _, seen in known for number in seen.classes}
    counts, _ = class_pixels(space, exams)
    if lacking := [n for n in space.things if space.names.index(n) not in found and counts[space.names.index(n)]]:
        yield Finding(
            "objects_missing",
            "warning",
            f"{split}: {', '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} pixels but no object, though "
            f"labels.things lists {'it' if len(lacking) == 1 else 'them'}.",
            (),
            "Number the objects, or take what has none out of labels.things.",
        )


def _finding(
    kind: str, severity: Severity, sort: Sort, split: str, space: LabelSpace, known: Known
) -> Iterable[Finding]:
    """The finding of one kind about the pictures of a split, where there is any."""
    hit = [(exam, seen, sort.count(seen)) for exam, seen in known if sort.count(seen)]
    if not hit:
        return
    numbers = Counter(number for _, seen, _ in hit for number in sort.classes(seen) if 0 <= number < space.num_classes)
    names = ", ".join(f"{count} {space.names[number]}" for number, count in numbers.most_common())
    total = counted(sum(count for *_, count in hit), "object")
    told = sort.told.format(count=total, pictures=counted(len(hit), "picture"))
    yield Finding(
        kind,
        severity,
        f"{split}: {told}{': ' if names else ''}{names} (the first in {hit[0][0].name}).",
        tuple(f"{exam.image_path or exam.place} ({count})" for exam, _, count in hit[:5]),
        sort.wish,
        sights([exam for exam, *_ in hit]),
    )
