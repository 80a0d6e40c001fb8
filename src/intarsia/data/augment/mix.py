"""Two or four samples made one: CutMix, ClassMix, copy-paste and mosaic.

Each takes samples of one size and gives one; the pixels of image and labels always move together, so that no pixel shows
one sample and names another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ...structures import Sample
from ..samples import check_alike

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
    counted = other.labels != ignore_index
    if other.planes is None:
        there = other.labels[counted].unique()  # type: ignore[no-untyped-call]
    else:
        there = (other.planes & counted).flatten(1).any(dim=1).nonzero()[:, 0]
    if not len(there):
        return sample
    chosen = there[torch.from_numpy(rng.permutation(len(there))[: (len(there) + 1) // 2])]
    held = torch.isin(other.labels, chosen) if other.planes is None else other.planes[chosen].any(dim=0) & counted
    return _laid(sample, other, held)


def copy_paste(sample: Sample, other: Sample, rng: np.random.Generator) -> Sample:
    """A random subset of another sample's objects, laid over this one (Ghiasi et al., CVPR 2021, arXiv:2012.07177).

    The samples must know their objects; those of `other` get numbers after those of `sample`.
    """
    if other.objects is None or sample.objects is None:
        missing = sample if sample.objects is None else other
        raise DataError(
            f"{missing.name}: augment.copy_paste moves objects, but the data set knows none; use classmix, or set it to 0"
        )
    there = other.objects.unique()  # type: ignore[no-untyped-call]
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
    """`above` where `covered` [H, W], `below` elsewhere; the objects of `above` get numbers after those of `below`.

    The objects of the frame before go with those of the frame. Of objects with all of their pixels, those of which nothing
    is seen any more lose their mask: what lay hidden under a part that moved did not move with it.

    Raises: DataError where one sample has objects, depth or planes, and the other has not; and for tags, the classes of
        whole pictures: nobody knows which of them a part shows.
    """
    check_alike([below, above])
    if below.tags is not None or above.tags is not None:
        raise DataError(
            f"{below.name} and {above.name} cannot be mixed: their tags are of whole pictures, and which of them a part "
            "shows nobody knows; set augment.cutmix, classmix, copy_paste and mosaic to 0"
        )
    made = below._replace(
        image=torch.where(covered, above.image, below.image).permute(1, 2, 0).contiguous().permute(2, 0, 1),
        labels=torch.where(covered, above.labels, below.labels),
    )
    for what in ("depth", "planes"):
        under, over = getattr(below, what), getattr(above, what)
        if under is not None:
            part: dict[str, Any] = {what: torch.where(covered, over, under)}
            made = made._replace(**part)
    if below.masks is not None and above.masks is not None:
        made = made._replace(masks=torch.cat([below.masks & ~covered, above.masks & covered]))
    last = _last(below)
    for what in ("objects", "previous"):
        under, over = getattr(below, what), getattr(above, what)
        if under is not None:
            lifted = torch.where(over > 0, over + last, 0).to(under.dtype)
            part = {what: torch.where(covered, lifted, under)}
            made = made._replace(**part)
    if made.masks is not None and made.objects is not None:
        rows = torch.arange(1, len(made.masks) + 1)
        made = made._replace(masks=made.masks & torch.isin(rows, made.objects.unique().long())[:, None, None])  # type: ignore[no-untyped-call]
    if below.classes is not None and above.classes is not None:
        made = made._replace(classes=torch.cat([below.classes[:last], above.classes]))
    return made


def _last(sample: Sample) -> int:
    """The number after which those of another sample are free."""
    if sample.masks is not None:
        return len(sample.masks)
    if sample.classes is not None:
        return len(sample.classes)
    return max((int(part.max()) for part in (sample.objects, sample.previous) if part is not None), default=0)
