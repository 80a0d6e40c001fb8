"""What of a sample is true, in the form in which an answer is held against it.

objects    each with all of its pixels; what is labeled as a thing and belongs to no object is a crowd of its class, which
           is neither found nor missed, and excuses detections inside it
segments   one for each object of a thing, one for each class of stuff; ignored pixels are void, and what is labeled as a
           thing and belongs to no object is a crowd of its class
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from ..errors import DataError
from ..labels import LabelSpace
from ..metrics import segments
from ..metrics.object_shapes import crop
from ..structures import Objects, Sample, Segments, objects_in


def needs(sample: Sample, part: Any, what: str, advice: str) -> None:
    """See that a sample has what an answer is held against.

    Raises: DataError naming the sample, what it lacks and what to do.
    """
    if part is None:
        raise DataError(f"{sample.name}: the data set has no {what}; {advice}")


def image_of(sample: Sample) -> np.ndarray:
    """The pixels of a sample, [H, W, C]: a copy, since a view would keep the whole batch in memory."""
    return np.array(sample.image.permute(1, 2, 0).cpu().numpy(), order="C")


def things(space: LabelSpace) -> tuple[int, ...]:
    """The numbers of the classes that are things."""
    return tuple(space.names.index(name) for name in space.things)


def true_objects(sample: Sample, space: LabelSpace) -> Objects:
    """List the objects of a sample as cropped masks, and after them the crowds.

    Raises: DataError where the data set tells no objects apart.
    """
    needs(
        sample,
        sample.masks if sample.objects is None else sample.objects,
        "objects",
        "objects are scored on data that tells them apart; for labels alone evaluate with task 'semantic'",
    )
    found = objects_in(sample, space.ignore_index)
    assert isinstance(found.shapes, Tensor)
    shapes = [crop(mask.cpu().numpy()) for mask in found.shapes]
    classes = [int(k) for k in found.classes]
    if outside := [k for k in classes if not 0 <= k < space.num_classes]:
        raise DataError(f"{sample.name}: an object has class {outside[0]}, outside the {space.num_classes} classes")
    lonely = _lonely(sample)
    crowds = []
    if sample.planes is None:
        labels = sample.labels.cpu().numpy()
        for k in things(space):
            rest = lonely & (labels == k)
            if rest.any():
                crowds.append((crop(rest), k))
    return Objects(
        [*shapes, *(shape for shape, _ in crowds)],
        np.array([*classes, *(k for _, k in crowds)], np.int64),
        crowd=np.array([False] * len(shapes) + [True] * len(crowds), bool),
    )


def true_segments(sample: Sample, space: LabelSpace) -> Segments:
    """Cut a sample into segments.

    Objects that overlap are laid over each other, the smaller on top: a pixel has one segment.

    Raises: DataError where classes are things and the data set tells no objects apart.
    """
    labels = sample.labels.cpu().numpy().astype(np.int64)
    kinds = things(space)
    if not kinds:
        return segments(labels, np.zeros_like(labels), (), space.ignore_index)
    needs(
        sample,
        sample.masks if sample.objects is None else sample.objects,
        "objects",
        f"{space.things[0]!r} is a thing, and segments of things are told apart by object; leave it out of labels.things",
    )
    numbers = _numbers(sample)
    if sample.classes is not None:
        own = sample.classes.cpu().numpy().astype(np.int64)
        held = (numbers > 0) & (labels != space.ignore_index)
        labels[held] = own[numbers[held] - 1]
    found = segments(labels, numbers, kinds, space.ignore_index)
    stray = (numbers == 0) & np.isin(labels, kinds)
    crowd = [int(s) for s in np.unique(found.ids[stray]) if s]
    return found._replace(crowd=crowd)


def _numbers(sample: Sample) -> np.ndarray:
    """[H, W] the number of each pixel's object; 0 where there is none."""
    if sample.objects is not None:
        return sample.objects.cpu().numpy().astype(np.int64)
    assert sample.masks is not None
    masks = sample.masks.cpu().numpy()
    numbers = np.zeros(masks.shape[1:], np.int64)
    for n in np.argsort(-masks.sum(axis=(1, 2)), kind="stable"):
        numbers[masks[n]] = n + 1
    return numbers


def _lonely(sample: Sample) -> np.ndarray:
    """[H, W] bool: pixels of no object."""
    numbers: Tensor | None = sample.objects
    lonely = np.ones(tuple(sample.labels.shape), bool) if numbers is None else (numbers == 0).cpu().numpy()
    return lonely if sample.masks is None else lonely & ~sample.masks.any(0).cpu().numpy()
