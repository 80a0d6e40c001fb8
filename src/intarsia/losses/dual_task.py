"""Dual task loss: classes and borders drawn by one network have to agree.

Takikawa, Acuna, Jampani, Fidler. "Gated-SCNN: Gated Shape CNNs for Semantic Segmentation." ICCV 2019. arXiv:1907.05740,
section 3.2

    main        cross entropy of the classes
    edges       balanced cross entropy of the drawn borders
    attention   cross entropy where the drawn border is surer than 0.8: a border is between two classes
    dual        | strength of the class map's own border - that of the true map's |, over all pixels and over true borders

A map's border is the length of its gradient, class by class. The paper finds the gradient of the Gumbel softmax of the
logits behind a Gaussian; here it is that of the softmax, whose value no noise changes, and nothing blurs it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import RecipeError
from ..structures import SemanticLogits
from .cross_entropy import CrossEntropy
from .edges import border, edge_loss
from .targets import Truth, above_zero, labels_of, one_map_each, paired, precise


class DualTask(nn.Module):
    """{"main", "edges", "attention", "dual"}: classes, borders, and how well they agree, to be added up.

    Args:
        weights: one for each class, of the cross entropies.
        ignore_index: the label of pixels that do not count.
        edges, attention, dual: weight of each term; the authors' code has 1 for each (and 20 for borders, whose mean is over
            all pixels there).
        sure: probability from which on a drawn border counts for `attention`, 0..1.

    Without edges, as of an auxiliary head, there are no "edges" and no "attention".
    """

    def __init__(
        self,
        *,
        weights: Sequence[float] | None = None,
        ignore_index: int = 255,
        edges: float = 1.0,
        attention: float = 1.0,
        dual: float = 1.0,
        sure: float = 0.8,
    ) -> None:
        super().__init__()
        if min(edges, attention, dual) < 0:
            raise RecipeError(f"edges, attention and dual are {edges}, {attention} and {dual}; weights are 0 and above")
        if not 0 <= sure <= 1:
            raise RecipeError(f"sure is {sure}; it is a probability, 0..1")
        self.classes = CrossEntropy(weights=weights, ignore_index=ignore_index)
        self.ignore_index, self.edges, self.attention, self.dual, self.sure = ignore_index, edges, attention, dual, sure

    def forward(self, output: SemanticLogits, truth: Truth) -> dict[str, Tensor]:
        terms = {"main": self.classes(output, truth), "dual": self.dual * self._agreement(output.logits, truth)}
        if output.edges is None:
            return terms
        terms["edges"] = self.edges * edge_loss(output, truth, ignore_index=self.ignore_index)
        labels, size = labels_of(truth), output.logits.shape[-2:]
        drawn = precise(output.edges.detach()).amax(1, keepdim=True).sigmoid()
        drawn = nn.functional.interpolate(drawn, size=list(size), mode="bilinear", align_corners=False)
        there = torch.where(drawn[:, 0] > self.sure, labels.long(), self.ignore_index)
        terms["attention"] = self.attention * self.classes(output, there)
        return terms

    def _agreement(self, logits: Tensor, truth: Truth) -> Tensor:
        logits, labels = paired(logits, truth)
        target, counted = one_map_each(logits, labels, self.ignore_index)
        probability = (logits.softmax(dim=1) if logits.shape[1] > 1 else logits.sigmoid()) * counted
        apart = (strength(probability) - strength(target * counted)).abs() * counted
        at, _ = border(logits, truth, ignore_index=self.ignore_index, radius=1)
        return (apart.sum() / above_zero(counted.sum()) + (apart * at).sum() / above_zero(at.sum())) / 2


def strength(x: Tensor) -> Tensor:
    """Length of the gradient of `x` [B, K, H, W] at each pixel: half of the difference of its neighbors, across and down."""
    x = nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
    across, down = (x[..., 1:-1, 2:] - x[..., 1:-1, :-2]) / 2, (x[..., 2:, 1:-1] - x[..., :-2, 1:-1]) / 2
    return (across**2 + down**2 + 1e-12).sqrt()
