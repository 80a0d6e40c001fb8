"""Region mutual information: pixels and their neighbors are drawn together, not one by one.

Zhao et al. "Region Mutual Information Loss for Semantic Segmentation." NeurIPS 2019. arXiv:1910.12037, section 3

    y, p     vectors of a 3 x 3 region of the true and of the drawn map of a class, over all regions of an image
    M        Cov(y) - Cov(y, p) (Cov(p) + a)^-1 Cov(y, p)^T          what of y does not follow from p
    region   log det(M + a) / 2d                                     minus a lower bound of their mutual information
    pixel    binary cross entropy

Covariances are sums over regions and a is 5e-4, both as in the authors' code, after averaging blocks of 3 x 3 pixels. From
the region term its value for a perfect drawing is taken, a constant, so that it is 0 there; the gradient is the same.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import RecipeError
from ..structures import SemanticLogits
from .binary import BinaryCrossEntropy
from .targets import Truth, class_table, one_map_each, paired

RIDGE = 5e-4  # a
FLOOR = 1e-6  # added to probabilities


class RegionMutualInformation(nn.Module):
    """{"pixel", "region"}: binary cross entropy and region mutual information of sigmoid maps, weighted, to be added up.

    Args:
        weights: one for each class, for both terms.
        ignore_index: the label of pixels that do not count; they are 0 in both maps.
        region: weight of the region term; the pixel term's is 1 - region. 0..1.
        radius: side of a region, in blocks.
        pool: side of the blocks of pixels that are averaged first; less in images that would have no region else.
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] | None = None,
        ignore_index: int = 255,
        region: float = 0.5,
        radius: int = 3,
        pool: int = 3,
    ) -> None:
        super().__init__()
        if not 0 <= region <= 1:
            raise RecipeError(f"region is {region}; it is a share, 0..1")
        for name, value in (("radius", radius), ("pool", pool)):
            if value < 1:
                raise RecipeError(f"{name} is {value}; it is a side, 1 and above")
        self.weights = None if weights is None else tuple(weights)
        self.ignore_index, self.region, self.radius, self.pool = ignore_index, region, radius, pool
        self.pixel = BinaryCrossEntropy(weights=weights, ignore_index=ignore_index)

    def forward(self, output: SemanticLogits, truth: Truth) -> dict[str, Tensor]:
        logits, labels = paired(output.logits, truth)
        target, held = one_map_each(logits, labels, self.ignore_index)
        side = min(*logits.shape[2:])
        radius = min(self.radius, side)
        pool = max(1, min(self.pool, side // radius))
        drawn = _regions((logits.sigmoid() + FLOOR) * held, pool, radius)
        true = _regions(target, pool, radius)
        each = (_unexplained(true, drawn) - _unexplained(true, true)) / (2 * radius * radius)  # [B, K]
        of_classes = each.mean(dim=0).to(logits)
        table = class_table(self.weights, len(of_classes), logits) if len(of_classes) > 1 else None
        mean = of_classes.mean() if table is None else (of_classes * table).sum() / table.sum()
        return {"pixel": (1 - self.region) * self.pixel(output, truth), "region": self.region * mean}


def _regions(maps: Tensor, pool: int, radius: int) -> Tensor:
    """[B, K, H, W] to the regions of its blocks, [B, K, radius^2, regions], without their mean, in double precision."""
    blocks = F.avg_pool2d(maps, pool, pool, padding=pool // 2) if pool > 1 else maps
    flat = F.unfold(blocks.flatten(0, 1)[:, None], radius)  # [B K, radius^2, regions]
    flat = flat.cpu() if maps.device.type == "mps" else flat  # which has no double precision
    vectors = flat.view(*maps.shape[:2], *flat.shape[1:]).double()
    return vectors - vectors.mean(dim=-1, keepdim=True)


def _unexplained(true: Tensor, drawn: Tensor) -> Tensor:
    """log det of what of the true regions does not follow from the drawn ones, [B, K]."""
    ridge = RIDGE * torch.eye(true.shape[2], dtype=true.dtype, device=true.device)
    across = true @ drawn.mT
    factor = torch.linalg.cholesky(drawn @ drawn.mT + ridge)
    explained = torch.linalg.solve_triangular(factor, across.mT, upper=False)  # E^T E = across (Cov(p) + a)^-1 across^T
    rest: Tensor = torch.linalg.cholesky(true @ true.mT - explained.mT @ explained + ridge)
    return 2 * rest.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
