"""The focal loss over all anchors: the many that are surely nothing weigh little.

Lin, Goyal, Girshick, He, Dollar. "Focal Loss for Dense Object Detection." ICCV 2017. arXiv:1708.02002
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def one_hot(classes: Tensor, count: int) -> Tensor:
    """Write classes [N] as [N, K] of 0 and 1; rows of no class are zeros."""
    return F.one_hot(classes.clamp(0, count), count + 1)[:, :-1].float()


def focal_sum(logits: Tensor, wanted: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """Sum -a (1 - p)^gamma log p over [N, K], p the probability of what is wanted, a alpha where 1 is (equation 5)."""
    loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    missed = 1 - (-loss).exp()
    return (_weighted(wanted, alpha) * missed**gamma * loss).sum()


def focal_star_sum(logits: Tensor, wanted: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """Sum -a log sigmoid(gamma x t) / gamma over [N, K], t 1 where 1 is wanted and -1 elsewhere (appendix A)."""
    loss = F.binary_cross_entropy_with_logits(gamma * logits, wanted, reduction="none") / gamma
    return (_weighted(wanted, alpha) * loss).sum()


def _weighted(wanted: Tensor, alpha: float) -> Tensor:
    return torch.where(wanted > 0, alpha, 1 - alpha)
