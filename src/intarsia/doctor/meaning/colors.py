"""Read masks as colors: one color a class, whatever palette a file stores them by."""

from collections import Counter
from collections.abc import Sequence

from ...labels import LabelSpace
from ..exam.examine import Exam
from ..exam.storage import as_colors, recolored
from .class_names import Named
from .near_colors import complete, known_colors, nearest_of, pictured
from .notes import STRAY, _Notes, _of

_EXACT = 64  # different colors up to which a mask was not smoothed


def _colored(exams: Sequence[Exam], notes: _Notes) -> bool:
    """Whether masks are colors: most of them, or palettes that disagree about an index in use, unless a few do."""
    forms = [e.form for e in exams if e.form]
    colored = sum(f.colored or (" RGB" in f.kind and not f.alpha and not f.lossy) for f in forms)
    if sum(f.colored for f in forms) and 2 * colored > len(forms):
        return True
    usual, odd = _disagreeing(exams)
    return not (not odd or _reordered(exams, usual, odd, notes))


def _disagreeing(exams: Sequence[Exam]) -> tuple[dict[int, int], list[Exam]]:
    """The color of each index in most palette masks, and the masks in which an index has another color, or a color another index."""
    painted = [
        (e, {v: int(e.form.palette[v]) for v in e.values}) for e in exams if e.form and e.form.palette is not None
    ]
    unique = all(len(set(used.values())) == len(used) for _, used in painted)
    votes = Counter(pair for _, used in painted for pair in used.items())
    usual: dict[int, int] = {}
    for (index, color), _ in votes.most_common():
        if index not in usual and not (unique and color in usual.values()):
            usual[index] = color
    return usual, [e for e, used in painted if any(usual.get(v) != color for v, color in used.items())]


def _reordered(exams: Sequence[Exam], usual: dict[int, int], odd: Sequence[Exam], notes: _Notes) -> bool:
    """Read a few masks with another palette by their colors, as the ids that these have in the others; whether that works."""
    ids = {color: index for index, color in usual.items()}
    alone = len(ids) < len(usual) or len(odd) > 0.3 * len(exams)
    if alone or any(
        int(e.form.palette[v]) not in ids for e in odd if e.form and e.form.palette is not None for v in e.values
    ):
        return False
    for exam in odd:
        assert exam.form is not None and exam.form.palette is not None
        palette = exam.form.palette
        notes.tables[id(exam)] = {v: ids[int(palette[v])] for v in exam.values}
    notes.tell(
        "palette_order", "warning",
        f"{_of(odd, exams)} are palette files in which an index has another color than in the others (the first: {odd[0].name}); they are read by their colors, as the ids that these have elsewhere",
        odd, "Write one palette in all of them, as --fix does; until then read the masks as colors.",
    )  # fmt: skip
    return True


def _as_colors(exams: Sequence[Exam], file: Named | None, notes: _Notes, known: LabelSpace | None) -> Counter[int]:
    """Every mask as colors; the pixels of each color."""
    if hit := _disagreeing(exams)[1]:
        notes.tell(
            "palette_order", "warning",
            f"{_of(hit, exams)} are palette files in which an index has another color than in the others (the first: {hit[0].name}), so indices mean nothing and all masks are read as colors",
            hit, "Keep reading them as colors, or write one palette with --fix.",
        )  # fmt: skip
    for exam in exams:
        form = exam.form
        assert form is not None
        if not form.colored:
            notes.tables[id(exam)] = {v: recolored(v, form) for v in exam.values}
    counts = {id(e): as_colors(e.values, e.form) for e in exams if e.form}
    exact = [e for e in exams if e.form and not e.form.lossy and len(counts[id(e)]) <= _EXACT]
    smeared = [e for e in exams if e not in exact]
    trusted = exact if 2 * len(exact) >= len(exams) else exams
    painted = [e for e in trusted if e.form and (e.form.colored or e.form.palette is not None or " RGB" in e.form.kind)]
    colors = known_colors([counts[id(e)] for e in painted or trusted], file, known)
    if pictures := [e for e in smeared if colors and pictured(counts[id(e)], colors)]:
        for exam in pictures:
            notes.lose(exam, "holds other colors than the other masks, as a picture does")
        notes.tell(
            "picture", "error",
            f"{_of(pictures, exams)} hold {'other colors' if len(pictures) == 1 else 'other colors each'} than the rest, {len(counts[id(pictures[0])])} in {pictures[0].name}: a picture, or an overlay on one, seems to stand where the mask should",
            pictures, "Put the masks back, or leave the images out, as --fix does.",
        )  # fmt: skip
        smeared = [e for e in smeared if e not in pictures]
    if smeared:
        notes.tell(
            "smeared", "error",
            f"{_of(smeared, exams)} hold shades of their colors, {max(len(counts[id(e)]) for e in smeared)} in {max(smeared, key=lambda e: len(counts[id(e)])).name}: they were saved as JPEG or resampled, so most borders are of no class",
            smeared, "Export them again as PNG without smoothing; --fix takes the nearest of the usual colors, and ignores what is near none.",
        )  # fmt: skip
    plain: list[Exam] = []
    odd: list[Exam] = []
    strange: list[Exam] = []
    for exam in (e for e in exams if id(e) not in notes.lost):
        seen = counts[id(exam)]
        own = {c: nearest_of(c, colors) for c in seen if c not in colors}
        if not own:
            continue
        outside = sum(seen[c] for c in own)
        if exam.form and not exam.form.colored and exam.form.palette is None and outside > 0.5 * sum(seen.values()):
            strange.append(exam)
            notes.lose(exam, "holds ids, where the other masks hold colors")
        elif exam not in smeared:
            (plain if all(near is None for near in own.values()) else odd).append(exam)
        notes.translate(exam, lambda c, own=own: c if c in colors else own[c] if own.get(c) is not None else STRAY)  # type: ignore[misc]
    if strange:
        notes.tell("mixed_encoding", "error", f"{_of(strange, exams)} hold ids, where the others hold colors", strange, "Export them again in the colors of the others.")  # fmt: skip
    if hit := [*plain, *odd]:
        first = next(iter(c for c in counts[id(hit[0])] if c not in colors))
        told = sum(n for e in hit for c, n in counts[id(e)].items() if c not in colors)
        believed = file is not None and complete(file, Counter(c for e in exams for c in counts[id(e)]))
        notes.tell(
            "stray", "error" if believed and plain else "warning",
            f"{_of(hit, exams)} hold colors that are {f'no class in {file.path.name}' if believed and file else 'too rare for a class'}, {told} px in all (the first: #{first & 0xFFFFFF:06x} in {hit[0].name})",
            hit, "They are ignored, or taken for a color that is hardly different; correct the masks if they matter.",
        )  # fmt: skip
    total: Counter[int] = Counter()
    for exam in exams:
        if id(exam) not in notes.lost:
            total.update({v: n for v, n in notes.values(exam).items() if v != STRAY})
    return total
