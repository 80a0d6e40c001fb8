"""DFN: a smooth network names the inside of an object alike, a border network keeps its neighbors apart.

Yu, Wang, Peng, Gao, Yu, Sang. "Learning a Discriminative Feature Network for Semantic Segmentation." CVPR 2018.
arXiv:1804.09337

Two mistakes call for two cures. Parts of one object get different names: so on the way up the mean of the image comes first,
and at each stage the channels of the finer feature are weighed by both features' means (channel attention block, section
3.2), which carries the consistency of the coarse one along. Neighbors that look alike get one name: so a second way, from
fine to coarse, learns to draw borders (section 3.3), which keeps the encoder's features apart on either side of them.

    c5 mean - 1x1 - x ,
    c5 - refine - weigh, add - refine - x2 ,            scores behind each stage, the finest one's are the answer
    c4 - refine ----------- weigh, add - refine - x2 ,
    c3 - refine ----------------------- weigh, add - refine - x2 ,
    c2 - refine ----------------------------------- weigh, add - refine - refine - 1x1 - x4 - logits

    c2 - refine - + - refine - + - refine - + - refine - refine - 1x1 - edges (training only)
    c3 - refine - ' c4 - refine'  c5 - refine'

"refine" is a 1x1 convolution and a residual of two 3x3 convolutions behind it (refinement residual block).

Departures from the paper: borders are trained by a cross entropy that gives border pixels half of the say, where the paper
has the focal loss (its weight of 0.1 is the recipe's `loss.edges`); only the last border map is trained, as in the paper,
where the authors' code trains four. Widths of the heads are those of that code; maps are enlarged with half-pixel centers,
where its corners meet. Its ResNet-101 is timm's "resnet101s".

Compared with ycszen/TorchSeg (the authors') model/dfn/voc.dfn.R101_v1c/network.py: both networks
and their heads over the same ResNet-50; difference scores 0 (5.9), borders 0 (6.0) with half-pixel enlargement there, 1.1
(5.9), 1.6 (6.3) as it is; 68,857,778 : 68,871,224 with 5 classes (three border heads and one unused block there)
(docs/faithfulness.md).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct
from ...blocks.resize import Resize
from ...blocks.statistics import learns_batches, require_two_values
from ...encoders import Encoder
from ...structures import SemanticLogits


class DFN(nn.Module):
    """Discriminative feature network.

    Args:
        encoder: "resnet101s" is the authors'.
        channels: width of the smooth network.
        border: width of the border network.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101s",
        in_channels: int = 3,
        channels: int = 512,
        border: int = 21,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        widths = self.encoder.channels
        self.glance = ConvNormAct(widths[-1], channels, 1)
        self.smooth = nn.ModuleList(Smooth(c, channels) for c in reversed(widths))
        self.heads = nn.ModuleList(_head(channels, num_classes) for _ in widths)
        self.border = Border(widths, border)
        self.climb, self.enlarge = Resize(), Resize()  # of features; of scores

    def forward(self, image: Tensor) -> SemanticLogits:
        features = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        mean = features[-1].mean(dim=(2, 3), keepdim=True)  # [B, 2048, 1, 1]
        require_two_values(mean, learns_batches(self), "the mean feature of the image")
        x, stages = self.glance(mean), []  # [B, 512, 1, 1]
        for smooth, fine in zip(self.smooth, reversed(features), strict=True):
            h, w = fine.shape[-2:]
            x = smooth(fine, self.climb(x, fine))  # [B, smooth.channels, h, w]
            stages.append(x)
        logits = self.enlarge(self.heads[-1](x), image)  # [B, K, H, W]
        if not self.training:
            return SemanticLogits(logits)
        sides = [
            head(stage) for head, stage in zip(self.heads, stages[:-1], strict=False)
        ]  # [B, K, H/32, W/32], ..., [B, K, H/8, W/8]
        return SemanticLogits(logits, tuple(sides), edges=self.border(features))


class Refine(nn.Module):
    """A 1x1 convolution, and two 3x3 convolutions as a residual behind it (the paper's RRB).

    Args:
        activate: a ReLU at the end.
    """

    def __init__(self, in_channels: int, channels: int, *, activate: bool = True) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.inside = nn.Sequential(
            ConvNormAct(channels, channels), nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        )
        self.channels, self.activate = channels, activate

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        x = self.narrow(x)  # [b, channels, h, w]
        x = x + self.inside(x)
        return F.relu(x) if self.activate else x


class Smooth(nn.Module):
    """One stage up: the finer feature's channels, weighed by the means of both, plus the coarser feature (the paper's CAB)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.before, self.after = Refine(in_channels, channels), Refine(channels, channels)
        self.weigh = nn.Sequential(
            nn.Conv2d(2 * channels, channels, 1), nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 1), nn.Sigmoid()
        )

    def forward(self, fine: Tensor, x: Tensor) -> Tensor:
        b, _, h, w = fine.shape
        fine = self.before(fine)  # [b, channels, h, w]
        means = torch.cat([fine, x], dim=1).mean(dim=(2, 3), keepdim=True)  # [b, 2*channels, 1, 1]
        return self.after(fine * self.weigh(means) + x)  # [b, channels, h, w]


class Border(nn.Module):
    """From the finest feature, which knows where lines are, to the coarsest, which knows whose: one map of borders."""

    def __init__(self, widths: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.before = nn.ModuleList(Refine(c, channels) for c in widths)
        self.after = nn.ModuleList(Refine(channels, channels) for _ in widths[1:])
        self.draw = _head(channels, 1)
        self.climb = Resize()

    def forward(self, features: list[Tensor]) -> Tensor:
        b, _, h, w = features[0].shape
        x, *others = (before(feature) for before, feature in zip(self.before, features, strict=True))
        for after, other in zip(self.after, others, strict=True):
            x = after(x + self.climb(other, x))
        return self.draw(x)  # [b, 1, h, w]


def _head(channels: int, maps: int) -> nn.Sequential:
    return nn.Sequential(Refine(channels, 9 * maps, activate=False), nn.Conv2d(9 * maps, maps, 1))
