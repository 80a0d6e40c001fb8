"""Axial attention: each pixel looks at its column, then at its row, and knows how far away what it sees is.

Wang, Zhu, Green, Adam, Yuille, Chen. "Axial-DeepLab: Stand-Alone Axial-Attention for Panoptic Segmentation." ECCV 2020.
arXiv:2003.07853 (equation 4)

    fit of l and m    norm(q_l k_m) + norm(q_l r_q[m - l]) + norm(k_m r_k[m - l])
    what l gets       norm(sum_m w v_m) + norm(sum_m w r_v[m - l])           w: softmax of the fit over m

All pairs of pixels of a map are (HW)^2; those of columns and rows are HW (H + W). The tables r are learned.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ModelError
from .drop_path import DropPath
from .residual import conv_norm
from .resize import Resize

Activation = Literal["relu", "gelu"]


def activation(name: Activation) -> nn.Module:
    """A layer of that name, which leaves its input as it is."""
    return nn.GELU() if name == "gelu" else nn.ReLU()


class AxialAttention(nn.Module):
    """Position-sensitive attention along the last axis.

    Args:
        keys, values: widths of all heads together, multiples of `heads`.
        span: the longest axis whose distances all have an encoding of their own; farther pixels share the farthest.
    """

    def __init__(self, in_channels: int, keys: int, values: int, *, heads: int = 8, span: int = 255) -> None:
        super().__init__()
        if keys % heads or values % heads:
            raise ModelError(f"keys of {keys} and values of {values} channels do not divide among {heads} heads")
        if span < 1:
            raise ModelError(f"span is {span}; it is a number of pixels, 1 or more")
        self.keys, self.values, self.heads, self.span = keys, values, heads, span
        self.project = nn.Conv1d(in_channels, 2 * keys + values, 1, bias=False)
        nn.init.trunc_normal_(self.project.weight, std=in_channels**-0.5)
        self.norm = nn.BatchNorm1d(2 * keys + values)
        self.places = nn.ModuleList(
            nn.Embedding(2 * span - 1, width // heads) for width in (keys, keys, values)
        )  # of query, key and value
        self.norm_fit = nn.BatchNorm2d(3 * heads)
        self.norm_out = nn.BatchNorm1d(2 * values)

    def forward(self, x: Tensor) -> Tensor:
        """Gather for each place of [N, C, L]: [N, values, L]."""
        parts = self.norm(self.project(x)).split([self.keys, self.keys, self.values], dim=1)
        q, k, v = (part.unflatten(1, (self.heads, -1)) for part in parts)
        n = x.shape[2]
        place = torch.arange(n, device=x.device)
        away = (place - place[:, None]).clamp(1 - self.span, self.span - 1) + self.span - 1  # [n, n]
        of_query, of_key, of_value = (table(away).to(q.dtype) for table in self.places)
        fit = torch.cat(
            [
                torch.einsum("bhdl,bhdm->bhlm", q, k),
                torch.einsum("bhdl,lmd->bhlm", q, of_query),
                torch.einsum("bhdm,lmd->bhlm", k, of_key),
            ],
            dim=1,
        )
        weights = self.norm_fit(fit).unflatten(1, (3, self.heads)).sum(dim=1).softmax(dim=3).to(v.dtype)
        seen = torch.einsum("bhlm,bhdm->bhdl", weights, v).flatten(1, 2)
        where = torch.einsum("bhlm,lmd->bhdl", weights, of_value).flatten(1, 2)
        return self.norm_out(torch.cat([seen, where], dim=1)).unflatten(1, (2, self.values)).sum(dim=1)


class AxialAttention2d(nn.Module):
    """Attention along columns, then along rows.

    Args:
        keys, values, heads, span: as for `AxialAttention`.
        stride: keeps each so many-th row and column.
    """

    def __init__(
        self, in_channels: int, keys: int, values: int, *, heads: int = 8, span: int = 255, stride: int = 1
    ) -> None:
        super().__init__()
        self.stride = stride
        self.down = AxialAttention(in_channels, keys, values, heads=heads, span=span)
        self.across = AxialAttention(values, keys, values, heads=heads, span=span)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        x = self.down(x.permute(0, 3, 1, 2).flatten(0, 1)).unflatten(0, (b, w)).permute(0, 2, 3, 1)
        if self.stride > 1:
            x = F.max_pool2d(x, 1, (self.stride, 1))
            h = x.shape[2]
        x = self.across(x.permute(0, 2, 1, 3).flatten(0, 1)).unflatten(0, (b, h)).permute(0, 2, 1, 3)
        return F.max_pool2d(x, 1, (1, self.stride)) if self.stride > 1 else x


class AxialBlock(nn.Module):
    """A bottleneck whose middle is axial attention, or a 3x3 convolution; it activates what comes in, not what it returns.

    Args:
        width: of the middle; four times as many channels come out.
        axial: attention in the middle, with values of twice the width.
        stride: of the middle and of the way around.
        span: as for `AxialAttention`.
        drop: share of the images whose block is left out in training, 0..1.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        *,
        axial: bool,
        stride: int = 1,
        heads: int = 8,
        span: int = 255,
        act: Activation = "relu",
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        inside = 2 * width if axial else width
        self.channels = 4 * width
        self.act = activation(act)
        self.squeeze = conv_norm(in_channels, inside, 1)
        self.look: nn.Module = (
            AxialAttention2d(inside, width, inside, heads=heads, span=span, stride=stride)
            if axial
            else conv_norm(inside, width, stride=stride)
        )
        self.expand = conv_norm(inside, self.channels, 1)
        nn.init.zeros_(self.expand[1].weight)  # type: ignore[arg-type]
        same = in_channels == self.channels and stride == 1
        self.around = nn.Identity() if same else conv_norm(in_channels, self.channels, 1, stride=stride)
        self.drop = DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(x)
        y = self.act(self.look(self.act(self.squeeze(x))))
        return self.drop(self.expand(y)) + self.around(x)


class Fuse(nn.Module):
    """The sum of maps of several sizes in the last one's; those of other widths are activated and convolved first.

    Args:
        in_channels: of each map.
        channels: of the sum.
    """

    def __init__(self, in_channels: Sequence[int], channels: int, act: Activation = "relu") -> None:
        super().__init__()
        self.channels = channels
        self.adapt = nn.ModuleList(
            nn.Identity() if width == channels else nn.Sequential(activation(act), conv_norm(width, channels, 1))
            for width in in_channels
        )
        self.enlarge = Resize()

    def forward(self, *maps: Tensor) -> Tensor:
        *others, x = (adapt(part) for adapt, part in zip(self.adapt, maps, strict=True))
        for other in others:
            x = x + self.enlarge(other, x)
        return x
