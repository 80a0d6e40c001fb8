"""LinkNet: what goes into each stage of the encoder is added to what comes out of its decoder.

Chaurasia, Culurciello. "LinkNet: Exploiting Encoder Representations for Efficient Semantic Segmentation." VCIP 2017.
arXiv:1707.03718

Where things are is lost on the way down, and pooling positions or deep decoders win it back at a price. LinkNet adds
the map itself, which costs no parameter, and so can afford a thin decoder: each block works at a quarter of its width.

    image - stem - pool ------- stage1 ------ stage2 ------ stage3 ------ stage4
             c1      | link        | c2          | c3          | c4          | c5
    logits - x4 ---- + - decode -- + - decode -- + - decode -- + - decode ---'

Departures from the paper: none in the network on a ResNet-18; on another backbone the first link is the maximum-pooled
c1, whatever that backbone does with it. segmentation-models-pytorch's network is the variant "smp_linknet".

Compared with e-lab/pytorch-linknet: whole network; difference 0; 11,535,635 : 11,535,699 (biases)
(docs/faithfulness.md).
"""

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct
from ...blocks.resize import crop_like
from ...encoders import Encoder
from ...structures import SemanticLogits


class LinkNet(nn.Module):
    """LinkNet.

    Args:
        channels: width of the last maps before the classifier.
        pretrained: start the encoder from ImageNet weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet18",
        in_channels: int = 3,
        channels: int = 32,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, levels=(1, 2, 3, 4, 5), in_channels=in_channels, pretrained=pretrained)
        c1, c2, c3, c4, c5 = self.encoder.channels
        self.channels = channels
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.decode = nn.ModuleList(Decoder(a, b, 3, 2) for a, b in ((c5, c4), (c4, c3), (c3, c2)))
        self.decode.append(Decoder(c2, c1, 3, 1))
        self.enlarge = FullConv(c1, channels, 3, 2)
        self.refine = ConvNormAct(channels, channels)
        self.classify = nn.ConvTranspose2d(channels, num_classes, 2, stride=2)

    def forward(self, image: Tensor) -> SemanticLogits:
        c1, *links, x = self.encoder(image)  # [B, 64, H/2, W/2], ..., [B, 512, H/32, W/32]
        first = self.pool(c1)  # [B, 64, H/4, W/4]
        for decode, link in zip(self.decode, (*reversed(links), first), strict=True):
            h, w = link.shape[-2:]
            x = crop_like(decode(x), link) + link  # [B, decode.channels, h, w]
        x = crop_like(self.enlarge(x), c1)  # [B, channels, H/2, W/2]
        x = self.classify(self.refine(x))  # [B, K, H, W]
        return SemanticLogits(crop_like(x, image))  # [B, K, H, W]


class FullConv(nn.Module):
    """A transposed convolution that multiplies the size by its stride, with batch norm and ReLU."""

    def __init__(self, in_channels: int, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride, padding = channels, stride, (kernel - 1) // 2
        self.conv = nn.ConvTranspose2d(
            in_channels, channels, kernel, stride, padding, stride - kernel + 2 * padding, bias=False
        )
        self.norm, self.act = nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        return self.act(self.norm(self.conv(x)))  # [b, channels, stride*h, stride*w]


class Decoder(nn.Module):
    """1x1 to a quarter of the width, a full convolution there, 1x1 to `channels`."""

    def __init__(self, in_channels: int, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride, self.quarter = channels, stride, in_channels // 4
        self.shrink = ConvNormAct(in_channels, self.quarter, 1)
        self.enlarge = FullConv(self.quarter, self.quarter, kernel, stride)
        self.widen = ConvNormAct(self.quarter, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        x = self.enlarge(self.shrink(x))  # [b, quarter, stride*h, stride*w]
        return self.widen(x)  # [b, channels, stride*h, stride*w]
