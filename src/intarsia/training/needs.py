"""What the samples of a run must have for its network to learn: planes, objects, depth or tags."""

from __future__ import annotations

from typing import NamedTuple

from ..data.dataset import Dataset
from ..errors import TrainingError
from ..labels import LabelSpace
from ..structures import (
    ClassLogits,
    CompetingMasks,
    DepthMap,
    Detections,
    DetectionsAndStuff,
    MaskQueries,
    PanopticLogits,
    Sample,
    SemanticLogits,
    objects_in,
)
from .material import Material, sample_of

LOOKED_AT = 200  # samples that are searched for an object of each thing class


class Need(NamedTuple):
    """Parts of a sample, of which one must be there."""

    parts: tuple[str, ...]
    what: str  # in a sentence
    give: str


OBJECTS = Need(
    ("objects", "masks"),
    "objects",
    "give each sample its objects, [H, W] numbers from 1, or their masks [M, H, W], or choose a data set or an option of it "
    "that has them",
)
NEEDS: dict[type, Need] = {  # of each kind of output; one that is not here learns from labels or planes
    ClassLogits: Need(("tags",), "tags, the classes of each picture as a whole,", "use one such as class_folders"),
    PanopticLogits: OBJECTS,
    Detections: OBJECTS,
    DetectionsAndStuff: OBJECTS,
    DepthMap: Need(("depth",), "depth", "give each sample its depth, [H, W] in meters, nan where unknown"),
}
OF_TWO_CLASSES = (
    SemanticLogits,
    ClassLogits,
    PanopticLogits,
)  # these give each pixel one of the classes, "none" is none
WITH_THINGS: dict[type, Need] = {
    MaskQueries: OBJECTS,
    CompetingMasks: OBJECTS,
}  # further ones where the label space has things


def check_needs(output: type, material: Material) -> list[str]:
    """See that the samples have what a network learns from, by the first sample of each data set.

    Args:
        output: the kind of output that the network returns.

    Returns: sentences about what is there but will teach little: thing classes without any object.

    Raises: TrainingError naming what is missing.
    """
    labels = material.labels
    if labels.num_classes < 2 and not labels.planes and output in OF_TWO_CLASSES:
        detectors = "; or choose a network that finds objects, such as maskrcnn" if labels.things else ""
        raise TrainingError(
            f"{labels.names[0]!r} is the only class, so there is nothing to tell apart; list what is not of it as a class "
            f"of its own under labels.classes, such as background, with its value in labels.values{detectors}"
        )
    need = NEEDS.get(output) or (WITH_THINGS.get(output) if labels.things else None)
    if need is None:
        return []
    for dataset, use in ((material.train, "train"), (material.val, "validate")):
        if dataset is None:
            continue
        sample = sample_of(dataset, 0)
        if all(getattr(sample, part) is None for part in need.parts):
            raise TrainingError(
                f"a network that returns {output.__name__} learns {need.what} and the samples to {use} on have none "
                f"({sample.name}); {need.give}, or choose another network"
            )
    return _without_objects(material.train, labels) if need is OBJECTS else []


def _without_objects(train: Dataset, labels: LabelSpace) -> list[str]:
    """Look for an object of each thing class.

    Raises: TrainingError when there is no object at all.
    """
    count, seen, any_object = min(len(train), LOOKED_AT), set[int](), False
    wanted = {labels.names.index(name) for name in labels.things}
    for index in range(count):
        classes = classes_of(sample_of(train, index), labels.ignore_index)
        any_object |= bool(classes)
        seen |= classes
        if any_object and wanted <= seen:
            return []
    looked = "the training set" if count == len(train) else f"the first {count} samples of the training set"
    if not any_object:
        raise TrainingError(
            f"there is no object in {looked}, so that nothing can be learned of objects; look at how the data set numbers "
            "them, or choose a network for labels"
        )
    missing = ", ".join(labels.names[number] for number in sorted(wanted - seen))
    return [f"no object of {missing} (labels.things) in {looked}: such objects cannot be learned from it"]


def classes_of(sample: Sample, ignore_index: int) -> set[int]:
    """The classes of which a sample has an object in view."""
    return {int(number) for number in objects_in(sample, ignore_index).classes}
