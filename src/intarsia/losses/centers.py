"""What Panoptic-DeepLab minimizes: classes of pixels, a heatmap of the objects' centers, and the way to them.

Cheng et al. "Panoptic-DeepLab." CVPR 2020. arXiv:1911.10194, sections 3.2 and 4

    semantic    cross entropy of the hardest fifth of the pixels; pixels of small objects count three times
    center      200  * (drawn - exp(-d^2 / (2 sigma^2)))^2         d: pixels to the nearest center of an object
    offset      0.01 * (|dy - true dy| + |dx - true dx|) / 2       on pixels of objects

The center of an object is the mean of its pixels that are in view; the heatmap's peak is the pixel that holds it.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import LabelError, ModelError, RecipeError
from ..structures import Batch, PanopticLogits
from .targets import precise, refuse


class Centers(nn.Module):
    """{"semantic", "center", "offset"}: the three terms of Panoptic-DeepLab, weighted, to be added up.

    Raises: ModelError for a network that returns motion or depth besides, which `MovingCenters` trains.

    Args:
        ignore_index: the label of pixels that do not count.
        things: numbers of the classes whose objects are told apart; a pixel of theirs without an object, such as one of a
            crowd, says nothing about centers. Without them every pixel without an object is background.
        sigma: of the Gaussian around a center, in pixels; 8 for pictures of 1024 x 2048.
        hardest: share of the pixels, those of the largest cross entropy, that are averaged, above 0 and at most 1.
        small_area: pixels below which an object is small; 64 x 64 for pictures of 1024 x 2048.
        small_weight: of the cross entropy on pixels of small objects.
        center: weight of the heatmap's term.
        offset: weight of the offsets' term.
    """

    def __init__(
        self,
        *,
        ignore_index: int = 255,
        things: Sequence[int] = (),
        sigma: float = 8.0,
        hardest: float = 0.2,
        small_area: int = 4096,
        small_weight: float = 3.0,
        center: float = 200.0,
        offset: float = 0.01,
    ) -> None:
        super().__init__()
        if not 0 < hardest <= 1:
            raise RecipeError(f"hardest is {hardest}; it is a share of the pixels, above 0 and at most 1")
        if sigma <= 0:
            raise RecipeError(f"sigma is {sigma}; it is a width in pixels, above 0")
        self.ignore_index, self.things, self.sigma, self.hardest = ignore_index, tuple(things), sigma, hardest
        self.small_area, self.small_weight, self.center, self.offset = small_area, small_weight, center, offset

    def forward(self, output: PanopticLogits, truth: Batch) -> dict[str, Tensor]:
        untrained = [name for name in ("motion", "depth") if getattr(output, name) is not None]
        if untrained:
            raise ModelError(
                f"the network also returns {' and '.join(untrained)}, which the loss 'centers' would leave untrained; use the "
                "loss 'moving_centers' and a data set with data.previous"
            )
        semantic, heat, offsets = (precise(part) for part in output[:3])
        labels = truth.labels.long()
        if truth.objects is None:
            raise LabelError(
                "the loss 'centers' learns objects, and these samples have none; use a data set with objects"
            )
        if labels.shape != (len(semantic), *semantic.shape[2:]):
            raise ModelError(
                f"the network drew {list(semantic.shape)} and the labels are {list(labels.shape)}; a loss compares them pixel "
                "by pixel, so the network has to return maps in the image's size"
            )
        counted = labels != self.ignore_index
        peaks, ways, areas = zip(*(targets_of(one, self.sigma, heat.dtype) for one in truth.objects), strict=True)
        area = torch.stack(areas)  # [B, H, W]
        held = counted & (area > 0)
        known = counted & ~(torch.isin(labels, labels.new_tensor(self.things)) & (area == 0))
        miss = (heat[:, 0] - torch.stack(peaks)) ** 2
        away = (offsets - torch.stack(ways)).abs().sum(dim=1)
        return {
            "semantic": self._hard_pixels(semantic, labels, held & (area < self.small_area)),
            "center": self.center * _mean(miss, known),
            "offset": self.offset * _mean(away, held) / 2,
        }

    def _hard_pixels(self, logits: Tensor, labels: Tensor, small: Tensor) -> Tensor:
        try:
            each = F.cross_entropy(logits, labels, ignore_index=self.ignore_index, reduction="none")  # [B, H, W]
        except IndexError:
            refuse(labels, logits.shape[1], self.ignore_index)
            raise
        each = torch.where(small, self.small_weight * each, each).flatten()
        counted = (labels != self.ignore_index).flatten()
        if self.hardest == 1:
            return _mean(each, counted)
        most = max(1, int(self.hardest * int(counted.sum())))
        return torch.where(counted, each, 0).topk(most).values.mean()


def targets_of(objects: Tensor, sigma: float, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """Draw what the two heads of objects should say of one picture.

    Args:
        objects: [H, W] object numbers from 1; 0 where there is none.
        sigma: of the Gaussian, in pixels; beyond three of it and a pixel the heatmap is 0.

    Returns: the heatmap [H, W] of 0..1, the offsets [2, H, W] (dy, dx) to each pixel's center, and the area of each pixel's
        object, [H, W] in pixels; 0 where there is no object.
    """
    h, w = objects.shape
    y, x = objects.nonzero(as_tuple=True)
    heat, offsets = torch.zeros(h, w, dtype=dtype, device=objects.device), objects.new_zeros(2, h, w, dtype=dtype)
    area = objects.new_zeros(h, w, dtype=torch.long)
    if not len(y):
        return heat, offsets, area
    _, row, count = objects[y, x].unique(return_inverse=True, return_counts=True)  # type: ignore[no-untyped-call]
    centers = torch.stack([torch.bincount(row, place.double()) / count for place in (y, x)])  # [2, M]
    offsets[:, y, x] = (centers[:, row] - torch.stack([y, x])).to(dtype)
    area[y, x] = count[row]
    reach = int(3 * sigma) + 1
    for cy, cx in centers.long().T.tolist():
        top, left = max(0, cy - reach), max(0, cx - reach)
        part = heat[top : cy + reach + 1, left : cx + reach + 1]
        fall = [
            torch.exp(-((torch.arange(start, start + n, device=heat.device, dtype=dtype) - at) ** 2) / (2 * sigma**2))
            for start, n, at in ((top, part.shape[0], cy), (left, part.shape[1], cx))
        ]
        torch.maximum(part, fall[0][:, None] * fall[1], out=part)
    return heat, offsets, area


def _mean(values: Tensor, held: Tensor) -> Tensor:
    """The mean over the pixels that count; a zero with a graph where none does."""
    return torch.where(held, values, 0).sum() / held.sum().clamp(min=1)
