"""HANet: cars cannot fly, so which channels matter is asked of each row of the picture by itself.

Choi, Kim, Choo. "Cars Can't Fly Up in the Sky: Improving Urban-Scene Segmentation via Height-Driven Attention Networks."
CVPR 2020. arXiv:2003.05128

In pictures of streets the classes of a row follow from its height: sky above, road below. An add-on of few weights averages a
feature over its width, shrinks it to 16 rows, adds a code of the row's number, and computes from it, with three convolutions
along the height, one factor for each channel and row of the next feature (section 3.1). It stands at four places of a
DeepLab v3+.

    x - mean of each row - 16 rows - 1x1 - + code of rows - 3 rows - 3 rows - sigmoid - rows of y ,
    y ------------------------------------------------------------------------------------------- x - y, weighed

    c4, c5 - weigh - atrous maps - weigh - fuse - weigh - x2 or x4 , beside c2 - 3x3 - 3x3 - weigh - classify - x4 - logits
    c4 - auxiliary head (training only)

Departures from the paper: the code is of the row in the picture that the network is given, where the authors' code moves it
with the crop and shakes it in training; codes are those of that code (sines and cosines plus 1, with a period of 10 or 100);
dropout of single values; half-pixel enlargement of maps, where its corners meet. Their ResNet-101 is timm's "resnet101s",
dilated from each stage's first block on.

Compared with shachoi/HANet network/deepv3.py and HANet.py: whole network on ResNet-50 at output strides 16
and 8, rows counted from the top there; difference 0 (0.32), 0 (0.29) with half-pixel enlargement there, 0.13 (0.32), 0.11
(0.29) as it is; 46,295,502 : 46,296,306 with 5 classes (biases before norms there) (docs/faithfulness.md).
"""

from math import ceil

import torch
from torch import Tensor, nn

from ...blocks.atrous import AtrousPyramid
from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.pooling import averages
from ...blocks.resize import Resize
from ...encoders import Encoder
from ...structures import SemanticLogits


class HANet(nn.Module):
    """DeepLab v3+ with height-driven attention.

    Args:
        encoder: "resnet101s" is the authors'.
        channels: width of the pyramid and of the decoder.
        detail: width to which the fine feature is reduced.
        reduction: how many times narrower the attention is than the feature it reads.
        rows: into which the height of a feature is cut for it.
        output_stride: of the encoder: 16, or 8 with doubled rates.
        side: width of the auxiliary head.
        dropout: of the rows' means, and before the auxiliary classifier, 0..1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet101s",
        in_channels: int = 3,
        channels: int = 256,
        detail: int = 48,
        reduction: int = 32,
        rows: int = 16,
        output_stride: int = 16,
        side: int = 512,
        dropout: float = 0.1,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(
            encoder,
            levels=(2, 4, 5),
            output_stride=output_stride,
            dilate_first=True,
            in_channels=in_channels,
            pretrained=pretrained,
        )
        c2, c4, c5 = self.encoder.channels
        rates = (12, 24, 36) if output_stride == 8 else (6, 12, 18)
        self.pyramid = AtrousPyramid(c5, channels, rates, separable=False, dropout=0.0)
        together, beside = self.pyramid.together, channels + detail
        self.reduce = ConvNormAct(c2, detail, 1)
        self.refine = nn.Sequential(ConvNormAct(beside, channels), ConvNormAct(channels, channels))
        places = ((c4, c5), (c5, together), (together, channels), (beside, channels))
        self.attend = nn.ModuleList(
            HeightAttention(read, weighed, reduction=reduction, rows=rows, dropout=dropout) for read, weighed in places
        )
        self.classify = PixelClassifier(channels, num_classes)
        self.auxiliary = nn.Sequential(ConvNormAct(c4, side), PixelClassifier(side, num_classes, dropout=dropout))
        self.enlarge = Resize()

    def forward(self, image: Tensor) -> SemanticLogits:
        c2, c4, c5 = self.encoder(image)  # [B, 256, H/4, W/4], [B, 1024, H/16, W/16], [B, 2048, H/16, W/16]
        c5 = self.attend[0](c4, c5)
        maps = self.attend[1](c5, self.pyramid.maps(c5))  # [B, 1280, H/16, W/16]
        x = self.attend[2](maps, self.pyramid.fuse(maps))  # [B, 256, H/16, W/16]
        x = torch.cat([self.reduce(c2), self.enlarge(x, c2)], dim=1)  # [B, 304, H/4, W/4]
        x = self.attend[3](x, self.refine(x))  # [B, 256, H/4, W/4]
        x = self.classify(x)  # [B, K, H/4, W/4]
        logits = self.enlarge(x, image)  # [B, K, H, W]
        return SemanticLogits(logits, (self.auxiliary(c4),) if self.training else ())


class HeightAttention(nn.Module):
    """One factor for each channel and row of a feature, from the rows' means of another.

    Args:
        in_channels: of the feature that is read.
        channels: of the feature that is weighed.
    """

    code: Tensor

    def __init__(
        self, in_channels: int, channels: int, *, reduction: int = 32, rows: int = 16, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.width = width = ceil(in_channels / reduction)
        self.channels, self.rows, self.dropout = channels, rows, nn.Dropout(dropout)
        self.narrow = ConvNormAct(in_channels, width, 1)
        self.register_buffer("code", row_code(rows, width), persistent=False)
        self.look = nn.Sequential(
            nn.Conv2d(width, 2 * width, (3, 1), padding=(1, 0), bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * width, channels, (3, 1), padding=(1, 0)),
            nn.Sigmoid(),
        )
        self.stretch = Resize()

    def forward(self, read: Tensor, x: Tensor) -> Tensor:
        b, c, h, w = read.shape
        means = averages(h, self.rows, read) @ read.mean(dim=3, keepdim=True)  # [b, c, rows, 1]
        means = self.narrow(self.dropout(means)) + self.code.to(means.dtype)  # [b, width, rows, 1]
        factors = self.look(means)  # [b, channels, rows, 1]
        return x * self.stretch(factors, x[..., :1])


def row_code(rows: int, channels: int) -> Tensor:
    """Number rows by sines and cosines of ever longer periods, plus 1: [1, channels, rows, 1] in 0..2."""
    cycle = 10.0 if channels > 50 else 100.0
    channel = torch.arange(channels)
    angle = torch.arange(rows)[None] / cycle ** (2 * (channel // 2) / channels)[:, None]  # [channels, rows]
    return (torch.where(channel[:, None] % 2 == 0, angle.sin(), angle.cos()) + 1)[
        None, ..., None
    ]  # [1, channels, rows, 1]
