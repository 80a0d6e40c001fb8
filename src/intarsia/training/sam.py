"""Sharpness-aware minimization: the gradient is taken where the loss near the weights is largest.

Foret, Kleiner, Mobahi, Neyshabur. "Sharpness-Aware Minimization for Efficiently Improving Generalization." ICLR 2021.
arXiv:2010.01412, section 2

    w' = w + rho g / |g|          g: the gradient at w
    step of any optimizer from w with the gradient at w'

It keeps no state between steps, so that a resumed run needs nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase


@contextmanager
def climbed(model: nn.Module, rho: float) -> Iterator[None]:
    """Let a network stand, for a while, `rho` further along its gradient; then it has its weights back, to the bit.

    Gradients are taken away on entry. Inside, norms learn no statistics: those of the batch are counted once.

    Args:
        rho: length of the way, 0 and above. The gradient's own length does not matter, nor does a loss scaler's factor; one
            that is not finite moves nothing.
    """
    moved = [parameter for parameter in model.parameters() if parameter.grad is not None]
    gradients = [parameter.grad for parameter in moved if parameter.grad is not None]
    norms = [module for module in model.modules() if isinstance(module, _NormBase) and module.track_running_stats]
    with torch.no_grad():
        before = [parameter.detach().clone(memory_format=torch.preserve_format) for parameter in moved]
        if moved:
            length = torch.linalg.vector_norm(torch.stack([g.norm() for g in gradients]))
            factor = torch.where(length.isfinite() & (length > 0), rho / length, torch.zeros_like(length))
            for parameter, gradient in zip(moved, gradients, strict=True):
                parameter.add_(gradient.nan_to_num(0, 0, 0) * factor)
                parameter.grad = None
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
        with torch.no_grad():
            for parameter, weights in zip(moved, before, strict=True):
                parameter.copy_(weights)
