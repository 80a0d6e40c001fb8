"""DenseASPP: looks of growing rates, each of which sees all that those before it have seen.

Yang, Yu, Zhang, Li, Yang. "DenseASPP for Semantic Segmentation in Street Scenes." CVPR 2018.
doi:10.1109/CVPR.2018.00388

On a street, people far away and trucks nearby stand in one image. DeepLab's parallel looks have one field of view each,
and the wide ones few taps in it. Connected densely, looks of rates 3 to 24 pass through each other in every
combination: many more fields of view, the widest of 127 cells instead of 49, and more taps in each.

    image - dilated DenseNet - c5 - reduce - x - look[0]: rate 3 - beside x - look[1]: rate 6 - beside x - ...
                                      ... - beside x - look[4]: rate 24 - beside x - classify - x8 - logits

Departures from the paper: `reduce` is the released code's fourth transition, and a ReLU ends it, as there, where the
first look rectifies its input in place. The biases of the looks' 1x1 convolutions, which the norm behind them takes
away again, are left out. Batch norm keeps PyTorch's momentum (0.0003 in the released code).

Compared with DeepMotionAIResearch/DenseASPP models/DenseASPP.py: whole network on DenseNet-121; parameters of all four;
difference 0 (2.0); 8,280,211 : 8,280,851, 35,392,867 : 35,395,427, 18,418,995 : 18,420,675, 28,637,587 : 28,639,987
(biases before norms there) (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.resize import resize_like
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits

WIDTHS = {  # the released code's `channels` and `growth`
    "densenet121": (128, 64),
    "densenet161": (512, 128),
    "densenet169": (336, 168),
    "densenet201": (480, 240),
}
OTHERS = (512, 128)


class DenseASPP(nn.Module):
    """Densely connected atrous spatial pyramid pooling.

    Args:
        encoder: the paper's are "densenet121", "densenet161", "densenet169" and "densenet201"; any dilatable one works.
        output_stride: of the encoder, 8 or 16.
        rates: of the looks, in cells of the last feature.
        channels: width of a look's 1x1 convolution; null: the authors' for the encoder, 512 for "densenet161" and others.
        growth: channels that each look adds; null: the authors' for the encoder, 128 for "densenet161" and others.
        dropout: share of whole maps that are left out after each look and before the classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "densenet161",
        in_channels: int = 3,
        output_stride: int = 8,
        rates: Sequence[int] = (3, 6, 12, 18, 24),
        channels: int | None = None,
        growth: int | None = None,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if not rates or min(rates) < 1:
            raise ModelError(f"rates is {list(rates)}; name the distances between taps, such as [3, 6, 12, 18, 24]")
        self.encoder = Encoder(
            encoder, levels=(5,), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        (c5,) = self.encoder.channels
        half = c5 // 2
        narrow, more = WIDTHS.get(encoder, OTHERS)
        narrow, more = channels or narrow, growth or more
        self.reduce = ConvNormAct(c5, half, 1)
        self.look = nn.ModuleList(
            Look(half + n * more, narrow, more, rate, dropout, first=n == 0) for n, rate in enumerate(rates)
        )
        self.drop = nn.Dropout2d(dropout)
        self.classify = PixelClassifier(half + len(rates) * more, num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 2208, H/8, W/8]
        x = self.reduce(c5)  # [B, 1104, H/8, W/8]
        for look in self.look:
            x = torch.cat([look(x), x], dim=1)  # [B, look.together, H/8, W/8]
        x = self.classify(self.drop(x))  # [B, K, H/8, W/8]
        return SemanticLogits(resize_like(x, image))  # [B, K, H, W]


class Look(nn.Module):
    """A 1x1 convolution and a 3x3 one with holes, each behind norm and ReLU, like a layer of DenseNet.

    Args:
        first: the input has passed a norm already.
    """

    def __init__(self, in_channels: int, channels: int, growth: int, rate: int, dropout: float, *, first: bool) -> None:
        super().__init__()
        self.channels, self.growth, self.together = channels, growth, in_channels + growth
        self.norm = nn.Identity() if first else nn.BatchNorm2d(in_channels)
        self.narrow = ConvNormAct(in_channels, channels, 1)
        self.look = nn.Conv2d(channels, growth, 3, padding=rate, dilation=rate)
        self.drop = nn.Dropout2d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        x = self.narrow(self.norm(x).relu())  # [b, channels, h, w]
        return self.drop(self.look(x))  # [b, growth, h, w]
