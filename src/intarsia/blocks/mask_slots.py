"""The parts of networks whose queries compete for pixels: attention with norms, and a class and a mask for each query.

Wang, Zhu, Adam, Yuille, Chen. "MaX-DeepLab: End-to-End Panoptic Segmentation with Mask Transformers." CVPR 2021.
arXiv:2012.00759 (section 3.3)

Queries are columns here, [B, C, N], as pixels are.
"""

from math import log
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .atrous import SeparableConv
from .axial import Activation, activation
from .conv import ConvNormAct

NONE_AT_FIRST = 0.9  # probability of "no object" before training


class Slots(NamedTuple):
    """Classes and masks of N queries.

    Args:
        classes: [B, N, K + 1] logits, the last is "no object".
        masks: [B, N, h, w] logits; the softmax over N says whose a pixel is.
        pixels: [B, D, h, w] a vector of length 1 for each pixel.
    """

    classes: Tensor
    masks: Tensor
    pixels: Tensor


def column_norm(in_channels: int, channels: int, act: Activation | None = None, *, zero: bool = False) -> nn.Sequential:
    """A linear layer of each column without bias, batch norm, and an activation.

    Args:
        zero: the norm's scale is 0 at first, as that of a residual branch.
    """
    linear, norm = nn.Conv1d(in_channels, channels, 1, bias=False), nn.BatchNorm1d(channels)
    nn.init.trunc_normal_(linear.weight, std=in_channels**-0.5)
    if zero:
        nn.init.zeros_(norm.weight)
    return nn.Sequential(linear, norm, *([activation(act)] if act else []))


class NormedAttention(nn.Module):
    """Attention of several heads with batch norm on its weights' logits and on what it gathers, then an activation.

    Args:
        values: width of all heads together.
    """

    def __init__(self, heads: int, values: int, act: Activation) -> None:
        super().__init__()
        self.norm_fit, self.norm_out, self.act = nn.BatchNorm2d(heads), nn.BatchNorm1d(values), activation(act)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Gather for each query.

        Args:
            query: [B, heads, d, N].
            key, value: [B, heads, d, M] and [B, heads, e, M].

        Returns: [B, heads * e, N].
        """
        fit = self.norm_fit(torch.einsum("bhdl,bhdm->bhlm", query, key))
        seen = torch.einsum("bhlm,bhdm->bhdl", fit.softmax(dim=3).to(value.dtype), value)
        return self.act(self.norm_out(seen.flatten(1, 2)))


class SlotHead(nn.Module):
    """A class for each query, and its mask: the product of its vector and each pixel's, all normed.

    Args:
        in_channels: of the pixels.
        query_channels: of the queries.
        channels: width of the pixels' head; their vectors have half of it.
    """

    def __init__(
        self, in_channels: int, query_channels: int, num_classes: int, *, channels: int = 256, act: Activation = "relu"
    ) -> None:
        super().__init__()
        self.look = with_activation(SeparableConv(in_channels, channels, 5), act)
        self.embed = nn.Conv2d(channels, channels // 2, 1)
        self.norm_pixels = nn.BatchNorm2d(channels // 2)
        self.draw = column_norm(query_channels, channels // 2)
        self.norm_masks = nn.BatchNorm2d(1)
        self.classify = nn.Conv1d(query_channels, num_classes + 1, 1)
        for layer in (self.embed, self.classify):
            nn.init.trunc_normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        assert self.classify.bias is not None
        nn.init.constant_(self.classify.bias[-1:], log(num_classes * NONE_AT_FIRST / (1 - NONE_AT_FIRST)))
        nn.init.constant_(self.norm_masks.weight, 0.1)

    def forward(self, pixels: Tensor, of_mask: Tensor, of_class: Tensor) -> Slots:
        """Say what each query is and where.

        Args:
            pixels: [B, C, h, w].
            of_mask, of_class: [B, C', N] what the mask and the class of a query are made of.
        """
        b, _, h, w = pixels.shape
        unit = F.normalize(self.norm_pixels(self.embed(self.look(pixels))), dim=1)
        masks = self.draw(of_mask).transpose(1, 2) @ unit.flatten(2)
        masks = self.norm_masks(masks[:, None])[:, 0].unflatten(2, (h, w))
        return Slots(self.classify(of_class).transpose(1, 2), masks, unit)


def with_activation(module: nn.Module, act: Activation) -> nn.Module:
    """Exchange the ReLUs of a brick's convolutions, in place."""
    for part in module.modules():
        if isinstance(part, ConvNormAct) and act != "relu":
            part.act = activation(act)
    return module
