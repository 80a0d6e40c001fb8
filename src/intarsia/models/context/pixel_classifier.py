"""Pixel classifier: name each pixel from the patch around it, and do the work that patches share only once.

Giusti, Ciresan, Masci, Gambardella, Schmidhuber. "Fast Image Scanning with Deep Max-Pooling Convolutional Neural
Networks." ICIP 2013. arXiv:1302.1700
(the classifier of patches: Ciresan, Giusti, Gambardella, Schmidhuber. "Deep Neural Networks Segment Neuronal Membranes
in Electron Microscopy Images." NeurIPS 2012)

Deck 1's naive method names each pixel by itself (`context=1`); its better idea looks at the context, here a patch of
`context` x `context` pixels and nothing else. Sliding the patch's classifier over the image repeats nearly all of its
work at every pixel. The dense form gives the same numbers in one pass: where the classifier would skip every second
place (pooling), all places are kept, and all later layers reach twice as far apart.

    image - repeat border - look (conv 4x4, pool) - look (taps 2 apart) - look (taps 4 apart) - gather - classify

The kernels follow from the patch. For 95 pixels they are those of the 2012 network N4: 4, 5, 4, 4, each pooled by 2,
then a fully connected layer over the 3x3 that are left.

Departures from the paper: the maps that pooling would split into fragments stay interleaved in one map, by dilation,
which gives the same numbers; units are rectified and linear; beyond the border its pixels are repeated, not mirrored,
because a mirror needs an image larger than the patch.

Not compared: no released code was found (docs/faithfulness.md).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import PixelClassifier
from ...errors import ModelError
from ...structures import SemanticLogits


class PatchClassifier(nn.Module):
    """A classifier of patches, applied at every pixel.

    Args:
        context: side of the patch in pixels, odd; 1 is the pixel alone.
        channels: width of each convolution.
        hidden: width of the fully connected layer.
    """

    def __init__(
        self, num_classes: int, *, in_channels: int = 3, context: int = 95, channels: int = 48, hidden: int = 200
    ) -> None:
        super().__init__()
        if context < 1 or context % 2 == 0:
            raise ModelError(f"context is {context}; a patch with a pixel in its middle has an odd side of at least 1")
        self.around = context // 2
        self.look = nn.ModuleList()
        side, width, apart = context, in_channels, 1
        while side >= 5:
            kernel = 4 if side % 2 else 5  # leaves an even number, so that pooling loses no pixel
            self.look.append(Look(width, channels, kernel, apart))
            side, width, apart = (side - kernel + 1) // 2, channels, 2 * apart
        self.gather = nn.Conv2d(width, hidden, side, dilation=apart)
        self.classify = PixelClassifier(hidden, num_classes)
        for module in (*self.look.modules(), self.gather):
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, image: Tensor) -> SemanticLogits:
        x = F.pad(image, (self.around,) * 4, mode="replicate")  # [B, 3, H + 2*around, W + 2*around]
        for look in self.look:
            h, w = x.shape[-2:]
            x = look(x)  # [B, 48, h - look.reach, w - look.reach]
        x = F.relu(self.gather(x))  # [B, 200, H, W]
        return SemanticLogits(self.classify(x))  # [B, K, H, W]

    def classify_patches(self, patches: Tensor) -> Tensor:
        """The same layers as a plain classifier, with pooling that shrinks.

        Args:
            patches: [N, C, context, context].

        Returns: scores of the middle pixel, [N, K]; `forward` gives them for all pixels of an image.
        """
        x = patches
        for look in self.look:
            x = look.shrink(x)  # type: ignore[operator]
        x = F.relu(F.conv2d(x, self.gather.weight, self.gather.bias))
        return self.classify(x).flatten(1)


class Look(nn.Module):
    """A convolution and a maximum over 2x2, for every patch of the image at once.

    Args:
        apart: distance in pixels between neighbors of the classifier's map: 1, then doubled by each pooling.
    """

    def __init__(self, in_channels: int, channels: int, kernel: int, apart: int) -> None:
        super().__init__()
        self.channels, self.reach = channels, kernel * apart
        self.conv = nn.Conv2d(in_channels, channels, kernel, dilation=apart)
        self.pool = nn.MaxPool2d(2, stride=1, dilation=apart)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.pool(F.relu(self.conv(x)))  # [b, channels, h - reach, w - reach]

    def shrink(self, x: Tensor) -> Tensor:
        """The same for one patch alone, whose map is halved."""
        return F.max_pool2d(F.relu(F.conv2d(x, self.conv.weight, self.conv.bias)), 2)
