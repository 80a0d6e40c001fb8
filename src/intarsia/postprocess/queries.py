"""Answers of queries: each has a class and a mask, and where masks overlap the surest decides.

Cheng, Schwing, Kirillov. "Per-Pixel Classification is Not All You Need for Semantic Segmentation." NeurIPS 2021.
arXiv:2107.06278, section 3.4; objects as in Mask2Former (Cheng et al. CVPR 2022. arXiv:2112.01527)

    semantic    at each pixel, over the queries: sum of p(class) * p(mask); the largest class
    panoptic    sure queries alone; each pixel to the largest p(class) * p(mask); without queries that lost most of it
    instance    of all pairs of a query and a thing the best; mask where its probability is above a half
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelError
from ..labels import LabelSpace
from ..structures import Answer, CroppedMask, Labels, MaskQueries, Objects, Segments
from .centers import things_of

AT_ONCE = 8  # masks of the whole picture that are in memory together, where all of them are added up


def labels_of_queries(output: MaskQueries, space: LabelSpace) -> list[Answer]:
    """Decide the class of each pixel by all queries together.

    Returns: B of `Labels`.
    """
    dtype = torch.uint8 if space.num_classes <= 255 else torch.int32
    answers: list[Answer] = []
    for logits, masks in zip(output.classes.float(), output.masks.float(), strict=True):
        probability = logits.softmax(dim=1)[:, :-1]  # [Q, K]
        parts = zip(probability.split(AT_ONCE), masks.split(AT_ONCE), strict=True)
        scores = sum(torch.einsum("qk,qhw->khw", p, _enlarged(m, output.size).sigmoid()) for p, m in parts)  # [K, H, W]
        answers.append(Labels(torch.as_tensor(scores).argmax(dim=0).to(dtype)))
    return answers


def segments_of_queries(
    output: MaskQueries, space: LabelSpace, threshold: float = 0.8, overlap: float = 0.8
) -> list[Answer]:
    """Cut each picture into segments; where no query is sure it is void.

    Args:
        threshold: probability, 0..1, that a query's class must exceed.
        overlap: share, 0..1, of its own mask that a query must be left with, else the others have taken it.

    Returns: B of `Segments`; a segment scores the probability of its class, and stuff that of its surest query.
    """
    _shares(threshold=threshold, overlap=overlap)
    things = set(things_of(space))
    answers: list[Answer] = []
    for logits, masks in zip(output.classes.float(), output.masks.float(), strict=True):
        score, label = logits.softmax(dim=1).max(dim=1)
        kept = (label < space.num_classes) & (score > threshold)
        score, label = score[kept], label[kept]
        ids = torch.zeros(_sides(output.size), dtype=torch.long, device=masks.device)
        classes: dict[int, int] = {}
        scores: dict[int, float] = {}
        if len(score):
            sure = _enlarged(masks[kept], output.size).sigmoid()  # [N, H, W]
            winner = (score[:, None, None] * sure).argmax(dim=0)
            area = torch.bincount(winner.flatten(), minlength=len(score))
            own = (sure >= 0.5).flatten(1).sum(dim=1)
            numbers, stuff = [0] * len(score), dict[int, int]()
            for n in ((area > 0) & (own > 0) & (area >= overlap * own)).nonzero()[:, 0].tolist():
                kind = int(label[n])
                number = stuff.get(kind, len(classes) + 1)
                if kind not in things:
                    stuff[kind] = number
                numbers[n], classes[number] = number, kind
                scores[number] = max(scores.get(number, 0.0), float(score[n]))
            ids = torch.tensor(numbers, device=ids.device)[winner]
        answers.append(Segments(ids.cpu().numpy(), classes, scores=scores))
    return answers


def objects_of_queries(
    output: MaskQueries, space: LabelSpace, threshold: float = 0.05, top_k: int = 100
) -> list[Answer]:
    """List the objects of each picture, best first.

    Args:
        threshold: least score, 0..1: the probability of the class times the mean probability of the mask's pixels.
        top_k: how many pairs of a query and a class are looked at, best first.

    Returns: B of `Objects`, masks as `CroppedMask`.

    Raises: ModelError where the label space has no things.
    """
    _shares(threshold=threshold)
    if not space.things:
        raise ModelError("objects are asked for, and no class has any; name the classes that have under labels.things")
    if top_k < 1:
        raise ModelError(f"top_k is {top_k}; it is a number of objects, 1 or more")
    answers: list[Answer] = []
    for logits, masks in zip(output.classes.float(), output.masks.float(), strict=True):
        pairs = logits.softmax(dim=1)[:, :-1].flatten()  # [Q K]
        score, place = pairs.topk(min(top_k, len(pairs)))
        query, label = place // space.num_classes, place % space.num_classes
        kept = torch.isin(label, label.new_tensor(things_of(space))) & (score >= threshold)
        score, query, label = score[kept], query[kept], label[kept]
        drawn = [part for few in query.split(AT_ONCE) for part in _drawn(masks[few], output.size)]
        score = score * torch.tensor([sure for _, sure in drawn], device=score.device)
        order = score.argsort(descending=True, stable=True)
        order = order[(score[order] > 0) & (score[order] >= threshold)]
        answers.append(Objects([drawn[row][0] for row in order.tolist()], label[order], score[order]))
    return answers


def _drawn(masks: Tensor, size: tuple[int, int]) -> list[tuple[CroppedMask, float]]:
    """The pixels of each mask whose probability is above a half, and the mean probability of these, 0 without any."""
    found = []
    for mask in _enlarged(masks, size):
        y, x = (mask > 0).nonzero(as_tuple=True)
        place = tuple(slice(int(v.min()), int(v.max()) + 1) if len(v) else slice(0, 0) for v in (y, x))
        sure = float(mask[y, x].sigmoid().mean()) if len(y) else 0.0
        found.append((CroppedMask(place, (mask[place] > 0).cpu().numpy(), _sides(size)), sure))
    return found


def _enlarged(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Logits [N, h, w] at the image's size, [N, H, W]."""
    if not len(masks):
        return masks.new_zeros(0, *_sides(size))
    return F.interpolate(masks[None], _sides(size), mode="bilinear", align_corners=False)[0]


def _sides(size: tuple[int, int]) -> tuple[int, int]:
    return int(size[0]), int(size[1])


def _shares(**given: float) -> None:
    for name, value in given.items():
        if not 0 <= value <= 1:
            raise ModelError(f"{name} is {value}; it is a share, 0 to 1")
