"""Losses of depth maps: how far a network's meters are from the true ones; pixels of unknown depth give no gradient.

    silog   sqrt(mean d^2 - lambda (mean d)^2) of each image, d = log p - log t      Eigen et al. 2014, arXiv:1406.2283, eq. 4
    berhu   |e| for |e| <= c, (e^2 + c^2) / 2c beyond, e = p - t, c = largest |e| / 5     Laina et al. 2016, arXiv:1606.00373

p is the predicted and t the true depth of a pixel, in meters; unknown is nan in the truth.
"""

import torch
from torch import Tensor, nn

from ..errors import DataError, ModelError, RecipeError
from ..structures import Batch, DepthMap
from .targets import precise

TINY = 1e-6  # under the root, whose slope at 0 is infinite


class ScaleInvariantLog(nn.Module):
    """Scale-invariant error of the logarithm of depth, averaged over the images that have a known depth.

    Args:
        variance: lambda above, 0..1: 0 is the plain error of logarithms, 1 forgives a wrong scale wholly; Eigen's 0.5.
        root: take the root, as nearly all that followed do; Eigen's equation 4 has none.
    """

    def __init__(self, *, variance: float = 0.5, root: bool = False, ignore_index: int = 255) -> None:
        super().__init__()
        if not 0 <= variance <= 1:
            raise RecipeError(f"variance is {variance}; it is a share, 0..1")
        self.variance, self.root = variance, root

    def forward(self, output: DepthMap, truth: Batch) -> Tensor:
        predicted, depth, known = compared(output, truth)
        d = torch.where(known, predicted.clamp(min=TINY).log() - torch.where(known, depth, 1.0).log(), 0.0).flatten(1)
        count = known.flatten(1).sum(dim=1).clamp(min=1)
        error = d.square().sum(dim=1) / count - self.variance * (d.sum(dim=1) / count).square()  # [B]
        if self.root:
            error = (error.clamp(min=0) + TINY).sqrt() - TINY**0.5
        seen = known.flatten(1).any(dim=1)
        return (error * seen).sum() / seen.sum().clamp(min=1)


class BerHu(nn.Module):
    """Reverse Huber loss: the absolute error of small errors, and the square of large ones, averaged over known pixels.

    Args:
        share: c above as a share of the largest error of the batch; the paper's 0.2.
    """

    def __init__(self, *, share: float = 0.2, ignore_index: int = 255) -> None:
        super().__init__()
        if not 0 < share <= 1:
            raise RecipeError(f"share is {share}; it is a share of the largest error, above 0 and up to 1")
        self.share = share

    def forward(self, output: DepthMap, truth: Batch) -> Tensor:
        predicted, depth, known = compared(output, truth)
        error = torch.where(known, predicted - torch.where(known, depth, 0.0), 0.0).abs()
        bend = (self.share * error.detach().amax()).clamp(min=TINY)
        loss = torch.where(error <= bend, error, (error.square() + bend.square()) / (2 * bend))
        return loss.sum() / known.sum().clamp(min=1)


def compared(output: DepthMap, truth: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Lay the predicted depth beside the true one.

    Returns: predicted and true meters in full precision, and whether the true one is known, each [B, H, W].

    Raises: DataError where the batch has no depth; ModelError when the two do not cover the same pixels.
    """
    if truth.depth is None:
        raise DataError(
            "the data set has no depth, which this loss compares; give each sample its depth [H, W] in meters, or train "
            "another network"
        )
    if output.depth.shape != (truth.depth.shape[0], 1, *truth.depth.shape[1:]):
        raise ModelError(
            f"the network measured {list(output.depth.shape)} (images x 1 x height x width) and the true depth is "
            f"{list(truth.depth.shape)}; a loss compares them pixel by pixel"
        )
    predicted = precise(output.depth[:, 0])
    depth = truth.depth.to(predicted.dtype)
    return predicted, depth, depth.isfinite() & (depth > 0)
