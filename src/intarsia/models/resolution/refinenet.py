"""RefineNet: from coarse to fine, each block merges the answer so far with the next finer feature, by residuals alone.

Lin, Milan, Shen, Reid. "RefineNet: Multi-Path Refinement Networks for High-Resolution Semantic Segmentation."
CVPR 2017. arXiv:1611.06612

Dilated encoders keep resolution at the price of memory. RefineNet lets the encoder shrink the image 32 times and mends
the answer in a cascade of four blocks. Every path through them is an identity with something added, so that the
gradient reaches each encoder stage unhindered. Chained pooling brings in the background from ever larger windows.

    c5 - reduce - RCU - RCU ------------------- pool chain - RCU - RCU - RCU -,  (512 wide)
    c4 - reduce - RCU - RCU - 3x3 - + (3x3, x2) - pool chain - RCU - RCU - RCU -,
    c3 - reduce - RCU - RCU - 3x3 - + (3x3, x2) - pool chain - RCU - RCU - RCU -,
    c2 - reduce - RCU - RCU - 3x3 - + (3x3, x2) - pool chain - RCU - RCU - RCU - classify - x4 - logits

    RCU: x + 3x3(relu(3x3(relu(x))))        pool chain: r = relu(x); p1 = 3x3(pool(r)); p2 = 3x3(pool(p1)); r + p1 + p2

The three RCUs that end a block are its output RCU and the two adaptive ones that the paper's figure draws at the start
of the next block's coarse path; the finest block's are followed by the classifier (section 3.2).

Departures from the paper: as in the released code, dropout follows c4 and c5 and precedes the classifier, and the
classifier is a 3x3 convolution. Maps are enlarged with half-pixel centers, where the code makes the corners meet, and
two poolings make a chain as in the paper, where the code has four (variant "matlab_refinenet" has both).

Compared with DrSleep/refinenet-pytorch models/resnet.py (a port of guosheng/refinenet, which was read): whole network
on ResNet-50, as the variant "matlab_refinenet"; difference 0 (1.5e8); 99,060,309 : 99,060,309, on ResNet-101
118,052,437 (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import PixelClassifier
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class RefineNet(nn.Module):
    """4-cascaded RefineNet.

    Args:
        channels: widths of the four blocks, finest first (section 3.2).
        pools: pooling blocks in each chain; two in the paper, four in the released code.
        dropout: after c4 and c5 and before the classifier, 0..1.
        pretrained: start the encoder from ImageNet weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        channels: Sequence[int] = (256, 256, 256, 512),
        pools: int = 2,
        dropout: float = 0.5,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(channels) != 4 or pools < 1:
            raise ModelError(f"refinenet takes 4 widths, finest first, and pools >= 1, not {channels} and {pools}")
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.dropout = nn.Dropout(dropout)
        coarser = (*channels[1:], None)
        self.blocks = nn.ModuleList(
            RefineBlock(c, width, before, pools)
            for c, width, before in zip(self.encoder.channels, channels, coarser, strict=True)
        )
        self.classify = PixelClassifier(channels[0], num_classes, dropout=dropout, kernel=3)
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        c2, c3, c4, c5 = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        x = None
        for refine, c in zip(reversed(self.blocks), (self.dropout(c5), self.dropout(c4), c3, c2), strict=True):
            h, w = c.shape[-2:]  # strides 32, 16, 8, 4
            x = refine(c, x)  # [B, refine.channels, h, w]
        x = self.classify(x)  # [B, K, H/4, W/4]
        return SemanticLogits(self.enlarge(x, image))  # [B, K, H, W]


class RefineBlock(nn.Module):
    """One block of the cascade.

    Args:
        in_channels: of the encoder's feature.
        coarser: width of the block before; none for the coarsest, which has nothing to merge.
    """

    def __init__(self, in_channels: int, channels: int, coarser: int | None, pools: int) -> None:
        super().__init__()
        self.channels = channels
        self.reduce = _conv(in_channels, channels)
        self.adapt = nn.Sequential(ResidualUnit(channels), ResidualUnit(channels))
        self.merge = nn.ModuleList(_conv(width, channels) for width in (channels, coarser)) if coarser else None
        self.pool = ChainedPooling(channels, pools)
        self.output = nn.Sequential(*(ResidualUnit(channels) for _ in range(3)))
        self.enlarge = Resize()

    def forward(self, c: Tensor, coarse: Tensor | None) -> Tensor:
        b, _, h, w = c.shape
        x = self.adapt(self.reduce(c))  # [b, channels, h, w]
        if self.merge is not None and coarse is not None:
            x = self.merge[0](x) + self.enlarge(self.merge[1](coarse), x)
        return self.output(self.pool(x))  # [b, channels, h, w]


class ResidualUnit(nn.Module):
    """RCU: ResNet's residual unit without batch norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = _conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(F.relu(x))))


class ChainedPooling(nn.Module):
    """Each pooling block sees what the one before pooled, so that windows grow; all are added to the map."""

    def __init__(self, channels: int, pools: int) -> None:
        super().__init__()
        self.convolve = nn.ModuleList(_conv(channels, channels) for _ in range(pools))

    def forward(self, x: Tensor) -> Tensor:
        pooled = x = F.relu(x)
        for convolve in self.convolve:
            pooled = convolve(F.max_pool2d(pooled, 5, stride=1, padding=2))
            x = x + pooled
        return x


def _conv(in_channels: int, channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
