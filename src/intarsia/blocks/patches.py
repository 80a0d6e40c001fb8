"""Windows of an image at any scale: the ones that training draws, and what they show.

Pinheiro, Collobert, Dollar. "Learning to Segment Object Candidates." NeurIPS 2015. arXiv:1506.06204 (section 3.2)
"""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor


class Windows(NamedTuple):
    """Windows of one image."""

    boxes: Tensor  # N x 4 in pixels of the image; they may reach beyond it
    objects: Tensor  # N rows of the true object that each is of; -1 for none


@torch.no_grad()
def draw_windows(
    boxes: Tensor,
    ignored: Tensor,
    size: tuple[int, int],
    *,
    window: int,
    count: int,
    scales: Sequence[float],
    shift: float = 16,
    octaves: float = 0.25,
) -> Windows:
    """Draw windows at random: half of them around objects as large as they should be, the others away from any.

    A window of w pixels is an object's when the object's longer side would be 128/224 of it and its middle that of the
    window, but for a few pixels and a part of an octave. It is nobody's when it is at least twice the shift, or one octave,
    away from being any object's.

    Args:
        boxes: [M, 4] of the true objects.
        ignored: [I, 4] boxes that windows are kept away from alike.
        size: (H, W) of the image.
        window: side of what the network sees, in its own pixels.
        count: of windows; those that come near an object after eight tries are left out.
        scales: lowest and highest power of two that the image is enlarged by, for those of nobody.
        shift: of an object's windows at most, in the network's pixels.
        octaves: by which they are too large or too small at most.
    """
    wanted = ceil(window * 128 / 224)
    near = torch.cat([boxes, ignored])
    sides = (near[:, 2:] - near[:, :2]).amax(1).clamp(min=1)
    middles, powers = (near[:, :2] + near[:, 2:]) / 2, (wanted / sides).log2()  # that bring an object to its size
    chosen = torch.randint(len(boxes), (count // 2,), device=boxes.device) if len(boxes) else powers.new_zeros(0).long()
    power = powers[chosen] + _spread(len(chosen), octaves, boxes)
    jitter = torch.stack([_spread(len(chosen), shift, boxes) for _ in range(2)], dim=1)
    center = middles[chosen] + jitter / 2 ** power[:, None]
    others = count - count // 2
    low, high = min(scales), max(scales)
    free = low + (high - low) * torch.rand(others, 8, device=boxes.device)
    places = torch.rand(others, 8, 2, device=boxes.device) * boxes.new_tensor([size[1], size[0]])
    apart = (places[:, :, None] - middles).norm(dim=3) * 2 ** free[..., None] >= 2 * shift
    alone = (apart | ((free[..., None] - powers).abs() >= 1)).all(2)
    first = alone.to(torch.uint8).argmax(1)
    rows = torch.arange(others, device=boxes.device)[alone.any(1)]
    first = first[rows]
    center, power = torch.cat([center, places[rows, first]]), torch.cat([power, free[rows, first]])
    if not len(center):  # beside the image, where nothing is: batch norm wants one at least
        center, power, rows = boxes.new_full((1, 2), -4.0 * window), powers.new_zeros(1), rows.new_zeros(1)
    half = (window / 2 / 2**power)[:, None]
    owner = torch.cat([chosen, torch.full_like(rows, -1)])
    return Windows(torch.cat([center - half, center + half], dim=1), owner)


def _spread(n: int, most: float, like: Tensor) -> Tensor:
    return (torch.rand(n, device=like.device) * 2 - 1) * most


def cut_patches(images: Tensor, boxes: Tensor, rows: Tensor, side: int) -> Tensor:
    """Bring boxes of images to one size, between pixels by interpolation; what lies outside the image is 0.

    Args:
        images: [B, C, H, W].
        boxes: [N, 4] in pixels.
        rows: [N] which image each is of.

    Returns: [N, C, side, side].
    """
    from torchvision.ops import roi_align as compiled

    return compiled(images, torch.cat([rows[:, None].to(boxes), boxes], dim=1).to(images), side, 1.0, 1, True)
