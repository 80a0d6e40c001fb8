"""The few types that travel between rooms.

Symbols, here and everywhere: B images, K classes, C channels, H W an image's size, h w a feature map's.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class SemanticLogits(NamedTuple):
    """What every semantic architecture returns, in training and in evaluation alike."""

    logits: Tensor  # [B, K, H, W]  unnormalized class scores, at the image's resolution
    auxiliary: tuple[Tensor, ...] = ()  # each [B, K, h, w]  deeply supervised heads; empty in eval mode
    edges: Tensor | None = None  # [B, 1, h, w]  boundary logits; None in eval mode
    presence: Tensor | None = None  # [B, K]  which classes occur at all; None in eval mode


class Sample(NamedTuple):
    """One image with its labels, as a data set hands it out: raw integers, not normalized."""

    image: Tensor  # [C, H, W]  uint8, or int32 holding 16-bit values; usually a channels-last view of the decoded file
    labels: Tensor  # [H, W]  class numbers and the ignore index; uint8, or int32 beyond 255 classes; see `planes`
    name: str  # unique within its data set; names the files that `predict` and the report write
    objects: Tensor | None = None  # [H, W] int32  object numbers from 1; 0 where there is none
    depth: Tensor | None = None  # [H, W] float32  meters; nan where unknown
    planes: Tensor | None = None  # [K, H, W] bool  several labels a pixel; `labels` is then 0, or the ignore index
    masks: Tensor | None = None  # [M, H, W] bool  each object with all of its pixels, row n object n + 1 of `objects`


class Batch(NamedTuple):
    """B samples of one size, as the loader hands them to training; the last four where every sample has them."""

    image: Tensor  # [B, C, H, W]  dtype of the samples, channels last in memory
    labels: Tensor  # [B, H, W]
    names: tuple[str, ...]
    objects: Tensor | None = None  # [B, H, W] int32
    depth: Tensor | None = None  # [B, H, W] float32
    planes: Tensor | None = None  # [B, K, H, W] bool
    masks: tuple[Tensor, ...] | None = None  # each [M, H, W] bool

    def to(self, device: torch.device) -> "Batch":
        """Copy the batch to another device."""

        def moved(part: Tensor | None) -> Tensor | None:
            return None if part is None else part.to(device, non_blocking=True)

        return Batch(
            self.image.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
            self.names,
            moved(self.objects),
            moved(self.depth),
            moved(self.planes),
            None if self.masks is None else tuple(mask.to(device, non_blocking=True) for mask in self.masks),
        )


def boxes_of(objects: Tensor, count: int | None = None) -> Tensor:
    """Find the box around each object of a map.

    Args:
        objects: [H, W] object numbers from 1; 0 where there is none.
        count: M, the number of objects; the largest number where it is not given.

    Returns: [M, 4] float32 x0, y0, x1, y1 in pixels; row n is object n + 1's, zeros where it is not in view.
    """
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
        shapes: [M, H, W] masks, bool, or a list of M masks [H, W] or of `CroppedMask`; or [M, 4] boxes (x0, y0, x1, y1) in pixels.
        classes: [M] class numbers.
        scores: [M] of a prediction; None for the truth.
        crowd: [M] whether a true one stands for a group; None: none does.
        areas: [M] what decides small, medium and large; None: the shape's own.
    """

    shapes: np.ndarray | Tensor | list[np.ndarray] | list[CroppedMask]
    classes: Sequence[int] | np.ndarray | Tensor
    scores: Sequence[float] | np.ndarray | Tensor | None = None
    crowd: Sequence[bool] | np.ndarray | Tensor | None = None
    areas: Sequence[float] | np.ndarray | Tensor | None = None


class Segments(NamedTuple):
    """One picture cut into segments.

    Args:
        ids: [H, W] the number of each pixel's segment; 0 is void.
        classes: segment -> class.
        crowd: the segments that are a group of objects drawn as one; of the truth only.
    """

    ids: np.ndarray
    classes: Mapping[int, int]
    crowd: Collection[int] = ()


class Frame(NamedTuple):
    """One frame of a video: [H, W] class numbers, and [H, W] numbers of tracks, 0 where there is none."""

    classes: np.ndarray | Tensor
    tracks: np.ndarray | Tensor
