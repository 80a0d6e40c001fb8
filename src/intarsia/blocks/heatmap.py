"""Heatmaps of the centers of objects: a Gaussian at each, and the largest of them where several meet."""

import torch
from torch import Tensor

SIGMA = 8.0  # of the Gaussian around a center in pixels, for pictures of about 1024 x 2048
SMALLEST = 2.0  # pixels; in smaller pictures a Gaussian is as much narrower as these are lower than 1024 pixels


def sigma_of(height: int) -> float:
    """Choose the width of the Gaussians for pictures of that height."""
    return min(SIGMA, max(SMALLEST, SIGMA * height / 1024))


def draw_centers(centers: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Draw a heatmap.

    Args:
        centers: [M, 2] (y, x), whole pixels inside the picture.
        size: (H, W).
        sigma: deviation of the Gaussians in pixels; beyond three of it and a pixel they are 0.

    Returns: [H, W] float32, 1 at the centers.
    """
    heat = torch.zeros(size, device=centers.device)
    reach = int(3 * sigma) + 1
    for y, x in centers.tolist():
        top, left = max(0, y - reach), max(0, x - reach)
        part = heat[top : y + reach + 1, left : x + reach + 1]
        down, across = (
            torch.exp(-((torch.arange(start, start + n, device=heat.device) - at) ** 2) / (2 * sigma**2))
            for start, n, at in ((top, part.shape[0], y), (left, part.shape[1], x))
        )
        torch.maximum(part, down[:, None] * across, out=part)
    return heat


def centers_of(objects: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the middle of each object of a map.

    Args:
        objects: [H, W] object numbers from 1; 0 where there is none.

    Returns: their numbers [M], rising; the mean (y, x) of the pixels of each [M, 2] float64; and height and width of the
        boxes around them, from the middle of the first pixel to that of the last, [M, 2].
    """
    y, x = objects.nonzero(as_tuple=True)
    numbers, row = objects[y, x].unique(return_inverse=True)
    count = torch.bincount(row).clamp(min=1)
    means = [torch.bincount(row, place.double()) / count for place in (y, x)]
    sides = []
    for place in (y, x):
        ends = [
            place.new_zeros(len(numbers)).scatter_reduce(0, row, place, how, include_self=False)
            for how in ("amax", "amin")
        ]
        sides.append(ends[0] - ends[1])
    return numbers, torch.stack(means, dim=1), torch.stack(sides, dim=1)
