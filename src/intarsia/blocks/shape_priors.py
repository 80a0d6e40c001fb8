"""Shapes that objects of a class usually have: means of clusters of masks, found while training goes on.

MacQueen. "Some Methods for Classification and Analysis of Multivariate Observations." 1967 (k-means, one mask at a time)
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .boxes import clip_boxes
from .patches import cut_patches


class ShapePriors(nn.Module):
    """P shapes of each of K classes, [K, P, m, m] of 0..1, each the mean of the masks that were nearest to it.

    The first masks of a class are its shapes; every later one goes to the nearest, which moves towards it by one over the
    number of masks it has had. Before the first, all shapes of a class are a disk.
    """

    shapes: Tensor
    counts: Tensor

    def __init__(self, num_classes: int, clusters: int, side: int) -> None:
        super().__init__()
        place = (torch.arange(side) + 0.5) / side * 2 - 1
        disk = (place[:, None] ** 2 + place**2 <= 1).float()
        self.register_buffer("shapes", disk.expand(num_classes, clusters, side, side).clone())
        self.register_buffer("counts", torch.zeros(num_classes, clusters, dtype=torch.long))

    @torch.no_grad()
    def learn(self, masks: Tensor, classes: Tensor) -> None:
        """Move the shapes towards masks [N, m, m] of classes [N]."""
        for mask, k in zip(masks.to(self.shapes), classes.tolist(), strict=True):
            free = (self.counts[k] == 0).nonzero()[:, 0]
            row = int(free[0]) if len(free) else int((self.shapes[k] - mask).square().sum((1, 2)).argmin())
            self.counts[k, row] += 1
            self.shapes[k, row] += (mask - self.shapes[k, row]) / self.counts[k, row]


def in_frame(masks: Tensor, boxes: Tensor, frames: Tensor, side: int) -> Tensor:
    """Draw masks [N, m, m] of boxes [N, 4] in other boxes [N, 4]: [N, side, side]; outside of its box a mask is 0.

    >>> in_frame(torch.ones(1, 2, 2), torch.tensor([[2.0, 2, 6, 6]]), torch.tensor([[0.0, 0, 8, 8]]), 4)[0, 1].tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    m = masks.shape[1]
    cell = ((boxes[:, 2:] - boxes[:, :2]) / m).clamp(min=1e-3).repeat(1, 2)
    place = (frames - boxes[:, :2].repeat(1, 2)) / cell + 2
    each = torch.arange(masks.shape[0], device=masks.device)
    return cut_patches(F.pad(masks, (2, 2, 2, 2))[:, None], place, each, side)[:, 0]


def grown(boxes: Tensor, factor: float, size: tuple[int, int]) -> Tensor:
    """Enlarge boxes [N, 4] around their middles, within an image (H, W)."""
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * factor
    return clip_boxes(torch.cat([middle - half, middle + half], dim=1), size)


def jittered(boxes: Tensor, share: float) -> Tensor:
    """Move and resize boxes [N, 4] at random, by about this share of their sides."""
    side = boxes[:, 2:] - boxes[:, :2]
    noise = torch.randn_like(boxes) * share
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2 + noise[:, :2] * side, side * noise[:, 2:].exp() / 2
    return torch.cat([middle - half, middle + half], dim=1)
