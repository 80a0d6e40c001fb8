"""Remarks on a project: what lies outside of its pictures, and what a format that it is written in cannot hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ..data.layers import told_covered
from ..errors import counted
from .faults import told_notes
from .project import Painted, Picture, Project, Region, kept
from .regions import blank

_NEAR = 1.0  # pixels: tools let a hand slip that far beyond the border


def said(pictures: Iterable[Picture], general: Sequence[str] = ()) -> list[str]:
    """What was left out of some pictures or changed on them, one sentence each with its count.

    Args:
        general: sentences about their export as a whole, which come between.
    """
    some = list(pictures)
    return [*told_notes(some), *general, *beyond(some)]


def beyond(pictures: Iterable[Picture]) -> list[str]:
    """Regions that reach beyond their picture, or lie outside of it altogether."""
    reach, outside, first = 0, 0, ""
    for picture in pictures:
        for region in picture.regions:
            left, top, right, bottom = bounds(region)
            if right <= 0 or bottom <= 0 or left >= picture.width or top >= picture.height:
                outside += 1
            elif max(-left, -top, right - picture.width, bottom - picture.height) > _NEAR:
                reach += 1
            else:
                continue
            first = first or f"{region.label} of {picture.name}"
    parts = [f"{counted(reach, 'region')} cut off at the border of the picture"] if reach else []
    parts += [f"{counted(outside, 'region')} outside of the picture, so nothing of them is drawn"] if outside else []
    return [f"{' and '.join(parts)}; the first: {first}"] if parts else []


def bounds(region: Region) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of a region in pixels."""
    if region.bitmap is not None:
        height, width = region.bitmap.shape
        left, top = region.bitmap.left, region.bitmap.top
        return left, top, left + width, top + height
    points = np.concatenate([ring for part in region.parts for ring in part])
    return (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def lost(
    project: Project, *, classes: bool = False, colors: bool = False, crowds: bool = False, objects: bool = False
) -> tuple[str, ...]:
    """One sentence for each thing in a project that a format does not hold.

    Args:
        classes, colors, crowds, objects: whether it lists all classes and their colors, knows crowds, and objects
            whose regions cannot be joined.
    """
    seen, crowded, several = dict[str, None](), 0, 0
    for picture in project:  # once: pictures of a data set are read when they are asked for
        seen.update(dict.fromkeys(region.label for region in picture.regions))
        crowded += sum(region.crowd for region in picture.regions)
        several += 0 if objects else apart(joined(picture).regions)
    said = []
    if not classes:
        if missing := [name for name in project.classes if name not in seen]:
            said.append(f"no region is of {', '.join(missing)}, and this format names no other classes")
        elif tuple(seen) != tuple(project.classes):
            said.append("this format lists no classes: read again, they stand in the order in which they appear")
    if not colors and project.colors:
        said.append("this format holds no colors of classes")
    if not crowds and crowded:
        said.append(f"{counted(crowded, 'crowd')} written as objects: this format knows no crowds")
    if several:
        said.append(f"{counted(several, 'object')} written as several: other regions are drawn between their pieces")
    return tuple(said)


class Covered:
    """How many pixels of a project lie in several regions, and which regions are covered, counted picture by picture."""

    def __init__(self) -> None:
        self.pixels, self.first = 0, ""
        self.regions: Counter[str] = Counter()
        self.hidden = ""

    def add(self, picture: Picture, painted: Painted) -> None:
        """Count one picture."""
        self.regions.update(painted.covered)
        self.hidden = self.hidden or (picture.name if painted.covered else "")
        once = blank(picture.height, picture.width)
        twice = once.copy()
        for region in picture.regions if len(picture.regions) > 1 else ():
            mask = region.mask(picture.height, picture.width)
            twice |= once & mask
            once |= mask
        pixels = int(twice.sum())
        self.first = self.first or (picture.name if pixels else "")
        self.pixels += pixels

    def said(self) -> tuple[str, ...]:
        """The sentence about them; none where there are none."""
        what = (
            f"{self.pixels} px lie in several regions, of which the one drawn last is kept; the first in {self.first}"
        )
        hidden = (told_covered(self.regions, self.hidden),) if self.regions else ()
        return ((what,) if self.pixels else ()) + hidden


def apart(regions: Sequence[Region]) -> int:
    """How many objects have several regions."""
    return sum(count > 1 for count in Counter(region.object for region in regions if region.object).values())


def joined(picture: Picture) -> Picture:
    """The same picture, the regions of an object as one region wherever that changes nothing of what is drawn."""
    held: list[Region] = []
    places: dict[tuple[str, str, bool], int] = {}
    for region in picture.regions:
        key = (region.object, region.label, region.crowd)
        at = places.get(key) if region.object else None
        if at is not None and not any(_meet(region, other, picture) for other in held[at + 1 :]):
            held[at] = _union(held[at], region, picture)
        elif at is not None and not any(_meet(held[at], other, picture) for other in held[at + 1 :]):
            held.append(_union(held.pop(at), region, picture))
            places = {(r.object, r.label, r.crowd): n for n, r in enumerate(held) if r.object}
        else:
            held.append(region)
            places[key] = len(held) - 1
    return picture._replace(regions=tuple(held))


def _meet(one: Region, two: Region, picture: Picture) -> bool:
    a, b = bounds(one), bounds(two)
    if a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]:
        return False
    size = picture.height, picture.width
    return bool((one.mask(*size) & two.mask(*size)).any())


def _union(one: Region, two: Region, picture: Picture) -> Region:
    if one.bitmap is None and two.bitmap is None:
        return one._replace(parts=one.parts + two.parts)
    size = picture.height, picture.width
    return one._replace(parts=(), bitmap=kept(0, 0, one.mask(*size) | two.mask(*size)))
