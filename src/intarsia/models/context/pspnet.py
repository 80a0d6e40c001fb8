"""PSPNet: look at the whole scene before naming a pixel.

Zhao, Shi, Qi, Wang, Jia. "Pyramid Scene Parsing Network." CVPR 2017. arXiv:1612.01105

A boat on a river and a car on a road can look alike up close; the scene around them tells them apart. PSPNet averages
the last feature map over a 1x1, a 2x2, a 3x3 and a 6x6 grid, and lays the averages, enlarged again, beside the pixel's
own feature. A second classifier on an earlier map helps the gradient in training.

    image - dilated encoder - c4 - auxiliary head (training only)
                            ` c5 - pyramid pooling - 3x3 - classify - x8 - logits

Departures from the paper: none in the network; maps are enlarged with half-pixel centers (`align_corners=True` gives
the paper's). The paper's ResNet begins with three 3x3 convolutions, timm's "resnet101" with one 7x7; "resnet101d" comes
closest.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.pooling import PyramidPooling
from ...blocks.resize import resize_like
from ...encoders import Encoder
from ...structures import SemanticLogits


class PSPNet(nn.Module):
    """Pyramid Scene Parsing Network.

    Args:
        level: of the encoder's feature that is pooled; 3 leaves the last two stages away.
        bins: side of each pooling grid.
        channels: width of the fused feature that is classified.
        kernels: sides of the kernels that fuse and that classify.
        output_stride: of the encoder: 8, or 16 for less work and memory.
        auxiliary: a second classifier, on the stage before, in training.
        lone_norm: a norm on the 1x1 grid, as on the others; without it a batch of one can be trained.
        dropout: before each classifier, 0..1.
        align_corners: how maps are enlarged; true in the paper's code.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        level: Literal[3, 4, 5] = 5,
        bins: Sequence[int] = (1, 2, 3, 6),
        channels: int = 512,
        kernels: tuple[int, int] = (3, 1),
        output_stride: int = 8,
        auxiliary: bool = True,
        lone_norm: bool = True,
        dropout: float = 0.1,
        align_corners: bool = False,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        levels = (level - 1, level) if auxiliary else (level,)
        self.encoder = Encoder(
            encoder, levels=levels, output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        *before, deepest = self.encoder.channels
        fusing, classifying = kernels
        self.align_corners = align_corners
        self.pool = PyramidPooling(deepest, bins, align_corners, lone_norm=lone_norm)
        self.fuse = ConvNormAct(self.pool.out_channels, channels, fusing)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout, kernel=classifying)
        self.auxiliary = None
        if auxiliary:
            (c4,) = before
            self.auxiliary = nn.Sequential(
                ConvNormAct(c4, c4 // 4), PixelClassifier(c4 // 4, num_classes, dropout=dropout)
            )

    def forward(self, image: Tensor) -> SemanticLogits:
        *before, c5 = self.encoder(image)  # [B, 1024, H/8, W/8], [B, 2048, H/8, W/8]
        x = self.pool(c5)  # [B, 4096, H/8, W/8]
        x = self.fuse(x)  # [B, 512, H/8, W/8]
        x = self.classify(x)  # [B, K, H/8, W/8]
        logits = resize_like(x, image, align_corners=self.align_corners)  # [B, K, H, W]
        auxiliary = (self.auxiliary(*before),) if self.training and self.auxiliary else ()  # [B, K, H/8, W/8]
        return SemanticLogits(logits, auxiliary)
