"""How well a drawn mask overlaps its object: a network guesses it, and training knows it.

Huang, Huang, Gong, Huang, Wang. "Mask Scoring R-CNN." CVPR 2019. arXiv:1903.00241
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .boxes import in_full
from .conv import ConvNormAct


class OverlapHead(nn.Module):
    """Guess the IoU of a mask with its object, from the cells that it was drawn in and the mask itself (section 3.2).

    Args:
        channels: of the cells, 14 along each side.
        num_classes: K.
        depth: 3x3 convolutions, of which the last halves the cells.
        width: of the two fully connected layers.
    """

    def __init__(self, channels: int, num_classes: int, *, depth: int, width: int) -> None:
        super().__init__()
        widths = [channels + 1] + [channels] * (depth - 1)
        self.convolve = nn.Sequential(
            *(ConvNormAct(w, channels, stride=1 + (n == depth - 1), norm=None) for n, w in enumerate(widths))
        )
        self.connect = nn.Sequential(
            nn.Flatten(), nn.Linear(channels * 49, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.guess = nn.Linear(width, num_classes)
        nn.init.normal_(self.guess.weight, std=0.01)
        nn.init.zeros_(self.guess.bias)

    def forward(self, cells: Tensor, masks: Tensor, classes: Tensor) -> Tensor:
        """Guess for masks [M, 28, 28], 0..1, in cells [M, C, 14, 14], and their classes [M]: [M], unbounded."""
        x = torch.cat([cells, F.max_pool2d(masks[:, None].to(cells), 2)], dim=1)
        guessed = in_full(self.guess(self.connect(self.convolve(x))))
        return guessed[torch.arange(classes.shape[0], device=classes.device), classes]


@torch.no_grad()
def shares_inside(masks: Tensor, boxes: Tensor, rows: Tensor) -> Tensor:
    """Measure which share of its object a box holds.

    Args:
        masks: [M, H, W] bool.
        boxes: [N, 4]; edges are rounded to whole pixels.
        rows: [N] which of the masks each box is of.

    Returns: [N] 0..1; 0 for an empty mask.

    >>> mask = torch.ones(1, 4, 4, dtype=torch.bool)
    >>> shares_inside(mask, torch.tensor([[0.0, 0.0, 2.0, 4.0]]), torch.tensor([0])).tolist()
    [0.5]
    """
    h, w = masks.shape[1:]
    sums = F.pad(masks.to(boxes), (1, 0, 1, 0)).cumsum(1).cumsum(2)
    x0, y0, x1, y1 = boxes.round().long().unbind(1)
    (x0, x1), (y0, y1) = ((a.clamp(0, side), b.clamp(0, side)) for a, b, side in ((x0, x1, w), (y0, y1, h)))
    inside = sums[rows, y1, x1] - sums[rows, y0, x1] - sums[rows, y1, x0] + sums[rows, y0, x0]
    return inside / sums[rows, h, w].clamp(min=1)


@torch.no_grad()
def overlaps_of(masks: Tensor, wanted: Tensor, shares: Tensor) -> Tensor:
    """Measure the IoU of masks with the whole of their objects, of which the boxes hold a share only.

    Args:
        masks: [M, m, m] logits.
        wanted: [M, m, m] 0 or 1, what of the object is in the box.
        shares: [M] of the object that is in the box.

    Returns: [M] 0..1.
    """
    drawn = (masks > 0).to(wanted)
    common = (drawn * wanted).sum((1, 2))
    whole = wanted.sum((1, 2)) / shares.clamp(min=1e-10)
    return common / (drawn.sum((1, 2)) + whole - common).clamp(min=1)
