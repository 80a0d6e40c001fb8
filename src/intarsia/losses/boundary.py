"""Boundary loss: how far from the true border what was drawn wrongly lies, beside a loss of regions.

Kervadec et al. "Boundary loss for highly unbalanced segmentation." MIDL 2019. arXiv:1812.07032, section 2

    boundary    mean over pixels and classes of phi (p - y)          phi: distance to the class's border in pixels, negative inside
    region      Dice, or another loss, without which nothing keeps the network from drawing nothing

The paper leaves out the constant -phi y; with it the term is 0 where the drawing is right, and its gradient is the same. A
class that an image does not have, or has alone, has no border there and no term.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import RecipeError
from ..structures import SemanticLogits
from .cross_entropy import CrossEntropy
from .dice import Dice
from .pixelwise import pixels_of
from .targets import Truth, class_table, one_map_each, paired

REGIONS = ("dice", "cross_entropy")


class Boundary(nn.Module):
    """{"region", "boundary"}: a loss of regions and the boundary loss, weighted, to be added up.

    Args:
        weights: one for each class, for both terms.
        ignore_index: the label of pixels that do not count; they are neither inside nor outside of a class.
        region: the loss of regions: "dice" or "cross_entropy".
        boundary: weight of the boundary term, whose unit is a pixel; the paper begins with 0.01.
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] | None = None,
        ignore_index: int = 255,
        region: Literal["dice", "cross_entropy"] = "dice",
        boundary: float = 0.01,
    ) -> None:
        super().__init__()
        if boundary < 0:
            raise RecipeError(f"boundary is {boundary}; it is a weight, 0 and above")
        self.weights = None if weights is None else tuple(weights)
        self.ignore_index, self.boundary = ignore_index, boundary
        self.dice = Dice(weights=weights, ignore_index=ignore_index) if region == "dice" else None
        self.cross_entropy = CrossEntropy(weights=weights, ignore_index=ignore_index)

    def forward(self, output: SemanticLogits, truth: Truth) -> dict[str, Tensor]:
        logits, labels = paired(output.logits, truth)
        if self.dice is not None:
            region = self.dice(output, truth)
        elif labels.ndim == 4:  # several labels a pixel
            pixels = pixels_of(logits, labels, self.ignore_index, self.weights)
            region = pixels.mean(pixels.each)
        else:
            region = self.cross_entropy(output, truth)
        target, held = one_map_each(logits, labels, self.ignore_index)
        softmax = logits.shape[1] > 1 and labels.ndim == 3
        probability = logits.softmax(dim=1) if softmax else logits.sigmoid()
        away = torch.from_numpy(distances(target, held)).to(logits)
        each = (away * (probability - target) * held).sum(dim=(0, 2, 3)) / held.sum(dim=(0, 2, 3)).clamp(min=1)
        table = class_table(self.weights, len(each), each) if len(each) > 1 else None
        mean = each.mean() if table is None else (each * table).sum() / table.sum()
        return {"region": region, "boundary": self.boundary * mean}


def distances(target: Tensor, held: Tensor) -> np.ndarray:
    """Signed distance of each pixel to the border of each class, in pixels.

    Args:
        target: [B, K, H, W], 1 for pixels of the class, else 0.
        held: [B, K, H, W], 0 for pixels that do not count.

    Returns: [B, K, H, W] float32: outside of a class the way to its nearest pixel; inside one minus the way to the
        nearest pixel outside, 0 at the border. All 0 where a class has no pixel, or nothing else has one.
    """
    from scipy.ndimage import distance_transform_edt

    inside = (target > 0).cpu().numpy()
    outside = ((held > 0) & (target == 0)).cpu().numpy()
    found = np.zeros(inside.shape, np.float32)
    for place in np.ndindex(*inside.shape[:2]):
        if inside[place].any() and outside[place].any():
            outer, inner = distance_transform_edt(~inside[place]), distance_transform_edt(~outside[place])
            found[place] = np.where(inside[place], 1 - inner, outer)
    return found
