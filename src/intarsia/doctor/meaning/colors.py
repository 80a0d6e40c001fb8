"""Read masks as colors: one color a class, whatever palette a file stores them by."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...labels import LabelSpace
from ..exam.examine import Exam
from ..exam.storage import as_colors, recolored
from .class_names import Named
from .near_colors import complete, known_colors, nearest_of, pictured
from .reading import STRAY, Reading, of

_EXACT = 64  # different colors up to which a mask was not smoothed


def colored(exams: Sequence[Exam], reading: Reading) -> tuple[bool, Reading]:
    """Whether masks are colors: most of them, or palettes that disagree about an index in use, unless a few do.

    Returns: whether they are, and the reading, in which the few have tables.
    """
    forms = [e.form for e in exams if e.form]
    painted = sum(f.colored or (f.channels >= 3 and not f.alpha and not f.lossy) for f in forms)
    if any(f.colored for f in forms) and 2 * painted > len(forms):
        return True, reading
    usual, odd = _disagreeing(exams)
    if not odd:
        return False, reading
    reordered = _reordered(exams, usual, odd, reading)
    return reordered is None, reordered or reading


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


def _reordered(exams: Sequence[Exam], usual: dict[int, int], odd: Sequence[Exam], reading: Reading) -> Reading | None:
    """A few masks with another palette read by their colors, as the ids that these have in the others; None where that does not work."""
    ids = {color: index for index, color in usual.items()}
    white = set(ids) <= {0, 0xFFFFFF}  # black and white are two classes by their colors
    if white or len(ids) < len(usual) or len(odd) > 0.3 * len(exams):
        return None
    tables = {}
    for exam in odd:
        assert exam.form is not None and exam.form.palette is not None
        used = {v: int(exam.form.palette[v]) for v in exam.values}
        if not set(used.values()) <= set(ids):
            return None
        tables[exam.place] = {v: ids[color] for v, color in used.items()}
    return reading.tabled(tables).telling(
        "palette_order",
        "warning",
        f"{of(odd, exams)} are palette files in which an index has another color than in the others (the first: {odd[0].name}); they are read by their colors, as the ids that these have elsewhere",
        odd,
        "Write one palette in all of them, as --fix does; until then read the masks as colors.",
    )


class _Colors(NamedTuple):
    """What is known of the colors in masks."""

    exams: Sequence[Exam]
    counts: Mapping[str, Mapping[int, int]]  # place of a mask -> color -> pixels
    known: set[int]  # the colors that are classes
    smeared: Sequence[Exam]  # masks of more colors than anybody draws


def read_colors(exams: Sequence[Exam], file: Named | None, known: LabelSpace | None, reading: Reading) -> Reading:
    """Every mask as colors: ids through their palettes, shades as the nearest class, and what is near none as nothing."""
    if hit := _disagreeing(exams)[1]:
        reading = reading.telling(
            "palette_order",
            "warning",
            f"{of(hit, exams)} are palette files in which an index has another color than in the others (the first: {hit[0].name}), so indices mean nothing and all masks are read as colors",
            hit,
            "Keep reading them as colors, or write one palette with --fix.",
        )
    own = {e.place: {v: recolored(v, e.form) for v in e.values} for e in exams if e.form and not e.form.colored}
    reading = reading.tabled(own)
    seen = _seen(exams, file, known)
    pictures = [e for e in seen.smeared if seen.known and pictured(seen.counts[e.place], seen.known)]
    if pictures:
        reading = _pictures(pictures, seen, reading)
        taken = {e.place for e in pictures}
        seen = seen._replace(smeared=[e for e in seen.smeared if e.place not in taken])
    if seen.smeared:
        reading = _smeared(seen, reading)
    return _strays(seen, file, reading)


def _seen(exams: Sequence[Exam], file: Named | None, known: LabelSpace | None) -> _Colors:
    """The colors of masks, and which of them are classes, by the masks that were not smoothed where most were not."""
    counts = {e.place: as_colors(e.values, e.form) for e in exams if e.form}
    exact = [e for e in exams if e.form and not e.form.lossy and len(counts[e.place]) <= _EXACT]
    plain = {e.place for e in exact}
    trusted = exact if 2 * len(exact) >= len(exams) else exams
    painted = [e for e in trusted if e.form and (e.form.colored or e.form.palette is not None or e.form.channels >= 3)]
    colors = known_colors([counts[e.place] for e in painted or trusted], file, known)
    return _Colors(exams, counts, colors, [e for e in exams if e.place not in plain])


def _pictures(hit: Sequence[Exam], seen: _Colors, reading: Reading) -> Reading:
    """Masks whose colors are those of a picture: no rule reads them."""
    return reading.losing(hit, "holds other colors than the other masks, as a picture does").telling(
        "picture",
        "error",
        f"{of(hit, seen.exams)} hold {'other colors' if len(hit) == 1 else 'other colors each'} than the rest, {len(seen.counts[hit[0].place])} in {hit[0].name}: a picture, or an overlay on one, seems to stand where the mask should",
        hit,
        "Put the masks back, or leave the images out, as --fix does.",
    )


def _smeared(seen: _Colors, reading: Reading) -> Reading:
    """The finding about masks of shades."""
    worst = max(seen.smeared, key=lambda e: len(seen.counts[e.place]))
    return reading.telling(
        "smeared",
        "error",
        f"{of(seen.smeared, seen.exams)} hold shades of their colors, {len(seen.counts[worst.place])} in {worst.name}: they were saved as JPEG or resampled, so most borders are of no class",
        seen.smeared,
        "Export them again as PNG without smoothing; --fix takes the nearest of the usual colors, and ignores what is near none.",
    )


def _strays(seen: _Colors, file: Named | None, reading: Reading) -> Reading:
    """Colors that are no class: the nearest class where one is near, else nothing; masks of ids are lost."""
    smeared = {e.place for e in seen.smeared}
    plain: list[Exam] = []
    odd: list[Exam] = []
    strange: list[Exam] = []
    near: dict[str, dict[int, int]] = {}
    for exam in reading.left(seen.exams):
        counts = seen.counts[exam.place]
        own = {c: nearest_of(c, seen.known) for c in counts if c not in seen.known}
        if not own:
            continue
        if _of_ids(exam) and sum(counts[c] for c in own) > 0.5 * sum(counts.values()):
            strange.append(exam)
        elif exam.place not in smeared:
            (plain if all(color is None for color in own.values()) else odd).append(exam)
        near[exam.place] = {c: STRAY if color is None else color for c, color in own.items()}
    hit = [exam for exam in seen.exams if exam.place in near]
    reading = reading.translated(hit, lambda exam, c: c if c in seen.known else near[exam.place].get(c, STRAY))
    if strange:
        reading = reading.losing(strange, "holds ids, where the other masks hold colors").telling(
            "mixed_encoding",
            "error",
            f"{of(strange, seen.exams)} hold ids, where the others hold colors",
            strange,
            "Export them again in the colors of the others.",
        )
    return _rare(plain, odd, seen, file, reading) if plain or odd else reading


def _of_ids(exam: Exam) -> bool:
    return exam.form is not None and not exam.form.colored and exam.form.palette is None


def _rare(plain: Sequence[Exam], odd: Sequence[Exam], seen: _Colors, file: Named | None, reading: Reading) -> Reading:
    """The finding about masks with a few colors that are no class: in `plain` all of them are far from every class."""
    hit = [*plain, *odd]
    counts = [seen.counts[e.place] for e in hit]
    first = next(c for c in counts[0] if c not in seen.known)
    pixels = sum(n for held in counts for c, n in held.items() if c not in seen.known)
    every = Counter(c for e in seen.exams for c in seen.counts[e.place])
    believed = file is not None and complete(file, every)
    why = f"no class in {file.path.name}" if believed and file else "too rare for a class"
    return reading.telling(
        "stray",
        "error" if believed and plain else "warning",
        f"{of(hit, seen.exams)} hold colors that are {why}, {pixels} px in all (the first: #{first & 0xFFFFFF:06x} in {hit[0].name})",
        hit,
        "They are ignored, or taken for a color that is hardly different; correct the masks if they matter.",
    )
