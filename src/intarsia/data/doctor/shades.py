"""Which of many shades in color masks are classes, and which of them another shade is a smear of."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from ...labels import LabelSpace
from ...labels.colors import CLEAR, packed, unpacked
from ..classnames import Named

_NEAR = 48.0  # distance between two colors of 0..255 up to which one may be a smear of the other
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
    crowded = len(merged) > 256
    found: set[int] = set()
    for color, count in merged.most_common(4096):
        if color in named or color == CLEAR:
            found.add(color)
        elif count < (_SMALL if crowded else _RARE) * total:
            continue
        elif (crowded and nearest_of(color, found) is None) or (
            not crowded and (held[color] > 0.1 * files or files < 8 or count >= 1e-3 * total)
        ):
            found.add(color)
    return found


def nearest_of(color: int, known: Collection[int]) -> int | None:
    """The known color that another one is a smear of; None where all are far."""
    if color >= CLEAR:
        return None
    red, green, blue = unpacked(color)
    best, least = None, _NEAR**2
    for other in known:
        if other < CLEAR:
            r, g, b = unpacked(other)
            apart = (red - r) ** 2 + (green - g) ** 2 + (blue - b) ** 2
            if apart <= least:
                best, least = other, apart
    return best
