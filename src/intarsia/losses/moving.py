"""What networks of videos minimize beside Panoptic-DeepLab's terms: the way to where objects were, and the depth of pixels.

Weber et al. "STEP: Segmenting and Tracking Every Pixel." 2021. arXiv:2102.11859
Qiao, Zhu, Adam, Yuille, Chen. "ViP-DeepLab." CVPR 2021. arXiv:2012.05258

    motion    0.01 * (|dy - true dy| + |dx - true dx|) / 2     on pixels of objects that the frame before shows as well
    depth     0.1  * (mean d^2 - (mean d)^2 + sqrt(mean ((p - t) / t)^2))     of each image, d = log p - log t

The true way leads from a pixel to the center, one frame before, of the object that has the same number there.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import DataError, LabelError, ModelError
from ..structures import Batch, DepthMap, PanopticLogits
from .centers import Centers
from .depth import TINY, compared
from .targets import precise


class MovingCenters(nn.Module):
    """{"semantic", "center", "offset", "motion", "depth"}: the terms of Motion-DeepLab and ViP-DeepLab, weighted.

    "depth" is there for networks that measure it.

    Args:
        ignore_index: the label of pixels that do not count.
        things: numbers of the classes whose objects are told apart, as for `Centers`.
        sigma, hardest, small_area, small_weight, center, offset: as for `Centers`.
        motion: weight of the term of the ways to the frame before.
        depth: weight of the term of depth.
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
        motion: float = 0.01,
        depth: float = 0.1,
    ) -> None:
        super().__init__()
        self.centers = Centers(
            ignore_index=ignore_index,
            things=things,
            sigma=sigma,
            hardest=hardest,
            small_area=small_area,
            small_weight=small_weight,
            center=center,
            offset=offset,
        )
        self.ignore_index, self.motion, self.depth = ignore_index, motion, depth

    def forward(self, output: PanopticLogits, truth: Batch) -> dict[str, Tensor]:
        if output.motion is None:
            raise ModelError(
                "the loss 'moving_centers' trains networks that point into the frame before, and this one returns no motion; "
                "use the loss 'centers', or a network such as motion_deeplab"
            )
        if truth.previous is None:
            raise LabelError(
                "the loss 'moving_centers' compares each frame with the one before, and these samples do not know its objects; "
                "use a data set with data.previous"
            )
        terms: dict[str, Tensor] = self.centers(output._replace(motion=None, depth=None), truth)
        assert truth.objects is not None
        away = precise(output.motion)
        pairs = zip(truth.objects, truth.previous, strict=True)
        ways, known = zip(*(ways_back(*pair, away.dtype) for pair in pairs), strict=True)
        held = torch.stack(known) & (truth.labels != self.ignore_index)  # [B, H, W]
        miss = (away - torch.stack(ways)).abs().sum(dim=1)
        terms["motion"] = self.motion * torch.where(held, miss, 0).sum() / held.sum().clamp(min=1) / 2
        if output.depth is not None:
            terms["depth"] = self.depth * relative_and_log(output.depth, truth)
        return terms


def ways_back(objects: Tensor, previous: Tensor, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Find the way from each pixel to the center that its object had one frame before.

    Args:
        objects, previous: [H, W] object numbers from 1 of this frame and of the one before; 0 where there is none.

    Returns: (dy, dx) [2, H, W] in pixels, and where they are known [H, W] bool: on objects that both frames show.
    """
    h, w = objects.shape
    y, x = previous.nonzero(as_tuple=True)
    ways, known = objects.new_zeros(2, h, w, dtype=dtype), torch.zeros_like(objects, dtype=torch.bool)
    if not len(y):
        return ways, known
    numbers, row, count = previous[y, x].unique(return_inverse=True, return_counts=True)  # type: ignore[no-untyped-call]
    centers = torch.stack([torch.bincount(row, place.double()) / count for place in (y, x)])  # [2, M]
    place = torch.searchsorted(numbers, objects.contiguous()).clamp(max=len(numbers) - 1)
    known = (numbers[place] == objects) & (objects > 0)
    y, x = known.nonzero(as_tuple=True)
    ways[:, y, x] = (centers[:, place[y, x]] - torch.stack([y, x])).to(dtype)
    return ways, known


def relative_and_log(depth: Tensor, truth: Batch) -> Tensor:
    """Add the scale-invariant error of the logarithm and the relative error of depth, averaged over images.

    Args:
        depth: [B, 1, H, W] meters.

    Raises: DataError where the batch has no depth.
    """
    if truth.depth is None:
        raise DataError(
            "the network measures depth and the data set has none; give each sample its depth [H, W] in meters, or train "
            "motion_deeplab, which needs none"
        )
    predicted, true, known = compared(DepthMap(depth), truth)
    safe = torch.where(known, true, 1.0)
    count = known.flatten(1).sum(dim=1).clamp(min=1)
    d = torch.where(known, predicted.clamp(min=TINY).log() - safe.log(), 0.0).flatten(1)
    log = d.square().sum(dim=1) / count - (d.sum(dim=1) / count).square()  # [B]
    share = torch.where(known, (predicted - safe) / safe, 0.0).flatten(1).square().sum(dim=1) / count
    error = log + (share + TINY**2).sqrt() - TINY
    seen = known.flatten(1).any(dim=1)
    return (error * seen).sum() / seen.sum().clamp(min=1)
