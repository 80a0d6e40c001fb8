"""Stochastic depth: residual branches that are left out at random while a network trains.

Huang, Sun, Liu, Sedra, Weinberger. "Deep Networks with Stochastic Depth." ECCV 2016. arXiv:1603.09382, sections 3 and 4
"""

import torch
from torch import Tensor, nn

from ..errors import ModelError

BRANCHES = ("drop_path", "drop_path1", "drop_path2")  # what timm calls the place behind a residual branch


class DropPath(nn.Module):
    """Sets a residual branch [B, ...] of each image to zero with a probability, in training; the others are enlarged.

    Args:
        rate: the probability, 0..1, less than 1. What is kept is divided by 1 - rate, so that the mean stays.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= self.rate
        return x * kept / (1 - self.rate)


def with_drop_path(model: nn.Module, rate: float) -> int:
    """Let the residual blocks of a network's encoder be left out at random, the last with `rate`, earlier ones more rarely.

    The rate rises linearly from block to block, from 0 at the input. No weight is added.

    Returns: how many blocks are.

    Raises: ModelError for an encoder without a place for it.
    """
    encoder = getattr(model, "encoder", model)
    blocks = [
        m for m in encoder.modules() if getattr(m, "has_skip", True) and any(_free(m, name) for name in BRANCHES)
    ]  # EfficientNets have blocks without a way around them
    if not blocks:
        raise ModelError(
            f"drop_path={rate:g} leaves out residual branches of the encoder, and {type(model).__name__}'s has none that can "
            "be; leave model.drop_path out, or choose an encoder of timm with residual blocks, such as resnet50"
        )
    for number, block in enumerate(blocks, 1):
        for name in BRANCHES:
            if _free(block, name):
                setattr(block, name, DropPath(rate * number / len(blocks)))
    return len(blocks)


def _free(block: nn.Module, name: str) -> bool:
    """Whether a block has a place of that name in which nothing is."""
    if name in block._modules:
        return block._modules[name] is None or isinstance(block._modules[name], nn.Identity)
    return name in vars(block) and vars(block)[name] is None
