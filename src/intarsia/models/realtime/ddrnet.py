"""DDRNet: two branches that run side by side to the end, one fine and one coarse, and exchange what they find.

Hong, Pan, Sun, Jia. "Deep Dual-resolution Networks for Real-time and Accurate Semantic Segmentation of Road Scenes."
2021. arXiv:2101.06085 (journal version: Pan et al., T-ITS 2022)

Networks with two paths compute the fine one from scratch; HRNet's many branches wait for one another. DDRNet branches
once, at an eighth of the image. From there a fine branch keeps its size, a coarse one shrinks to a sixty-fourth, and
after each stage each adds the other's map to its own (bilateral fusion). At the coarsest map, averages over ever larger
windows are added one after the other, each mixed before the next (DAPPM).

    image - stem - layer1 - layer2 - fine - + ------ fine - + ------ bottleneck ------------------ + - head - x8 - logits
                           (stride 8)       |  \\            |  \\                                    |
                                   ` coarse - +   coarse - +   bottleneck - DAPPM (stride 64) - x8 '
                                             a score map of the fine branch (training only)

Departures from the paper: the stem's convolutions have no bias, as norms follow; images below 65 pixels get a margin.

Compared with ydhongHIT/DDRNet segmentation/: whole networks; difference 0 (docs/faithfulness.md).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.margin import at_least, without_margin
from ...blocks.preactivation import NormActConv
from ...blocks.residual import Residual, conv_norm
from ...blocks.resize import crop_like, resize_like
from ...blocks.statistics import learns_batches, require_two_values
from ...structures import SemanticLogits


class DDRNet(nn.Module):
    """Deep dual-resolution network.

    Args:
        channels: width of the stem; the fine branch is twice as wide, the coarse one up to 16 times.
        depths: residual units of layer1, of layer2, and of the stages behind which the branches are fused.
        context: width inside the pyramid pooling.
        head: width in front of the classifier.
    """

    def __init__(
        self, num_classes: int, *, in_channels: int, channels: int, depths: Sequence[int], context: int, head: int
    ) -> None:
        super().__init__()
        one, two, *threes, four = depths
        c, wide = channels, 2 * channels
        self.channels = channels
        self.stem = nn.Sequential(ConvNormAct(in_channels, c, stride=2), ConvNormAct(c, c, stride=2))
        self.layer1 = units(c, c, one)
        self.layer2 = units(c, wide, two, stride=2)
        self.stages = nn.ModuleList()
        for n, depth in enumerate(threes):
            before, stride = (wide, 2) if n == 0 else (4 * c, 1)
            self.stages.append(Dual(wide, before, 4 * c, depth, stride=stride))
        self.stages.append(Dual(wide, 4 * c, 8 * c, four, stride=2))
        self.fine = bottleneck(wide)
        self.coarse = bottleneck(8 * c, stride=2)
        self.pool = DAPPM(16 * c, context, 4 * c)
        self.classify = head_of(4 * c, head, num_classes)
        self.auxiliary = head_of(wide, head, num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        whole = at_least(image, 65)  # the coarsest map has two pixels a side or more
        x = self.stem(whole)  # [B, channels, H/4, W/4]
        x = self.layer1(x)
        before = fine = coarse = self.layer2(F.relu(x))  # [B, 2*channels, H/8, W/8]
        h, w = coarse.shape[-2:]
        for stage in self.stages:
            before = fine
            h, w = h // stage.stride, w // stage.stride
            fine, coarse = stage(fine, coarse)  # [B, 2*channels, H/8, W/8], [B, stage.channels, h, w]
        heads = [self.auxiliary] if self.training and len(self.auxiliary) else []
        sides = tuple(without_margin(head(before), image, 8) for head in heads)  # [B, K, H/8, W/8]
        fine = self.fine(F.relu(fine))  # [B, 4*channels, H/8, W/8]
        h, w = (h + 1) // 2, (w + 1) // 2
        coarse = self.coarse(F.relu(coarse))  # [B, 16*channels, h, w]
        coarse = self.pool(coarse)  # [B, 4*channels, h, w]
        x = self.classify(fine + resize_like(coarse, fine))  # [B, K, H/8, W/8]
        logits = crop_like(resize_like(x, whole), image)  # [B, K, H, W]
        return SemanticLogits(logits, sides)


def units(in_channels: int, channels: int, depth: int, *, stride: int = 1) -> nn.Sequential:
    """Residual units with a ReLU between two of them and none behind the last."""
    layers: list[nn.Module] = [unit(in_channels, channels, stride=stride)]
    for _ in range(depth - 1):
        layers += [nn.ReLU(inplace=True), unit(channels, channels)]
    return nn.Sequential(*layers)


def head_of(in_channels: int, channels: int, num_classes: int) -> nn.Sequential:
    """A 3x3 convolution and the classifier."""
    mix = NormActConv(in_channels, channels)
    return nn.Sequential(mix, nn.BatchNorm2d(channels), nn.ReLU(inplace=True), PixelClassifier(channels, num_classes))


def unit(in_channels: int, channels: int, *, stride: int = 1) -> Residual:
    """A residual unit of two 3x3 convolutions."""
    same = stride == 1 and in_channels == channels
    return Residual(
        nn.Sequential(ConvNormAct(in_channels, channels, stride=stride), conv_norm(channels, channels)),
        nn.Identity() if same else conv_norm(in_channels, channels, 1, stride=stride),
    )


def bottleneck(channels: int, *, stride: int = 1) -> Residual:
    """A residual unit of three convolutions that doubles the width."""
    enter, within = ConvNormAct(channels, channels, 1), ConvNormAct(channels, channels, stride=stride)
    leave = conv_norm(channels, 2 * channels, 1)
    return Residual(nn.Sequential(enter, within, leave), conv_norm(channels, 2 * channels, 1, stride=stride))


class Dual(nn.Module):
    """One stage of both branches, then each adds the other's map to its own.

    Args:
        width: of the fine branch.
        before, channels: of the coarse branch, in and out.
        depth: residual units of either branch.
        stride: of the coarse branch.
    """

    def __init__(self, width: int, before: int, channels: int, depth: int, *, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride
        self.fine = units(width, width, depth)
        self.coarse = units(before, channels, depth, stride=stride)
        self.compress = conv_norm(channels, width, 1)
        steps = (width, 2 * width, 4 * width)[: 2 if channels == 2 * width else 3]
        down: list[nn.Module] = []
        for a, b in pairwise(steps):
            down += [conv_norm(a, b, stride=2), nn.ReLU(inplace=True)]
        self.down = nn.Sequential(*down[:-1])

    def forward(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        b, _, h, w = coarse.shape
        fine = self.fine(F.relu(fine))
        coarse = self.coarse(F.relu(coarse))  # [b, channels, h/stride, w/stride]
        return fine + resize_like(self.compress(F.relu(coarse)), fine), coarse + self.down(F.relu(fine))


class DAPPM(nn.Module):
    """Deep aggregation pyramid pooling: each average is added to what the smaller windows gave, and mixed.

    Windows of 5, 9 and 17 pixels at strides 2, 4 and 8, then the whole map.
    """

    def __init__(self, in_channels: int, width: int, channels: int) -> None:
        super().__init__()
        self.width, self.together = width, 5 * width
        self.pools = nn.ModuleList(nn.AvgPool2d(2 * s + 1, s, padding=s) for s in (2, 4, 8))
        self.squeeze = nn.ModuleList(NormActConv(in_channels, width, 1) for _ in range(5))
        self.mix = nn.ModuleList(NormActConv(width, width) for _ in range(4))
        self.fuse = NormActConv(self.together, channels, 1)
        self.around = NormActConv(in_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        mean = x.mean(dim=(2, 3), keepdim=True)  # [b, c, 1, 1]
        require_two_values(mean, learns_batches(self), "the mean feature of the image")
        first, *others = self.squeeze
        maps = [first(x)]  # [b, width, h, w]
        for squeeze, mix, pooled in zip(others, self.mix, [*(pool(x) for pool in self.pools), mean], strict=True):
            y = mix(resize_like(squeeze(pooled), x) + maps[-1])  # [b, width, h, w]
            maps.append(y)
        together = torch.cat(maps, dim=1)  # [b, together, h, w]
        return self.fuse(together) + self.around(x)


def ddrnet23slim(
    num_classes: int, *, in_channels: int = 3, channels: int = 32, context: int = 128, head: int = 64
) -> DDRNet:
    """DDRNet-23-slim: 23 layers, half the width."""
    return DDRNet(
        num_classes, in_channels=in_channels, channels=channels, depths=(2, 2, 2, 2), context=context, head=head
    )


def ddrnet23(
    num_classes: int, *, in_channels: int = 3, channels: int = 64, context: int = 128, head: int = 128
) -> DDRNet:
    """DDRNet-23: 23 layers."""
    return DDRNet(
        num_classes, in_channels=in_channels, channels=channels, depths=(2, 2, 2, 2), context=context, head=head
    )


def ddrnet39(
    num_classes: int, *, in_channels: int = 3, channels: int = 64, context: int = 128, head: int = 256
) -> DDRNet:
    """DDRNet-39: 39 layers, and one exchange more."""
    return DDRNet(
        num_classes, in_channels=in_channels, channels=channels, depths=(3, 4, 3, 3, 3), context=context, head=head
    )
