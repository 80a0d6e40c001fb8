"""How masks were drawn: specks, lines that do not close, masks that lie on their images the wrong way, labels that stand out."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from ...labels import LabelSpace
from ..exam.counts import smoothed
from ..exam.examine import Exam, sights
from ..exam.fingerprints import turned as words
from ..finding import Finding
from .misnamed import misnamed
from .placement import MOVED, moved, placing

_FEW = 8  # samples: of fewer, none can stand out
_MANY = 10  # specks a mask is allowed before they are told as a warning
_SLIPS = 0.2  # of the masks: where more hold specks, the things that were drawn are that small


def drawing(space: LabelSpace | None, exams: Sequence[Exam], suspect: bool = False) -> Iterator[Finding]:
    """The findings about how the masks were drawn.

    Args:
        suspect: tell, too, what only seems so: findings that are wrong more often than once in 500 sound pairs.
    """
    labeled = [e for e in exams if e.values and e.closely and (e.error is None or e.error[0] == "size")]
    if not labeled:
        return
    silent = ignored(space, labeled)
    whole = all(e.closely for e in exams if e.values and e.error is None)
    masks = f"of the {len(labeled)} {'masks' if whole else 'masks that were looked at closely'}"
    yield from _specks(labeled, silent, masks, suspect)
    yield from _unclosed(labeled, silent, masks, suspect)
    yield from _smeared(labeled, masks)
    turned = list(_turned(labeled, suspect))
    yield from turned
    if not any(finding.kind == "flipped" for finding in turned):
        yield from placing(labeled, suspect)
    if space is None or not space.planes:  # else a point has no one class
        yield from misnamed(space, labeled, silent, suspect)
    yield from _shares(labeled)


def _specks(exams: Sequence[Exam], silent: Collection[int], masks: str, suspect: bool) -> Iterator[Finding]:
    """The finding about tiny regions: slips of a brush where few masks hold any, else things of that size."""
    counts = [sum(n for v, n in e.specks.items() if v not in silent) for e in exams]
    hit = sorted(((n, e) for n, e in zip(counts, exams, strict=True) if n), key=lambda h: -h[0])
    if not hit:
        return
    most, first = hit[0]
    slips = len(exams) >= _FEW and len(hit) <= _SLIPS * len(exams) and most >= _MANY
    seems = suspect and most >= max(_MANY, 5 * float(np.median(counts)))
    yield Finding(
        "specks",
        "warning" if slips or seems else "note",
        f"{len(hit)} {masks} hold regions of fewer than 5 pixels, {sum(n for n, _ in hit)} in all, the most in {first.name} ({most}).",
        tuple(f"{e.place} ({n})" for n, e in hit[:5]),
        "Remove the slips of the brush; where things are that small, all is well.",
        tuple(s._replace(spot=e.speck_at) for s, (_, e) in zip(sights([e for _, e in hit]), hit, strict=False)),
    )


def _unclosed(exams: Sequence[Exam], silent: Collection[int], masks: str, suspect: bool) -> Iterator[Finding]:
    """The finding about lines that a small gap keeps open: a note, since as many sound masks hold such a line."""
    counts = [(sum(n for v, n in e.gaps.items() if v not in silent), e) for e in exams if e.gaps]
    hit = sorted(((n, e) for n, e in counts if n), key=lambda h: -h[0])
    if hit:
        yield Finding(
            "unclosed",
            "warning" if suspect and len(hit) <= 0.3 * len(exams) else "note",
            f"{len(hit)} {masks} hold lines that a gap of up to four pixels keeps open, {sum(n for n, _ in hit)} in all.",
            tuple(f"{e.place} ({n})" for n, e in hit[:5]),
            "Close the outlines before they are filled.",
            tuple(s._replace(spot=e.gap_at) for s, (_, e) in zip(sights([e for _, e in hit]), hit, strict=False)),
        )


def _smeared(exams: Sequence[Exam], masks: str) -> Iterator[Finding]:
    """The finding about masks with a meaning that were resized with smoothing."""
    hit = smoothed([e for e in exams if e.form is None])
    if hit:
        worst = max(hit, key=lambda e: sum(e.blend.values()))
        yield Finding(
            "smeared",
            "warning",
            f"{len(hit)} {masks} were resized with smoothing: along their borders lie ids between those of both sides, the most in {worst.name}.",
            tuple(f"{e.place} ({sum(e.blend.values())} px)" for e in hit[:5]),
            "Resize masks by the nearest pixel.",
            sights(hit),
        )


def ignored(space: LabelSpace | None, exams: Sequence[Exam]) -> set[int]:
    """The values that a label space ignores, of those that masks hold."""
    if space is None:
        return set()
    values = np.array(sorted({v for e in exams for v in (*e.specks, *e.gaps, *e.values)}), np.int64)
    codes = space.classes_of(values) if len(values) else values
    return set(values[codes == space.ignore_index].tolist())


def _turned(exams: Sequence[Exam], suspect: bool) -> Iterator[Finding]:
    """Masks whose borders lie on the edges of their images far better when they are turned."""
    known = [e for e in exams if e.fit]
    better: dict[int, list[Exam]] = defaultdict(list)
    for exam in known:
        way = int(np.argmax(exam.fit))
        if way and exam.fit[way] > 1.25 * exam.fit[0] and exam.fit[way] > 1.2:
            better[way].append(exam)
    for way, hit in better.items():
        if len(hit) >= max(4, 0.6 * len(known)):
            yield Finding(
                "flipped",
                "warning",
                f"{len(hit)} of the {len(known)} masks would lie on the edges of their images far better if they were {words(way)}.",
                tuple(e.place for e in hit[:5]),
                "Look at some of them; if so, turn the masks (or the images) back.",
                sights(hit),
            )
            return
    if len(known) >= _FEW:
        far = _far_off(known, better) if suspect else []
        yield from _misplaced(known, moved(exams, 0.0 if suspect else MOVED), far)


def _misplaced(known: Sequence[Exam], found: Sequence[tuple[Exam, str]], far: Sequence[Exam]) -> Iterator[Finding]:
    """The finding about a few masks that lie badly on their images.

    Args:
        found: masks that would fit if they were moved, and how.
        far: masks that lie far worse than the others do.
    """
    lost = [e for e, _ in found]
    lost += [e for e in far if e not in lost]
    if not lost or len(lost) > 0.3 * len(known):
        return
    several, how = len(lost) > 1, {how for _, how in found}
    guess = ""
    if len(how) == 1 and len(found) == len(lost):
        guess = f", which would fit if {'they were' if several else 'it was'} {how.pop()}"
    yield Finding(
        "misplaced",
        "warning",
        f"{len(lost)} of the {len(known)} masks {'do' if several else 'does'} not lie on the edges of {'their images' if several else 'its image'} as the others do{guess}.",
        tuple(e.place for e in lost[:5]),
        "Look at them: a mask may be turned, shifted, or another image's.",
        sights(lost),
    )


def _far_off(known: Sequence[Exam], better: dict[int, list[Exam]]) -> list[Exam]:
    """Masks that lie on their images far worse than the others do, worst first."""
    usual = float(np.median([e.fit[0] for e in known]))
    if usual < 1.3:
        return []
    own = np.log([e.fit[0] + 0.01 for e in known])
    width = max(1.48 * float(np.median(np.abs(own - np.median(own)))), 0.12)
    far = 3.2 + 0.6 * np.log10(len(known))  # among more masks, the worst is worse by chance
    limit = min(np.exp(np.median(own) - far * width), 0.6 * usual)
    low = min(np.exp(np.median(own) - (far - 1) * width), 0.7 * usual)
    lost = [e for way, hit in better.items() for e in hit if e.fit[way] > 1.4 * e.fit[0] and e.fit[0] < low]
    lost += [e for e in known if e.fit[0] < limit and e not in lost]
    return sorted(lost, key=lambda e: e.fit[0])


def _shares(exams: Sequence[Exam]) -> Iterator[Finding]:
    values = sorted({v for e in exams for v in e.values})
    if len(exams) < 20 or not 1 < len(values) <= 256:
        return
    shares = np.array([[e.values.get(v, 0) for v in values] for e in exams], float)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
    apart = np.abs(shares - np.median(shares, axis=0)).sum(axis=1)
    limit = np.median(apart) + 7 * max(1.48 * float(np.median(np.abs(apart - np.median(apart)))), 0.02)
    order = [int(n) for n in np.argsort(-apart) if apart[n] > limit]
    if order and len(order) <= 0.1 * len(exams):
        yield Finding(
            "unusual",
            "note",
            f"{len(order)} of the {len(exams)} masks divide their pixels among the classes unlike all others.",
            tuple(exams[n].place for n in order[:5]),
            "Look at them: labels may be wrong, or the scene may be rare.",
            sights([exams[n] for n in order]),
        )
