"""Two or four samples made one: CutMix, ClassMix, copy-paste and mosaic.

Each takes samples of one size and gives one; the pixels of image and labels always move together, so that no pixel shows
one sample and names another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ...structures import Sample

Another = Callable[[], Sample]  # draws one more sample of the training set, augmented alike


def cutmix(sample: Sample, other: Sample, rng: np.random.Generator) -> Sample:
    """A rectangle of another sample, which covers a share of the picture drawn evenly from 0..1 (Yun et al. 2019).

    The segmentation form of French et al. (BMVC 2020, arXiv:1906.01916).
    """
    height, width = sample.labels.shape
    side = np.sqrt(rng.uniform())
    h, w = max(1, round(side * height)), max(1, round(side * width))
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    covered = torch.zeros(height, width, dtype=torch.bool)
    covered[top : top + h, left : left + w] = True
    return _laid(sample, other, covered)


def classmix(sample: Sample, other: Sample, rng: np.random.Generator, *, ignore_index: int) -> Sample:
    """Half of the classes of another sample, laid over this one (Olsson et al., WACV 2021, arXiv:2007.07936)."""
    there = other.labels.unique()
    there = there[there != ignore_index]
    if not len(there):
        return sample
    chosen = rng.permutation(len(there))[: (len(there) + 1) // 2]
    return _laid(sample, other, torch.isin(other.labels, there[torch.from_numpy(chosen)]))


def copy_paste(sample: Sample, other: Sample, rng: np.random.Generator) -> Sample:
    """A random subset of another sample's objects, laid over this one (Ghiasi et al., CVPR 2021, arXiv:2012.07177).

    The samples must know their objects; those of `other` get numbers after those of `sample`.
    """
    if other.objects is None or sample.objects is None:
        missing = sample if sample.objects is None else other
        raise DataError(
            f"{missing.name}: augment.copy_paste moves objects, but the data set knows none; use classmix, or set it to 0"
        )
    there = other.objects.unique()
    there = there[there > 0]
    chosen = there[torch.from_numpy(rng.random(len(there)) < 0.5)]
    return _laid(sample, other, torch.isin(other.objects, chosen))


def mosaic(samples: list[Sample], rng: np.random.Generator) -> Sample:
    """Four samples around a random point between a quarter and three quarters of the picture (Bochkovskiy et al. 2020).

    Each quarter shows the same place of its own sample, so that no seam needs resizing.
    """
    first = samples[0]
    height, width = first.labels.shape
    y = int(rng.integers(height // 4, height - height // 4 + 1))
    x = int(rng.integers(width // 4, width - width // 4 + 1))
    made = first
    for other, (rows, columns) in zip(
        samples[1:], ((slice(0, y), slice(x, None)), (slice(y, None), slice(0, x)), (slice(y, None), slice(x, None))),
        strict=True,
    ):  # fmt: skip
        covered = torch.zeros(height, width, dtype=torch.bool)
        covered[rows, columns] = True
        made = _laid(made, other, covered)
    return made


def _laid(below: Sample, above: Sample, covered: Tensor) -> Sample:
    """`above` where `covered` [H, W], `below` elsewhere; objects keep their rows, those of `above` coming after."""
    image = torch.where(covered, above.image, below.image).permute(1, 2, 0).contiguous().permute(2, 0, 1)
    objects = boxes = depth = None
    if below.objects is not None and above.objects is not None:
        count = int(below.objects.max()) if below.boxes is None else len(below.boxes)
        lifted = torch.where(above.objects > 0, above.objects + count, 0)
        objects = torch.where(covered, lifted, below.objects)
        total = count + (int(above.objects.max()) if above.boxes is None else len(above.boxes))
        if below.boxes is not None:
            boxes = boxes_of(objects, total)
    if below.depth is not None and above.depth is not None:
        depth = torch.where(covered, above.depth, below.depth)
    labels = torch.where(covered, above.labels, below.labels)
    return Sample(image, labels, below.name, objects, boxes, depth)


def boxes_of(objects: Tensor, count: int) -> Tensor:
    """The box around each object 1 .. `count` of a map [H, W]: [count, 4] x0, y0, x1, y1; zeros where it is not in view."""
    boxes = torch.zeros(count, 4)
    y, x = objects.nonzero(as_tuple=True)
    row = objects[y, x].long() - 1
    for column, values, how in ((0, x, "amin"), (1, y, "amin"), (2, x + 1, "amax"), (3, y + 1, "amax")):
        boxes[:, column] = boxes[:, column].scatter_reduce(0, row, values.float(), how, include_self=False)
    return boxes
