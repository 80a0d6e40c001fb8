"""Classes under the wrong name: what a mask calls road, but looks, lies and is shaped like sky in all other masks.

Of each class in each mask a few numbers are taken: its color, alone and against the whole image, where it lies, how far
it spreads, how much of it there is. What is usual for a class, and how far masks differ in it, follows from the set. Two
classes are exchanged where each is far likelier as the other; one is misnamed where it is far likelier as another that
the mask lacks.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

import numpy as np

from ...labels import LabelSpace
from ..exam.examine import Exam
from ..finding import Finding, Sight

_FEW = 5  # samples: of fewer, none can stand out
_SEEN = 5  # masks that must hold a class before it is known
_POINTS = 4  # of the grid's, that a class must cover
_LEAST = 0.35  # deviation of a number, at least
_DOUBT = 4.0  # of so few masks, deviations are taken for twice as wide as they seem
_FAR = 3.0  # deviations from which on likelihood falls only linearly, since tails are long
_APART = 0.4  # the numbers depend on each other, so that each says less than if it stood alone
_SURE = 4.0  # log odds, after the prior, of suspects
NAMED = 7.0  # the same without doubt
_ONE_WAY = 1.5  # less for one wrong name than for two that are exchanged: half as much speaks for it
_BEYOND_DOUBT = 30.0  # log odds from which on ids are mended: sound masks reach 5, those of many classes 50 and more
_RARE = 50  # of so many masks one is expected to be wrong, or of as many as there are


def misnamed(
    space: LabelSpace | None, exams: Sequence[Exam], ignored: Collection[int], suspect: bool = False
) -> Iterator[Finding]:
    """The finding about masks in which classes are exchanged, or one stands for another.

    Args:
        suspect: tell what is likelier than not, too, which in sound sets is wrong more often than once in 500 masks.
    """
    usual = _usual(exams, ignored)
    if usual is None:
        return
    known, common, middle, width = usual
    prior = float(np.log(max(len(known), _RARE))) + (_SURE if suspect else NAMED)
    hit, high = [], []
    ids = space is None or not space.by_color
    for exam, seen in known:
        held, gain = _gains(seen, common, middle, width)
        score, one, two, both = _worst(seen, common, held, gain)
        lowered = _lowered(held, common, gain) if ids else -np.inf
        if lowered > max(prior, score):
            high.append((lowered, exam))
        elif score > prior:
            hit.append((score, exam, one, two, both))
    if high and len(high) <= max(1, 0.3 * len(known)):
        yield _one_too_high([e for _, e in sorted(high, key=lambda h: -h[0])], len(known))
    if hit and len(hit) <= max(1, 0.3 * len(known)):
        hit.sort(key=lambda h: -h[0])
        _, exam, one, two, both = hit[0]
        first, second = (space.spell(v) if space else str(v) for v in (one, two))
        told = f"{first} and {second} seem to be exchanged" if both else f"{first} seems to be {second}"
        yield Finding(
            "label_noise",
            "warning",
            f"{len(hit)} of the {len(known)} masks {'give' if len(hit) > 1 else 'gives'} a class to pixels that look like another class elsewhere (the first: {exam.name}, where {told}).",
            tuple(h[1].place for h in hit[:5]),
            "Look at them: classes may be exchanged.",
            tuple(Sight(e.name, e.image_path, e.mask_path) for _, e, *_ in hit[:5]),
        )


def doubts(exams: Sequence[Exam], ignored: Collection[int]) -> tuple[float, float] | None:
    """Log odds, after how rare wrong masks are, of the likeliest wrong name in a set and of the likeliest mask of ids one
    too high; None where too little is known. `NAMED` is the limit of both."""
    usual = _usual(exams, ignored)
    if usual is None:
        return None
    known, common, middle, width = usual
    rare = float(np.log(max(len(known), _RARE)))
    gains = [(seen, *_gains(seen, common, middle, width)) for _, seen in known]
    wrong = max(_worst(seen, common, held, gain)[0] for seen, held, gain in gains)
    return wrong - rare, max(_lowered(held, common, gain) for _, held, gain in gains) - rare


def too_high(exams: Sequence[Exam], ignored: Collection[int]) -> list[Exam]:
    """Masks whose ids are one too high beyond doubt, surest first: all classes look like those one below, and not like themselves."""
    usual = _usual(exams, ignored)
    if usual is None:
        return []
    known, common, middle, width = usual
    scores = [(_lowered(held, common, gain), e) for e, d in known for held, gain in [_gains(d, common, middle, width)]]
    sure = sorted(((s, e) for s, e in scores if s > _BEYOND_DOUBT), key=lambda hit: -hit[0])
    return [e for _, e in sure] if len(sure) <= 0.3 * len(known) else []


def _usual(
    exams: Sequence[Exam], ignored: Collection[int]
) -> tuple[list[tuple[Exam, dict[int, np.ndarray]]], list[int], np.ndarray, np.ndarray] | None:
    """What is known of each mask's classes, the classes that many masks hold, and their usual numbers and deviations; None of too few."""
    known = [(e, d) for e in exams if e.grid.size and e.colors.size and (d := described(e, ignored))]
    rows: dict[int, list[np.ndarray]] = {}
    for _, seen in known:
        for value, numbers in seen.items():
            rows.setdefault(value, []).append(numbers)
    common = sorted(v for v, r in rows.items() if len(r) >= _SEEN)
    if len(known) < _FEW or len(common) < 2:
        return None
    middle = np.stack([np.median(rows[v], axis=0) for v in common])
    width = np.stack([1.48 * np.median(np.abs(rows[v] - m), axis=0) for v, m in zip(common, middle, strict=True)]).clip(
        min=_LEAST
    )
    width *= np.array([[1 + _DOUBT / len(rows[v])] for v in common])
    return known, common, middle, width


def _one_too_high(hit: Sequence[Exam], count: int) -> Finding:
    several = len(hit) > 1
    return Finding(
        "off_by_one",
        "warning",
        f"{len(hit)} of the {count} masks {'suit their images' if several else 'suits its image'} far better with every id one lower, judged by how classes look elsewhere (the first: {hit[0].name}).",
        tuple(e.place for e in hit[:5]),
        "Look at them; if so, subtract 1 from their ids.",
        tuple(Sight(e.name, e.image_path, e.mask_path) for e in hit[:5]),
    )


def _gains(
    seen: dict[int, np.ndarray], common: Sequence[int], middle: np.ndarray, width: np.ndarray
) -> tuple[list[int], np.ndarray]:
    """The well known classes in a mask, and [held, common] how much likelier each is as another one, in log odds."""
    held = [v for v in seen if v in common]
    if not held:
        return held, np.zeros((0, len(common)))
    away = np.abs(np.stack([seen[v] for v in held])[:, None] - middle) / width  # [held, common, numbers]
    cost = np.where(away < _FAR, away**2 / 2, _FAR**2 / 2 + (away - _FAR) / 2) + np.log(width)
    likely = -_APART * cost.sum(axis=2)
    return held, likely - likely[range(len(held)), [common.index(v) for v in held]][:, None]


def _worst(
    seen: dict[int, np.ndarray], common: Sequence[int], held: Sequence[int], gain: np.ndarray
) -> tuple[float, int, int, bool]:
    """(log odds, class, what it seems to be, whether both are exchanged) of the likeliest wrong name in a mask."""
    best = (-np.inf, 0, 0, False)
    row, column = ({v: n for n, v in enumerate(side)} for side in (held, common))
    for one, two in combinations(held, 2):
        best = max(best, (float(gain[row[one], column[two]] + gain[row[two], column[one]]), one, two, True))
    absent = [w for w in common if w not in seen]
    for one in held:
        for two in absent:
            best = max(best, (float(gain[row[one], column[two]] - np.log(len(common))) - _ONE_WAY, one, two, False))
    return best


def _lowered(held: Sequence[int], common: Sequence[int], gain: np.ndarray) -> float:
    """Log odds that every id of a mask is one too high: it lacks the lowest, and what it holds looks like the id below."""
    pairs = [(n, common.index(v - 1)) for n, v in enumerate(held) if v - 1 in common]
    if len(pairs) < 2 or common[0] in held:
        return -np.inf
    return float(sum(gain[n, m] for n, m in pairs))


def described(exam: Exam, ignored: Collection[int] = ()) -> dict[int, np.ndarray]:
    """Describe each value that covers enough of a mask by 14 numbers, in units in which masks of one class differ by about one."""
    labels, side = exam.grid, len(exam.grid)
    values, place = np.unique(labels, return_inverse=True)
    member = np.eye(len(values))[place.ravel()]  # [P, V]
    colors = exam.colors.reshape(-1, 3).astype(np.float64)
    light = colors.mean(axis=1)
    y, x = (part.ravel() for part in np.meshgrid(*[(np.arange(side) + 0.5) / side - 0.5] * 2, indexing="ij"))
    step = np.pad(labels[1:] != labels[:-1], ((1, 1), (0, 0)))
    other = np.pad(labels[:, 1:] != labels[:, :-1], ((0, 0), (1, 1)))
    border = (step[1:] | step[:-1] | other[:, 1:] | other[:, :-1]).ravel()
    rim = np.maximum(np.abs(y), np.abs(x)) > 0.5 - 1 / side
    counts = member.sum(axis=0)
    parts = np.column_stack([colors, light, light**2, y, y**2, x, x**2, np.abs(x), border])
    mean = (member.T @ parts) / counts[:, None]  # [V, 11]
    spread = [np.sqrt(np.maximum(mean[:, a + 1] - mean[:, a] ** 2, 0)) for a in (3, 5, 7)]
    numbers = np.column_stack(
        [
            mean[:, :3] / 40,
            spread[0] / 20,
            (mean[:, :3] - colors.mean(axis=0)) / 30,
            mean[:, 5] * 5,
            mean[:, 9] * 8,
            spread[1] * 6,
            spread[2] * 6,
            np.log(counts / len(light)),
            mean[:, 10] * 3,
            np.log(member.T @ rim + 1),
        ]
    )
    return {
        int(v): n for v, n, c in zip(values, numbers, counts, strict=True) if c >= _POINTS and int(v) not in ignored
    }
