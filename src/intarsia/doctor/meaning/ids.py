"""Masks of ids that are not all stored alike: which ids are the classes, and what the others were meant to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import LabelError
from ...labels import VOID, LabelSpace, two_ends, white
from ..exam.examine import Exam
from .class_names import Named
from .numbering import numbered
from .off_by_one import one_more, shifted

if TYPE_CHECKING:
    from .notes import _Notes

STRAY = -1


def settle(exams: Sequence[Exam], file: Named | None, notes: _Notes, known: LabelSpace | None) -> None:
    """Fill the tables of all masks whose ids are not the common ones, and say what was found."""
    count = len(exams)
    _colors(exams, notes)
    if wide := [e for e in exams if _step(e)]:
        for exam in wide:
            step = _step(exam)
            notes.translate(exam, lambda v, step=step: v // step)  # type: ignore[misc]
        whole = all(set(e.values) <= {0, 65535} for e in exams)  # all alike, white is one class: nothing to mend
        notes.tell(
            "wide_ids", "note" if whole else "error",
            f"{len(wide)} of the {count} masks are 16-bit files whose values are ids times {_step(wide[0])} ({_brief(wide[0].values)} in {wide[0].name})",
            wide, f"Divide the values by {_step(wide[0])}, as --fix does.",
        )  # fmt: skip
    if hit := [e for e in exams if e.form and e.form.alpha]:
        notes.tell(
            "alpha", "error",
            f"{len(hit)} of the {count} masks carry the labels in their alpha channel; the color is the same everywhere",
            hit, "Save the alpha channel as the mask, as --fix does.",
        )  # fmt: skip
    left = [e for e in exams if id(e) not in notes.lost]
    if known is None and _two(left, notes):
        for exam in left:
            exam.blend = {}  # the grays between two classes were told, and are cut in the middle
        return
    objects = numbered([notes.values(e) for e in left])
    if not objects:  # of which a number lies between two others by chance
        _blended(left, notes)
    for exam in left:
        exam.blend = {} if objects else exam.blend
    smeared = [e for e in left if not objects and _greys(e, notes)]
    lossy = [e for e in left if e.form and e.form.lossy and e not in smeared]
    rest = [e for e in left if e not in smeared and e not in lossy]
    for exam in (*smeared, *lossy):
        notes.lose(exam, "is smeared by JPEG or resampling, and its ids cannot be told apart")
    if smeared or lossy:
        hit = [*smeared, *lossy]
        notes.tell(
            "smeared", "error",
            f"{len(hit)} of the {count} masks of ids went through JPEG or resampling (the first: {hit[0].name} holds {_brief(hit[0].values)}), so their ids are not those that were drawn",
            hit, "Export them again as PNG, resized by the nearest pixel.",
        )  # fmt: skip
    if rest and objects and known is None:
        return
    if rest:
        _strays(rest, file, notes, known)
    else:
        first = max(left, key=lambda e: len(e.values), default=exams[0])
        raise LabelError(
            f"the masks hold up to {len(first.values)} different values ({first.name}); these look like numbers of objects, or like smoothing, and not like classes"
        )


def _colors(exams: Sequence[Exam], notes: _Notes) -> None:
    """Color files among ids: by the palette of the others, where it knows their colors."""
    palettes = [(e, e.form.palette) for e in exams if e.form and e.form.palette is not None]
    ids = {int(palette[v]): notes.tables.get(id(e), {}).get(v, v) for e, palette in palettes for v in e.values}
    hit = [e for e in exams if e.form and e.form.colored]
    for exam in hit:
        total = sum(exam.values.values())
        if ids and sum(n for c, n in exam.values.items() if c in ids) > 0.99 * total:
            notes.tables[id(exam)] = {c: ids.get(c, STRAY) for c in exam.values}
        else:
            notes.lose(exam, "holds colors, where the other masks hold ids")
    if hit:
        notes.tell(
            "mixed_encoding", "error",
            f"{len(hit)} of the {len(exams)} masks hold colors, where the others hold ids (the first: {hit[0].name})",
            hit, "Export them again as ids.",
        )  # fmt: skip


def _blended(exams: Sequence[Exam], notes: _Notes) -> None:
    """Masks of ids that were resized with smoothing: what lies between two ids is of neither class, and left out."""
    hit = [e for e in exams if e.blend]
    lines = hit and len(hit) > 0.5 * len(exams) and len({v for e in hit for v in e.blend}) == 1
    if lines or any(e.form and (e.form.lossy or e.form.alpha) for e in hit):  # a border of its own around each object
        hit = [] if lines else [e for e in hit if e.form and not e.form.lossy and not e.form.alpha]
    for exam in exams:
        exam.blend = exam.blend if exam in hit else {}
    if not hit:
        return
    first = hit[0]
    notes.tell(
        "smeared", "error",
        f"{len(hit)} of the {len(exams)} masks were resized with smoothing: along their borders lie ids between those of both sides ({sum(first.blend.values())} px in {first.name}, such as {max(first.blend, key=lambda v: first.blend[v])}), which name classes that are not there",
        hit, "Resize masks by the nearest pixel; --fix ignores what lies between two ids.",
    )  # fmt: skip
    for exam in hit:
        kept = {v: n - exam.blend.get(v, 0) for v, n in exam.values.items()}
        exam.values = {v: n for v, n in kept.items() if n > 0.1 * exam.values[v] and n > 8}


def _two(exams: Sequence[Exam], notes: _Notes) -> bool:
    """Masks of two classes, however they are stored: 0 and 1, 0 and 255, or grays between; whether these are such masks."""
    views = [notes.values(e) for e in exams]
    if not exams or any(max(v, default=0) > 255 for v in views):
        return False
    gray = [e for e in exams if _ends(notes.values(e), e)]
    one = [e for e, v in zip(exams, views, strict=True) if e not in gray and set(v) <= {0, 1} and 1 in v]
    full = [e for e, v in zip(exams, views, strict=True) if e not in gray and white(v) == 255]
    none = [e for e, v in zip(exams, views, strict=True) if set(v) == {0} or (e.form and e.form.lossy and max(v) < 16)]
    binary = len({id(e) for e in (*gray, *one, *full, *none)})
    if not (gray or full) or binary < 0.75 * len(exams):
        return False
    if binary < len(exams) and not (gray or len(full) > 0.5 * len(exams)):
        return False
    if (one and full) or (one and gray):
        minor = min((one, [*full, *gray]), key=len)
        notes.tell(
            "mixed_encoding", "error",
            f"{len(one)} masks hold 0 and 1, {len(full) + len(gray)} hold 0 and 255 (the first of the fewer: {minor[0].name})",
            minor, "Save all of them in one way, as --fix does.",
        )  # fmt: skip
        for exam in one:
            notes.translate(exam, lambda v: 255 if v == 1 else v)
    if gray:
        lossy = sum(bool(e.form and e.form.lossy) for e in gray)
        notes.tell(
            "smeared", "warning",
            f"{len(gray)} of the {len(exams)} masks hold grays between 0 and 255 ({max(len(e.values) for e in gray)} different values in {max(gray, key=lambda e: len(e.values)).name}), {'from JPEG' if lossy == len(gray) else 'from smoothing or resampling'}; below 128 is one class, from 128 on the other",
            gray, 'Write labels.values with "0..127" and "128..255", or masks of two values with --fix.',
        )  # fmt: skip
        for exam in exams:
            notes.translate(exam, lambda v: v if v in (0, 255) else 255 if v >= 128 else 0)
        return True
    hit = [e for e in exams if set(notes.values(e)) - {0, 255}]
    if hit:
        _tell_strays(hit, {0, 255}, len(exams), notes)
    return True


def _ends(values: dict[int, int], exam: Exam) -> bool:
    """Whether a mask has two values with grays between them."""
    if exam.form and exam.form.palette is not None:
        return False
    if exam.form and exam.form.lossy and 3 < len(values) <= 8:
        total = sum(values.values())
        return max(values) >= 239 and sum(n for v, n in values.items() if v <= 16 or v >= 239) > 0.8 * total
    return two_ends(values)


def _greys(exam: Exam, notes: _Notes) -> bool:
    values = notes.values(exam)
    return len(values) > 64 and bool(exam.form and exam.form.palette is None)


def _strays(exams: Sequence[Exam], file: Named | None, notes: _Notes, known: LabelSpace | None) -> None:
    views = [(e, notes.values(e)) for e in exams]
    held = Counter(v for _, values in views for v in values)
    ids, named = _ids(views, held, file, known)
    if (
        file is not None
        and named
        and known is None
        and held.get(named, 0) >= max(2, 0.2 * len(exams))
        and held.get(0, 0)
        and set(held) - {255} <= set(range(named + 1))
        and not file.ids
    ):
        notes.void = named
        ids = ids | {named}
        hit = [e for e, v in views if named in v]
        notes.tell(
            "void_id", "warning",
            f"{len(hit)} of the {len(exams)} masks hold {named}, one more than the {named} names in {file.path.name} allow; it is taken for pixels without a label",
            hit, f"Write `{named}: ignore` into labels.values.",
        )  # fmt: skip
    if held and 0 not in held and (named or min(held) == 1) and known is None:
        notes.tell(
            "off_by_one", "warning",
            f"no mask holds 0: the ids are {_brief(held)}, so they start at {min(held)}, where a network counts from 0",
            [e for e, _ in views], "Say in labels.values what each id means, as `intarsia init` does.",
        )  # fmt: skip
    off, doubt = one_more(views, ids)
    if off:
        notes.tell(
            "off_by_one", "error",
            f"{len(off)} of the {len(exams)} masks hold {_brief(notes.values(off[0]))}, where the others hold {_brief({v for e, seen in views if e not in off for v in seen})}: their ids seem to be one too high (the first: {off[0].name})",
            off, "Subtract 1 from their ids, as --fix does.",
        )  # fmt: skip
        for exam in off:
            notes.translate(exam, lambda v: v if v == 255 else v - 1)
    if doubt:
        notes.tell(
            "off_by_one", "warning",
            f"{len(doubt)} of the {len(exams)} masks hold {_brief(notes.values(doubt[0]))} and lack what covers most of nearly all others: their ids seem to be one too high (the first: {doubt[0].name})",
            doubt, "Look at them; if so, subtract 1 from their ids.",
        )  # fmt: skip
    hit = [e for e, _ in views if e not in off and not set(notes.values(e)) <= ids]
    if hit:
        _tell_strays(hit, ids, len(exams), notes)


def _tell_strays(hit: Sequence[Exam], ids: set[int], count: int, notes: _Notes) -> None:
    worst: Counter[int] = Counter()
    for exam in hit:
        worst.update({v: n for v, n in notes.values(exam).items() if v not in ids})
    told = ", ".join(f"{v} ({n} px)" for v, n in worst.most_common(5)) + (", ..." if len(worst) > 5 else "")
    remap = ", ".join(f"{v}: ignore" for v, _ in worst.most_common(5))
    notes.tell(
        "stray", "warning" if max(worst) < 0 else "error",  # below 0 there is no class, so nothing can be meant by it
        f"{len(hit)} of the {count} masks hold values outside {_brief(ids)}: {told}",
        hit, f"If they mean nothing, write labels.values: {{{remap}}}; --fix ignores them.",
        [f"{e.place} ({', '.join(f'{v}: {n} px' for v, n in list(notes.values(e).items()) if v not in ids)})"[:300] for e in hit[:5]],
    )  # fmt: skip
    for exam in hit:
        notes.translate(exam, lambda v: v if v in ids else STRAY)


def _ids(
    views: Sequence[tuple[Exam, dict[int, int]]], held: Counter[int], file: Named | None, known: LabelSpace | None
) -> tuple[set[int], int]:
    """The ids that are classes or ignored, and how many names there are for ids that are positions."""
    if known is not None:
        return {v for v in held if not known.stray({v: 1})}, known.num_classes
    if file is not None and not file.colors:
        count = len(file.names)
        choices = [set(file.ids) | {255}] if file.ids else [set(range(count)) | {255}, set(range(1, count + 1)) | {255}]
        fits = [sum(set(v) <= c for _, v in views) for c in choices]
        best = max(range(len(choices)), key=lambda n: fits[n])
        if fits[best] >= 0.6 * len(views):
            return choices[best], 0 if file.ids else count
        if not file.ids and max(set(held) - {255}, default=0) == count:
            return choices[0], count
        return set(held), 0
    files = len(views)
    total = sum(sum(v.values()) for _, v in views)
    pixels: Counter[int] = Counter()
    for _, values in views:
        pixels.update(values)
    if files < 5:
        usual = set(held)
    else:
        usual = {v for v in held if held[v] >= max(2, 0.1 * files) or pixels[v] >= 0.01 * total}
    body = sorted(usual - VOID)
    if not body:
        return set(held), 0
    top = body[-1]
    if shifted(top, views, held) and len(body) > 1:
        usual, body = usual - {top}, body[:-1]
    row = body == list(range(body[0], body[-1] + 1)) and body[0] in (0, 1)
    ids = {v for v in usual if v >= 0} | {255}
    for value in {v for v in held if v >= 0} - usual:
        rare = all(v[value] < 0.015 * sum(v.values()) for _, v in views if value in v)
        rest = sorted(
            set(held) - VOID - {value}
        )  # rare classes too: where they fill a row, what lies beyond it is none
        filled = rest == list(range(rest[0], rest[-1] + 1)) and rest[0] in (0, 1)
        top = rest[-1] + 1 if filled else body[-1] + 1 if row else 2 * body[-1] + 8
        beyond = rare and value > top
        if not (beyond or (value == body[-1] + 1 and shifted(value, views, held))):
            ids.add(value)
    return ids, 0


def _step(exam: Exam) -> int:
    """256 or 257 where a 16-bit mask holds small ids times that, else 0."""
    values = [v for v in exam.values if v]
    if not (exam.form and exam.form.deep and values) or max(values) < 256:
        return 0
    return next((s for s in (257, 256) if all(v % s == 0 for v in values)), 0)


def _brief(values: object) -> str:
    ranked = sorted(values)  # type: ignore[call-overload]
    body = [v for v in ranked if v not in VOID] or ranked
    if len(body) > 3 and body[-1] - body[0] == len(body) - 1:
        return f"{body[0]}..{body[-1]}"
    return ", ".join(map(str, body[:6])) + (f" and {len(body) - 6} more" if len(body) > 6 else "")
