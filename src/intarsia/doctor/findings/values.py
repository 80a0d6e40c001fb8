"""Findings about the values of masks: outside of the label space, unused, rare."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ...data.dataset import notes_of
from ...labels import IGNORE, LabelSpace, white
from ..exam.counts import all_pixels, commonest, counted
from ..exam.examine import Exam, sights
from ..finding import Finding, Severity
from .files import _five


def strays(split: str, space: LabelSpace | None, exams: list[Exam]) -> Iterable[Finding]:
    """Values in masks that have no meaning."""
    if space is None:
        return
    worst: dict[int, int] = defaultdict(int)
    hit: list[tuple[Exam, dict[int, int]]] = []
    for exam in exams:
        if stray := _stray(space, exam.values):
            hit.append((exam, stray))
            for value, count in stray.items():
                worst[value] += count
    if not hit:
        return
    exam, stray = max(hit, key=lambda h: sum(h[1].values()))
    more = (
        f"; {len(hit)} of the {len(exams)} masks of {split} hold such values, {sum(worst.values())} px in all"
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


def _stray(space: LabelSpace, values: dict[int, int]) -> dict[int, int]:
    return space.stray(values) if values else {}


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


def about(split: str, dataset: object, space: LabelSpace | None, exams: list[Exam]) -> Iterable[Finding]:
    """What was left out, masks of one value, two ways to write a class, and what was taken for granted."""
    images, masks = notes_of(dataset).unmatched
    if images or masks:
        told = [
            f"{len(names)} {what} ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
            for names, what in ((images, "images without a mask"), (masks, "masks without an image"))
            if names
        ]
        yield Finding(
            "unmatched",
            "warning",
            f"{split} leaves out {' and '.join(told)}.",
            _five([*images[:5], *masks[:5]]),
            "Rename them if they belong together; otherwise all is well.",
        )
    if space is not None and space.planes:
        yield from _told(split, dataset)
        return
    labeled = [e for e in exams if e.values]
    silent = [
        e for e in labeled if space is not None and not counted(space, [e])[0].any() and not _stray(space, e.values)
    ]
    if silent and 2 * len(silent) < len(labeled):  # else `frequencies` tells
        yield Finding(
            "all_ignored",
            "warning",
            f"{len(silent)} of the {len(labeled)} masks of {split} {'are' if len(silent) > 1 else 'is'} ignored as a whole (the first: {silent[0].name}), so nothing is learned from {'them' if len(silent) > 1 else 'it'}.",
            _five(e.place for e in silent),
            "Look at them: were they never labeled? Then leave them out.",
            sights(silent),
        )
    constant = [e for e in labeled if len(e.values) == 1 and (2 * len(silent) >= len(labeled) or e not in silent)]
    if constant:
        all_alike = len(constant) == len(labeled) and len(labeled) > 1
        values = commonest(next(iter(e.values)) for e in constant)
        constant.sort(key=lambda e: values[next(iter(e.values))])  # masks full of what few are full of come first
        few = min(values.values())  # many may be right: nothing is there to see
        alone = len(labeled) >= 10 and few <= 0.1 * len(labeled)
        severity: Severity = "warning" if all_alike or alone else "note"
        which = ", ".join(f"{space.spell(v) if space else v} in {n}" for v, n in list(values.items())[:3])
        yield Finding(
            "constant",
            severity,
            f"{len(constant)} of the {len(labeled)} masks of {split} hold one value only ({which}).",
            _five(e.place for e in constant),
            "Look at some of them: is there nothing in the image, or was it never labeled?",
            sights(constant),
        )
    if space is not None and space.num_classes == 2 and not space.by_color:
        small = [e for e in labeled if set(e.values) <= {0, 1} and 1 in e.values]
        large = [e for e in labeled if white(e.values) == 255]
        if small and large and space.values.get(255) == IGNORE:
            # either the labels say so, or a mask that holds 1 and 255 does: every verb reads them so
            yield Finding(
                "mixed_encoding", "warning", f"{len(small)} masks of {split} hold 0 and 1, {len(large)} hold 0 and 255, where 255 is ignored.",
                _five(e.place for e in large), f"If 255 is {space.names[1]!r} too, write labels.values: {{0: {space.names[0]}, 1: {space.names[1]}, 255: {space.names[1]}}}.",
            )  # fmt: skip
    yield from _told(split, dataset)


def _told(split: str, dataset: object) -> Iterable[Finding]:
    """What a data set takes for granted."""
    if inferred := notes_of(dataset).inferred:
        yield Finding("inferred", "note", f"{split}: {inferred}.")


def frequencies(
    splits: Sequence[str], spaces: Sequence[LabelSpace | None], exams: Sequence[list[Exam]]
) -> Iterable[Finding]:
    """Classes that never occur, and pixels that do not count."""
    for number, (split, space, part) in enumerate(zip(splits, spaces, exams, strict=True)):
        if space is None:
            continue
        counts, ignored = counted(space, part)
        total = all_pixels(space, part) if space.planes else int(counts.sum()) + ignored
        absent = tuple(name for name, count in zip(space.names, counts, strict=True) if count == 0)
        if total and not counts.sum() and (not space.planes or ignored == total):
            yield Finding(
                "ignored", "error", f"Every pixel of {split} is ignored, so nothing counts.", (), "Check labels.values."
            )
        elif total and ignored > 0.5 * total:
            yield Finding(
                "ignored",
                "warning",
                f"{ignored / total:.1%} of the pixels of {split} are ignored.",
                (),
                "Check labels.values.",
            )
        if absent and counts.sum():
            what = "cannot be learned" if number == 0 else "has no score there"
            shown = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
            yield Finding(
                "absent",
                "warning",
                f"{split} holds no pixel of {shown}, which {what}.",
                absent[:5],
                "Remove the class, or give its value to another one in labels.values.",
            )
