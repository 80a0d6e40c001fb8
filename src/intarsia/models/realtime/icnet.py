"""ICNet: think about a small picture, and only correct the outlines on the large one.

Zhao, Qi, Shen, Shi, Jia. "ICNet for Real-Time Semantic Segmentation on High-Resolution Images." ECCV 2018.
arXiv:1704.08545

A deep network on the full picture is slow because the picture is large, not because the network is deep. ICNet shows a
quarter of the picture to the deep network, half of it to the network's first layers, and the whole to three plain
convolutions; each finer feature corrects the coarser answer (cascade feature fusion). The half and the quarter go
through the same layers, whose result is halved once more on the way.

    image x1/2 - encoder.start -- middle ---------------- fuse - fuse - classify - x4 - logits
                              ` x1/2 - encoder.finish - pool '     |
    image ------- three strided 3x3 convolutions ------------------'      a side output in each fuse (training only)

Departures from the paper: none in the plan; pictures are halved with rounding up. The released weights have half the
channels of the deep network (compressed after training), and their stages shrink in the first 1x1 convolution, timm's
in the 3x3 one behind it. timm's "resnet50s" is the authors' ResNet, with three 3x3 convolutions at its start; the last
two stages are dilated from their first block on, as theirs are.

Compared with hszhao/ICNet evaluation/prototxt icnet_cityscapes.prototxt: read layer by layer: kernels, strides, rates,
fusion, pools, widths (x 2); difference equal; both dilated stages from their first block on (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.pooling import average_grid
from ...blocks.residual import conv_norm
from ...blocks.resize import resize_like
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class ICNet(nn.Module):
    """Image cascade network.

    Args:
        encoder: a ResNet of timm; "resnet50s" is the authors'.
        bins: side of each grid over which the coarsest map is averaged; the averages are added to it.
        context: width of the coarsest map behind the pooling.
        channels: width in which features of different sizes are added.
        detail: widths of the three convolutions on the full image.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50s",
        in_channels: int = 3,
        bins: Sequence[int] = (1, 2, 3, 6),
        context: int = 512,
        channels: int = 128,
        detail: Sequence[int] = (32, 32, 64),
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if not bins or min(bins) < 1:
            raise ModelError(f"bins is {list(bins)}; name the side of each pooling grid, such as [1, 2, 3, 6]")
        if len(detail) != 3:
            raise ModelError(f"icnet looks at the full image with 3 convolutions; detail is {list(detail)}")
        self.encoder = CutResNet(encoder, in_channels, pretrained)
        middle, deepest = self.encoder.channels
        self.bins = tuple(bins)
        self.reduce = ConvNormAct(deepest, context, 1)
        first, second, third = detail
        self.fine2 = ConvNormAct(in_channels, first, stride=2)
        self.fine4 = ConvNormAct(first, second, stride=2)
        self.fine8 = ConvNormAct(second, third, stride=2)
        self.fuse = nn.ModuleList(
            [
                CascadeFusion(context, middle, channels, num_classes),
                CascadeFusion(channels, third, channels, num_classes),
            ]
        )
        self.classify = PixelClassifier(channels, num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        middle = self.encoder.start(halved(image))  # [B, 512, H/16, W/16]
        x = self.encoder.finish(halved(middle))  # [B, 2048, H/32, W/32]
        x = x + sum(resize_like(average_grid(x, side), x) for side in self.bins)
        x = self.reduce(x)  # [B, 512, H/32, W/32]
        x, coarse = self.fuse[0](x, middle)  # [B, 128, H/16, W/16], ...
        quarter = self.fine4(self.fine2(image))  # [B, 32, H/4, W/4]
        fine = self.fine8(quarter)  # [B, 64, H/8, W/8]
        x, medium = self.fuse[1](x, fine)  # [B, 128, H/8, W/8], ...
        x = self.classify(resize_like(x, quarter))  # [B, K, H/4, W/4]
        auxiliary = (coarse, medium) if self.training else ()
        return SemanticLogits(resize_like(x, image), auxiliary)  # [B, K, H, W], ...


def halved(x: Tensor) -> Tensor:
    """`x` [B, C, h, w] at half its size, rounding up: at even sizes each pixel is the mean of four."""
    h, w = x.shape[-2:]
    return F.interpolate(x, ((h + 1) // 2, (w + 1) // 2), mode="bilinear", align_corners=False)


class CutResNet(nn.Module):
    """timm's ResNet, cut after the first unit of its second stage: `start` shrinks by 8, `finish` dilates."""

    def __init__(self, name: str, in_channels: int, pretrained: bool) -> None:
        super().__init__()
        whole = Encoder(
            name,
            levels=(3, 5),
            output_stride=8,
            dilate_first=True,
            in_channels=in_channels,
            pretrained=pretrained,
        )
        parts = dict(whole.body.named_children())
        if not {"layer2", "layer3", "layer4"} <= set(parts):
            raise ModelError(f"icnet cuts a ResNet in two; {name!r} is none: try 'resnet50'")
        first, *others = parts["layer2"].children()
        before = [part for key, part in parts.items() if key not in ("layer2", "layer3", "layer4")]
        self.start = nn.Sequential(*before, first)
        self.finish = nn.Sequential(*others, parts["layer3"], parts["layer4"])
        self.channels, self.mean, self.std = whole.channels, whole.mean, whole.std


class CascadeFusion(nn.Module):
    """Enlarge the coarse map, correct it by the fine one, and say what the coarse map alone would have answered."""

    def __init__(self, coarse: int, fine: int, channels: int, num_classes: int) -> None:
        super().__init__()
        self.coarse, self.channels = coarse, channels
        self.widen, self.project = conv_norm(coarse, channels, dilation=2), conv_norm(fine, channels, 1)
        self.guide = PixelClassifier(coarse, num_classes)

    def forward(self, x: Tensor, fine: Tensor) -> tuple[Tensor, Tensor | None]:
        b, _, h, w = fine.shape
        x = resize_like(x, fine)  # [b, coarse, h, w]
        guide = self.guide(x) if self.training else None  # [b, K, h, w]
        return F.relu(self.widen(x) + self.project(fine)), guide  # [b, channels, h, w], ...
