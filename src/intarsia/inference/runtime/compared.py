"""Answers of an exported file as those of a predictor, and how many pixels of two answers differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import ModelError
from ...labels import LabelSpace
from ...postprocess import semantic_view
from ...postprocess.objects import pasted, placed
from ...structures import (
    Answer,
    ClassLogits,
    CroppedMask,
    Depth,
    Labels,
    Objects,
    Output,
    Planes,
    Segments,
    Tags,
)

NEAR = 1e-3  # share by which a depth or a box may differ


def answers_of(answer: str, made: Mapping[str, np.ndarray], space: LabelSpace, images: Tensor) -> list[Answer]:
    """Read the tensors of a graph's answer.

    Args:
        answer: a name of `ASKED`.
        made: name -> array of the batch.
        images: [B, C, H, W] that they are the answers of.

    Raises: ModelError for tensors of other shapes.
    """
    size = (int(images.shape[2]), int(images.shape[3]))
    main = made.get(answer, made.get("scores"))
    if main is None or main.ndim == 0:
        raise ModelError(f"the file gives {', '.join(made) or 'nothing'}, and no {answer}")
    maps = (space.num_classes, *size)
    shapes: dict[str, list[tuple[int, ...]]] = {  # of a picture; of a classifier without sides
        "labels": [size, ()],
        "probabilities": [maps, maps[:1]],
        "planes": [maps, maps[:1]],
        "segments": [size],
        "depth": [size],
    }
    if answer in shapes and tuple(main.shape[1:]) not in shapes[answer]:
        raise ModelError(f"the file gives {answer} of shape {list(main.shape)} for pictures of {list(images.shape)}")
    return [_answer(answer, {name: array[n] for name, array in made.items()}, space, size) for n in range(len(main))]


def _answer(answer: str, made: Mapping[str, np.ndarray], space: LabelSpace, size: tuple[int, int]) -> Answer:
    if answer == "objects":
        return _objects(made, size)
    main = torch.from_numpy(np.asarray(made[answer]))
    if answer == "labels":
        return Labels(main) if main.ndim else Tags(main[None].long(), torch.empty(0))
    if answer == "probabilities":
        best = main > 0.5 if space.planes else main.argmax(dim=0)
        if main.ndim == 1:
            return Tags(best.nonzero()[:, 0] if space.planes else best[None], main)
        return Planes(best) if space.planes else Labels(best)
    if answer == "planes":
        return Planes(main) if main.ndim == 3 else Tags(main.nonzero()[:, 0], torch.empty(0))
    if answer == "depth":
        return Depth(main)
    kinds = {n + 1: int(kind) for n, kind in enumerate(made["classes"]) if kind >= 0}
    scores = {n: float(made["scores"][n - 1]) for n in kinds}
    return Segments(made["segments"], kinds, scores=scores, depth=made.get("depth"))


def _objects(made: Mapping[str, np.ndarray], size: tuple[int, int]) -> Objects:
    rows = np.flatnonzero(made["scores"] > 0)
    scores, classes = (torch.from_numpy(np.asarray(made[name][rows])) for name in ("scores", "classes"))
    if "boxes" not in made:
        place = tuple(slice(0, side) for side in size)
        return Objects([CroppedMask(place, mask, size) for mask in made["masks"][rows]], classes.long(), scores)
    boxes = torch.from_numpy(np.asarray(made["boxes"][rows]))
    if "masks" not in made:
        return Objects(boxes, classes.long(), scores)
    masks = np.asarray(made["masks"][rows])
    if masks.dtype == bool:  # of the whole picture
        place = tuple(slice(0, side) for side in size)
        drawn = [CroppedMask(place, mask, size) for mask in masks]
    elif "windows" in made:
        drawn = placed(torch.from_numpy(masks), torch.from_numpy(np.asarray(made["windows"][rows])), size, 0.5)
    else:
        drawn = pasted(torch.from_numpy(masks), boxes, size, 0.5)
    return Objects(drawn, classes.long(), scores, boxes=boxes)


def changed(one: Answer, other: Answer) -> float:
    """The share of a picture's pixels that two answers of one kind differ in, 0..1; of tags 0 or 1."""
    if isinstance(one, Tags) and isinstance(other, Tags):
        return float(set(one.classes.tolist()) != set(other.classes.tolist()))
    mine, its = (_map_of(answer) for answer in (one, other))
    if isinstance(one, Objects) and not mine.size * its.size:
        mine, its = (part if part.size else np.zeros_like(whole) for part, whole in ((mine, its), (its, mine)))
    if mine.shape != its.shape:
        return 1.0
    if isinstance(one, Depth):
        return float(np.mean(np.abs(mine - its) > NEAR * np.maximum(np.abs(mine), 1e-6)))
    differ = mine != its
    return float(np.mean(differ.any(axis=0) if differ.ndim == 3 else differ))


def _map_of(answer: Any) -> np.ndarray:
    """What each pixel is, in numbers that can be compared: objects are painted, the best one on top."""
    if isinstance(answer, Labels):
        return answer.classes.cpu().numpy().astype(np.int64)
    if isinstance(answer, Planes):
        return answer.planes.cpu().numpy() != 0
    if isinstance(answer, Depth):
        return answer.meters.cpu().numpy()
    if isinstance(answer, Segments):
        numbers, first, inverse = np.unique(answer.ids, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first)) + 1  # the order in which segments are first met
        table = np.array([r * 10_000 + answer.classes[int(n)] if int(n) in answer.classes else 0 for n, r in zip(numbers, rank, strict=True)])  # fmt: skip
        return np.asarray(table[inverse.reshape(answer.ids.shape)])
    return _painted(answer)


def _painted(answer: Objects) -> np.ndarray:
    """Objects laid over each other; of a detector without masks, their rounded boxes instead."""
    shapes = answer.shapes
    if isinstance(shapes, Tensor):
        order = sorted(range(len(shapes)), key=lambda n: (int(answer.classes[n]), *shapes[n].round().int().tolist()))
        return np.array([[int(answer.classes[n]), *shapes[n].round().int().tolist()] for n in order])
    if not len(shapes):
        return np.zeros((0, 0), np.int64)
    masks: Any = shapes
    made = np.zeros(masks[0].size, np.int64)
    for n in reversed(range(len(masks))):
        made[masks[n].box][masks[n].inside] = int(answer.classes[n]) + 1
    return made


def probabilities_of(output: Output, space: LabelSpace, temperature: float) -> Tensor | None:
    """The probabilities of an output's pixels, or pictures; None where it has no scores of classes."""
    if isinstance(output, ClassLogits):
        return space.probabilities(output.logits[..., None, None] / temperature)
    found = semantic_view(output)
    return None if found is None else space.probabilities(found.logits.float() / temperature)
