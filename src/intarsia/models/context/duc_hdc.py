"""DUC-HDC: rates that share no divisor leave no pixel unseen, and a learned layer draws the full resolution.

Wang, Chen, Yuan, Liu, Huang, Hou, Cottrell. "Understanding Convolution for Semantic Segmentation." WACV 2018.
arXiv:1702.08502

Convolutions of one rate, one behind the other, look at every second pixel only: a chessboard of neighbors that never
meet (gridding). Hybrid dilated convolution (HDC) changes the rate from block to block, 1, 2, 5, 9, so that the kernels
together cover a full square. And bilinear enlargement cannot draw what is thinner than a cell: dense upsampling
convolution (DUC) gives each cell 8 x 8 x K scores, one for each of its pixels, and lays them out.

    image - ResNet, stride 8, - c5 - look[0]: 3x3, rate  6 -,
            rates 1, 2, 5, 9       - look[1]: 3x3, rate 12 - + - [64 K, H/8, W/8] laid out as [K, H, W] - logits
            and 5, 9, 17           - look[2]: 3x3, rate 18 -'|
                                   - look[3]: 3x3, rate 24 --'

Departures from the paper: none in the method. timm's "resnet101s", which begins with three 3x3 convolutions, is the
authors' ResNet, but for their strides, which stand in the first 1x1 convolution of a stage, timm's in the 3x3 one. The
first dilated block has the text's rate of 1, where the released code has 2.

Compared with TuSimple/TuSimple-DUC (MXNet): transcribed, whole network on "resnet101s", its stride moved to the 3x3
convolution; difference 0 with the paper's first rate (docs/faithfulness.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import PixelClassifier
from ...blocks.resize import crop_like
from ...encoders import Encoder, dilate_stage
from ...errors import ModelError
from ...structures import SemanticLogits


class DUCHDC(nn.Module):
    """Dense upsampling and hybrid dilated convolution.

    Args:
        encoder: a ResNet; "resnet101s" is the authors', "resnet152s" their larger one.
        hybrid: rates of the blocks that end in c4, begun again after the last; the defaults are "Dilation-Bigger".
        hybrid_last: rates of the blocks that end in c5. `widest_gap` tells whether rates leave holes.
        rates: of the looks, in cells of 8 pixels; [1] is a single plain convolution.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101s",
        in_channels: int = 3,
        hybrid: Sequence[int] = (1, 2, 5, 9),
        hybrid_last: Sequence[int] = (5, 9, 17),
        rates: Sequence[int] = (6, 12, 18, 24),
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if not rates or min(rates) < 1:
            raise ModelError(f"rates is {list(rates)}; name the distances between taps, such as [6, 12, 18, 24]")
        self.encoder = Encoder(encoder, levels=(5,), output_stride=8, in_channels=in_channels, pretrained=pretrained)
        dilate_stage(self.encoder.body, 4, hybrid)
        dilate_stage(self.encoder.body, 5, hybrid_last)
        (c5,), (self.side,) = self.encoder.channels, self.encoder.strides
        scores = self.side**2 * num_classes
        self.look = nn.ModuleList(PixelClassifier(c5, scores, kernel=3, dilation=rate) for rate in rates)

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 2048, H/8, W/8]
        x = torch.stack([look(c5) for look in self.look]).sum(0)  # [B, 64*K, H/8, W/8]
        x = F.pixel_shuffle(x, self.side)  # [B, K, H, W]
        return SemanticLogits(crop_like(x, image))


def widest_gap(rates: Sequence[int]) -> int:
    """The widest gap between pixels that layers of these rates, in this order, see: M_2 of equation 2.

    A kernel no narrower than that leaves no hole: 3 is enough for 1, 2, 5, not for 1, 2, 9.
    """
    gap = rates[-1]
    for rate in reversed(rates[1:-1]):
        gap = max(gap - 2 * rate, 2 * rate - gap, rate)
    return gap
