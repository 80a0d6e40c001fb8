"""What a network says beside its main map: the same loss on auxiliary heads, losses of borders, of presence, of crowding."""

from collections.abc import Callable, Mapping
from functools import reduce
from operator import add

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..structures import SemanticLogits
from .crowding import crowding_loss
from .edges import edge_loss
from .pairs import pair_loss
from .presence import presence_loss
from .targets import Truth, labels_of

Loss = Callable[[SemanticLogits, Truth], Tensor | dict[str, Tensor]]


class Auxiliary(nn.Module):
    """{"main", "auxiliary", "edges", "presence", "crowding"}: a loss on the main head, and on what else the network says.

    Auxiliary heads are resized to the labels and get the same loss.

    Args:
        loss: any loss of SemanticLogits; those of other outputs look after auxiliary parts themselves. One of several terms keeps their names in place of "main".
        weight: of every auxiliary head, and of crowding; PSPNet's 0.4 is the recipe's default (Zhao et al. 2017, section 4.1).
        edges: weight of the loss of borders, where the network draws them and `loss` has no such term itself.
        presence: weight of which classes occur at all; EncNet's 0.2 (Zhang et al. 2018, section 4.1).
        ignore_index: the label of pixels that are on no border, and of no class that occurs.

    Without auxiliary heads, as in eval mode, there is no "auxiliary" term, and so with the others: "pairs", the loss of pairs of
    places of a random field (`pairs.py`), and "penalty", the mean over images of what the network itself asks to be small, such
    as the cost of its routes.
    """

    def __init__(
        self, loss: Loss, weight: float = 0.4, *, edges: float = 1.0, presence: float = 0.2, ignore_index: int = 255
    ) -> None:
        super().__init__()
        self.loss = loss
        self.weight, self.edges, self.presence, self.ignore_index = weight, edges, presence, ignore_index

    def forward(self, output: SemanticLogits, truth: Truth) -> dict[str, Tensor]:
        main = self.loss(output, truth)
        terms = dict(main) if isinstance(main, dict) else {"main": main}
        if output.auxiliary and self.weight:
            size = labels_of(truth).shape[-2:]
            heads = [total(self.loss(SemanticLogits(_resized(head, size)), truth)) for head in output.auxiliary]
            terms["auxiliary"] = self.weight * reduce(add, heads)
        if output.edges is not None and self.edges and "edges" not in terms:
            terms["edges"] = self.edges * edge_loss(output, truth, ignore_index=self.ignore_index)
        if output.presence is not None and self.presence:
            terms["presence"] = self.presence * presence_loss(output.presence, truth, self.ignore_index)
        if output.crowding is not None and self.weight:
            terms["crowding"] = self.weight * crowding_loss(output, truth, ignore_index=self.ignore_index)
        if output.penalty is not None:
            terms["penalty"] = output.penalty.mean()
        if output.pairs is not None:
            terms["pairs"] = pair_loss(output.pairs, truth, self.ignore_index)
        return terms


def _resized(head: Tensor, size: torch.Size) -> Tensor:
    """A head's logits [B, K, h, w] at the labels' size, by the half-pixel rule."""
    return F.interpolate(head, size=list(size), mode="bilinear", align_corners=False)


def total(terms: Tensor | Mapping[str, Tensor]) -> Tensor:
    """Sum the terms of a loss."""
    return terms if isinstance(terms, Tensor) else reduce(add, terms.values())
