"""DeepLab v2: ask the same place four times, each time with taps further apart, and add up the answers.

Chen, Papandreou, Kokkinos, Murphy, Yuille. "DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous
Convolution, and Fully Connected CRFs." TPAMI 2018. arXiv:1606.00915

Objects come in many sizes, and one field of view fits few of them. Atrous spatial pyramid pooling (ASPP) puts four 3x3
kernels on one feature, at rates 6, 12, 18 and 24. Each gives scores of its own; their sum is the answer. There is no
branch for the whole image yet, and no concatenation: those are v3's.

    image - dilated encoder - c5 - look[0]: 3x3, rate  6 -,
                                 - look[1]: 3x3, rate 12 - + - x8 - largest over `scales` of the image - logits
                                 - look[2]: 3x3, rate 18 -'|
                                 - look[3]: 3x3, rate 24 --'

Departures from the paper: the fully connected CRF is postprocessing (`predict --crf`), not part of the network. On "vgg16" (the paper's
ASPP-L, each look an fc6, fc7 and score) fc6 and fc7 start at random. Where several scales are used, the loss sees the
fused answer only; the released code adds each scale's own. On a ResNet the last two stages are dilated from their first
block on, as in the released code, whose stages shrink in the first 1x1 convolution, timm's in the 3x3 one behind it.

Compared with kazuto1011/deeplab-pytorch deeplabv2.py: whole network on ResNet-50, its stride moved to the 3x3
convolution; difference 0 (1024); 25,056,404 : 25,056,404 (docs/faithfulness.md).
"""

from collections.abc import Sequence
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.atrous import atrous_classifier
from ...blocks.conv import PixelClassifier
from ...blocks.resize import resize_like
from ...encoders import AtrousVGG16, Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class DeepLabV2(nn.Module):
    """DeepLab v2.

    Args:
        encoder: a dilatable backbone; "vgg16" is the paper's other one.
        rates: of the looks, in cells of 8 pixels; 2, 4, 8 and 12 are the paper's ASPP-S.
        channels: width of fc6 and fc7 of each look, on "vgg16"; other encoders have none.
        dropout: after fc6 and fc7, on "vgg16", 0..1.
        scales: of the image; each is answered, and every pixel and class keeps its largest score (section 3.2). The
            paper's best is [0.5, 0.75, 1].
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101",
        in_channels: int = 3,
        rates: Sequence[int] = (6, 12, 18, 24),
        channels: int = 1024,
        dropout: float = 0.5,
        scales: Sequence[float] = (1.0,),
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if not rates or min(rates) < 1:
            raise ModelError(f"rates is {list(rates)}; name the distances between taps, such as [6, 12, 18, 24]")
        if not scales or min(scales) <= 0:
            raise ModelError(f"scales is {list(scales)}; name sizes relative to the image, such as [0.5, 0.75, 1]")
        self.scales = tuple(scales)
        if encoder == "vgg16":
            self.encoder: nn.Module = AtrousVGG16(in_channels=in_channels, pretrained=pretrained)
            self.look = nn.ModuleList(atrous_classifier(512, num_classes, channels, r, dropout=dropout) for r in rates)
        else:
            self.encoder = Encoder(
                encoder,
                levels=(5,),
                output_stride=8,
                dilate_first=True,
                in_channels=in_channels,
                pretrained=pretrained,
            )
            (c5,) = self.encoder.channels
            self.look = nn.ModuleList(PixelClassifier(c5, num_classes, kernel=3, dilation=r) for r in rates)

    def forward(self, image: Tensor) -> SemanticLogits:
        answers = [resize_like(self.score(rescale(image, s)), image) for s in self.scales]  # [B, K, H, W] each
        return SemanticLogits(torch.stack(answers).amax(0))  # [B, K, H, W]

    def score(self, image: Tensor) -> Tensor:
        (c5,) = self.encoder(image)  # [B, 2048, H/8, W/8]
        return torch.stack([look(c5) for look in self.look]).sum(0)  # [B, K, H/8, W/8]


def rescale(image: Tensor, scale: float) -> Tensor:
    """The image at `scale` times its size, rounded up."""
    h, w = image.shape[-2:]
    return image if scale == 1 else F.interpolate(image, (ceil(h * scale), ceil(w * scale)), mode="bilinear")
