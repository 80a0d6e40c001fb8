"""DeepLab v1: a classifier made dense by holes in its kernels, at little cost and with a large field of view.

Chen, Papandreou, Kokkinos, Murphy, Yuille. "Semantic Image Segmentation with Deep Convolutional Nets and Fully
Connected CRFs." ICLR 2015. arXiv:1412.7062

VGG-16 answers once every 32 pixels, and enlarging that answer blurs it. Here its last two poolings no longer shrink the
map, and the kernels behind them get holes (atrous convolution), so that each sees what it saw before and its weights
stay of use. fc6, 7x7 taps 4 cells apart, would be the slowest layer by far: 3x3 taps, 12 cells apart, span the same 25
cells (DeepLab-LargeFOV).

    image - VGG-16, stride 8 - fc6: 3x3, rate 12 - fc7: 1x1 - score - x8 - logits

Departures from the paper: the fully connected CRF that sharpens the answer is postprocessing (`predict --crf`), not part of the network;
the variant with scores on early layers (MSc) is left out. fc6 and fc7 start at random (the paper thins out VGG-16's).
Pooling is 2x2, as in VGG-16, where the released code has 3x3 and averages once more before fc6.

Compared with CoinCheung/Deeplab-Large-FOV lib/model.py (after the authors' train.prototxt): whole network; difference 0
(4.7) with 2x2 poolings and no average there, 1.2 (4.7) as it is; 20,505,429 : 20,505,429 (docs/faithfulness.md).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ...blocks.atrous import atrous_classifier
from ...blocks.resize import resize_like
from ...encoders import AtrousVGG16
from ...structures import SemanticLogits


class DeepLabV1(nn.Module):
    """DeepLab v1; the defaults are LargeFOV.

    Args:
        channels: VGG-16's widths, six numbers: five stages, then fc6 and fc7. The paper's larger variants have 4096.
        kernel: side of fc6; 7 and 4 in the variants.
        rate: distance between fc6's taps, in cells of 8 pixels; 4 or 8 in the variants.
        dropout: after fc6 and after fc7, 0..1.
        pretrained: start from VGG-16's ImageNet weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 512, 1024),
        kernel: int = 3,
        rate: int = 12,
        dropout: float = 0.5,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        *widths, wide = channels
        self.encoder = AtrousVGG16(in_channels=in_channels, channels=widths, pretrained=pretrained)
        (c5,) = self.encoder.channels
        self.classify = atrous_classifier(c5, num_classes, wide, rate, kernel=kernel, dropout=dropout)

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 512, H/8, W/8]
        x = self.classify(c5)  # [B, K, H/8, W/8]
        return SemanticLogits(resize_like(x, image))  # [B, K, H, W]
