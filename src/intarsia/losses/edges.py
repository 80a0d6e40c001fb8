"""Borders between classes: where they are, and the loss of a network that draws them beside its classes.

    loss = (mean of -log p over border pixels + mean of -log (1 - p) over all others) / 2

Borders are thin, so that either kind of pixel has half of the say (Xie, Tu. "Holistically-Nested Edge Detection." ICCV 2015.
arXiv:1504.06375, section 2.2).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..structures import SemanticLogits
from .targets import Truth, above_zero, one_map_each, paired, precise


def edge_loss(output: SemanticLogits, truth: Truth, *, ignore_index: int = 255, radius: int = 2) -> Tensor:
    """Balanced binary cross entropy of `output.edges` [B, 1 or K, h, w], enlarged to the labels' size.

    Args:
        output: with edges: one map of all borders, or one for each class.
        ignore_index: the label of pixels that do not count; a border with them is none.
        radius: how far from a border a pixel still belongs to it.
    """
    assert output.edges is not None
    wanted, counted = border(output.logits, truth, ignore_index=ignore_index, radius=radius)
    if output.edges.shape[1] == 1:
        wanted, counted = wanted.amax(1, keepdim=True), counted.amax(1, keepdim=True)
    edges = precise(output.edges)
    edges = F.interpolate(edges, size=list(wanted.shape[-2:]), mode="bilinear", align_corners=False)
    yes, no = wanted * counted, (1 - wanted) * counted
    on, off = (F.softplus(-edges) * yes).sum(), (F.softplus(edges) * no).sum()
    return (on / above_zero(yes.sum()) + off / above_zero(no.sum())) / 2


def border(logits: Tensor, truth: Truth, *, ignore_index: int = 255, radius: int = 2) -> tuple[Tensor, Tensor]:
    """Find the border of each class: the pixels with one of the class and one that is not in reach, on either side.

    Args:
        logits: [B, K, H, W], for their shape and type.
        ignore_index: the label of pixels that are neither.
        radius: reach in pixels, across and down.

    Returns: 1 on a border, else 0, and 1 where a pixel counts, both [B, K, H, W].
    """
    logits, labels = paired(logits, truth)
    inside, counted = one_map_each(logits.detach(), labels, ignore_index)
    near, side = torch.stack([inside * counted, (1 - inside) * counted]), 2 * radius + 1
    near = F.max_pool2d(near.flatten(0, 1), side, stride=1, padding=radius)
    one, other = near.chunk(2)
    return one * other * counted, counted
