"""How the values of label maps are read where nobody wrote it down: the truth and the predictions, each as it is stored.

    truth 0 255, predictions 0 1    two classes; 255 of the one is 1 of the other
    truth 0 1 255                   two classes, and 255 is ignored
    truth 0 .. K-1 and 255          K classes by their numbers, and 255 is ignored
    colors in both                  a class for each color

What a folder holds is looked up in all its files together (`doctor.meaning.classes.held`); the rule on values is that of `labels`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..data.pairs import Pair
from ..doctor.exam.reading import masks_of
from ..doctor.meaning.classes import Scan, black_and_white, held, label_space
from ..errors import LabelError
from ..labels import HALVES, IGNORE, VOID, LabelSpace, evenly, pack_colors, unlabeled, white

TWO = ("background", "foreground")
_MANY = 64  # more values than this, in masks of two classes, are grays


def look(files: Mapping[str, Path]) -> Scan:
    """What the label maps of a folder hold, all of them together.

    Raises: DataError when none can be read; LabelError when they are of several kinds.
    """
    return held(masks_of([Pair(name, path, path) for name, path in files.items()], blend=False))


def truth_space(
    truth: Scan, others: Sequence[Scan], classes: Sequence[str] | int | None = None, more: bool = True
) -> LabelSpace:
    """What the values of true label maps mean, where others are held against them.

    Args:
        others: what each folder of predictions holds.
        classes: the classes' names, or how many there are; None: they are called by their values.
        more: whether values that only predictions hold are classes too.

    Raises: LabelError when it cannot be decided, with what to say.
    """
    names = list(map(str, range(classes))) if isinstance(classes, int) else None if classes is None else list(classes)
    numbers = black_and_white(truth)[0]
    if (names is None or len(names) == 2) and (numbers or _small(truth)) and all(map(_two, others)):
        pair = tuple(names or TWO)
        return LabelSpace(pair, values={value: pair[n] for value, n in numbers.items()})
    if truth.by_color or any(other.by_color for other in others):
        return _colors(truth, others, names)
    seen = set(truth.pixels).union(*(other.pixels for other in others))
    if names is not None and len(names) == 1 and len(seen) > 1:
        raise LabelError(
            f"the label maps hold {brief(seen)}, but only the class {names[0]!r} is named; name the rest as well, "
            f"such as background,{names[0]}"
        )
    if names is None and numbers:
        odd = next(other for other in others if not _two(other))
        top = white(truth.pixels)
        wish = (
            f"if {top} stands for pixels that do not count, say --ignore {top}" if top else "name them with --classes"
        )
        wish = "probabilities? cut them into classes first" if len(odd.pixels) > _MANY else wish
        raise LabelError(
            f"{truth.folder} holds {brief(truth.pixels)}{' alone' if top else ''}, which are two classes, but {odd.folder} "
            f"holds {brief(odd.pixels)}; {wish}"
        )
    if names is not None and len(names) > 2 and (top := white(seen)) is not None and 0 in seen:
        raise LabelError(
            f"the label maps hold 0 and {top} alone, but {len(names)} classes are named; name two, or say --ignore {top} "
            f"if {top} stands for pixels that do not count"
        )
    return _numbered(truth, others, names, seen if more else set(truth.pixels))


def reads(space: LabelSpace, seen: Scan, same: bool = False) -> LabelSpace:
    """The label space that reads a folder of predictions, with the classes of `space`.

    Args:
        space: what the true labels are read with.
        seen: what the predictions hold.
        same: whether predictions are expected to hold the values of the true masks, rather than class numbers.
    """
    plain = LabelSpace(space.names, space.colors)
    numbers = black_and_white(seen)[0] if space.num_classes == 2 else {}
    number = not seen.by_color and all(0 <= value < space.num_classes for value in seen.pixels)
    halves = tuple(space.values) == HALVES  # grays, among which 1 is as black as 0
    fits = _fits(space, seen)
    if number and (not same or halves or (not fits and _stray(space, seen))):
        return plain
    if fits and not (halves and numbers) and (same or space.num_classes == 2 or seen.by_color):
        return space
    if numbers:
        names = space.names
        return LabelSpace(names, space.colors, {value: names[n] for value, n in numbers.items()})
    return space if same else plain


def told(space: LabelSpace, seen: Collection[int] | None = None) -> str:
    """How values are read, in a few words: "0 is background, 255 is foreground".

    Args:
        seen: those that occur; None for all that the label space knows.
    """
    kept = [(v, name) for v, name in space.values.items() if seen is None or _occurs(v, seen, space)]
    classes = [(v, name) for v, name in kept if name != IGNORE]
    left = " and ".join(str(v) for v, name in kept if name == IGNORE)
    numbers = all(v == space.names.index(name) for v, name in classes)
    if all(str(v) == name for v, name in classes):
        first = "each value is a class"
    elif len(classes) > 3:
        first = "values are class numbers" if numbers else f"{len(classes)} values are classes"
    else:
        first = ", ".join(f"{v} is {'class ' if name.isdigit() else ''}{name}" for v, name in classes)
    return first + (f", {left} {'are' if ' and ' in left else 'is'} ignored" if left else "")


def both(truth: str, predictions: str) -> str:
    """How both sides are read, in one line."""
    return f"{truth}, in both" if truth == predictions else f"truth: {truth}; predictions: {predictions}"


def brief(values: Collection[int]) -> str:
    """Values in a few words: "0, 1 and 255", "0..19 and 255", or how many there are."""
    ranked = sorted(values)
    if len(ranked) > _MANY:
        return f"{len(ranked)} different values from {ranked[0]} to {ranked[-1]}"
    runs = np.split(np.array(ranked), np.flatnonzero(np.diff(ranked) > 1) + 1)
    parts = [f"{r[0]}..{r[-1]}" if len(r) > 2 else str(v) for r in runs for v in (r if len(r) < 3 else r[:1])]
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _two(seen: Scan) -> bool:
    """Whether label maps can be of two classes: black and white, or numbers 0 and 1."""
    return bool(black_and_white(seen)[0]) or _small(seen)


def _small(seen: Scan) -> bool:
    return not seen.by_color and set(seen.pixels) - set(unlabeled(seen.pixels)) <= {0, 1}


def _fits(space: LabelSpace, seen: Scan) -> bool:
    """Whether each value is that of a class."""
    if space.by_color != seen.by_color:
        return False
    codes = space.classes_of(np.array(list(seen.pixels), np.int64))
    return bool(((codes >= 0) & (codes != space.ignore_index)).all())


def _stray(space: LabelSpace, seen: Scan) -> bool:
    """Whether some value is none that the label space knows."""
    return space.by_color != seen.by_color or bool(space.stray(seen.pixels))


def _occurs(value: int | str, seen: Collection[int], space: LabelSpace) -> bool:
    """Whether a key of a label space stands for a value that occurs."""
    if isinstance(value, int):
        return value in seen
    if space.by_color:
        color = np.array([[int(value[n : n + 2], 16) for n in (1, 3, 5)]], np.uint8) if value[0] == "#" else None
        return color is None or int(pack_colors(color)[0]) in seen
    low, high = map(int, value.split(".."))
    return any(low <= v <= high for v in seen)


def _colors(truth: Scan, others: Sequence[Scan], names: list[str] | None) -> LabelSpace:
    """The label space of label maps in colors: every color that occurs in any of them is a class."""
    for one in (truth, *others):
        if not one.by_color:
            odd = next(other for other in (truth, *others) if other.by_color)
            raise LabelError(
                f"{odd.folder} holds colors, but {one.folder} holds numbers ({brief(one.pixels)}), and nothing says which "
                "color is which number; save both in one way"
            )
    pixels = sum((Counter(one.pixels) for one in (truth, *others)), Counter())
    whole = truth._replace(pixels=dict(sorted(pixels.items())), each=sum((one.each for one in (truth, *others)), ()))
    return label_space(Path(truth.folder), whole, names, None, [])


def _numbered(truth: Scan, others: Sequence[Scan], names: list[str] | None, seen: set[int]) -> LabelSpace:
    """The label space of label maps of numbers."""
    for values in (sorted(seen), sorted(truth.pixels)):  # grays of some classes, spread evenly up to white
        apart = [other for other in others if not set(other.pixels) <= set(values)]
        count = len(values)
        spread = count > 2 and evenly(values) and all(v < count for other in apart for v in other.pixels)
        if spread and (names is None or len(names) == count):
            called = names or list(map(str, values))
            return LabelSpace(tuple(called), values=dict(zip(values, called, strict=True)))
    ignored = unlabeled(seen)
    ids = sorted(seen - set(ignored))
    if names is not None:
        if ids and ids[0] == 1 and ids[-1] == len(names):  # ids that start at 1, as `intarsia init` reads them
            return LabelSpace(tuple(names), values={**dict(enumerate(names, 1)), **dict.fromkeys(ignored, IGNORE)})
        return LabelSpace(tuple(names))
    if len(seen) == 2 and (top := max(seen)) in VOID and not any(top in other.pixels for other in others):
        raise LabelError(
            f"{truth.folder} holds {brief(truth.pixels)}, and nothing says whether {top} is a class; say --ignore {top} if it "
            f"stands for pixels that do not count, else name the classes with --classes"
        )
    values = [v for v in range(max(ids, default=0) + 1) if v not in ignored]
    if ids and ids[-1] in VOID and len(values) > 4 * len(ids):  # white is a class, and most grays below it are none
        values = ids
    called = list(map(str, values))
    if values == list(range(len(values))) and len(called) <= 255 and not set(seen) - set(values) - {255}:
        return LabelSpace(tuple(called))
    return LabelSpace(
        tuple(called), values={**dict(zip(values, called, strict=True)), **dict.fromkeys(ignored, IGNORE)}
    )
