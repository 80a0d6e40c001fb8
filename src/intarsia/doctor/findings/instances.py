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
from ..finding import Finding

MOST = 65535  # objects of one picture: more fit into no map of 16 bits, as most formats of results are


class Sort(NamedTuple):
    """One kind of finding about objects."""

    kind: str
    count: Callable[[Instances], int]  # in one picture
    told: str  # the sentence, with {count} objects of {pictures}
    wish: str
    classes: Callable[[Instances], Sequence[int]] = lambda _: ()  # of those objects, where they are known


SORTS = (
    Sort(
        "objects_empty",
        lambda seen: len(seen.empty),
        "{count} without a pixel in {pictures}",
        "Draw or remove them: nothing can be learned of them, and scores count them as missed.",
        lambda seen: seen.empty,
    ),
    Sort(
        "objects_twice",
        lambda seen: len(seen.twice),
        "{count} with the pixels of another one of the same class in {pictures}",
        "Remove one of each two: no prediction can find both.",
        lambda seen: seen.twice,
    ),
    Sort(
        "objects_many",
        lambda seen: max(sum(seen.classes.values()) - MOST, 0),
        f"{{count}} beyond the {MOST:,} that a map of 16 bits can number, in {{pictures}}",
        "Look whether the numbers are those of objects, or cut the pictures into tiles.",
    ),
)
SUSPECTED = (
    Sort(
        "objects_cut",
        lambda seen: seen.cut,
        "{count} in {pictures} with a neighbor of the same class along one straight line across both, as where a tile's edge "
        "cuts one object in two",
        "Give both parts one number where they are one object.",
    ),
    Sort(
        "objects_joined",
        lambda seen: seen.joined,
        "{count} in {pictures} with pixels in two places far apart, as where two objects have one number",
        "Give each object a number of its own.",
    ),
)


def instances(split: str, space: LabelSpace | None, exams: Sequence[Exam], suspect: bool) -> Iterable[Finding]:
    """What is wrong with the objects of a split.

    Args:
        suspect: tell, too, of objects that seem to be cut or joined, as some of sound sets do.
    """
    known = [(exam, exam.instances) for exam in exams if exam.instances is not None]
    if space is None or not known:
        return
    for sort in (*SORTS, *SUSPECTED) if suspect else SORTS:
        hit = [(exam, seen, sort.count(seen)) for exam, seen in known if sort.count(seen)]
        if hit:
            numbers = Counter(number for _, seen, _ in hit for number in sort.classes(seen))
            names = [
                f"{n} {space.names[number]}" for number, n in numbers.most_common() if 0 <= number < space.num_classes
            ]
            told = sort.told.format(
                count=counted(sum(count for *_, count in hit), "object"), pictures=counted(len(hit), "picture")
            )
            yield Finding(
                sort.kind,
                "warning",
                f"{split}: {told}{': ' if names else ''}{', '.join(names)} (the first in {hit[0][0].name}).",
                tuple(f"{exam.image_path or exam.place} ({count})" for exam, _, count in hit[:5]),
                sort.wish,
                sights([exam for exam, *_ in hit]),
            )
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
