"""Findings about the values of masks: outside of the label space, unused, rare."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ...labels import IGNORE, LabelSpace, white
from ..exam.counts import all_pixels, class_pixels, commonest, presence
from ..exam.examine import Exam, sights
from ..exam.reading import Split
from ..finding import Finding
from .files import _five


def strays(split: Split) -> Iterable[Finding]:
    """Values in masks that have no meaning."""
    space, exams = split.labels, split.exams
    if space is None:
        return
    hit = _holders(space, exams)
    if not hit:
        return
    worst: dict[int, int] = defaultdict(int)
    for _, stray in hit:
        for value, count in stray.items():
            worst[value] += count
    exam, stray = max(hit, key=lambda h: sum(h[1].values()))
    more = (
        f"; {len(hit)} of the {len(exams)} masks of {split.title} hold such values, {sum(worst.values())} px in all"
        if len(hit) > 1
        else ""
    )
    yield Finding(
        "stray",
        "error",
        f"{exam.place}: {space.describe_stray(stray)}{more}.",
        _five(f"{e.place} ({sum(s.values())} px)" for e, s in hit),
        _proposal(space, worst, exams),
        sights([e for e, _ in hit]),
    )


def _holders(space: LabelSpace, exams: Sequence[Exam]) -> list[tuple[Exam, dict[int, int]]]:
    """The masks that hold values without a meaning, and how many pixels of each."""
    odd = set(space.stray({value: 1 for exam in exams for value in exam.values}))
    rows = ((exam, {v: n for v, n in exam.values.items() if v in odd}) for exam in exams if odd)
    return [(exam, stray) for exam, stray in rows if stray]


def _proposal(space: LabelSpace, stray: dict[int, int], exams: list[Exam]) -> str:
    """What would mend stray values, where the whole of them shows a pattern."""
    seen = {v for e in exams for v in e.values}
    if space.by_color:
        return "The colors look smoothed: save masks as PNG, without resampling or JPEG." if len(stray) > 64 else ""
    if space.num_classes == 2 and len(stray) > 3 and max(seen) <= 255:
        return f'The masks are smoothed or went through JPEG; write labels.values: {{"0..127": {space.names[0]}, "128..255": {space.names[1]}}}.'
    if 0 not in seen and set(stray) == {space.num_classes}:
        wish = ", ".join(f"{n + 1}: {name}" for n, name in enumerate(space.names[:3]))
        return f"The ids seem to start at 1; write labels.values: {{{wish}, ...}}."
    if set(stray) == {255} and space.num_classes > 2:
        return "Write `255: ignore` if these pixels have no label."
    return ""


def unmatched(split: Split) -> Iterable[Finding]:
    """Files without a partner, and what else a split leaves out."""
    sides = zip(split.notes.unmatched, ("images without a mask", "masks without an image"), strict=True)
    told = [
        f"{len(names)} {what} ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
        for names, what in sides
        if names
    ]
    if told:
        images, masks = split.notes.unmatched
        yield Finding(
            "unmatched",
            "warning",
            f"{split.title} leaves out {' and '.join(told)}.",
            _five([*images[:5], *masks[:5]]),
            "Rename them if they belong together; otherwise all is well.",
        )


def meanings(split: Split) -> Iterable[Finding]:
    """Masks that say nothing, two ways to write a class, and what was taken for granted."""
    if split.labels is None or not split.labels.planes:
        labeled = [e for e in split.exams if e.values]
        silent = _silent(split.labels, labeled)
        yield from _all_ignored(split, labeled, silent)
        yield from _constant(split, labeled, silent)
        yield from _two_ways(split, labeled)
    if split.notes.inferred:
        yield Finding("inferred", "note", f"{split.title}: {split.notes.inferred}.")


def _silent(space: LabelSpace | None, labeled: Sequence[Exam]) -> list[Exam]:
    """Masks that are ignored as a whole."""
    if space is None:
        return []
    held = [bool(row.any()) for row in presence(space, labeled)]
    odd = {exam for exam, _ in _holders(space, labeled)}
    return [e for e, any_class in zip(labeled, held, strict=True) if not any_class and e not in odd]


def _all_ignored(split: Split, labeled: Sequence[Exam], silent: Sequence[Exam]) -> Iterable[Finding]:
    """The finding about masks that are ignored as a whole, unless most are, which `frequencies` finds."""
    if silent and 2 * len(silent) < len(labeled):
        yield Finding(
            "all_ignored",
            "warning",
            f"{len(silent)} of the {len(labeled)} masks of {split.title} {'are' if len(silent) > 1 else 'is'} ignored as a whole (the first: {silent[0].name}), so nothing is learned from {'them' if len(silent) > 1 else 'it'}.",
            _five(e.place for e in silent),
            "Look at them: were they never labeled? Then leave them out.",
            sights(silent),
        )


def _constant(split: Split, labeled: Sequence[Exam], silent: Sequence[Exam]) -> Iterable[Finding]:
    """The finding about masks of one value; those full of what few are full of come first."""
    told = set(silent) if 2 * len(silent) < len(labeled) else set()
    constant = [e for e in labeled if len(e.values) == 1 and e not in told]
    if not constant:
        return
    values = commonest(next(iter(e.values)) for e in constant)
    constant.sort(key=lambda e: values[next(iter(e.values))])
    few = min(values.values())  # many may be right: nothing is there to see
    grave = len(constant) == len(labeled) > 1 or (len(labeled) >= 10 and few <= 0.1 * len(labeled))
    space = split.labels
    which = ", ".join(f"{space.spell(v) if space else v} in {n}" for v, n in list(values.items())[:3])
    yield Finding(
        "constant",
        "warning" if grave else "note",
        f"{len(constant)} of the {len(labeled)} masks of {split.title} hold one value only ({which}).",
        _five(e.place for e in constant),
        "Look at some of them: is there nothing in the image, or was it never labeled?",
        sights(constant),
    )


def _two_ways(split: Split, labeled: Sequence[Exam]) -> Iterable[Finding]:
    """The finding about masks of 0 and 1 among those of 0 and 255, where 255 is ignored."""
    space = split.labels
    if space is None or space.num_classes != 2 or space.by_color or space.values.get(255) != IGNORE:
        return
    small = [e for e in labeled if set(e.values) <= {0, 1} and 1 in e.values]
    large = [e for e in labeled if white(e.values) == 255]
    if small and large:
        first, second = space.names  # the labels say so, or a mask that holds 1 and 255 does: every verb reads them so
        yield Finding(
            "mixed_encoding",
            "warning",
            f"{len(small)} masks of {split.title} hold 0 and 1, {len(large)} hold 0 and 255, where 255 is ignored.",
            _five(e.place for e in large),
            f"If 255 is {second!r} too, write labels.values: {{0: {first}, 1: {second}, 255: {second}}}.",
        )


def frequencies(splits: Sequence[Split]) -> Iterable[Finding]:
    """Classes that never occur, and pixels that do not count."""
    for number, split in enumerate(splits):
        space, title = split.labels, split.title
        if space is None:
            continue
        counts, ignored = class_pixels(space, split.exams)
        total = all_pixels(space, split.exams) if space.planes else int(counts.sum()) + ignored
        absent = tuple(name for name, count in zip(space.names, counts, strict=True) if count == 0)
        if total and not counts.sum() and (not space.planes or ignored == total):
            yield Finding(
                "ignored", "error", f"Every pixel of {title} is ignored, so nothing counts.", (), "Check labels.values."
            )
        elif total and ignored > 0.5 * total:
            yield Finding(
                "ignored",
                "warning",
                f"{ignored / total:.1%} of the pixels of {title} are ignored.",
                (),
                "Check labels.values.",
            )
        if absent and counts.sum():
            what = "cannot be learned" if number == 0 else "has no score there"
            shown = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
            yield Finding(
                "absent",
                "warning",
                f"{title} holds no pixel of {shown}, which {what}.",
                absent[:5],
                "Remove the class, or give its value to another one in labels.values.",
            )
