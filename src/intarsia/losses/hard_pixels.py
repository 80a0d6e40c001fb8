"""Cross entropy of the hard pixels alone: those that the network is not sure of, and a share of all at least.

Shrivastava, Gupta, Girshick. "Training Region-based Object Detectors with Online Hard Example Mining." CVPR 2016.
arXiv:1604.03540; of pixels as in Wu, Shen, van den Hengel. "High-performance Semantic Segmentation Using Very Deep Fully
Convolutional Networks." 2016. arXiv:1604.04339, section 3.3
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import RecipeError
from ..structures import SemanticLogits
from .pixelwise import pixels_of
from .targets import Truth, paired


class HardCrossEntropy(nn.Module):
    """Mean of -log p(true class) over the hard pixels of a batch, each weighted by its class.

    Args:
        weights: one for each class; the mean divides by the weights of the hard pixels.
        ignore_index: the label of pixels that do not count.
        threshold: a pixel is hard while the probability of its class is below this, 0..1; with 1 all are, and the loss is
            cross entropy.
        least: share of the batch's pixels, those of the largest loss, that are hard in any case, 0..1.
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] | None = None,
        ignore_index: int = 255,
        threshold: float = 0.7,
        least: float = 0.0625,
    ) -> None:
        super().__init__()
        for name, value in (("threshold", threshold), ("least", least)):
            if not 0 <= value <= 1:
                raise RecipeError(f"{name} is {value}; it is between 0 and 1")
        self.weights = None if weights is None else tuple(weights)
        self.ignore_index, self.threshold, self.least = ignore_index, threshold, least

    def forward(self, output: SemanticLogits, truth: Truth) -> Tensor:
        logits, labels = paired(output.logits, truth)
        pixels = pixels_of(logits, labels, self.ignore_index, self.weights)
        if self.threshold == 1:
            return pixels.mean(pixels.each)
        loss = torch.where(pixels.counted, pixels.each.detach(), -1.0)  # what does not count comes last
        limit = loss.new_tensor(-math.log(self.threshold) if self.threshold > 0 else math.inf)
        if kept := math.ceil(self.least * loss.numel()):
            flat, place = loss.flatten(), loss.numel() - kept
            # a GPU sorts quickly, and its kthvalue has no deterministic form
            known = flat.sort().values[place] if flat.is_cuda else flat.kthvalue(place + 1).values
            limit = torch.minimum(limit, known)
        return pixels.mean(pixels.each, (loss >= limit) & pixels.counted)
