"""Classes that nearly no mask holds, in folders that nobody described: more often slips of a tool than classes."""

from collections import Counter
from collections.abc import Iterator, Sequence

from ...labels import LabelSpace
from ..exam.examine import Exam, sights
from ..finding import Finding

_FEW = 8  # masks: of fewer, each class may well stand in one
_TINY = 50  # pixels in all, and a thousandth of the mask: no object that somebody meant


def scarce(space: LabelSpace, exams: Sequence[Exam], ignored: set[int]) -> Iterator[Finding]:
    """The finding about values that became classes although hardly a mask holds them.

    A value is reported when one mask alone holds it, and it covers a few pixels there or every other class is common; or
    when it stands apart from a row of ids 0, 1, .. n, of which a few may be missing, and most masks lack it. Without
    that gap, or as a class of more than a few pixels, it may well be meant, and is noted only.
    """
    labeled = [e for e in exams if e.values]
    held = Counter(v for e in labeled for v in e.values if v not in ignored)
    if len(labeled) < _FEW or len(held) < 3:
        return
    pixels: Counter[int] = Counter()
    for exam in labeled:
        pixels.update(exam.values)
    told, doubted = [], False
    for value, count in held.items():
        others = [v for v in held if v != value]
        usual = min(held[v] for v in others) >= max(3, 0.1 * len(labeled))
        holder = next(e for e in labeled if value in e.values)
        tiny = pixels[value] < min(_TINY, 1e-3 * sum(holder.values.values()))
        row = not space.by_color and len(others) >= 0.85 * (max(others) - min(others) + 1)
        apart = row and min(others) <= 1 and value > max(others) + 2 and 2 * count < len(labeled)
        if (count == 1 and (usual or tiny)) or apart:
            told.append(value)
            doubted |= apart or tiny
    if not told or len(told) > 5:
        return
    hit = [e for e in labeled if not set(told).isdisjoint(e.values)]
    listed = ", ".join(f"{space.spell(v)} in {held[v]} of them ({pixels[v]} px)" for v in told)
    several = len(told) > 1
    yield Finding(
        "scarce",
        "warning" if doubted else "note",
        f"{'Classes stand' if several else 'A class stands'} in hardly any of the {len(labeled)} masks: {listed}; the first is {hit[0].name}.",
        tuple(e.place for e in hit[:5]),
        "If these pixels are slips, correct the masks, or write the value as ignore into labels.values.",
        sights(hit),
    )
