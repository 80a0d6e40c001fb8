"""Mix Transformer (MiT): SegFormer's encoder, a pyramid of overlapping patches that attend to a shrunken map.

Xie, Wang, Yu, Anandkumar, Alvarez, Luo. "SegFormer: Simple and Efficient Design for Semantic Segmentation with
Transformers." NeurIPS 2021. arXiv:2105.15203

    image - patches 7x7/4 - blocks - norm - c2 - patches 3x3/2 - blocks - norm - c3 - ... - c5
    block: x + attend(norm(x)), keys and values from a map shrunken by 8, 4, 2, 1;  x + mix(norm(x))
    mix:   linear - 3x3 depthwise - GELU - linear       the 3x3 tells a pixel where it is; there is no position code
"""

from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import EncoderError
from .features import FeatureInfo

HEADS, SHRINK = (1, 2, 5, 8), (8, 4, 2, 1)
STATISTICS = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


class Size(NamedTuple):
    """One of the six networks."""

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]


SIZES: dict[str, Size] = {
    "mit_b0": Size((32, 64, 160, 256), (2, 2, 2, 2)),
    "mit_b1": Size((64, 128, 320, 512), (2, 2, 2, 2)),
    "mit_b2": Size((64, 128, 320, 512), (3, 4, 6, 3)),
    "mit_b3": Size((64, 128, 320, 512), (3, 4, 18, 3)),
    "mit_b4": Size((64, 128, 320, 512), (3, 8, 27, 3)),
    "mit_b5": Size((64, 128, 320, 512), (3, 6, 40, 3)),
}


class MixTransformer(nn.Module):
    """Mix Transformer, features c2 .. c5.

    Args:
        taken: which of the four features to return, finest first.
        drop_path: share of the deepest block's paths that are left out in training, 0..1; earlier ones in proportion.
    """

    def __init__(
        self, size: Size, *, in_channels: int = 3, taken: tuple[int, ...] = (0, 1, 2, 3), drop_path: float = 0.1
    ) -> None:
        super().__init__()
        self.taken, self.pretrained_cfg = taken, STATISTICS
        self.feature_info = FeatureInfo(tuple(size.widths[n] for n in taken), tuple(2 ** (n + 2) for n in taken))
        total, before, self.stages = sum(size.depths), in_channels, nn.ModuleList()
        for n in range(max(taken) + 1):
            done = sum(size.depths[:n])
            drops = [drop_path * (done + k) / max(1, total - 1) for k in range(size.depths[n])]
            self.stages.append(Stage(before, size.widths[n], 7 if n == 0 else 3, HEADS[n], SHRINK[n], drops))
            before = size.widths[n]

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for n, stage in enumerate(self.stages):
            x = stage(x)
            if n in self.taken:
                features.append(x)
        return features


class Stage(nn.Module):
    """Overlapping patches, blocks, norm."""

    def __init__(
        self, in_channels: int, channels: int, kernel: int, heads: int, shrink: int, drops: list[float]
    ) -> None:
        super().__init__()
        self.project = nn.Conv2d(in_channels, channels, kernel, 4 if kernel == 7 else 2, kernel // 2)
        self.norm_patches = nn.LayerNorm(channels)
        self.blocks = nn.ModuleList(Block(channels, heads, shrink, drop) for drop in drops)
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(x)
        x = self.norm_patches(x.permute(0, 2, 3, 1))
        for block in self.blocks:
            x = block(x)
        return self.norm(x).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Attention to the shrunken map, then a mixing feed-forward layer, each added to what came; [B, h, w, C]."""

    def __init__(self, channels: int, heads: int, shrink: int, drop: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.attend = Attention(channels, heads, shrink)
        self.norm2 = nn.LayerNorm(channels, eps=1e-6)
        self.mix = MixFeedForward(channels)
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._dropped(self.attend(self.norm1(x)))
        return x + self._dropped(self.mix(self.norm2(x)))

    def _dropped(self, x: Tensor) -> Tensor:
        """Leave the path out for some images of a batch in training (stochastic depth)."""
        if not self.training or not self.drop:
            return x
        keep = F.dropout(x.new_ones(x.shape[0], 1, 1, 1), self.drop)
        return x * keep


class Attention(nn.Module):
    """Each pixel asks all pixels of the map shrunken by `shrink`."""

    def __init__(self, channels: int, heads: int, shrink: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key_value = nn.Linear(channels, channels), nn.Linear(channels, 2 * channels)
        self.shrink = nn.Conv2d(channels, channels, shrink, shrink) if shrink > 1 else None
        self.norm = nn.LayerNorm(channels) if shrink > 1 else None
        self.project = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        b, h, w, c = x.shape
        seen = x.flatten(1, 2)
        if self.shrink is not None and self.norm is not None:
            seen = self.norm(self.shrink(x.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2))
        query = self.query(x).reshape(b, h * w, self.heads, -1).transpose(1, 2)
        key, value = self.key_value(seen).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        answer = F.scaled_dot_product_attention(query, key, value)
        return self.project(answer.transpose(1, 2).reshape(b, h, w, c))


class MixFeedForward(nn.Module):
    """Linear, 3x3 depthwise, GELU, linear."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.widen = nn.Linear(channels, 4 * channels)
        self.look = nn.Conv2d(4 * channels, 4 * channels, 3, padding=1, groups=4 * channels)
        self.narrow = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.look(self.widen(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.narrow(F.gelu(x))


def mix_transformer(
    name: str, indices: tuple[int, ...] | None, stride: int, in_channels: int, pretrained: bool
) -> MixTransformer:
    """The body of an Encoder: one of `SIZES`.

    Raises: EncoderError if weights or holes are asked for, which it has not.
    """
    if pretrained:
        raise EncoderError(
            f"there are no weights of encoder {name!r} that timm knows; use pretrained=False, or train --from a SegFormer's file"
        )
    if stride < 32:
        raise EncoderError(
            f"encoder {name!r} cannot be dilated to output_stride={stride}; choose a ResNet-like encoder, or output_stride=32"
        )
    options: dict[str, Any] = {} if indices is None else {"taken": indices}
    return MixTransformer(SIZES[name], in_channels=in_channels, **options)
