"""Turn what a data set of the user hands out into a Sample, and see that samples which go together have the same parts."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError
from ..labels import LabelSpace
from ..structures import Sample
from .files.npy import whole
from .pairs import as_tensor


def as_sample(item: Any, index: int) -> Sample:
    """Turn an item of a data set into a Sample: labels of whole numbers, objects int32, depth float32, planes and tags bool.

    Args:
        item: a Sample, or a tuple (image [C, H, W], labels [H, W]) or (image, labels, name).
        index: of the item; it names a tuple without a name.

    Raises: DataError saying what the item is instead, or which of its parts does not fit.
    """
    if not isinstance(item, Sample):
        if not isinstance(item, tuple) or len(item) not in (2, 3):
            raise DataError(
                f"item {index} of the data set is {type(item).__name__}; return intarsia.Sample(image, labels, name)"
            )
        name = str(item[2]) if len(item) == 3 else f"{index:06d}"
        item = Sample(torch.as_tensor(item[0]), torch.as_tensor(item[1]), name)
    if item.image.ndim != 3 or item.labels.shape != item.image.shape[1:]:
        raise DataError(
            f"{item.name}: image {list(item.image.shape)} and labels {list(item.labels.shape)}; expected [C, H, W] and [H, W] of one size"
        )
    if _real(item.labels):
        item = item._replace(labels=as_tensor(whole(item.labels.numpy(), item.name)))
    if _real(item.image):
        raise DataError(
            f"{item.name}: image of {item.image.dtype}; data sets hand out raw integers: uint8, or int32 for 16-bit values"
        )
    sample: Sample = item
    if all(part is None for part in sample[3:]):
        return sample
    _check_masks(sample)
    return sample._replace(
        objects=_numbers(sample, "objects", sample.objects),
        depth=_depth(sample),
        planes=_planes(sample),
        classes=_classes(sample),
        tags=_tags(sample),
        previous=_numbers(sample, "objects one frame before", sample.previous),
    )


def _real(values: Tensor) -> bool:
    return values.is_floating_point() or values.is_complex() or values.dtype == torch.bool


def _numbers(sample: Sample, what: str, objects: Tensor | None) -> Tensor | None:
    if objects is None:
        return None
    if objects.shape != sample.labels.shape or _real(objects) or (objects < 0).any():
        raise DataError(_unfit(sample, what, objects, "whole numbers [H, W], 0 where there is none"))
    return objects.to(torch.int32)


def _classes(sample: Sample) -> Tensor | None:
    """The class of each object; as many as there are masks, or as the largest object number says."""
    classes, masks, objects = sample.classes, sample.masks, sample.objects
    most = 0 if objects is None or not objects.numel() else int(objects.max())
    count = most if masks is None else len(masks)
    if masks is not None and most > count:
        raise DataError(f"{sample.name}: object {most} has no mask, there are {count}; give masks one row an object")
    if classes is None:
        return None
    if classes.ndim != 1 or _real(classes):
        raise DataError(_unfit(sample, "classes", classes, "whole numbers [M], one an object"))
    if len(classes) != count if masks is not None else len(classes) < count:
        raise DataError(
            f"{sample.name}: {len(classes)} classes for {count} objects; give the class of each "
            f"{'row of masks' if masks is not None else 'object number from 1 on'}"
        )
    return classes.long()


def _tags(sample: Sample) -> Tensor | None:
    if sample.tags is not None and (sample.tags.ndim != 1 or sample.tags.dtype != torch.bool):
        raise DataError(_unfit(sample, "tags", sample.tags, "bool [K], one a class"))
    return sample.tags


def _depth(sample: Sample) -> Tensor | None:
    depth = sample.depth
    if depth is None:
        return None
    if depth.shape != sample.labels.shape or not depth.is_floating_point():
        raise DataError(_unfit(sample, "depth", depth, "floating-point meters [H, W], nan where unknown"))
    return depth.to(torch.float32)


def _planes(sample: Sample) -> Tensor | None:
    planes = sample.planes
    if planes is None:
        return None
    if planes.ndim != 3 or planes.shape[1:] != sample.labels.shape or planes.dtype != torch.bool:
        raise DataError(_unfit(sample, "planes", planes, "bool [K, H, W], one plane a class"))
    return planes


def _check_masks(sample: Sample) -> None:
    masks = sample.masks
    if masks is not None and (masks.ndim != 3 or masks.shape[1:] != sample.labels.shape or masks.dtype != torch.bool):
        raise DataError(_unfit(sample, "masks", masks, "bool [M, H, W], one an object"))


def _unfit(sample: Sample, what: str, values: Tensor, wanted: str) -> str:
    height, width = sample.labels.shape
    kind = str(values.dtype).removeprefix("torch.")
    return f"{sample.name}: {what} of {kind} {list(values.shape)} for an image of {height}x{width} (HxW); give {wanted}"


def filled(samples: Sequence[Sample], ignore_index: int | None) -> list[Sample]:
    """Give samples without any label the parts that the others have: no objects, unknown depth, empty planes.

    Tags are not made up: a picture without any is refused where others have some.

    Args:
        ignore_index: the label of pixels that do not count; None: no sample is changed.

    Returns: the samples in their order; those with labels are as they were.
    """
    models = {what: next((s for s in samples if getattr(s, what) is not None), None) for what in Sample._fields[3:]}
    if ignore_index is None or not any(models.values()):
        return list(samples)
    return [_completed(s, models) if bool((s.labels == ignore_index).all()) else s for s in samples]


def _completed(sample: Sample, models: Mapping[str, Sample | None]) -> Sample:
    """The sample with empty parts in place of those that it lacks and another has."""
    size = sample.labels.shape
    planes = models["planes"]
    empty: dict[str, Tensor] = {
        "objects": torch.zeros(size, dtype=torch.int32),
        "depth": torch.full(size, float("nan")),
        "planes": torch.zeros(
            (len(planes.planes) if planes and planes.planes is not None else 0, *size), dtype=torch.bool
        ),
        "masks": torch.zeros((0, *size), dtype=torch.bool),
        "classes": torch.zeros(0, dtype=torch.long),
        "previous": torch.zeros(size, dtype=torch.int32),
    }
    lacking: dict[str, Any] = {
        what: part for what, part in empty.items() if getattr(sample, what) is None and models[what] is not None
    }
    return sample._replace(**lacking)


def check_alike(samples: Sequence[Sample]) -> None:
    """Refuse samples of which some have objects, depth or planes and others have not, or another number of planes.

    Raises: DataError naming one of each kind.
    """
    first = samples[0]
    for other in samples[1:]:
        for what, mine, its in (
            ("objects", first.objects, other.objects),
            ("depth", first.depth, other.depth),
            ("planes", first.planes, other.planes),
            ("masks", first.masks, other.masks),
            ("classes of objects", first.classes, other.classes),
            ("tags", first.tags, other.tags),
            ("objects one frame before", first.previous, other.previous),
        ):
            if (mine is None) != (its is None):
                has, lacks = (first, other) if its is None else (other, first)
                raise DataError(
                    f"{has.name} has {what} and {lacks.name} has none: they fit into no batch; give every sample of the "
                    f"data set its {what}, or none"
                )
        if first.planes is not None and other.planes is not None and len(first.planes) != len(other.planes):
            raise DataError(
                f"{first.name} has {len(first.planes)} planes and {other.name} has {len(other.planes)}: they fit into no "
                "batch; give every sample one plane a class"
            )
        if first.tags is not None and other.tags is not None and len(first.tags) != len(other.tags):
            raise DataError(
                f"{first.name} has {len(first.tags)} tags and {other.name} has {len(other.tags)}: they fit into no batch; "
                "give every sample one tag a class"
            )


def shown_labels(sample: Sample, space: LabelSpace) -> Tensor:
    """The class numbers [H, W] of a sample for a picture; of planes, the last class of each pixel, ignored where none is."""
    if sample.planes is None:
        return sample.labels
    return as_tensor(space.flattened(sample.planes.numpy(), sample.labels.numpy()))
