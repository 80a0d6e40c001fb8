"""The few types that travel between rooms.

Symbols, here and everywhere: B images, K classes, C channels, H W an image's size, h w a feature map's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class ClassLogits(NamedTuple):
    """What a network of classification returns."""

    logits: Tensor  # [B, K]  unnormalized class scores of the whole image
    auxiliary: tuple[Tensor, ...] = ()  # each [B, K]; empty in eval mode


class PairLogits(NamedTuple):
    """Scores of the labels of two places at once, in training."""

    logits: Tensor  # [B, E, K*K, h, w]  of label k at a place and l at its neighbor, at k * K + l; of one map, K = 2
    shifts: tuple[tuple[int, int], ...]  # E times (dy, dx), from a place to its neighbor


class SemanticLogits(NamedTuple):
    """What every semantic architecture returns, in training and in evaluation alike."""

    logits: Tensor  # [B, K, H, W]  unnormalized class scores, at the image's resolution
    auxiliary: tuple[Tensor, ...] = ()  # each [B, K, h, w]  deeply supervised heads; empty in eval mode
    edges: Tensor | None = None  # [B, 1 or K, h, w]  boundary logits, of all classes or of each; None in eval mode
    presence: Tensor | None = None  # [B, K]  which classes occur at all; None in eval mode
    crowding: Tensor | None = None  # [B, 1, h, w]  logits of how crowded a place is; None in eval mode
    penalty: Tensor | None = None  # [B]  a term of the loss that needs no labels, already weighted; None in eval mode
    pairs: PairLogits | None = None  # of random fields that are learned piece by piece; None in eval mode


class MaskQueries(NamedTuple):
    """What a network of queries returns: Q masks, each with a class or with none."""

    classes: Tensor  # [B, Q, K + 1]  logits; the last is "no object"
    masks: Tensor  # [B, Q, h, w]  logits; whoever decides enlarges them
    size: tuple[int, int]  # (H, W) of the image
    auxiliary: tuple[MaskQueries, ...] = ()  # of earlier layers; empty in eval mode


class CompetingMasks(NamedTuple):
    """What a network of queries returns whose masks compete for each pixel: the softmax over the queries says whose it is."""

    classes: Tensor  # [B, Q, K + 1]  logits; the last is "no object"
    masks: Tensor  # [B, Q, h, w]  logits; whoever decides enlarges them
    size: tuple[int, int]  # (H, W) of the image
    pixels: Tensor | None = None  # [B, D, h, w]  a vector of length 1 for each pixel; None in eval mode
    semantic: Tensor | None = None  # [B, K, h, w]  class scores of a head beside; None in eval mode
    auxiliary: tuple[CompetingMasks, ...] = ()  # of earlier layers, in their maps' sizes; empty in eval mode


class PanopticLogits(NamedTuple):
    """What a network returns that finds objects by their centers."""

    semantic: Tensor  # [B, K, H, W]  unnormalized class scores
    centers: Tensor  # [B, 1, H, W]  how near an object's center is, 0..1 after training
    offsets: Tensor  # [B, 2, H, W]  (dy, dx) in pixels from a pixel to the center of its object
    depth: Tensor | None = None  # [B, 1, H, W]  meters
    motion: Tensor | None = None  # [B, 2, H, W]  (dy, dx) from a pixel to its object's center one frame before


class Detections(NamedTuple):
    """What a detector returns: at most N objects a picture, best first, filled up with rows of score 0."""

    scores: Tensor  # [B, N]  0..1; 0 where a row is padding
    classes: Tensor  # [B, N] int64  class numbers
    boxes: Tensor  # [B, N, 4]  x0, y0, x1, y1 in pixels
    masks: Tensor | None  # [B, N, m, n]  logits inside the box; None for boxes alone, or where `whole` has the masks
    size: tuple[int, int]  # (H, W) of the image
    found_by: Any = None  # in training, what only the loss reads: proposals and what they were matched with
    agnostic: bool = False  # the classes say nothing: anything that is an object was looked for
    windows: Tensor | None = None  # [B, N, 4]  where the masks lie, if elsewhere than in the boxes
    whole: Tensor | None = None  # [B, N, h, w]  masks of the whole picture, 0..1; whoever decides enlarges them


class Matches(NamedTuple):
    """The answers of both stages of a detector in training, and what is wanted of each; only its loss reads it."""

    objectness: Tensor  # [S] logits of a few anchors
    is_object: Tensor  # [S] 0 or 1
    anchor_codes: Tensor  # [P, 4] how to move those that are an object's
    wanted_anchor_codes: Tensor  # [P, 4]
    logits: Tensor  # [R, K + 1] of a few proposals; the last class is "no object"
    classes: Tensor  # [R] int64
    codes: Tensor  # [Q, 4] how to move those that are an object's, as its class would
    wanted_codes: Tensor  # [Q, 4]
    masks: Tensor | None  # [Q, m, m] logits, of the object's class; None for boxes alone
    wanted_masks: Tensor | None  # [Q, m, m] 0..1


class DetectionsAndStuff(NamedTuple):
    """What a detector returns that names the pixels between its objects, too."""

    objects: Detections
    semantic: Tensor  # [B, K, H, W]  unnormalized class scores; those of things together say "some object"


class DepthMap(NamedTuple):
    """What a network of depth returns."""

    depth: Tensor  # [B, 1, H, W]  meters, above 0
    auxiliary: tuple[Tensor, ...] = ()  # each [B, 1, h, w]; empty in eval mode


Output = (
    ClassLogits
    | SemanticLogits
    | MaskQueries
    | CompetingMasks
    | PanopticLogits
    | Detections
    | DetectionsAndStuff
    | DepthMap
)


class Tags(NamedTuple):
    """The classes of one picture as a whole."""

    classes: Tensor  # [n] int64  class numbers, the most probable first; one, or of several labels a picture any number
    scores: Tensor  # [K]  probability of each class, 0..1


class Labels(NamedTuple):
    """One class for each pixel of a picture."""

    classes: Tensor  # [H, W]  class numbers, uint8, or int32 beyond 255 classes


class Planes(NamedTuple):
    """Any number of classes for each pixel of a picture."""

    planes: Tensor  # [K, H, W] bool


class Depth(NamedTuple):
    """The distance of each pixel of a picture."""

    meters: Tensor  # [H, W] float32


class Sample(NamedTuple):
    """One image with its labels, as a data set hands it out: raw integers, not normalized."""

    image: Tensor  # [C, H, W]  uint8, or int32 holding 16-bit values; usually a channels-last view of the decoded file
    labels: Tensor  # [H, W]  class numbers and the ignore index; uint8, or int32 beyond 255 classes; see `planes`
    name: str  # unique within its data set; names the files that `predict` and the report write
    objects: Tensor | None = None  # [H, W] int32  object numbers from 1; 0 where there is none
    depth: Tensor | None = None  # [H, W] float32  meters; nan where unknown
    planes: Tensor | None = None  # [K, H, W] bool  several labels a pixel; `labels` is then 0, or the ignore index
    masks: Tensor | None = None  # [M, H, W] bool  each object with all of its pixels, row n object n + 1 of `objects`
    classes: Tensor | None = None  # [M] int64  class of each object, where the labels below it do not say it
    tags: Tensor | None = None  # [K] bool  the classes of the whole picture
    previous: Tensor | None = None  # [H, W] int32  object numbers one frame before, the same number for the same object


class Batch(NamedTuple):
    """B samples of one size, as the loader hands them to training; parts after the names where every sample has them."""

    image: Tensor  # [B, C, H, W]  dtype of the samples, channels last in memory
    labels: Tensor  # [B, H, W]
    names: tuple[str, ...]
    objects: Tensor | None = None  # [B, H, W] int32
    depth: Tensor | None = None  # [B, H, W] float32
    planes: Tensor | None = None  # [B, K, H, W] bool
    masks: tuple[Tensor, ...] | None = None  # each [M, H, W] bool
    classes: tuple[Tensor, ...] | None = None  # each [M] int64
    tags: Tensor | None = None  # [B, K] bool
    previous: Tensor | None = None  # [B, H, W] int32

    def to(self, device: torch.device) -> Batch:
        """Copy the batch to another device."""

        from torch import Tensor

        def moved(part: Any) -> Any:
            if isinstance(part, Tensor):
                return part.to(device, non_blocking=True)
            return tuple(map(moved, part)) if isinstance(part, tuple) else part

        return Batch(*map(moved, self))

    def sample(self, n: int) -> Sample:
        """Take sample n out of the batch."""
        parts: list[Any] = [None if part is None else part[n] for part in self]
        return Sample(*parts)


def boxes_of(objects: Tensor, count: int | None = None) -> Tensor:
    """Find the box around each object of a map.

    Args:
        objects: [H, W] object numbers from 1; 0 where there is none.
        count: M, the number of objects; the largest number where it is not given.

    Returns: [M, 4] float32 x0, y0, x1, y1 in pixels; row n is object n + 1's, zeros where it is not in view.
    """
    import torch

    count = int(objects.max()) if count is None else count
    boxes = torch.zeros(count, 4, device=objects.device)
    y, x = objects.nonzero(as_tuple=True)
    row = objects[y, x].long() - 1
    for column, values, how in ((0, x, "amin"), (1, y, "amin"), (2, x + 1, "amax"), (3, y + 1, "amax")):
        boxes[:, column] = boxes[:, column].scatter_reduce(0, row, values.float(), how, include_self=False)
    return boxes


class Cloud(NamedTuple):
    """The points of one room."""

    points: Tensor  # [N, 3] float32  x, y, z in meters
    colors: Tensor  # [N, 3] uint8
    labels: Tensor  # [N] uint8  class numbers
    objects: Tensor  # [N] int32  object numbers from 1
    name: str


class CroppedMask(NamedTuple):
    """A mask, cut to the box around it: all later work is done there."""

    box: tuple[slice, ...]  # rows, columns
    inside: np.ndarray  # [h, w] bool
    size: tuple[int, ...]  # (H, W) of the image


class Objects(NamedTuple):
    """The objects of one image.

    Args:
        shapes: [M, H, W] masks, bool, or a list of M masks [H, W] or of `CroppedMask`; or [M, 4] boxes (x0, y0, x1, y1) in
            pixels, of a detector that draws no masks.
        classes: [M] class numbers.
        scores: [M] of a prediction, 0..1; None for the truth.
        crowd: [M] whether a true one stands for a group; None: none does.
        areas: [M] what decides small, medium and large; None: the shape's own.
        boxes: [M, 4] of a prediction, (x0, y0, x1, y1) in pixels; None: the boxes around the shapes.
        agnostic: of a prediction, whether the classes say nothing: anything that is an object was looked for.
    """

    shapes: np.ndarray | Tensor | list[np.ndarray] | list[CroppedMask]
    classes: Sequence[int] | np.ndarray | Tensor
    scores: Sequence[float] | np.ndarray | Tensor | None = None
    crowd: Sequence[bool] | np.ndarray | Tensor | None = None
    areas: Sequence[float] | np.ndarray | Tensor | None = None
    boxes: np.ndarray | Tensor | None = None
    agnostic: bool = False


class Segments(NamedTuple):
    """One picture cut into segments.

    Args:
        ids: [H, W] the number of each pixel's segment; 0 is void.
        classes: segment -> class.
        crowd: the segments that are a group of objects drawn as one; of the truth only.
        scores: segment -> 0..1; of a prediction only.
        depth: [H, W] meters, where depth is known as well.
    """

    ids: np.ndarray
    classes: Mapping[int, int]
    crowd: Collection[int] = ()
    scores: Mapping[int, float] = MappingProxyType({})
    depth: np.ndarray | None = None


Answer = Tags | Labels | Planes | Segments | Objects | Depth


class Frame(NamedTuple):
    """One frame of a video: [H, W] class numbers, and [H, W] numbers of tracks, 0 where there is none."""

    classes: np.ndarray | Tensor
    tracks: np.ndarray | Tensor


def objects_in(truth: Sample, ignore_index: int) -> Objects:
    """List the true objects of a sample that are in view.

    Args:
        truth: with `objects` or `masks`; the class of an object is in `classes`, or is the label of most of its pixels.
        ignore_index: objects of this label are left out.

    Returns: M objects, shapes [M, H, W] bool, classes [M] int64, on the sample's device.
    """
    import torch

    masks = truth.masks
    if masks is None:
        numbers = truth.objects if truth.objects is not None else torch.zeros_like(truth.labels, dtype=torch.int32)
        present = numbers.unique()  # type: ignore[no-untyped-call]
        present = present[present > 0]
        masks = numbers == present[:, None, None]  # [M, H, W]
        known = None if truth.classes is None else truth.classes[present.long() - 1]
    else:
        known = truth.classes
    seen = masks.flatten(1).any(1)
    if known is None:
        known = torch.stack([_commonest(truth.labels[mask]) for mask in masks]) if len(masks) else seen.long()
    kept = seen & (known != ignore_index)
    return Objects(masks[kept], known[kept].long())


def _commonest(values: Tensor) -> Tensor:
    import torch

    return values.long().mode().values if len(values) else torch.zeros((), dtype=torch.long, device=values.device)
