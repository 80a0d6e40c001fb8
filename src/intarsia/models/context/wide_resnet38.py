"""Wide ResNet-38: a shallow, wide encoder that needs only two convolutions to name every pixel.

Wu, Shen, van den Hengel. "Wider or Deeper: Revisiting the ResNet Model for Visual Recognition." Pattern Recognition
2019. arXiv:1611.10080

Very deep ResNets behave like many shallow networks side by side, and their depth beyond that is wasted. With 38 layers,
some of them 4096 wide, the features are good enough that no pyramid, no decoder and no random field has to help: two
convolutions with holes of rate 12 draw the map. (The encoder has a file of its own: `encoders/wide_resnet38.py`.)

    image - seven stages, dilated to stride 8 - 3x3, rate 12, 512 channels - 3x3, rate 12 - x8 - logits

Departures from the paper: none in the network (model A2, 2 convolutions); weights start at random.

Compared with mapillary/inplace_abn wider_resnet.py (itijyou/ademxapp, the authors', was read): encoder, width 4;
difference 0 at stride 32 (docs/faithfulness.md).
"""

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct
from ...blocks.resize import resize_like
from ...encoders import WideResNet38
from ...structures import SemanticLogits


class WideResNetFCN(nn.Module):
    """A dilated Wide ResNet-38 and two convolutions.

    Args:
        width: of the encoder's first stage; the last is 64 times as wide.
        channels: between the two convolutions.
        rate: distance between the taps of their kernels, in pixels of the map.
        output_stride: of the encoder, 8, 16 or 32.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        width: int = 64,
        channels: int = 512,
        rate: int = 12,
        output_stride: int = 8,
    ) -> None:
        super().__init__()
        self.encoder = WideResNet38(in_channels=in_channels, width=width, output_stride=output_stride)
        self.reduce = ConvNormAct(self.encoder.channels[0], channels, dilation=rate)
        self.classify = nn.Conv2d(channels, num_classes, 3, padding=rate, dilation=rate)
        nn.init.normal_(self.classify.weight, std=0.01)

    def forward(self, image: Tensor) -> SemanticLogits:
        (x,) = self.encoder(image)  # [B, 4096, H/8, W/8]
        x = self.reduce(x)  # [B, 512, H/8, W/8]
        x = self.classify(x)  # [B, K, H/8, W/8]
        return SemanticLogits(resize_like(x, image))  # [B, K, H, W]
