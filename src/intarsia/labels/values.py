"""Which values in masks are classes where nobody wrote it down: the one rule, which every verb that takes masks asks.

    0 and 255, or 0 and 65535, and nothing else      black and white: two classes
    grays, nearly all of them near 0 or near 255     the same, smoothed or saved as JPEG: cut in the middle
    some masks 0 and 1, the others 0 and 255         the same, stored in two ways: 1 and 255 are one class
    255 or 65535 beside other ids                    no label, unless the ids are grays spread evenly up to it

All of it is decided over all masks of a folder together: a mask of one value, black or white, says nothing by itself.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

VOID = frozenset({255, 65535})  # the ids that stand for no label where nobody gives a name
HALVES = ("0..127", "128..255")  # the grays of two classes that were smoothed


def white(values: Iterable[int]) -> int | None:
    """The value of the second class in masks of black and white, 255 or 65535; None where they hold anything else.

    Args:
        values: those of all masks that belong together; 0 need not be among them.
    """
    held = set(values)
    return next((top for top in sorted(VOID) if top in held and held <= {0, top}), None)


def mixed(masks: Iterable[Collection[int]]) -> bool:
    """Whether some masks of two classes hold 0 and 1 and the others 0 and 255: then 255 is 1, and not ignored.

    Args:
        masks: the values of each.
    """
    held = [set(values) for values in masks]
    small, large = ({0, 1}, {0, 255})
    if not all(values <= small or values <= large for values in held):
        return False
    return any(1 in values for values in held) and any(255 in values for values in held)


def smoothed(pixels: Mapping[int, int]) -> bool:
    """Whether the grays of a folder are two classes with shades between them, as JPEG and resizing leave.

    Args:
        pixels: how many pixels of all masks have each value.
    """
    if len(pixels) <= 8 or max(pixels) > 255 or min(pixels) < 0:
        return False
    low, high = any(v <= 16 for v in pixels), any(239 <= v <= 254 for v in pixels)
    return low and high and (_ends(pixels) > 0.9 or (_ends(pixels) > 0.6 and _everywhere(pixels)))


def two_ends(pixels: Mapping[int, int]) -> bool:
    """Whether one mask has two values, near 0 and near 255, and grays between them, as smoothing and JPEG leave.

    Ids of many classes beside 255 for ignore have neither grays next to 255 nor some in every part of the range.
    """
    if len(pixels) <= 8 or max(pixels) > 255 or min(pixels) < 0 or max(pixels) < 239:
        return False
    if not (any(239 <= v < 255 for v in pixels) or _everywhere(pixels)):
        return False
    return _ends(pixels) > 0.6  # thin things smear most


def two_classes(pixels: Mapping[int, int], masks: Iterable[Collection[int]]) -> tuple[dict[int | str, int], str]:
    """What the values of black and white masks stand for: raw value -> 0 or 1, and a sentence; empty for other masks.

    Args:
        pixels: how many pixels of all masks have each value.
        masks: the values of each mask.
    """
    if (top := white(pixels)) is not None:
        return {0: 0, top: 1}, f"ids 0 and {top} are two classes; {top} is not ignore"
    if mixed(masks):
        return {0: 0, 1: 1, 255: 1}, "some masks hold 0 and 1, the others 0 and 255: 1 and 255 are one class"
    if smoothed(pixels):
        return (
            dict(zip(HALVES, (0, 1), strict=True)),
            "grays between 0 and 255 come from smoothing or JPEG: below 128 is one class, from 128 on the other",
        )
    return {}, ""


def unlabeled(values: Iterable[int]) -> list[int]:
    """The ids in masks of several classes that stand for no label."""
    seen = sorted(set(values))
    return [v for v in seen if v in VOID and v - 1 not in seen and len(seen) > 2 and not evenly(seen)]


def evenly(seen: Sequence[int]) -> bool:
    """Whether ids, sorted, are grays spread from 0 to 255, as people paint classes: then 255 is one of them."""
    last = len(seen) - 1
    return last > 0 and seen[0] == 0 and all(abs(v - 255 * n / last) <= 1 for n, v in enumerate(seen))


def _ends(pixels: Mapping[int, int]) -> float:
    """The share of pixels near black or near white."""
    return sum(n for v, n in pixels.items() if v <= 16 or v >= 239) / sum(pixels.values())


def _everywhere(pixels: Mapping[int, int]) -> bool:
    """Whether there are grays in each part of the range between."""
    return all(any(a <= v < b for v in pixels) for a, b in ((17, 91), (91, 165), (165, 239)))
