"""FCN on a dilated ResNet: name each cell of a map that was never shrunk below an eighth, and enlarge the answer.

Long, Shelhamer, Darrell. "Fully Convolutional Networks for Semantic Segmentation." CVPR 2015. arXiv:1411.4038
(the backbone: Yu, Koltun, Funkhouser. "Dilated Residual Networks." CVPR 2017. arXiv:1705.09914; the second head:
Zhao et al. "Pyramid Scene Parsing Network." CVPR 2017. arXiv:1612.01105)

FCN's VGG shrinks the image 32 times, and skips mend what that loses. A ResNet whose last two stages are dilated instead
of strided shrinks it 8 times and needs no skips. With nothing but two convolutions on top it is the plain network that
every module for context is measured against, and the one that torchvision publishes as FCN.

    image - dilated encoder - c4 - auxiliary head (training only)
                            ` c5 - 3x3 - classify - x8 - logits

Departures from the paper: all but the idea: a ResNet for VGG, dilation for skips, batch norm and a 3x3 convolution
before the scores, plain bilinear enlargement. No paper describes this network by itself; widths and dropout are those
of torchvision's.

Compared with torchvision fcn_resnet50 and fcn_resnet101: whole network, by a test; difference 1e-4 of the spread
(docs/faithfulness.md).
"""

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...structures import SemanticLogits


class FCNResNet(nn.Module):
    """FCN's head on a dilated encoder.

    Args:
        channels: width of the feature that is classified; null: a quarter of the encoder's.
        output_stride: of the encoder: 8, or 16 for less work and memory.
        auxiliary: a second classifier, on the stage before, in training.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        channels: int | None = None,
        output_stride: int = 8,
        auxiliary: bool = True,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        levels = (4, 5) if auxiliary else (5,)
        self.encoder = Encoder(
            encoder, levels=levels, output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        *before, deepest = self.encoder.channels
        width = channels or deepest // 4
        self.convolve = ConvNormAct(deepest, width)
        self.classify = PixelClassifier(width, num_classes, dropout=dropout)
        self.enlarge = Resize()
        self.auxiliary = None
        if auxiliary:
            (c4,) = before
            self.auxiliary = nn.Sequential(
                ConvNormAct(c4, c4 // 4), PixelClassifier(c4 // 4, num_classes, dropout=dropout)
            )

    def forward(self, image: Tensor) -> SemanticLogits:
        *before, c5 = self.encoder(image)  # [B, 1024, H/8, W/8], [B, 2048, H/8, W/8]
        x = self.convolve(c5)  # [B, 512, H/8, W/8]
        x = self.classify(x)  # [B, K, H/8, W/8]
        auxiliary = (self.auxiliary(*before),) if self.training and self.auxiliary else ()  # [B, K, H/8, W/8]
        return SemanticLogits(self.enlarge(x, image), auxiliary)  # [B, K, H, W], ...
