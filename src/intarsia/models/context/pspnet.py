"""PSPNet: look at the whole scene before naming a pixel.

Zhao, Shi, Qi, Wang, Jia. "Pyramid Scene Parsing Network." CVPR 2017. arXiv:1612.01105

A boat on a river and a car on a road can look alike up close; the scene around them tells them apart. PSPNet averages
the last feature map over a 1x1, a 2x2, a 3x3 and a 6x6 grid, and lays the averages, enlarged again, beside the pixel's
own feature. A second classifier on an earlier map helps the gradient in training.

    image - dilated encoder - c4 - auxiliary head (training only)
                            ` c5 - pyramid pooling - 3x3 - classify - x8 - logits

Departures from the paper: maps are enlarged with half-pixel centers, where the authors' code makes the corners meet
(variant "semseg_pspnet"); dropout leaves out single values, theirs whole maps. timm's "resnet101s" and "resnet50s",
which begin with three 3x3 convolutions, are the authors' ResNets; both dilated stages are dilated from their first
block on, as theirs are.

Compared with hszhao/semseg model/pspnet.py: whole network on its ResNet-50 ("resnet50s"), as the variant
"semseg_pspnet"; difference 5e-4 (457); 49,081,578 : 49,081,578 (docs/faithfulness.md).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.pooling import PyramidPooling
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...structures import SemanticLogits


class PSPNet(nn.Module):
    """Pyramid Scene Parsing Network.

    Args:
        encoder: "resnet101s" is the authors'; any dilatable one works.
        bins: side of each pooling grid.
        channels: width of the fused feature that is classified.
        output_stride: of the encoder: 8, or 16 for less work and memory.
        auxiliary: a second classifier, on the stage before, in training.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101s",
        in_channels: int = 3,
        bins: Sequence[int] = (1, 2, 3, 6),
        channels: int = 512,
        output_stride: int = 8,
        auxiliary: bool = True,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder,
            levels=(4, 5) if auxiliary else (5,),
            output_stride=output_stride,
            dilate_first=True,
            in_channels=in_channels,
            pretrained=pretrained,
        )
        *before, c5 = self.encoder.channels
        self.pool = PyramidPooling(c5, bins)
        self.fuse = ConvNormAct(self.pool.out_channels, channels)
        self.classify = PixelClassifier(channels, num_classes, dropout=dropout)
        self.enlarge = Resize()
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
        logits = self.enlarge(x, image)  # [B, K, H, W]
        auxiliary = (self.auxiliary(*before),) if self.training and self.auxiliary else ()  # [B, K, H/8, W/8]
        return SemanticLogits(logits, auxiliary)
