"""Answers as a graph makes them: of a whole batch, in tensors of fixed rows, with nothing that Python decides.

`ANSWERS` is the table: what is asked and the kind of output -> the function. Each equals the decision of `postprocess` that
it stands for, which the gate proves on every file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import ModelError, nearest
from ...labels import LabelSpace
from ...postprocess import options_of, usual_task
from ...postprocess.pixels import thresholds
from ...structures import ClassLogits, DepthMap, Detections, MaskQueries, PanopticLogits, SemanticLogits
from .centers import Made, objects_of_centers, segments_of_centers

Make = Callable[[Any, LabelSpace, Mapping[str, Any], float], Made]


def labels_of_maps(output: Any, space: LabelSpace, options: Mapping[str, Any], temperature: float) -> Made:
    """Decide the class of each pixel, or of each picture: [B, H, W] or [B], uint8, beyond 255 classes int32."""
    logits = output.semantic if isinstance(output, PanopticLogits) else output.logits
    if isinstance(output, PanopticLogits):
        limit, maps = 0.5, space.num_classes
    else:
        limit, maps = thresholds(options.get("threshold", 0.5), space)[0], space.head_size
    if maps == 1:
        found = (logits[:, 0] / temperature).sigmoid() > limit
    elif limit != 0.5:
        found = (logits / temperature).softmax(dim=1)[:, 1] > limit
    else:
        found = logits.argmax(dim=1)
    return {"labels": found.to(_dtype(space))}


def labels_of_masks(output: MaskQueries, space: LabelSpace, options: Mapping[str, Any], temperature: float) -> Made:
    """Decide the class of each pixel by all queries together: [B, H, W]."""
    probability = output.classes.softmax(dim=2)[:, :, :-1]  # [B, Q, K]
    scores = torch.einsum("bqk,bqhw->bkhw", probability, _enlarged(output).sigmoid())
    return {"labels": scores.argmax(dim=1).to(_dtype(space))}


def probabilities_of_maps(output: Any, space: LabelSpace, options: Mapping[str, Any], temperature: float) -> Made:
    """Give the probability of each class, [B, K, H, W] or [B, K] float32, under the temperature."""
    logits = output.semantic if isinstance(output, PanopticLogits) else output.logits
    return {"probabilities": space.probabilities(logits.float() / temperature)}


def planes_of_maps(output: Any, space: LabelSpace, options: Mapping[str, Any], temperature: float) -> Made:
    """Decide each class by itself: [B, K, H, W] or [B, K] bool."""
    limits = torch.tensor(thresholds(options.get("threshold", 0.5), space)).view(-1, *[1] * (output.logits.ndim - 2))
    return {"planes": (output.logits / temperature).sigmoid() > limits}


def depth_of_maps(output: DepthMap, space: LabelSpace, options: Mapping[str, Any], temperature: float) -> Made:
    """Give the depth of each pixel, [B, H, W] float32 meters."""
    return {"depth": output.depth[:, 0].float()}


def objects_of_boxes(output: Detections, space: LabelSpace, options: Mapping[str, Any], temperature: float) -> Made:
    """List objects, best first: scores [B, N], 0 where there is none, classes, boxes in pixels, and masks, where the network
    draws any: [B, N, m, n] 0..1 inside of the boxes, or of `windows` [B, N, 4] where those are given, or [B, N, H, W] bool."""
    scores = output.scores * (output.scores >= options.get("threshold", 0.05))
    made = {"scores": scores, "classes": output.classes.to(torch.int32), "boxes": output.boxes}
    if output.whole is not None:
        drawn = F.interpolate(output.whole.float(), output.size, mode="bilinear", align_corners=False)
        return {**made, "masks": drawn > options.get("mask_threshold", 0.5)}
    if output.windows is not None and output.masks is not None:
        return {**made, "masks": output.masks.sigmoid(), "windows": output.windows}
    return made if output.masks is None else {**made, "masks": output.masks.sigmoid()}


def objects_of_masks(output: MaskQueries, space: LabelSpace, options: Mapping[str, Any], temperature: float) -> Made:
    """List objects, best first: scores [B, N], 0 where there is none, classes, and masks [B, N, H, W] bool."""
    if not space.things:
        raise ModelError("objects are asked for, and no class has any; ask for labels")
    known = {**options_of("instance", MaskQueries), **options}
    pairs = output.classes.softmax(dim=2)[:, :, :-1].flatten(1)  # [B, Q K]
    score, place = pairs.topk(min(known["top_k"], pairs.shape[1]))
    query, label = place // space.num_classes, place % space.num_classes
    h, w = output.masks.shape[2:]
    chosen = output.masks.gather(1, query[:, :, None, None].expand(-1, -1, h, w))
    drawn = _enlarged(output._replace(masks=chosen))  # [B, N, H, W]
    inside = drawn > 0
    mean = (drawn.sigmoid() * inside).flatten(2).sum(2) / inside.flatten(2).sum(2).clamp(min=1)
    score = score * (_among(label, space) & (score >= known["threshold"])) * mean
    score, order = (score * (score >= known["threshold"])).topk(score.shape[1])
    masks = inside.gather(1, order[:, :, None, None].expand_as(inside))
    return {"scores": score, "classes": label.gather(1, order).to(torch.int32), "masks": masks}


def segments_of_masks(output: MaskQueries, space: LabelSpace, options: Mapping[str, Any], temperature: float) -> Made:
    """Cut pictures into segments: their numbers [B, H, W] int32, 0 where there is none, and of segment n the class and the
    score in column n - 1 of [B, Q], -1 and 0 where no segment has that number."""
    known = {**options_of("panoptic", MaskQueries), **options}
    score, label = output.classes.softmax(dim=2).max(dim=2)  # [B, Q]
    kept = (label < space.num_classes) & (score > known["threshold"])
    sure = _enlarged(output).sigmoid()  # [B, Q, H, W]
    winner = (score * kept)[:, :, None, None].mul(sure).argmax(dim=1)  # [B, H, W]
    numbers = torch.arange(label.shape[1], device=label.device)
    area = (winner[:, None] == numbers[:, None, None]).flatten(2).sum(2)
    own = (sure >= 0.5).flatten(2).sum(2)
    good = kept & (area > 0) & (own > 0) & (area >= known["overlap"] * own)
    stuff = good & ~_among(label, space)
    alike = (label[:, :, None] == label[:, None]) & stuff[:, :, None] & stuff[:, None]  # [B, Q, Q]
    first = torch.where(stuff, alike.to(torch.int32).argmax(dim=2), numbers)
    number = torch.where(good, first + 1, 0)
    ids = number.gather(1, winner.flatten(1)).view_as(winner)
    leads = number == numbers + 1
    best = torch.where(stuff, (alike * score[:, None]).amax(dim=2), score)
    return {
        "segments": ids.to(torch.int32),
        "classes": torch.where(leads, label, -1).to(torch.int32),
        "scores": best * leads,
    }


ANSWERS: dict[tuple[str, type], Make] = {
    ("labels", SemanticLogits): labels_of_maps,
    ("labels", ClassLogits): labels_of_maps,
    ("labels", PanopticLogits): labels_of_maps,
    ("labels", MaskQueries): labels_of_masks,
    ("probabilities", SemanticLogits): probabilities_of_maps,
    ("probabilities", ClassLogits): probabilities_of_maps,
    ("probabilities", PanopticLogits): probabilities_of_maps,
    ("planes", SemanticLogits): planes_of_maps,
    ("planes", ClassLogits): planes_of_maps,
    ("depth", DepthMap): depth_of_maps,
    ("objects", Detections): objects_of_boxes,
    ("objects", MaskQueries): objects_of_masks,
    ("objects", PanopticLogits): objects_of_centers,
    ("segments", MaskQueries): segments_of_masks,
    ("segments", PanopticLogits): segments_of_centers,
}
ASKED = ("labels", "probabilities", "planes", "objects", "segments", "depth")
USUAL = {"classification": "labels", "semantic": "labels", "depth": "depth", "instance": "objects",
         "detection": "objects", "panoptic": "segments"}  # task -> answer  # fmt: skip
TASKS = {"labels": "semantic", "probabilities": "semantic", "planes": "semantic", "objects": "instance",
         "segments": "panoptic", "depth": "depth"}  # answer -> the task whose decision it stands for  # fmt: skip


def answer_for(answer: str, kind: type, space: LabelSpace, task: str) -> str:
    """Choose what a graph answers, and see that it can.

    Args:
        answer: a name of `ASKED`; "": as the task asks, and where no graph can, labels.
        kind: of the network's output.
        task: of the predictor; "": the usual one.

    Raises: ModelError for an answer that there is not, or that a graph of this network cannot give.
    """
    if answer and answer not in ASKED:
        raise ModelError(f"there is no answer {answer!r}{nearest(answer, ASKED)}")
    able = [name for name, known in ANSWERS if known is kind]
    able = [name for name in able if space.planes or name != "planes"]
    able = [name for name in able if not (space.planes and name == "labels" and kind in (SemanticLogits, ClassLogits))]
    chosen = answer or ("planes" if "planes" in able else USUAL[task or usual_task(kind, space)])
    if not answer and chosen not in able:
        chosen = able[0]
    if chosen not in able:
        why = ""
        if chosen == "planes":
            why = "its label space has one label a pixel"
        elif chosen == "labels" and space.planes:
            why = "its label space has several labels a pixel"
        raise ModelError(
            f"a graph of a network that returns {kind.__name__} cannot answer {chosen}"
            f"{f' ({why})' if why else ''}; ask for {' or '.join(able)}"
        )
    return chosen


def task_for(answer: str, kind: type, task: str) -> str:
    """Name the task whose decision a graph's answer is compared with."""
    if kind is ClassLogits:
        return "classification"
    return "detection" if answer == "objects" and task == "detection" else TASKS[answer]


def _dtype(space: LabelSpace) -> torch.dtype:
    return torch.uint8 if space.num_classes <= 255 else torch.int32


def _enlarged(output: MaskQueries) -> Tensor:
    return F.interpolate(output.masks, output.size, mode="bilinear", align_corners=False)


def _among(label: Tensor, space: LabelSpace) -> Tensor:
    """Whether each class number is a thing's."""
    table = torch.tensor([name in space.things for name in space.names] + [False], device=label.device)
    return table[label]
