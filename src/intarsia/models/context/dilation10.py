"""Dilation10: a module of nothing but dilated convolutions reads the scores around each pixel and corrects them.

Yu, Koltun. "Multi-Scale Context Aggregation by Dilated Convolutions." ICLR 2016. arXiv:1511.07122

Networks for classification lose resolution on purpose; dense prediction needs wide context without that loss. Kernels
whose rate doubles from layer to layer see exponentially further, miss no pixel, and keep the map's size. The context
module puts such layers behind VGG-16, on class scores, and starts as the identity: first it changes no answer, then it
learns from what surrounds it.

    image - VGG-16, stride 8, without pool4 and pool5 - classify: fc6 7x7, rate 4 - fc7 - scores (training: auxiliary)
    scores - context: 3x3 at rates 1, 1, 2, 4, 8, 16, 32, 64, 1, each cut off below 0 - 1x1 - x8 - logits

Departures from the paper: convolutions are padded by zeros, where the paper's front end has none and the image is
mirrored by 186 pixels on each side. The front end's scores are an auxiliary answer in training; the paper trains the
front end alone first.

Compared with fyu/dilation dilation10_cityscapes_deploy.prototxt: prototxt interpreted, widths / 8, front end padded;
difference 0; 134,368,179 : 134,368,179 (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.atrous import atrous_classifier
from ...blocks.resize import resize_like
from ...encoders import AtrousVGG16
from ...errors import ModelError
from ...structures import SemanticLogits


class Dilation10(nn.Module):
    """VGG-16 front end and context module; the defaults are the paper's network for Cityscapes.

    Args:
        channels: VGG-16's widths, six numbers: five stages, then fc6 and fc7.
        rates: of the context module's 3x3 layers, in cells of 8 pixels; 1, 1, 2, 4, 8, 16, 1 on PASCAL VOC (Dilation8),
            1, 1, 2, 4, 8, 1 on KITTI (Dilation7).
        widths: of these layers, in multiples of the number of classes; null: 1 each ("basic"). The "large" module of
            table 1 has 2, 2, 4, 8, 16, 32, 32 at the rates of PASCAL VOC.
        dropout: after fc6 and after fc7, 0..1.
        pretrained: start from VGG-16's ImageNet weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 512, 4096),
        rates: Sequence[int] = (1, 1, 2, 4, 8, 16, 32, 64, 1),
        widths: Sequence[int] | None = None,
        dropout: float = 0.5,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        *stages, wide = channels
        self.encoder = AtrousVGG16(in_channels=in_channels, channels=stages, pooling=False, pretrained=pretrained)
        (c5,) = self.encoder.channels
        self.classify = atrous_classifier(c5, num_classes, wide, rate=4, kernel=7, dropout=dropout)
        self.context = context(num_classes, rates, widths or (1,) * len(rates))

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 512, H/8, W/8]
        scores = self.classify(c5)  # [B, K, H/8, W/8]
        logits = resize_like(self.context(scores), image)  # [B, K, H, W]
        return SemanticLogits(logits, (scores,) if self.training else ())


def context(channels: int, rates: Sequence[int], widths: Sequence[int]) -> nn.Sequential:
    """The context module: 3x3 layers at these rates, then a 1x1 layer, on and to `channels` maps (table 1).

    A new one passes every value of 0 or more on as it is.

    Args:
        widths: of the 3x3 layers, in multiples of `channels`.
    """
    if not rates or min(rates) < 1 or len(widths) != len(rates) or min(widths) < 1:
        raise ModelError(f"the context module takes a width for each of its rates, not {widths} for {rates}")
    layers: list[nn.Module] = []
    before = channels
    for rate, width in zip(rates, widths, strict=True):
        conv = nn.Conv2d(before, width * channels, 3, padding=rate, dilation=rate)
        layers += [start_as_identity(conv, channels), nn.ReLU(inplace=True)]
        before = width * channels
    return nn.Sequential(*layers, start_as_identity(nn.Conv2d(before, channels, 1), channels))


@torch.no_grad()
def start_as_identity(conv: nn.Conv2d, channels: int) -> nn.Conv2d:
    """Let each output be the sum of the inputs that stand for the same one of `channels` maps (equations 4 and 5).

    Where layers are wider than that, several maps stand for one; a little noise lets them become different.
    """
    before, after = conv.in_channels, conv.out_channels
    share, middle = channels / after, conv.kernel_size[0] // 2
    equal = stands_for(before, channels) == stands_for(after, channels)[:, None]  # [after, before]
    nn.init.normal_(conv.weight, std=0.01 * share if max(before, after) > channels else 0.0)
    conv.weight[:, :, middle, middle] = torch.where(equal, share, conv.weight[:, :, middle, middle])
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


def stands_for(width: int, channels: int) -> Tensor:
    """Which of `channels` maps each of `width` maps stands for."""
    return torch.arange(width) * channels // width  # [width]
