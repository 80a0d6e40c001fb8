"""DeepLab v3+: look at each place through holes of several sizes, then sharpen the outline with an early feature.

Chen, Zhu, Papandreou, Schroff, Adam. "Encoder-Decoder with Atrous Separable Convolution for Semantic Image
Segmentation." ECCV 2018. arXiv:1802.02611

A convolution with holes (atrous) sees far without shrinking the map. Several of them side by side, at rates 6, 12 and
18, and the mean of the image see objects of every size. DeepLab v3 enlarged that answer 8 or 16 times at once and
blurred the outlines; v3+ stops halfway, adds a feature of stride 4, and refines.

    image - dilated encoder - c2 - 1x1 --------------------------,
                            ` c5 - atrous pyramid - x4 or x2 - beside - 3x3 - 3x3 - classify - x4 - logits

Departures from the paper: the encoder is any dilatable backbone of timm ("xception65" and "xception71" are the paper's,
"resnet101" its baseline); dropout in the atrous pyramid and none elsewhere, as in the released code. Maps are enlarged
with half-pixel centers, where the released code makes the corners meet (variant "slim_deeplabv3plus"). In timm's Xception
the fine feature has passed a ReLU, in the released code it has not. segmentation-models-pytorch's network is the variant
"smp_deeplabv3plus".

Compared with full convolutions: kazuto1011/deeplab-pytorch deeplabv3plus.py; separable: YudeWang/deeplabv3plus-pytorch
xception.py with the decoder of tensorflow/models research/deeplab transcribed: whole networks, output strides 16 and 8;
difference full 3e-4 (633), 3e-4 (645); separable 0 (4.5e6), 0 (3.8e6) with the fine feature rectified there and its
last three convolutions dilated as in the authors' code; 41,055,413 : 41,055,413 (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.atrous import AtrousPyramid, SeparableConv
from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import Resize
from ...encoders import Encoder, dilate_stage, is_resnet
from ...errors import ModelError
from ...structures import SemanticLogits


class DeepLabV3Plus(nn.Module):
    """DeepLab v3+.

    Args:
        output_stride: of the encoder, 16, or 8 for denser features at four times the work.
        rates: of the atrous pyramid; null: 6, 12 and 18, doubled at output stride 8 (section 3.1).
        channels: width of the pyramid and of the decoder.
        detail: width to which the fine feature is reduced, so that it does not outweigh the pyramid.
        separable: depthwise separable convolutions; false for DeepLab v3's full ones.
        refinements: number of 3x3 convolutions after the fine feature has come in (two are best, section 4.1).
        dropout: after the atrous pyramid, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "xception65",
        in_channels: int = 3,
        output_stride: int = 16,
        rates: Sequence[int] | None = None,
        channels: int = 256,
        detail: int = 48,
        separable: bool = True,
        refinements: int = 2,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if refinements < 1:
            raise ModelError(f"refinements is {refinements}; at least one convolution joins the two features")
        self.encoder = Encoder(
            encoder, levels=(2, 5), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        if is_resnet(self.encoder.body) and output_stride < 32:  # from the first block on, as in the released code
            dilate_stage(self.encoder.body, 4, [max(1, 16 // output_stride)])
            dilate_stage(self.encoder.body, 5, [32 // output_stride])
        c2, c5 = self.encoder.channels
        rates = rates or ((12, 24, 36) if output_stride == 8 else (6, 12, 18))
        self.pyramid = AtrousPyramid(c5, channels, rates, separable=separable, dropout=dropout)
        self.reduce = ConvNormAct(c2, detail, 1)
        conv = SeparableConv if separable else ConvNormAct
        self.refine = nn.Sequential(
            conv(channels + detail, channels), *(conv(channels, channels) for _ in range(refinements - 1))
        )
        self.classify = PixelClassifier(channels, num_classes)
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        c2, c5 = self.encoder(image)  # [B, 256, H/4, W/4], [B, 2048, H/16, W/16]
        x = self.pyramid(c5)  # [B, 256, H/16, W/16]
        x = self.enlarge(x, c2)  # [B, 256, H/4, W/4]
        x = torch.cat([x, self.reduce(c2)], dim=1)  # [B, 304, H/4, W/4]
        x = self.classify(self.refine(x))  # [B, K, H/4, W/4]
        return SemanticLogits(self.enlarge(x, image))  # [B, K, H, W]
