"""DeconvNet: a classifier run backwards, until its answer for the whole image has become one for each pixel.

Noh, Hong, Han. "Learning Deconvolution Network for Semantic Segmentation." ICCV 2015. arXiv:1505.04366

FCN enlarges a coarse map of scores in one stride, and what is smaller than the stride is lost. DeconvNet mirrors VGG-16
layer by layer, its fully connected layer included. Unpooling lays each value back where its maximum stood, and layers
of transposed convolutions fill the sparse map: first the place of an object, in the end its outline.

    image - encode1 - pool - encode2 - pool - ... - encode5 - pool - fc6 - fc7
                       | places1        | places2             | places5      |
    logits - decode1 - unpool - decode2 - unpool - ... - decode5 - unpool - unfold

Departures from the paper: fc6 and its mirror are padded by 3, so that every size works (`same=False` gives the paper's,
whose fc6 makes one answer of 224 pixels); pooling rounds up; layers before batch norm have no bias; weights start at
random (the paper starts the encoder from VGG-16's). The paper feeds the network boxes of object proposals and merges
the answers; this is the network alone.

Compared with HyeonwooNoh/DeconvNet stage_2_train and deploy prototxt: prototxt interpreted, widths / 8, "same=False";
difference 0; 251,788,949 : 251,805,653 (docs/faithfulness.md).
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from ...blocks.unpool import max_pool, max_unpool
from ...errors import ModelError
from ...structures import SemanticLogits

DEPTHS = (2, 2, 3, 3, 3)  # convolutions of VGG-16's five stages


class DeconvNet(nn.Module):
    """Convolution network and, mirrored, deconvolution network.

    Args:
        channels: VGG-16's widths, six numbers: five stages, finest first, then fc6 and fc7.
        same: pad fc6 and its mirror by 3; false for the paper's, which need images of at least 193 pixels a side.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 512, 4096),
        same: bool = True,
    ) -> None:
        super().__init__()
        if len(channels) != 6:
            raise ModelError(f"channels has {len(channels)} widths; deconvnet takes 6: five stages, then fc6 and fc7")
        *widths, wide = channels
        self.same, padding = same, 3 if same else 0
        finer = (in_channels, *widths[:-1])
        self.encode = nn.ModuleList(
            Stage(nn.Conv2d, (f, *(c,) * n)) for f, c, n in zip(finer, widths, DEPTHS, strict=True)
        )
        self.fc6 = _layer(nn.Conv2d, widths[-1], wide, 7, padding)
        self.fc7 = _layer(nn.Conv2d, wide, wide, 1, 0)
        self.unfold = _layer(nn.ConvTranspose2d, wide, widths[-1], 7, padding)
        finer = (widths[0], *widths[:-1])  # the mirror: the last layer of a stage changes the width
        self.decode = nn.ModuleList(
            Stage(nn.ConvTranspose2d, (*(c,) * n, f)) for f, c, n in zip(finer, widths, DEPTHS, strict=True)
        )
        self.classify = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, image: Tensor) -> SemanticLogits:
        x, trail = image, []
        for encode in self.encode:
            h, w = x.shape[-2:]
            x = encode(x)  # [B, encode.channels, h, w]
            x, places = max_pool(x)  # [B, encode.channels, h/2, w/2], [B, encode.channels, h/2, w/2]
            trail.append((places, h, w))
        if not self.same and min(x.shape[-2:]) < 7:
            raise ModelError(f"with same=False deconvnet needs 193 pixels a side, not {tuple(image.shape[-2:])}")
        x = self.fc7(self.fc6(x))  # [B, 4096, H/32, W/32]
        x = self.unfold(x)  # [B, 512, H/32, W/32]
        for decode, (places, h, w) in zip(reversed(self.decode), reversed(trail), strict=True):
            x = max_unpool(x, places, h, w)  # [B, decode.in_channels, h, w]
            x = decode(x)  # [B, decode.channels, h, w]
        return SemanticLogits(self.classify(x))  # [B, K, H, W]


class Stage(nn.Module):
    """3x3 layers of one size, from each of `widths` to the next.

    Args:
        conv: nn.Conv2d going down, nn.ConvTranspose2d going up.
    """

    def __init__(self, conv: type[nn.Conv2d] | type[nn.ConvTranspose2d], widths: Sequence[int]) -> None:
        super().__init__()
        self.in_channels, self.channels = widths[0], widths[-1]
        self.layers = nn.Sequential(*(_layer(conv, a, b, 3, 1) for a, b in pairwise(widths)))

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.layers(x)  # [b, channels, h, w]


def _layer(
    conv: type[nn.Conv2d] | type[nn.ConvTranspose2d], in_channels: int, channels: int, kernel: int, padding: int
) -> nn.Sequential:
    """A convolution, or a transposed one, with batch norm and ReLU."""
    layer = conv(in_channels, channels, kernel, padding=padding, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(layer, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
