"""Which of many shades in color masks are classes, and which of them another shade is a smear of."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from ...labels import LabelSpace
from ...labels.colors import CLEAR, packed, unpacked
from .class_names import Named
from .classes import NOTHING

_NEAR = 48.0  # distance between two colors of 0..255 up to which one may be a smear of the other
_STEP = 6.0  # distance between two colors that somebody meant to be one
_RARE = 1e-4  # share of all pixels below which a color is no class, unless a file names it
_SMALL = 2e-3  # the same among smeared colors, where every border makes new ones


def known_colors(counts: Iterable[Mapping[int, int]], file: Named | None, known: LabelSpace | None) -> set[int]:
    """The colors that are classes: those of the label space, or the common ones that are no smear of a commoner one."""
    if known is not None:
        return {packed(key) for key in known.values}
    merged: Counter[int] = Counter()
    held: Counter[int] = Counter()
    files = 0
    for seen in counts:
        files += 1
        merged.update(seen)
        held.update(seen.keys())
    total = sum(merged.values())
    named = {packed(c) for c in file.colors} & set(merged) if file else set()
    believed = complete(file, merged)
    crowded = len(merged) > 256
    found: set[int] = set()
    for color, count in merged.most_common(4096):
        if color in named or color == CLEAR:
            found.add(color)
        elif (
            count < (_SMALL if crowded else _RARE) * total
            or (believed and held[color] < 0.5 * files)
            or _misspelled(color, found, held)
        ):
            continue
        elif (crowded and nearest_of(color, found) is None) or (
            not crowded and (held[color] > 0.1 * files or files < 8 or count >= 1e-3 * total)
        ):
            found.add(color)
    return found


def complete(file: Named | None, merged: Mapping[int, int]) -> bool:
    """Whether masks hold every color that a file names, so that the file is believed: what it does not name is no class."""
    if file is None or not file.colors:
        return False
    pairs = zip(file.colors, file.names, strict=True)
    return all(packed(color) in merged for color, name in pairs if not NOTHING.fullmatch(name))


def _misspelled(color: int, found: Collection[int], held: Mapping[int, int]) -> bool:
    """Whether a color is a class's but for a step or two, in far fewer masks than hold the class."""
    near = nearest_of(color, found, _STEP)
    return near is not None and held[color] <= 0.25 * held[near]


def pictured(seen: Mapping[int, int], known: Collection[int]) -> bool:
    """Whether the commonest colors of a mask are far from all classes' colors, as those of a picture are."""
    some = sorted(seen, key=lambda c: -seen[c])[:2048]
    near = sum(seen[c] for c in some if c in known or nearest_of(c, known, _NEAR / 2) is not None)
    return near < 0.5 * sum(seen[c] for c in some)


def nearest_of(color: int, known: Collection[int], within: float = _NEAR) -> int | None:
    """The known color that another one is a smear of; None where all are far."""
    if color >= CLEAR:
        return None
    red, green, blue = unpacked(color)
    best, least = None, within**2
    for other in known:
        if other < CLEAR:
            r, g, b = unpacked(other)
            apart = (red - r) ** 2 + (green - g) ** 2 + (blue - b) ** 2
            if apart <= least:
                best, least = other, apart
    return best
