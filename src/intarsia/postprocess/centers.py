"""Objects by their centers: find the peaks of the heatmap, and let each pixel join the peak that it points to.

Cheng et al. "Panoptic-DeepLab." CVPR 2020. arXiv:1911.10194, sections 3.3 and 4

    centers - max pooling - peaks ------------,
    offsets - where each pixel points - nearest peak -,
    semantic - best class ----------------------------- majority in each object - segments
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelError
from ..labels import LabelSpace
from ..structures import Answer, CroppedMask, Labels, Objects, PanopticLogits, Segments, boxes_of

AT_ONCE = 1 << 24  # distances between pixels and peaks that are in memory together
STUFF_SHARE = 2048 / (1024 * 2048)  # the paper's 2048 pixels, of the pictures that it is about


class Grouped(NamedTuple):
    """The objects of one picture, best peak first.

    Args:
        number: [H, W] int64, from 1; 0 where there is none.
        classes: [M] int64.
        scores: [M] peak of the heatmap times mean probability of the class, 0..1.
        label: [H, W] int64, the best class of each pixel by itself.
        sure: [H, W] probability of the pixel's class, that of its object where it has one.
    """

    number: Tensor
    classes: Tensor
    scores: Tensor
    label: Tensor
    sure: Tensor


def segments_of_centers(
    output: PanopticLogits,
    space: LabelSpace,
    threshold: float = 0.1,
    kernel: int = 7,
    top_k: int = 200,
    stuff_area: int | None = None,
) -> list[Answer]:
    """Cut each picture into objects and stuff; what is neither is void.

    Args:
        threshold: of the heatmap, 0..1: a lower peak is no center.
        kernel: side of the window, in pixels and odd, in which a center is the highest point.
        top_k: how many centers a picture has at most.
        stuff_area: pixels that a class of stuff needs, else it is void; None: a 1024th of the picture, the paper's 2048
            pixels at 1024 x 2048.

    Returns: B of `Segments`, with the depth where the output has it. A segment of stuff scores the mean probability of its
        class, an object that times its peak.
    """
    answers: list[Answer] = []
    for n in range(len(output.semantic)):
        found = grouped(output, n, space, threshold, kernel, top_k)
        ids, classes, scores = found.number.clone(), found.classes.tolist(), found.scores.tolist()
        free = (ids == 0) & ~_among(found.label, things_of(space))
        label = found.label[free]
        counts = torch.bincount(label, minlength=space.num_classes)
        sure = torch.bincount(label, found.sure[free].double(), minlength=space.num_classes) / counts.clamp(min=1)
        least = max(1, STUFF_SHARE * ids.numel() if stuff_area is None else stuff_area)
        kept = (counts >= least).nonzero()[:, 0]
        table = ids.new_zeros(space.num_classes)
        table[kept] = torch.arange(len(kept), device=ids.device) + len(classes) + 1
        ids[free] = table[label]
        classes, scores = [*classes, *kept.tolist()], [*scores, *sure[kept].tolist()]
        depth = None if output.depth is None else output.depth[n, 0].float().cpu().numpy()
        numbers = range(1, len(classes) + 1)
        answers.append(
            Segments(
                ids.cpu().numpy(),
                dict(zip(numbers, classes, strict=True)),
                scores=dict(zip(numbers, scores, strict=True)),
                depth=depth,
            )
        )
    return answers


def objects_of_centers(
    output: PanopticLogits, space: LabelSpace, threshold: float = 0.1, kernel: int = 7, top_k: int = 200
) -> list[Answer]:
    """List the objects of each picture, best first.

    Args:
        threshold, kernel, top_k: as for `segments_of_centers`.

    Returns: B of `Objects`, masks as `CroppedMask`.

    Raises: ModelError where the label space has no things.
    """
    if not space.things:
        raise ModelError("objects are asked for, and no class has any; name the classes that have under labels.things")
    answers: list[Answer] = []
    for n in range(len(output.semantic)):
        found = grouped(output, n, space, threshold, kernel, top_k)
        order = found.scores.argsort(descending=True, stable=True)
        boxes = boxes_of(found.number, len(order)).int().tolist()
        masks = [_cut(found.number, row, boxes[row]) for row in order.tolist()]
        answers.append(Objects(masks, found.classes[order], found.scores[order]))
    return answers


def labels_of_centers(output: PanopticLogits, space: LabelSpace) -> list[Answer]:
    """Decide the class of each pixel by itself; centers have no say."""
    dtype = torch.uint8 if space.num_classes <= 255 else torch.int32
    return [Labels(classes) for classes in output.semantic.argmax(dim=1).to(dtype)]


def grouped(
    output: PanopticLogits, n: int, space: LabelSpace, threshold: float = 0.1, kernel: int = 7, top_k: int = 200
) -> Grouped:
    """Find the objects of picture n: each pixel of a thing joins the peak nearest to where it points.

    Args:
        threshold, kernel, top_k: as for `segments_of_centers`.

    Raises: ModelError for a threshold outside 0..1, an even kernel, or less than one center.
    """
    _check(threshold, kernel, top_k)
    logits = output.semantic[n].float()
    best, label = logits.max(dim=0)
    total = logits.logsumexp(dim=0)  # [H, W]
    sure = (best - total).exp()
    number = torch.zeros_like(label)
    peaks, height = peaks_of(output.centers[n, 0].float(), threshold, kernel, top_k)
    y, x = _among(label, things_of(space)).nonzero(as_tuple=True)
    if not len(y) or not len(peaks):
        return Grouped(number, label.new_zeros(0), best.new_zeros(0), label, sure)
    pointed = torch.stack([y, x], dim=1) + output.offsets[n][:, y, x].float().T  # [P, 2]
    used, row = nearest_peak(pointed, peaks).unique(return_inverse=True)  # type: ignore[no-untyped-call]
    votes = torch.bincount(row * space.num_classes + label[y, x], minlength=len(used) * space.num_classes)
    classes = votes.view(len(used), -1).argmax(dim=1)  # [M]
    number[y, x] = row + 1
    sure[y, x] = (logits[classes[row], y, x] - total[y, x]).exp()
    mean = torch.bincount(row, sure[y, x].double()) / torch.bincount(row)
    return Grouped(number, classes, (height[used] * mean).float(), label, sure)


def peaks_of(heat: Tensor, threshold: float, kernel: int, top_k: int) -> tuple[Tensor, Tensor]:
    """Find the highest points of a heatmap.

    Args:
        heat: [H, W].
        threshold, kernel, top_k: as for `segments_of_centers`.

    Returns: [M, 2] (y, x), highest first, and their heights [M], at most 1. Of points of one height in one window the first
        counts, so that a flat top is one center.
    """
    top = (heat > threshold) & (heat == _highest(heat, kernel))
    if int(top.sum()) > 1:
        last = heat.numel()
        order = torch.arange(last, 0, -1, device=heat.device, dtype=torch.float64).view_as(heat) * top
        top &= order == _highest(order, kernel)
    y, x = top.nonzero(as_tuple=True)
    height, kept = heat[y, x].sort(descending=True, stable=True)
    return torch.stack([y, x], dim=1)[kept[:top_k]], height[:top_k].clamp(max=1)


def nearest_peak(points: Tensor, peaks: Tensor) -> Tensor:
    """Find the peak nearest to each point, the first of several.

    Args:
        points: [P, 2] (y, x).
        peaks: [M, 2] (y, x), at least one.

    Returns: [P] int64, which row of `peaks`.
    """
    places = peaks.to(points.dtype)
    # not by products, which lose the small differences of large coordinates
    parts = [
        torch.cdist(part, places, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)
        for part in torch.split(points, max(1, AT_ONCE // len(places)))
    ]
    return torch.cat(parts)


def things_of(space: LabelSpace) -> list[int]:
    """List the numbers of the classes whose objects are told apart."""
    return [space.names.index(name) for name in space.things]


def _highest(values: Tensor, kernel: int) -> Tensor:
    return F.max_pool2d(values[None, None], kernel, stride=1, padding=kernel // 2)[0, 0]


def _among(label: Tensor, classes: list[int]) -> Tensor:
    return torch.isin(label, label.new_tensor(classes))


def _cut(number: Tensor, row: int, box: list[int]) -> CroppedMask:
    x0, y0, x1, y1 = box
    place = slice(y0, y1), slice(x0, x1)
    return CroppedMask(place, (number[place] == row + 1).cpu().numpy(), tuple(number.shape))


def _check(threshold: float, kernel: int, top_k: int) -> None:
    if not 0 <= threshold <= 1:
        raise ModelError(f"threshold is {threshold}; it is a height of the heatmap, 0 to 1")
    if kernel < 1 or kernel % 2 == 0:
        raise ModelError(f"kernel is {kernel}; it is the side of a window around a pixel, 1, 3, 5 and so on")
    if top_k < 1:
        raise ModelError(f"top_k is {top_k}; it is a number of centers, 1 or more")
