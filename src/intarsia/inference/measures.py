"""What an answer says in numbers and in a few words: a literal table each, by the kind of answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..draw.depth import limits_of
from ..draw.maps import counted as pixels_of
from ..draw.shapes import drawn_of
from ..errors import ModelError
from ..labels import LabelSpace
from ..metrics.image_matches import SURE
from ..structures import Answer, Depth, Labels, Objects, Planes, Segments, Tags

Size = tuple[int, int]


def label_map(answer: Labels | Segments, space: LabelSpace) -> np.ndarray:
    """The class of each pixel, [H, W] of the label space's type; void is the ignore index."""
    if isinstance(answer, Labels):
        return np.asarray(answer.classes).astype(space.dtype, copy=False)
    numbers, places = np.unique(answer.ids, return_inverse=True)
    classes = [answer.classes.get(int(n), space.ignore_index) if n else space.ignore_index for n in numbers]
    found_at: np.ndarray = np.array(classes, space.dtype)[places.reshape(answer.ids.shape)]
    return found_at


def shares_of(answer: Answer, space: LabelSpace, size: Size, min_score: float = SURE) -> dict[str, float]:
    """Class name -> its share of the pixels, 0..1, of every class; of objects, of those that score at least `min_score`.

    Raises: ModelError for an answer that covers no pixels.
    """
    counts = COUNTS[type(answer)](answer, space, min_score) if type(answer) in COUNTS else None
    if counts is None:
        raise ModelError(
            f"an answer of {type(answer).__name__} without masks covers no pixels, so that it has no shares"
        )
    return {name: float(counts[n]) / (size[0] * size[1]) for n, name in enumerate(space.names)}


def tell(answer: Answer, space: LabelSpace, size: Size) -> str:
    """What was found in a picture, in a few words: "road 31 %, sky 20 %", "3 car, 1 person", "1.8 to 3.6 m"."""
    return WORDS[type(answer)](answer, space, size)


def _of_objects(answer: Objects, space: LabelSpace, min_score: float) -> list[int] | None:
    """The pixels that at least one object of a class covers."""
    parts, _ = drawn_of(answer, min_score)
    if parts.masks is None:
        return None
    counts = [0] * space.num_classes
    for kind in set(parts.classes.tolist()):
        masks = [mask for mask, own in zip(parts.masks, parts.classes, strict=True) if own == kind]
        whole = np.zeros(masks[0].size, bool)
        for mask in masks:
            whole[mask.box] |= mask.inside
        counts[kind] = int(whole.sum())
    return counts


def largest(shares: Mapping[str, float]) -> str:
    """The three largest shares, in a few words."""
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {share:.0%}" for name, share in ordered[:3] if share >= 0.005) or "nothing"


def _largest(answer: Any, space: LabelSpace, size: Size) -> str:
    return largest(shares_of(answer, space, size))


def _objects(answer: Objects, space: LabelSpace, _: Size) -> str:
    parts, left = drawn_of(answer)
    return many(Counter(space.names[int(n)] for n in parts.classes), left)


def _segments(answer: Segments, space: LabelSpace, size: Size) -> str:
    present = set(np.unique(answer.ids).tolist()) - {0}
    kinds = [space.names[kind] for number, kind in answer.classes.items() if number in present]
    things = Counter(name for name in kinds if name in space.things)
    return many(things) if things else _largest(answer, space, size)


def many(counts: Mapping[str, int], left: int = 0, min_score: float = SURE) -> str:
    """How many of each class, in a few words, and how many more score less than those."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    more = len(ordered) - 3
    rest = f" and {more} more class{'es' if more > 1 else ''}" if more > 0 else ""
    told = ", ".join(f"{count} {name}" for name, count in ordered[:3]) + rest or "no objects"
    return told + (f"; {left} below {min_score:g}" if left else "")


def _depth(answer: Depth, _: LabelSpace, __: Size) -> str:
    near, far = limits_of(answer.meters)
    return f"{near:.3g} to {far:.3g} m" if far else "no depth is known"


def _tags(answer: Tags, space: LabelSpace, _: Size) -> str:
    return ", ".join(f"{space.names[int(n)]} {float(answer.scores[n]):.0%}" for n in answer.classes) or "no class"


COUNTS: dict[type, Callable[[Any, LabelSpace, float], Any]] = {  # the pixels of each class
    Labels: lambda answer, space, _: pixels_of(label_map(answer, space), space),
    Segments: lambda answer, space, _: pixels_of(label_map(answer, space), space),
    Planes: lambda answer, _, __: np.asarray(answer.planes).sum(axis=(1, 2)),
    Objects: _of_objects,
}

WORDS: dict[type, Callable[[Any, LabelSpace, Size], str]] = {
    Tags: _tags,
    Labels: _largest,
    Planes: _largest,
    Segments: _segments,
    Objects: _objects,
    Depth: _depth,
}
