"""Pixels without data, as rasters say it of themselves: one meaning of that for all masks of a folder."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...labels import VOID, LabelSpace
from ..files.tags import EMPTY, nodata_of


class Nodata(NamedTuple):
    """What the masks of a folder say of pixels without data."""

    ignored: tuple[int, ...] = ()  # raw values that stand for them, in masks that say so
    said: tuple[str, ...] = ()  # a sentence each
    clash: str = ""  # why the masks contradict each other


def settle(views: Sequence[Counter[int] | dict[int, int]], declared: Sequence[int | None]) -> Nodata:
    """Take the pixels that each mask declares to be no data out of its counts.

    Where fewer than two values would remain in all masks together, they are left: then 0 is the background.

    Args:
        views: raw value -> pixels of each mask; changed.
        declared: the raw value that each mask declares to be no data.
    """
    masks = Counter(value for value in declared if value is not None)
    if not masks:
        return Nodata()
    rest = {value for view, own in zip(views, declared, strict=True) for value in view if value != own}
    told = " and ".join(f"{called(value)} in {count}" for value, count in masks.items())
    start = f"{masks.total()} of {len(views)} masks declare a value for pixels without data ({told})"
    if len(rest) < 2:
        return Nodata(
            said=(
                f"{start}; without them no two classes would remain, so that value is read as a class like any other",
            )
        )
    if doubt := [value for value in masks if value in rest and value not in VOID and value >= 0]:
        held = sum(doubt[0] in view and own != doubt[0] for view, own in zip(views, declared, strict=True))
        return Nodata(
            clash=f"{start}, but {held} others hold {doubt[0]} and do not declare it, where it would be a class; "
            "give all masks one GDAL_NODATA, or take it out of all (gdal_edit.py -unsetnodata)"
        )
    pixels = sum(
        view.pop(value, 0) for view, value in zip(views, declared, strict=True) if value is not None and value in view
    )
    return Nodata(tuple(sorted(masks)), (f"{start}: {pixels:,} px, which are ignored",))


def ignoring(space: LabelSpace, nodata: Nodata) -> LabelSpace:
    """The same label space, where values for pixels without data are ignored."""
    for value in nodata.ignored:
        space = space.ignoring(value)
    return space


def called(value: int) -> str:
    """A value for people."""
    return "a number that is no id" if value == EMPTY else str(value)


def of_images(paths: Sequence[Path]) -> str:
    """One sentence about the images that declare a value for pixels without data; "" where none does."""
    values = Counter(
        value for path in paths if path.suffix.lower() in (".tif", ".tiff") and (value := nodata_of(path)) is not None
    )
    return told_of_images({f"{value:g}": count for value, count in values.items()}, len(paths))


def told_of_images(values: dict[str, int], count: int) -> str:
    """The sentence of `of_images`.

    Args:
        values: nodata -> images that declare it.
        count: of all images.
    """
    if not values:
        return ""
    told = " and ".join(f"{value} in {number}" for value, number in values.items())
    return (
        f"{sum(values.values())} of {count} images declare a value for pixels without data ({told}); "
        "they are read as they are, and what their masks say there counts"
    )
