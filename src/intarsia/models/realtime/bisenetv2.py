"""BiSeNet v2: a wide, shallow branch for detail, a narrow, deep one for meaning, and each tells the other where to look.

Yu, Gao, Wang, Yu, Shen, Sang. "BiSeNet V2: Bilateral Network with Guided Aggregation for Real-time Semantic
Segmentation." IJCV 2021. arXiv:2004.02147

The first BiSeNet borrowed a backbone made for classification. Here both branches are made for the task: detail is 64 to
128 channels wide and eight layers deep; meaning has a quarter of the width, shrinks to a thirty-second at once, and
gathers with depthwise convolutions between a narrow input and a six times wider inside. The gates of the aggregation
let each branch weight the other at its own scale. Four score maps on the way help training and cost nothing later.

    image - detail (stride 8) -------------------------------- guide - classify - x8 - logits
          ` stem (4) - gather (8) - gather (16) - gather (32) - embed '
              |            |             |             |         score maps, training only (booster)

Departures from the paper: norm and ReLU follow the depthwise expansion, the embedding's last convolution and the guided
sum, as public implementations have them; the booster's heads equal the main one.

Compared with CoinCheung/BiSeNet bisenetv2.py (no code of the authors): whole network without its booster; difference 0
with bilinear enlargement by 4 there; 3,358,627 : 3,358,627 (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.residual import conv_norm
from ...blocks.resize import Resize, resize_like
from ...blocks.statistics import learns_batches, require_two_values
from ...errors import ModelError
from ...structures import SemanticLogits


class BiSeNetV2(nn.Module):
    """Bilateral segmentation network, the second.

    Args:
        detail: widths of the detail branch at strides 2, 4 and 8.
        ratio: width of the meaning branch as a share of the detail branch's, at strides 4 (and below) and 8; the paper's
            lambda. It goes on to half and to all of the last detail width at strides 16 and 32.
        expansion: how much wider a gathering layer is inside.
        head: width of the convolution in front of the classifier; `side`: of those in front of the booster's.
        dropout: before each classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        detail: Sequence[int] = (64, 64, 128),
        ratio: float = 0.25,
        expansion: int = 6,
        head: int = 1024,
        side: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if len(detail) != 3:
            raise ModelError(f"bisenetv2's detail branch has 3 stages; detail is {list(detail)}")
        a, b, c = detail
        widths = (int(ratio * a), int(ratio * c), c // 2, c)
        if min(widths) < 2:
            raise ModelError(f"ratio is {ratio}; of the widths {list(detail)} it leaves {widths[0]} channels")
        self.detail = nn.Sequential(
            *(ConvNormAct(in_channels, a, stride=2), ConvNormAct(a, a)),
            *(ConvNormAct(a, b, stride=2), ConvNormAct(b, b), ConvNormAct(b, b)),
            *(ConvNormAct(b, c, stride=2), ConvNormAct(c, c), ConvNormAct(c, c)),
        )
        self.stem = Stem(in_channels, widths[0])
        self.gather = nn.ModuleList()
        for before, width, depth in zip(widths[:-1], widths[1:], (2, 2, 4), strict=True):
            layers = [Gather(width, width, expansion) for _ in range(depth - 1)]
            self.gather.append(nn.Sequential(Gather(before, width, expansion, stride=2), *layers))
        self.embed = ContextEmbedding(c)
        self.guide = GuidedAggregation(c)
        self.classify = nn.Sequential(ConvNormAct(c, head), PixelClassifier(head, num_classes, dropout=dropout))
        self.boost = nn.ModuleList(
            nn.Sequential(ConvNormAct(width, side), PixelClassifier(side, num_classes, dropout=dropout))
            for width in widths
        )

    def forward(self, image: Tensor) -> SemanticLogits:
        detail = self.detail(image)  # [B, 128, H/8, W/8]
        c2 = self.stem(image)  # [B, 16, H/4, W/4]
        c3 = self.gather[0](c2)  # [B, 32, H/8, W/8]
        c4 = self.gather[1](c3)  # [B, 64, H/16, W/16]
        c5 = self.gather[2](c4)  # [B, 128, H/32, W/32]
        x = self.guide(detail, self.embed(c5))  # [B, 128, H/8, W/8]
        x = self.classify(x)  # [B, K, H/8, W/8]
        logits = resize_like(x, image)  # [B, K, H, W]
        if not self.training or not len(self.boost):
            return SemanticLogits(logits)
        sides = [boost(c) for boost, c in zip(self.boost, (c2, c3, c4, c5), strict=True)]  # [B, K, H/4, W/4], ...
        return SemanticLogits(logits, tuple(sides))


class Stem(nn.Module):
    """To a quarter of the image by two ways at once, a strided convolution and a pooling."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.enter = ConvNormAct(in_channels, channels, stride=2)
        self.stride = nn.Sequential(
            ConvNormAct(channels, channels // 2, 1), ConvNormAct(channels // 2, channels, stride=2)
        )
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.fuse = ConvNormAct(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        x = self.enter(x)  # [b, channels, h/2, w/2]
        x = torch.cat([self.stride(x), self.pool(x)], dim=1)  # [b, 2*channels, h/4, w/4]
        return self.fuse(x)  # [b, channels, h/4, w/4]


class Gather(nn.Module):
    """Gather and expand: a 3x3 convolution, a wider depthwise one (two at stride 2), and back to a narrow sum."""

    def __init__(self, in_channels: int, channels: int, expansion: int, *, stride: int = 1) -> None:
        super().__init__()
        wide = expansion * in_channels
        around: list[nn.Module] = []
        expand: list[nn.Module] = []
        if stride > 1:
            expand = [conv_norm(in_channels, wide, stride=stride, groups=in_channels)]
            around = [
                conv_norm(in_channels, in_channels, stride=stride, groups=in_channels),
                conv_norm(in_channels, channels, 1),
            ]
        self.inside = nn.Sequential(
            ConvNormAct(in_channels, in_channels),
            *expand,
            ConvNormAct(wide if expand else in_channels, wide, groups=wide if expand else in_channels),
            conv_norm(wide, channels, 1),
        )
        self.around = nn.Sequential(*around)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.inside(x) + self.around(x))


class ContextEmbedding(nn.Module):
    """The image's mean feature, added to every pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.glance = nn.Sequential(nn.BatchNorm2d(channels), ConvNormAct(channels, channels, 1))
        self.conv = ConvNormAct(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        b, c, _, _ = x.shape
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, c, 1, 1]
        require_two_values(mean, learns_batches(self), "the mean feature of the image")
        return self.conv(x + self.glance(mean))


class GuidedAggregation(nn.Module):
    """Detail gated by meaning at the fine scale, meaning gated by detail at the coarse one, and their sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.keep_fine = nn.Sequential(
            conv_norm(channels, channels, groups=channels), nn.Conv2d(channels, channels, 1, bias=False)
        )
        self.make_coarse = nn.Sequential(conv_norm(channels, channels, stride=2), nn.AvgPool2d(3, 2, padding=1))
        self.make_fine = conv_norm(channels, channels)
        self.keep_coarse = nn.Sequential(
            conv_norm(channels, channels, groups=channels), nn.Conv2d(channels, channels, 1, bias=False)
        )
        self.fuse = ConvNormAct(channels, channels)
        self.enlarge = Resize()

    def forward(self, detail: Tensor, meaning: Tensor) -> Tensor:
        b, _, h, w = detail.shape
        fine = self.keep_fine(detail) * self.enlarge(self.make_fine(meaning), detail).sigmoid()
        coarse = self.make_coarse(detail) * self.keep_coarse(meaning).sigmoid()  # [b, channels, h/4, w/4]
        return self.fuse(fine + self.enlarge(coarse, detail))  # [b, channels, h, w]
