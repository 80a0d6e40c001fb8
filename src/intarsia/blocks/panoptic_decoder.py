"""The decoders and heads of Panoptic-DeepLab, which its followers for video share.

Cheng et al. "Panoptic-DeepLab." CVPR 2020. arXiv:1911.10194, section 3

    atrous pyramid - x2 - beside c3 - 5x5 - x2 - beside c2 - 5x5 - head: 5x5 - 1x1
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .atrous import AtrousPyramid, SeparableConv
from .conv import ConvNormAct, PixelClassifier
from .resize import Resize


class PanopticDecoder(nn.Module):
    """An atrous pyramid on c5, then twice: enlarge, put a finer feature beside, look at 5x5 pixels.

    Args:
        widths: of c2, c3 and c5.
        channels: width of what comes out.
        detail: widths to which c3 and c2 are reduced.
    """

    def __init__(self, pyramid: AtrousPyramid, widths: Sequence[int], channels: int, detail: Sequence[int]) -> None:
        super().__init__()
        c2, c3, _ = widths
        self.channels, self.pyramid = channels, pyramid
        self.reduce = nn.ModuleList([ConvNormAct(c3, detail[0], 1), ConvNormAct(c2, detail[1], 1)])
        self.refine = nn.ModuleList(
            [SeparableConv(pyramid.channels + detail[0], channels, 5), SeparableConv(channels + detail[1], channels, 5)]
        )
        self.enlarge = Resize()

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        c2, c3, c5 = features
        b, _, h, w = c5.shape
        x = self.pyramid(c5)  # [b, 256, h, w]
        for finer, reduce, refine in zip((c3, c2), self.reduce, self.refine, strict=True):
            h, w = finer.shape[-2:]
            x = refine(torch.cat([self.enlarge(x, finer), reduce(finer)], dim=1))  # [b, channels, h, w]
        return x


class PixelHead(nn.Module):
    """Look at 5x5 pixels once more, then one map for each number that a pixel has.

    Args:
        channels: width in between.
        maps: how many numbers a pixel has.
    """

    def __init__(self, in_channels: int, channels: int, maps: int) -> None:
        super().__init__()
        self.look = SeparableConv(in_channels, channels, 5)
        self.classify = PixelClassifier(channels, maps)

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.look(x))
