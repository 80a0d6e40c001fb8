"""SegNet: remember where each maximum was pooled from, and put it back there on the way up.

Badrinarayanan, Kendall, Cipolla. "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation."
TPAMI 2017. arXiv:1511.00561

Pooling forgets where in its window the maximum stood, and interpolation cannot know. SegNet keeps these positions: two
bits a window instead of U-Net's whole feature maps. The decoder mirrors VGG-16's thirteen convolutions, and each of its
stages starts by laying the values back at the remembered positions, zeros between them.

    image - encode1 - pool - encode2 - pool - ... - encode5 - pool
                       | places1        | places2             | places5
    logits - decode1 - unpool - decode2 - unpool - ... - decode5 - unpool

Departures from the paper: convolutions have no bias, because batch norm follows and has one; pooling rounds up, so that
every size works. Weights start at random (the paper starts the encoder from VGG-16's).

Compared with alexgkendall/SegNet-Tutorial segnet_inference.prototxt: prototxt interpreted, widths / 8; difference 0;
29,441,419 : 29,449,355 with 11 classes (biases before norms there) (docs/faithfulness.md).
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct
from ...blocks.unpool import max_unpool
from ...errors import ModelError
from ...structures import SemanticLogits


class SegNet(nn.Module):
    """Encoder and decoder that share their pooling positions.

    Args:
        channels: widths of the five stages, finest first.
        depths: convolutions of each stage.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 512),
        depths: Sequence[int] = (2, 2, 3, 3, 3),
    ) -> None:
        super().__init__()
        if len(channels) != len(depths) or min(depths, default=0) < 2:
            raise ModelError(
                f"segnet takes a width and a depth of at least 2 for each stage, not {channels} and {depths}"
            )
        finer = (in_channels, *channels[:-1])
        self.pool: nn.Module = nn.MaxPool2d(2, ceil_mode=True, return_indices=True)
        self.encode = nn.ModuleList(Stage((f, *(c,) * n)) for f, c, n in zip(finer, channels, depths, strict=True))
        # The mirror: the last convolution of a stage changes the width; the finest stage's last is the classifier.
        self.decode = nn.ModuleList(
            Stage((*(c,) * n, f)) for f, c, n in zip(finer[1:], channels[1:], depths[1:], strict=True)
        )
        self.decode.insert(0, Stage((channels[0],) * depths[0]))
        self.classify = nn.Conv2d(channels[0], num_classes, 3, padding=1)

    def forward(self, image: Tensor) -> SemanticLogits:
        x, trail = image, []
        for encode in self.encode:
            h, w = x.shape[-2:]
            x = encode(x)  # [B, encode.channels, h, w]
            x, places = self.pool(x)  # [B, encode.channels, h/2, w/2], [B, encode.channels, h/2, w/2]
            trail.append((places, h, w))
        for decode, (places, h, w) in zip(reversed(self.decode), reversed(trail), strict=True):
            x = max_unpool(x, places, h, w)  # [B, decode.in_channels, h, w]
            x = decode(x)  # [B, decode.channels, h, w]
        return SemanticLogits(self.classify(x))  # [B, K, H, W]


class Stage(nn.Module):
    """Convolutions of one size, from each of `widths` to the next."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.in_channels, self.channels = widths[0], widths[-1]
        self.layers = nn.Sequential(*(ConvNormAct(a, b) for a, b in pairwise(widths)))

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.layers(x)  # [b, channels, h, w]
