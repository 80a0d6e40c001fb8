"""MA-Net: a U-Net whose coarsest map attends to all its places, and whose channels are weighed where two levels meet.

Fan, Wang, Li, Wang. "MA-Net: A Multi-Scale Attention Network for Liver and Tumor Segmentation." IEEE Access 2020.
doi:10.1109/ACCESS.2020.3025372

A liver and its tumors differ in size and look alike at their borders. U-Net joins levels by laying them side by side, all
channels alike. MA-Net lets every place of the coarsest map take from all others what resembles it, and at each joint both
levels, squeezed to one number a channel, say together which channels of the coarser one count.

    image - encoder - c5 - attend - fuse - fuse - fuse - fuse - up - classify - logits
                    ` c4 -----------'      |      |      |
                    ` c3 ------------------'      |      |       fuse: squeeze - enlarge - x (weigh x + weigh skip) -,
                    ` c2 -------------------------'      |             skip ------------------------ side by side - 3x3 x2
                    ` c1 --------------------------------'

Departures from the paper: any backbone goes down; maps are repeated, not deconvolved, to the size of their partner. With
segmentation-models-pytorch, whose weights load as the variant "smp_manet", a place attends with one softmax over all pairs
of places, and the answer is read in another order than it was written.

Compared with segmentation-models-pytorch MAnet (no code of the authors): whole network, as the variant "smp_manet", by a
test; difference 1e-4 of the spread (docs/faithfulness.md).
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize
from ...encoders import Encoder, levels_of
from ...errors import ModelError
from ...structures import SemanticLogits


class MANet(nn.Module):
    """Multi-scale attention network.

    Args:
        channels: widths of the decoder, finest first; one for each level of the encoder.
        attention: width in which places of the coarsest map are compared.
        reduction: how many times fewer channels lie inside the weights of a joint.
        upsample: how maps are enlarged.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        channels: Sequence[int] = (16, 32, 64, 128, 256),
        attention: int = 64,
        reduction: int = 16,
        upsample: Literal["nearest", "bilinear"] = "nearest",
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        levels = tuple(n for n in levels_of(encoder) if 1 <= n <= 5)
        self.encoder = Encoder(encoder, levels=levels, in_channels=in_channels, pretrained=pretrained)
        *skips, deepest = self.encoder.channels
        if len(channels) < len(levels):
            raise ModelError(
                f"manet on this encoder takes {len(levels)} widths, finest first; channels is {list(channels)}"
            )
        *widths, last = list(reversed(channels))[: len(levels)]
        self.attend = PlaceAttention(deepest, attention)
        self.decode = nn.ModuleList(
            Fusion(before, skip, width, reduction, upsample)
            for before, skip, width in zip([deepest, *widths[:-1]], reversed(skips), widths, strict=True)
        )
        self.enlarge = Resize(mode=upsample)
        self.finish = nn.Sequential(ConvNormAct(widths[-1], last), ConvNormAct(last, last))
        self.classify = PixelClassifier(last, num_classes, kernel=3)

    def forward(self, image: Tensor) -> SemanticLogits:
        *skips, x = self.encoder(image)  # [B, 64, H/2, W/2], ..., [B, 2048, H/32, W/32]
        x = self.attend(x)
        for decode, skip in zip(self.decode, reversed(skips), strict=True):
            h, w = skip.shape[-2:]  # strides 16, 8, 4, 2
            x = decode(x, skip)  # [B, decode.channels, h, w]
        x = self.enlarge(x, image)  # [B, 32, H, W]
        x = self.finish(x)  # [B, 16, H, W]
        return SemanticLogits(self.classify(x))  # [B, K, H, W]


class PlaceAttention(nn.Module):
    """Every place takes from all places what resembles it, beside what it is (the paper's PAB)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.query, self.key = nn.Conv2d(channels, width, 1), nn.Conv2d(channels, width, 1)
        self.value, self.fuse = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        maps = (part(x).flatten(2).transpose(1, 2) for part in (self.query, self.key, self.value))
        query, key, value = (part.unsqueeze(1) for part in maps)  # one head: ONNX knows attention with heads alone
        context = F.scaled_dot_product_attention(query, key, value, scale=1.0)  # [b, 1, h*w, c]
        context = context.transpose(2, 3).reshape(b, c, h, w)  # [b, c, h, w]
        return self.fuse(x + context)  # [b, c, h, w]


class Fusion(nn.Module):
    """A coarser map, its channels weighed by both levels, beside the finer one (the paper's MFAB)."""

    def __init__(self, in_channels: int, skip: int, channels: int, reduction: int, upsample: str) -> None:
        super().__init__()
        self.channels, self.skip, self.together = channels, skip, 2 * skip
        self.squeeze = nn.Sequential(ConvNormAct(in_channels, in_channels), ConvNormAct(in_channels, skip, 1))
        self.enlarge = Resize(mode=upsample)
        self.weigh, self.weigh_skip = ChannelWeights(skip, reduction), ChannelWeights(skip, reduction)
        self.conv = nn.Sequential(ConvNormAct(self.together, channels), ConvNormAct(channels, channels))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        b, _, h, w = skip.shape
        x = self.enlarge(self.squeeze(x), skip)  # [b, skip, h, w]
        x = x * (self.weigh(x) + self.weigh_skip(skip))
        x = torch.cat([x, skip], dim=1)  # [b, together, h, w]
        return self.conv(x)  # [b, channels, h, w]


class ChannelWeights(nn.Module):
    """A weight, 0..1, for each channel, from the mean of every one (squeeze and excitation)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        inside = max(1, channels // reduction)
        self.shrink, self.widen = nn.Conv2d(channels, inside, 1), nn.Conv2d(inside, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, _, _ = x.shape
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, c, 1, 1]
        return self.widen(F.relu(self.shrink(mean))).sigmoid()  # [b, c, 1, 1]
