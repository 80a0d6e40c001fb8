"""BoxSup's turns: masks for a data set of boxes, chosen among regions by how well they fit, and train on them again.

Dai, He, Sun. "BoxSup." ICCV 2015. arXiv:1503.01640; the cost of a region and the choice are in `models/dual/boxsup.py`.

    boxed = BoxLabels(data)                                   regions that fit their boxes
    model = intarsia.train(recipe, train=boxed, val=val)
    boxed = BoxLabels(data, intarsia.Predictor.load(...))     and that the network finds likely; train again from there

Regions of a picture are the superpixels of Felzenszwalb and Huttenlocher (IJCV 2004), joined two by two, the most alike
neighbors first; and for each box what GrabCut (Rother et al. 2004) finds in it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..blocks.boxes import box_iou
from ..data.samples import as_sample
from ..errors import TrainingError, extra
from ..labels import LabelSpace
from ..models.dual.boxsup import choose, costs, drawn
from ..structures import Sample, boxes_of, objects_in

LEAST = 0.2  # IoU with its box, of a region that is considered


class BoxLabels:
    """A data set whose labels are chosen for the boxes of its objects; the masks of the objects are not looked at.

    Args:
        dataset: samples with objects, drawn whole or as boxes.
        predictor: a network that has learned something; None: regions need only fit their boxes.
        labels: the classes; None: the data set's.
        background: the class beside all boxes.
        weight: of the network's cross entropy beside the overlap.
        among: how many of the cheapest regions are drawn from.
        turn: another number draws other regions.
    """

    def __init__(
        self,
        dataset: Any,
        predictor: Any = None,
        *,
        labels: LabelSpace | None = None,
        background: int = 0,
        weight: float = 3.0,
        among: int = 5,
        turn: int = 0,
    ) -> None:
        self.dataset, self.predictor = dataset, predictor
        self.labels: LabelSpace = labels if labels is not None else dataset.labels
        self.background, self.weight, self.among, self.turn = background, weight, among, turn

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = as_sample(self.dataset[index], index)
        if sample.objects is None and sample.masks is None:
            raise TrainingError(f"{sample.name} has no objects; boxes are those around the objects of a data set")
        found = objects_in(sample, self.labels.ignore_index)
        masks: Any = found.shapes
        boxes = [boxes_of(mask.int(), 1)[0] for mask in masks]
        classes = [int(c) for c in found.classes]
        scores = self._log_probability(sample)
        generator = torch.Generator().manual_seed(index + 1_000_003 * self.turn)
        regions = candidates(sample.image, boxes)
        chosen = []
        for box, kind, offered in zip(boxes, classes, regions, strict=True):
            cost = costs(offered, box, None if scores is None else scores[kind], self.weight)
            chosen.append(offered[choose(cost, self.among, generator)])
        made = drawn(chosen, classes, tuple(sample.labels.shape), self.background)  # type: ignore[arg-type]
        return Sample(sample.image, made.to(sample.labels.dtype), sample.name)

    def _log_probability(self, sample: Sample) -> Tensor | None:
        if self.predictor is None:
            return None
        found: Tensor = self.predictor.probabilities(sample.image[None])[0].cpu()
        return found.clamp(min=1e-6).log()


def candidates(image: Tensor, boxes: Sequence[Tensor], *, scale: float = 100.0, smallest: int = 20) -> list[Tensor]:
    """List the regions that could be the mask of each box, [N, H, W] bool each; the last one is GrabCut's.

    Args:
        image: [C, H, W] uint8, or int32 holding 16-bit values.
        boxes: [4] x0, y0, x1, y1 in pixels each.
        scale, smallest: of the superpixels: larger for larger ones, and the pixels of the smallest.

    Raises: MissingExtra without scikit-image and OpenCV.
    """
    picture = _in_color(image)
    joined = regions(picture, scale, smallest)
    found: list[Tensor] = []
    for box in boxes:
        x0, y0, x1, y1 = (int(side) for side in box)
        near = box_iou(torch.from_numpy(joined.boxes), box[None].float())[:, 0] >= LEAST
        masks = [joined.mask(n) for n in near.nonzero()[:, 0].tolist()]
        inside = [mask for mask in masks if mask[y0:y1, x0:x1].any()]
        found.append(torch.from_numpy(np.stack([*inside, grabcut(picture, (x0, y0, x1, y1))])))
    return found


class Regions(NamedTuple):
    """Superpixels joined two by two: each region is a run of superpixels in `rank`, so that masks are drawn when asked for."""

    rank: np.ndarray  # [H, W] number of the superpixel of each pixel, in an order that puts joined ones side by side
    spans: np.ndarray  # [2 n - 1, 2] first superpixel of each region, and the one after its last
    boxes: np.ndarray  # [2 n - 1, 4] x0, y0, x1, y1 around each region

    def mask(self, n: int) -> np.ndarray:
        """Draw region n, [H, W] bool."""
        first, end = self.spans[n]
        return (self.rank >= first) & (self.rank < end)


def regions(picture: np.ndarray, scale: float = 100.0, smallest: int = 20) -> Regions:
    """Join the superpixels of a picture [H, W, 3] two by two until one is left: 2 n - 1 regions of n superpixels.

    The two neighbors whose mean colors differ least are joined first, small ones sooner.
    """
    segmentation: Any = extra("skimage.segmentation", "classic")
    parts = segmentation.felzenszwalb(picture, scale=scale, sigma=0.8, min_size=smallest, channel_axis=-1)
    parts = np.unique(parts, return_inverse=True)[1].reshape(parts.shape)
    n = int(parts.max()) + 1
    size = np.bincount(parts.ravel(), minlength=n).astype(float)
    sums = np.stack([np.bincount(parts.ravel(), picture[..., c].ravel(), n) for c in range(3)], axis=1)
    sides = np.concatenate([
        np.stack([parts[:, :-1].ravel(), parts[:, 1:].ravel()], 1), np.stack([parts[:-1].ravel(), parts[1:].ravel()], 1),
    ])  # fmt: skip
    beside: dict[int, set[int]] = {part: set() for part in range(n)}
    for a, b in np.unique(sides, axis=0).tolist():
        if a != b:
            beside[a].add(b)
            beside[b].add(a)
    means = {part: (size[part], sums[part] / size[part]) for part in range(n)}
    boxes = boxes_of(torch.from_numpy(parts.astype(np.int32) + 1), n).numpy()

    def apart(a: int, b: int) -> tuple[float, int, int]:  # what joining adds to the squares within (Ward 1963)
        (m, one), (k, other) = means[a], means[b]
        return float(m * k / (m + k) * ((one - other) ** 2).sum()), a, b

    queue = [apart(a, b) for a in beside for b in beside[a] if a < b]
    heapq.heapify(queue)
    order, around = {part: [part] for part in range(n)}, [boxes[part] for part in range(n)]
    made = [(part, 1) for part in range(n)]  # the first superpixel of each region, and how many it has
    while queue:
        _, a, b = heapq.heappop(queue)
        if a not in means or b not in means:  # one of them is part of a larger region by now
            continue
        fresh = len(made)
        (m, one), (k, other) = means.pop(a), means.pop(b)
        means[fresh] = (m + k, (m * one + k * other) / (m + k))
        order[fresh] = order.pop(a) + order.pop(b)
        made.append((order[fresh][0], len(order[fresh])))
        around.append(
            np.concatenate([np.minimum(around[a][:2], around[b][:2]), np.maximum(around[a][2:], around[b][2:])])
        )
        beside[fresh] = (beside.pop(a) | beside.pop(b)) - {a, b}
        for near in beside[fresh]:
            beside[near] = (beside[near] - {a, b}) | {fresh}
            heapq.heappush(queue, apart(near, fresh))
    (last,) = order.values()
    place = np.empty(n, np.int32)
    place[last] = np.arange(n)
    spans = np.array([(place[first], place[first] + count) for first, count in made])
    return Regions(place[parts], spans, np.stack(around))


def grabcut(picture: np.ndarray, box: tuple[int, int, int, int], rounds: int = 3) -> np.ndarray:
    """Separate what lies in a box from what looks like its surroundings, [H, W] bool; the box where nothing is left."""
    cv2: Any = extra("cv2", "classic")
    x0, y0, x1, y1 = box
    inside = np.zeros(picture.shape[:2], bool)
    inside[y0:y1, x0:x1] = True
    if inside.all():
        return inside
    cv2.setRNGSeed(0)  # its mixtures start from a random draw
    mask = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.grabCut(np.ascontiguousarray(picture), mask, None, *models, rounds, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # too few pixels for its mixtures
        return inside
    found = (mask == cv2.GC_PR_FGD) | (mask == cv2.GC_FGD)
    return found if found.any() else inside


def _in_color(image: Tensor) -> np.ndarray:
    """[H, W, 3] uint8 of an image [C, H, W]: its first three channels, or one three times; 16-bit values by their high bits."""
    values = image.cpu().numpy()
    values = values if values.dtype == np.uint8 else (values // 257).astype(np.uint8)
    three = values[:3] if len(values) >= 3 else np.repeat(values[:1], 3, axis=0)
    return np.ascontiguousarray(three.transpose(1, 2, 0))
