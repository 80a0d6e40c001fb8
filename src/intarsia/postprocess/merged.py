"""Answers of a detector that names the pixels between its objects, too: objects first, from the surest on, then stuff.

Kirillov, Girshick, He, Dollar. "Panoptic Feature Pyramid Networks." CVPR 2019. arXiv:1901.02446, section 3
Kirillov, He, Girshick, Rother, Dollar. "Panoptic Segmentation." CVPR 2019. arXiv:1801.00868, section 7
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import ModelError
from ..labels import LabelSpace
from ..structures import Answer, CroppedMask, Detections, DetectionsAndStuff, Labels, Segments
from .centers import things_of
from .objects import boxes_of_detections, objects_of_detections, pasted

STUFF_SHARE = 64 * 64 / (480 * 640)  # the script's 4096 pixels, of the usual picture of COCO


def segments_of_both(
    output: DetectionsAndStuff,
    space: LabelSpace,
    threshold: float = 0.5,
    overlap: float = 0.5,
    stuff_area: int | None = None,
    mask_threshold: float = 0.5,
) -> list[Answer]:
    """Cut each picture into objects and stuff; what is neither is void.

    Objects are laid down from the surest on. One of which more than a share lies in earlier ones is left out, and the
    others keep what is free.

    Args:
        threshold: objects that are less probable are left out, 0..1.
        overlap: share of an object, 0..1, that earlier ones may cover.
        stuff_area: pixels that a class of stuff needs, else it is void; None: a 75th of the picture, 4096 pixels of COCO's
            480 x 640.
        mask_threshold: of the sigmoid, 0..1: pixels of a mask that are more probable are the object's.

    Returns: B of `Segments`; an object scores its own, a segment of stuff the mean probability of its class.

    Raises: ModelError for a share outside 0..1, and a detector without masks.
    """
    for name, value in (("threshold", threshold), ("overlap", overlap), ("mask_threshold", mask_threshold)):
        if not 0 <= value <= 1:
            raise ModelError(f"{name} is {value}; it is a share, 0 to 1")
    return [
        _merged(output.objects, output.semantic[n].float(), n, space, threshold, overlap, stuff_area, mask_threshold)
        for n in range(len(output.semantic))
    ]


def objects_of_both(
    output: DetectionsAndStuff, space: LabelSpace, threshold: float = 0.05, mask_threshold: float = 0.5
) -> list[Answer]:
    """List the objects of each picture, each with its mask, as `objects_of_detections` does.

    Args:
        threshold, mask_threshold: as there.
    """
    return objects_of_detections(output.objects, space, threshold, mask_threshold)


def boxes_of_both(output: DetectionsAndStuff, space: LabelSpace, threshold: float = 0.05) -> list[Answer]:
    """List the objects of each picture, each with its box.

    Args:
        threshold: as for `objects_of_detections`.
    """
    return boxes_of_detections(output.objects, space, threshold)


def labels_of_both(
    output: DetectionsAndStuff, space: LabelSpace, threshold: float = 0.5, overlap: float = 0.5
) -> list[Answer]:
    """Decide the class of each pixel: that of its object, or the most probable stuff; without stuff, the most probable class.

    Args:
        threshold, overlap: as for `segments_of_both`.

    Returns: B of `Labels`.
    """
    dtype = torch.uint8 if space.num_classes <= 255 else torch.int32
    stuff = [n for n in range(space.num_classes) if n not in things_of(space)] or list(range(space.num_classes))
    answers: list[Answer] = []
    for n, scores in enumerate(output.semantic):
        labels = torch.tensor(stuff, device=scores.device)[scores[stuff].argmax(dim=0)]
        found = _merged(output.objects, scores.float(), n, space, threshold, overlap, scores[0].numel() + 1, 0.5)
        ids = torch.from_numpy(found.ids).to(labels.device)
        table = torch.tensor([0, *(found.classes[number] for number in sorted(found.classes))], device=labels.device)
        answers.append(Labels(torch.where(ids > 0, table[ids], labels).to(dtype)))
    return answers


def _merged(
    objects: Detections,
    semantic: Tensor,
    n: int,
    space: LabelSpace,
    threshold: float,
    overlap: float,
    stuff_area: int | None,
    mask_threshold: float,
) -> Segments:
    """The segments of picture n."""
    things = things_of(space)
    ids = torch.zeros(semantic.shape[1:], dtype=torch.long)
    classes: dict[int, int] = {}
    scores: dict[int, float] = {}
    for mask, kind, score in _in_order(objects, n, things, threshold, mask_threshold):
        inside, place = torch.from_numpy(mask.inside), ids[mask.box]
        area = int(inside.sum())
        if not area or int((place[inside] > 0).sum()) / area > overlap:
            continue
        number = len(classes) + 1
        place[inside & (place == 0)] = number
        classes[number], scores[number] = kind, score
    probability = semantic.softmax(dim=0).cpu()  # [K, H, W]
    stuff = [kind for kind in range(space.num_classes) if kind not in things]
    if stuff:
        sure, best = probability[stuff].max(dim=0)
        free = (ids == 0) & (sure > probability[things].sum(dim=0))
        least = max(1, STUFF_SHARE * ids.numel() if stuff_area is None else stuff_area)
        for row, kind in enumerate(stuff):
            own = free & (best == row)
            if int(own.sum()) < least:
                continue
            number = len(classes) + 1
            ids[own] = number
            classes[number], scores[number] = kind, float(sure[own].mean())
    return Segments(ids.numpy(), classes, scores=scores)


def _in_order(
    found: Detections, n: int, things: list[int], threshold: float, mask_threshold: float
) -> list[tuple[CroppedMask, int, float]]:
    """The objects of things in picture n that are sure enough: mask, class and score, surest first."""
    if found.masks is None:
        raise ModelError("segments are asked for, and this network draws boxes alone; ask for the task 'detection'")
    score = found.scores[n]
    kept = (score > 0) & (score >= threshold) & torch.isin(found.classes[n], found.classes.new_tensor(things))
    rows = kept.nonzero()[:, 0]
    rows = rows[score[rows].argsort(descending=True, stable=True)]
    masks = pasted(found.masks[n, rows].sigmoid(), found.boxes[n, rows], found.size, mask_threshold)
    return list(zip(masks, found.classes[n, rows].tolist(), score[rows].tolist(), strict=True))
