"""Small pictures that say all that is true of them, and engines that read it off again, rightly or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from intarsia.labels import LabelSpace
from intarsia.structures import ClassLogits, DepthMap, MaskQueries, Objects, Sample, Segments, SemanticLogits

SPACE = LabelSpace(("ground", "disk", "box"), things=("disk", "box"))
PLANES = LabelSpace(("ground", "disk", "box"), planes=True)
HEIGHT, WIDTH = 48, 64
NUMBER, CLASS, FAR = 0, 1, 2  # channels: 10 times the object's number, 50 times the class, 10 times the depth


class World:
    """Pictures of disks and boxes on the ground, each with objects, depth, planes and tags.

    Args:
        crowd: whether a corner is labeled as disks and holds no object.
    """

    name, split = "world", "val"

    def __init__(
        self, count: int = 6, objects: int = 5, planes: bool = False, crowd: bool = False, seed: int = 0
    ) -> None:
        self.count, self.objects, self.planes, self.crowd, self.seed = count, objects, planes, crowd, seed
        self.labels = PLANES if planes else SPACE

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng((self.seed, index))
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        labels, numbers = np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.int32)
        depth = np.full((HEIGHT, WIDTH), 20.0, np.float32)
        for n in range(1, random.integers(self.objects - 1, self.objects + 1) + 1):
            kind, r = random.integers(1, 3), random.integers(4, 9)
            cy, cx = random.integers(4, HEIGHT - 4), random.integers(4, WIDTH - 4)
            inside = (y - cy) ** 2 + (x - cx) ** 2 <= r * r if kind == 1 else (abs(y - cy) < r) & (abs(x - cx) < r)
            labels[inside], numbers[inside], depth[inside] = kind, n, 2.0 + n
        image = np.stack([numbers * 10, labels * 50, (depth * 10).astype(np.int64)]).astype(np.uint8)
        if self.crowd:
            labels[:6, :6], numbers[:6, :6] = 1, 0
        depth[:2] = np.nan
        tags = np.array([False, (labels == 1).any(), (labels == 2).any()])
        if not self.planes:
            tags = np.arange(3) == np.bincount(labels[labels > 0], minlength=3).argmax()
        parts: dict[str, Any] = {"objects": torch.from_numpy(numbers), "depth": torch.from_numpy(depth)}
        if self.planes:
            planes = np.stack([labels >= 0, labels == 1, (labels == 2) | (y < 5)])
            ignored = np.zeros_like(labels)
            ignored[-3:] = 255
            planes &= ignored == 0
            parts["planes"], labels = torch.from_numpy(planes), ignored
        return Sample(
            torch.from_numpy(image), torch.from_numpy(labels), f"w{index}", tags=torch.from_numpy(tags), **parts
        )


def shifted(image: Tensor, by: int) -> Tensor:
    """The picture moved to the right: what an engine sees that is wrong by so many pixels."""
    return torch.roll(image, by, dims=-1) if by else image


def queries(by: int = 0, lost: int = 0) -> Callable[[Tensor], MaskQueries]:
    """An engine of objects: a query for each, moved by some pixels, without the last `lost` of each picture."""

    def engine(image: Tensor) -> MaskQueries:
        image = shifted(image, by).long()
        numbers, kinds = image[:, NUMBER] // 10, image[:, CLASS] // 50
        count = 12
        masks = torch.full((len(image), count, *numbers.shape[1:]), -9.0)
        classes = torch.zeros(len(image), count, 4)
        classes[..., 3] = 9
        for b in range(len(image)):
            present = numbers[b].unique()
            present = present[present > 0]
            for q, n in enumerate(present[: len(present) - lost]):
                inside = numbers[b] == n
                masks[b, q][inside] = 9
                classes[b, q, 3], classes[b, q, kinds[b][inside].mode().values] = 0, 9.0 - 0.1 * q
            masks[b, -1] = torch.where(numbers[b] == 0, 9.0, -9.0)
            classes[b, -1] = torch.tensor([9.0, 0, 0, 0])
        return MaskQueries(classes, masks, tuple(image.shape[2:]))

    return engine


def instances(output: MaskQueries, space: LabelSpace) -> list[Objects]:
    """A decision: each query of a thing is an object."""
    found = []
    for classes, masks in zip(output.classes.softmax(-1), output.masks, strict=True):
        scores, kinds = classes[:, :-1].max(-1)
        kept = (scores > 0.3) & (kinds > 0)
        found.append(Objects(masks[kept] > 0, kinds[kept], scores[kept]))
    return found


def panoptic(output: MaskQueries, space: LabelSpace) -> list[Segments]:
    """A decision: each query is a segment."""
    found = []
    for classes, masks in zip(output.classes.softmax(-1), output.masks, strict=True):
        scores, kinds = classes[:, :-1].max(-1)
        ids = np.zeros(masks.shape[1:], np.int64)
        listed = {}
        for q in np.flatnonzero((scores > 0.3).numpy()):
            inside = (masks[q] > 0).numpy()
            if inside.any():
                ids[inside], listed[int(q) + 1] = q + 1, int(kinds[q])
        listed = {n: k for n, k in listed.items() if (ids == n).any()}
        found.append(Segments(ids, listed))
    return found


def pixels(by: int = 0) -> Callable[[Tensor], SemanticLogits]:
    """An engine of one label a pixel."""

    def engine(image: Tensor) -> SemanticLogits:
        kinds = shifted(image, by)[:, CLASS].long() // 50
        return SemanticLogits(torch.nn.functional.one_hot(kinds, 3).movedim(-1, 1) * 9.0)

    return engine


def several(by: int = 0) -> Callable[[Tensor], SemanticLogits]:
    """An engine of several labels a pixel."""

    def engine(image: Tensor) -> SemanticLogits:
        kinds = shifted(image, by)[:, CLASS].long() // 50
        top = torch.zeros_like(kinds, dtype=torch.bool)
        top[:, :5] = True
        on = torch.stack([kinds >= 0, kinds == 1, (kinds == 2) | top], dim=1)
        return SemanticLogits(on * 18.0 - 9.0)

    return engine


def meters(factor: float = 1.0) -> Callable[[Tensor], DepthMap]:
    """An engine of depth, wrong by a factor."""
    return lambda image: DepthMap(image[:, FAR : FAR + 1].float() / 10 * factor)


def whole(confused: int = 0) -> Callable[[Tensor], ClassLogits]:
    """An engine of whole pictures' classes: the commonest class above the ground; every `confused`-th picture is wrong."""

    def engine(image: Tensor) -> ClassLogits:
        kinds = image[:, CLASS].long() // 50
        counts = torch.stack([(kinds == k).flatten(1).sum(1) for k in (1, 2)], dim=1).float()
        logits = torch.cat([torch.full_like(counts[:, :1], -9.0), counts], dim=1)
        if confused:
            wrong = counts.sum(1) % confused < 1
            logits[wrong] = logits[wrong].flip(1)
        return ClassLogits(logits)

    return engine
