"""Answers of queries whose masks compete for pixels.

Yu, Wang, Qiao, Collins, Zhu, Adam, Yuille, Chen. "k-means Mask Transformer." ECCV 2022. arXiv:2207.04044, section 4 ("masks")
Wang, Zhu, Adam, Yuille, Chen. "MaX-DeepLab." CVPR 2021. arXiv:2012.00759, section 3.1 ("pixels")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelError, nearest
from ..labels import LabelSpace
from ..structures import Answer, CompetingMasks, CroppedMask, Labels, Objects, Segments
from .centers import things_of

WAYS = ("masks", "pixels")


def segments_of_slots(
    output: CompetingMasks,
    space: LabelSpace,
    threshold: float = 0.7,
    stuff_threshold: float = 0.5,
    pixel_threshold: float = 0.4,
    overlap: float = 0.8,
    by: Literal["masks", "pixels"] = "masks",
) -> list[Answer]:
    """Cut each picture into segments; where no query is sure it is void.

    Args:
        threshold: probability, 0..1, that the class of a query must exceed; of "pixels", of stuff too.
        stuff_threshold: the same for classes of stuff, of "masks".
        pixel_threshold: share of a pixel, 0..1, that a query must exceed to have it.
        overlap: share of its own mask, 0..1, that a query must be left with by surer ones, of "masks".
        by: "masks" lays masks down from the surest on, the surer the class and the pixels (kMaX-DeepLab); "pixels" gives each
            to the query that has most of it, if that query is sure of its class (MaX-DeepLab).

    Returns: B of `Segments`; a segment scores the probability of its class, and stuff that of its surest query.
    """
    _shares(threshold=threshold, stuff_threshold=stuff_threshold, pixel_threshold=pixel_threshold, overlap=overlap)
    if by not in WAYS:
        raise ModelError(f"by is {by!r}{nearest(by, WAYS)}; choose from {' and '.join(WAYS)}")
    things = things_of(space)
    answers: list[Answer] = []
    for one in _pictures(output):
        least = torch.where(torch.isin(one.label, one.label.new_tensor(things)), threshold, stuff_threshold)
        if by == "pixels":
            slots, order = _by_pixels(one, one.score >= threshold, pixel_threshold)
        else:
            slots, order = _by_masks(one, one.score > least, pixel_threshold, overlap)
        answers.append(_numbered(slots, order, one, things))
    return answers


def objects_of_slots(
    output: CompetingMasks, space: LabelSpace, threshold: float = 0.05, top_k: int = 100, pixel_threshold: float = 0.4
) -> list[Answer]:
    """List the objects of each picture, best first.

    Args:
        threshold: least score, 0..1: the probability of the class times the mean share that the query has of its pixels.
        top_k: how many pairs of a query and a class are looked at, best first.
        pixel_threshold: share of a pixel, 0..1, that a query must exceed to have it.

    Returns: B of `Objects`, masks as `CroppedMask`.

    Raises: ModelError where the label space has no things.
    """
    _shares(threshold=threshold, pixel_threshold=pixel_threshold)
    if not space.things:
        raise ModelError("objects are asked for, and no class has any; name the classes that have under labels.things")
    if top_k < 1:
        raise ModelError(f"top_k is {top_k}; it is a number of objects, 1 or more")
    answers: list[Answer] = []
    for one in _pictures(output):
        pairs = one.classes.flatten()
        score, place = pairs.topk(min(top_k, len(pairs)))
        query, label = place // space.num_classes, place % space.num_classes
        kept = torch.isin(label, label.new_tensor(things_of(space))) & (score >= threshold)
        score, query, label = score[kept], query[kept], label[kept]
        drawn = {n: _cropped(one.share[n], pixel_threshold) for n in query.unique().tolist()}  # type: ignore[no-untyped-call]
        score = score * torch.tensor([drawn[n][1] for n in query.tolist()], device=score.device)
        order = score.argsort(descending=True, stable=True)
        order = order[(score[order] > 0) & (score[order] >= threshold)]
        masks = [drawn[n][0] for n in query[order].tolist()]
        answers.append(Objects(masks, label[order], score[order]))
    return answers


def labels_of_slots(output: CompetingMasks, space: LabelSpace) -> list[Answer]:
    """Decide the class of each pixel by all queries together.

    Returns: B of `Labels`.
    """
    dtype = torch.uint8 if space.num_classes <= 255 else torch.int32
    return [
        Labels(torch.einsum("qk,qhw->khw", one.classes, one.share).argmax(dim=0).to(dtype)) for one in _pictures(output)
    ]


class _Picture(NamedTuple):
    """What the queries say of one picture.

    Args:
        classes: [Q, K] probabilities, without "no object".
        score, label: [Q] of the best class.
        share: [Q, H, W] whose a pixel is; adds up to 1 over the queries.
        logits: [Q, H, W] before the softmax.
    """

    classes: Tensor
    score: Tensor
    label: Tensor
    share: Tensor
    logits: Tensor


def _pictures(output: CompetingMasks) -> Iterator[_Picture]:
    size = (int(output.size[0]), int(output.size[1]))
    for logits, masks in zip(output.classes.float(), output.masks.float(), strict=True):
        classes = logits.softmax(dim=1)[:, :-1]
        whole = F.interpolate(masks[None], size, mode="bilinear", align_corners=False)[0]
        score, label = classes.max(dim=1)
        yield _Picture(classes, score, label, whole.softmax(dim=0), whole)


def _by_masks(one: _Picture, sure: Tensor, least: float, overlap: float) -> tuple[Tensor, list[int]]:
    """Lay masks down from the surest on: [H, W] whose each pixel is, -1 for nobody's, and the queries that have any."""
    own = one.share > least  # [Q, H, W]
    area = own.flatten(1).sum(dim=1)
    mean = (one.share * own).flatten(1).sum(dim=1) / area.clamp(min=1)
    order = (one.score * mean).argsort(descending=True, stable=True)
    slots = torch.full(own.shape[1:], -1, device=own.device)
    kept = []
    for n in order[(sure & (area > 0))[order]].tolist():
        free = own[n] & (slots < 0)
        if int(free.sum()) > overlap * int(area[n]):
            slots[free] = n
            kept.append(n)
    return slots, kept


def _by_pixels(one: _Picture, sure: Tensor, least: float) -> tuple[Tensor, list[int]]:
    """Give each pixel to the query that has most of it, if that one is sure: as `_by_masks`."""
    if not bool(sure.any()):
        return torch.full(one.share.shape[1:], -1, device=sure.device), []
    among = one.logits.masked_fill(~sure[:, None, None], float("-inf"))
    most, winner = among.max(dim=0)
    share = (most - among.logsumexp(dim=0)).exp()
    slots = torch.where((most == one.logits.amax(dim=0)) & (share > least), winner, -1)
    present = slots.unique()  # type: ignore[no-untyped-call]
    return slots, present[present >= 0].tolist()


def _numbered(slots: Tensor, order: list[int], one: _Picture, things: list[int]) -> Segments:
    """Number the segments; queries of one class of stuff are one."""
    classes: dict[int, int] = {}
    scores: dict[int, float] = {}
    stuff: dict[int, int] = {}
    table = torch.zeros(len(one.score) + 1, dtype=torch.long, device=slots.device)
    for n in order:
        kind, score = int(one.label[n]), float(one.score[n])
        number = stuff.get(kind, len(classes) + 1)
        if kind not in things:
            stuff[kind] = number
        table[n], classes[number] = number, kind
        scores[number] = max(scores.get(number, 0.0), score)
    return Segments(table[slots].cpu().numpy(), classes, scores=scores)  # -1 is the last row, 0


def _cropped(share: Tensor, least: float) -> tuple[CroppedMask, float]:
    """The pixels that a query has, and the mean share of them, 0 without any."""
    own = share > least
    y, x = own.nonzero(as_tuple=True)
    place = tuple(slice(int(v.min()), int(v.max()) + 1) if len(v) else slice(0, 0) for v in (y, x))
    sure = float(share[own].mean()) if len(y) else 0.0
    return CroppedMask(place, own[place].cpu().numpy(), tuple(share.shape)), sure


def _shares(**given: float) -> None:
    for name, value in given.items():
        if not 0 <= value <= 1:
            raise ModelError(f"{name} is {value}; it is a share, 0 to 1")
