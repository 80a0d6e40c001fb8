"""Read masks as ids that are not all stored alike: which ids are the classes, and what the others were meant to be.

Two classes and their gray borders are read in `two_classes`, which ids are classes is decided in `usual_ids`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ...errors import LabelError
from ...labels import LabelSpace
from ..exam.counts import smoothed
from ..exam.examine import Exam
from .class_names import Named
from .numbering import counts_objects
from .off_by_one import one_more
from .reading import STRAY, Reading
from .two_classes import read_two
from .usual_ids import brief, classes_of, outside


def read_ids(exams: Sequence[Exam], file: Named | None, known: LabelSpace | None, reading: Reading) -> Reading:
    """Every mask as ids: a table for each whose ids are not the common ones, and what was found.

    Raises: LabelError where no mask holds anything like classes.
    """
    reading = _alpha(exams, _wide(exams, _colors(exams, reading)))
    left = reading.left(exams)
    if known is None and (two := read_two(left, reading)) is not None:
        return replace(two, cut=frozenset())  # the grays between two classes were told, and are cut in the middle
    objects = counts_objects([reading.values(e) for e in left])
    # of numbers of objects one lies between two others by chance
    reading = replace(reading, cut=frozenset()) if objects else _blended(left, reading)
    reading = _smeared(exams, left, objects, reading)
    rest = reading.left(left)
    if not rest:
        first = max(left, key=lambda e: len(reading.own(e)), default=exams[0])
        raise LabelError(
            f"the masks hold up to {len(reading.own(first))} different values ({first.name}); these look like numbers of objects, or like smoothing, and not like classes"
        )
    return reading if objects and known is None else _strays(rest, file, known, reading)


def _colors(exams: Sequence[Exam], reading: Reading) -> Reading:
    """Color files among ids: by the palette of the others, where it knows their colors."""
    hit = [e for e in exams if e.form and e.form.colored]
    if not hit:
        return reading
    palettes = [(e, e.form.palette) for e in exams if e.form and e.form.palette is not None]
    ids = {int(palette[v]): reading.tables.get(e.place, {}).get(v, v) for e, palette in palettes for v in e.values}
    known = [e for e in hit if ids and sum(n for c, n in e.values.items() if c in ids) > 0.99 * sum(e.values.values())]
    reading = reading.tabled({e.place: {c: ids.get(c, STRAY) for c in e.values} for e in known})
    read = {e.place for e in known}
    reading = reading.losing([e for e in hit if e.place not in read], "holds colors, where the other masks hold ids")
    return reading.telling(
        "mixed_encoding",
        "error",
        f"{len(hit)} of the {len(exams)} masks hold colors, where the others hold ids (the first: {hit[0].name})",
        hit,
        "Export them again as ids.",
    )


def _wide(exams: Sequence[Exam], reading: Reading) -> Reading:
    """Masks of 16 bits whose values are ids times 256 or 257."""
    steps = {e.place: step for e in exams if (step := _step(e))}
    wide = [e for e in exams if e.place in steps]
    if not wide:
        return reading
    first = wide[0]
    whole = all(set(e.values) <= {0, 65535} for e in exams)  # all alike, white is one class: nothing to mend
    return reading.translated(wide, lambda exam, value: value // steps[exam.place]).telling(
        "wide_ids",
        "note" if whole else "error",
        f"{len(wide)} of the {len(exams)} masks are 16-bit files whose values are ids times {steps[first.place]} ({brief(first.values)} in {first.name})",
        wide,
        f"Divide the values by {steps[first.place]}, as --fix does.",
    )


def _step(exam: Exam) -> int:
    """256 or 257 where a 16-bit mask holds small ids times that, else 0."""
    values = [v for v in exam.values if v]
    if not (exam.form and exam.form.deep and values) or max(values) < 256:
        return 0
    return next((s for s in (257, 256) if all(v % s == 0 for v in values)), 0)


def _alpha(exams: Sequence[Exam], reading: Reading) -> Reading:
    """The finding about masks that carry their labels in the alpha channel."""
    hit = [e for e in exams if e.form and e.form.alpha]
    if not hit:
        return reading
    return reading.telling(
        "alpha",
        "warning",
        f"{len(hit)} of the {len(exams)} masks carry the labels in their alpha channel; the color is the same everywhere",
        hit,
        "Save the alpha channel as the mask, as --fix does, or read it with data.alpha, as `intarsia init` writes it.",
    )


def _blended(exams: Sequence[Exam], reading: Reading) -> Reading:
    """Masks of ids that were resized with smoothing: what lies between two ids is of neither class, and left out."""
    hit = [e for e in smoothed(exams) if e.form and not e.form.lossy and not e.form.alpha]
    reading = replace(reading, cut=frozenset(e.place for e in hit))
    if not hit:
        return reading
    first = hit[0]
    return reading.telling(
        "smeared",
        "error",
        f"{len(hit)} of the {len(exams)} masks were resized with smoothing: along their borders lie ids between those of both sides ({sum(first.blend.values())} px in {first.name}, such as {max(first.blend, key=lambda v: first.blend[v])}), which name classes that are not there",
        hit,
        "Resize masks by the nearest pixel; --fix ignores what lies between two ids.",
    )


def _smeared(exams: Sequence[Exam], left: Sequence[Exam], objects: bool, reading: Reading) -> Reading:
    """Masks of more grays than anybody draws, and those that were saved with loss: no rule reads them."""
    hit = [] if objects else [e for e in left if _grays(e, reading)]
    taken = {e.place for e in hit}
    hit += [e for e in left if e.form and e.form.lossy and e.place not in taken]
    if not hit:
        return reading
    why = "is smeared by JPEG or resampling, and its ids cannot be told apart"
    return reading.losing(hit, why).telling(
        "smeared",
        "error",
        f"{len(hit)} of the {len(exams)} masks of ids went through JPEG or resampling (the first: {hit[0].name} holds {brief(reading.own(hit[0]))}), so their ids are not those that were drawn",
        hit,
        "Export them again as PNG, resized by the nearest pixel.",
    )


def _grays(exam: Exam, reading: Reading) -> bool:
    return exam.form is not None and exam.form.palette is None and len(reading.values(exam)) > 64


def _strays(exams: Sequence[Exam], file: Named | None, known: LabelSpace | None, reading: Reading) -> Reading:
    """Ids that are no classes: those of unlabeled pixels, ids that count from one more, and others, which mean nothing."""
    views = [(e, reading.values(e)) for e in exams]
    held = Counter(v for _, values in views for v in values)
    ids, names = classes_of(views, held, file, known)
    if file is not None and known is None and _is_void(names, held, len(exams), file):
        hit = [e for e, v in views if names in v]
        ids = ids | {names}
        reading = replace(reading, void=names).telling(
            "void_id",
            "warning",
            f"{len(hit)} of the {len(exams)} masks hold {names}, one more than the {names} names in {file.path.name} allow; it is taken for pixels without a label",
            hit,
            f"Write `{names}: ignore` into labels.values.",
        )
    if held and 0 not in held and (names or min(held) == 1) and known is None:
        reading = reading.telling(
            "off_by_one",
            "warning",
            f"no mask holds 0: the ids are {brief(held)}, so they start at {min(held)}, where a network counts from 0",
            exams,
            "Say in labels.values what each id means, as `intarsia init` does.",
        )
    reading, off = _too_high(views, ids, reading)
    hit = [e for e in exams if e.place not in off and not set(reading.values(e)) <= ids]
    return outside(hit, ids, len(exams), reading) if hit else reading


def _is_void(names: int, held: Counter[int], masks: int, file: Named) -> bool:
    """Whether the id after those of a file's names, which stand for 0, 1, ..., means that pixels have no label."""
    often = bool(names) and held.get(names, 0) >= max(2, 0.2 * masks)
    return often and bool(held.get(0)) and set(held) - {255} <= set(range(names + 1)) and not file.ids


def _too_high(
    views: Sequence[tuple[Exam, dict[int, int]]], ids: set[int], reading: Reading
) -> tuple[Reading, frozenset[str]]:
    """Masks whose ids are one too high by those that they hold; the places of those that are lowered."""
    off, doubt = one_more(views, ids)
    places = frozenset(e.place for e in off)
    if off:
        others = {v for e, seen in views if e.place not in places for v in seen}
        reading = reading.telling(
            "off_by_one",
            "error",
            f"{len(off)} of the {len(views)} masks hold {brief(reading.values(off[0]))}, where the others hold {brief(others)}: their ids seem to be one too high (the first: {off[0].name})",
            off,
            "Subtract 1 from their ids, as --fix does.",
        ).translated(off, lambda _, value: value if value == 255 else value - 1)
    if doubt:
        reading = reading.telling(
            "off_by_one",
            "warning",
            f"{len(doubt)} of the {len(views)} masks hold {brief(reading.values(doubt[0]))} and lack what covers most of nearly all others: their ids seem to be one too high (the first: {doubt[0].name})",
            doubt,
            "Look at them; if so, subtract 1 from their ids.",
        )
    return reading, places
