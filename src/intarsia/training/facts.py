"""What decides how a data set is trained on, measured on some of its samples: sizes, objects, widths, shares of classes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from ..data.dataset import labels_of
from ..data.samples import as_sample
from ..errors import IntarsiaError
from ..labels import LabelSpace

SAMPLES = 32  # that are looked at, evenly spread over the training set
PIXELS = 40_000_000  # of them together: a few seconds of reading
SMALLEST = 16  # pixels of a connected part that counts as an object


class Facts(NamedTuple):
    """What is known of a training set before the first step."""

    samples: int  # to train on
    size: tuple[int, int] = (256, 256)  # height and width of the median sample, in pixels
    channels: int = 3
    classes: int = 2
    object_size: float | None = (
        None  # pixels across of the objects that most pixels belong to; None where there is none
    )
    finest: float | None = None  # the same of the class whose objects are smallest
    width: float | None = None  # pixels across of the narrowest part of the usual class: small for vessels and cracks
    rarest: float = 1.0  # share of the pixels, 0..1, of the rarest class that occurs
    commonest: float = 1.0  # and of the commonest
    planes: bool = False  # several labels a pixel


def facts_of(dataset: Any, labels: LabelSpace | None = None) -> Facts:
    """Measure some samples of a training set.

    Args:
        labels: of the data set, where it brings none.

    Samples that cannot be read are left out here: the label doctor names them before the first step.
    """
    space = labels_of(dataset) or labels
    sizes: list[tuple[int, int]] = []
    shares, across, widths = [], [], []
    channels, pixels = 3, 0
    for index in _spread(len(dataset)):
        try:
            sample = as_sample(dataset[index], index)
        except (IntarsiaError, OSError, ValueError):
            continue
        channels = len(sample.image)
        sizes.append((sample.labels.shape[0], sample.labels.shape[1]))
        pixels += sample.labels.numel()
        if space is not None and sample.tags is None:
            maps = _maps(sample, space)
            shares.append([float(held.sum()) for held in maps])
            across.append([_sizes(held) for held in maps])
            widths.append([_width(held) for held in maps])
        if pixels > PIXELS:
            break
    if not sizes:
        return Facts(len(dataset))
    middle = sorted(sizes, key=lambda size: size[0] * size[1])[len(sizes) // 2]
    known = Facts(
        len(dataset), middle, channels, space.num_classes if space else 2, planes=bool(space and space.planes)
    )
    return known._replace(**_of_classes(np.array(shares), across, widths)) if shares else known


def _spread(count: int) -> list[int]:
    return sorted({round(n) for n in np.linspace(0, count - 1, min(count, SAMPLES))}) if count else []


def _maps(sample: Any, space: LabelSpace) -> list[np.ndarray]:
    """Where each class is, [H, W] bool."""
    if sample.planes is not None:
        return [plane.numpy() for plane in sample.planes]
    labels = sample.labels.numpy()
    return [labels == number for number in range(space.num_classes)]


def _of_classes(shares: np.ndarray, across: list[Any], widths: list[Any]) -> dict[str, Any]:
    """Sizes and shares of the classes but the commonest, which is most often what surrounds the others."""
    total = shares.sum(axis=0)
    if not total.any():
        return {}
    part = total / total.sum()
    others = [n for n in range(len(part)) if n != int(part.argmax())]
    found = {"rarest": float(part[part > 0].min()), "commonest": float(part.max())}
    pairs = [pair for image in across for n in others for pair in image[n]]
    if pairs:
        found["object_size"] = _weighted(pairs)
    each = [pairs for n in others if (pairs := [pair for image in across for pair in image[n]])]
    if each:
        found["finest"] = min(_weighted(pairs) for pairs in each)
    narrow = [float(np.median(held)) for n in others if (held := [image[n] for image in widths if image[n]])]
    if narrow:
        found["width"] = float(np.median(narrow))
    return found


def _sizes(held: np.ndarray) -> list[tuple[float, float]]:
    """(pixels across, pixels) of each connected part."""
    if not held.any():
        return []
    parts, count = ndimage.label(held)
    areas = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    boxes = ndimage.find_objects(parts)
    return [
        (float(max(rows.stop - rows.start, columns.stop - columns.start)), float(area))
        for (rows, columns), area in zip(boxes, areas, strict=True)
        if area >= SMALLEST
    ]


def _width(held: np.ndarray) -> float:
    """Twice the area over the length of the outline: the width of a long strip, and 4/5 of the radius of a disk."""
    area = float(held.sum())
    edges = float((held[1:] != held[:-1]).sum() + (held[:, 1:] != held[:, :-1]).sum())
    return 2 * area / edges if edges else 0.0


def _weighted(pairs: list[tuple[float, float]]) -> float:
    """The median of the sizes, where each counts as much as it has pixels."""
    ranked = sorted(pairs)
    half = sum(area for _, area in ranked) / 2
    for size, area in ranked:
        half -= area
        if half <= 0:
            return size
    return ranked[-1][0]
