"""FCN: a classifier whose fully connected layers slide over the image, and a ladder of skips that sharpens its answer.

Long, Shelhamer, Darrell. "Fully Convolutional Networks for Semantic Segmentation." CVPR 2015. arXiv:1411.4038

Before, pixels were classified one patch at a time. Here the classifier itself, its fully connected layers written as
convolutions, answers for the whole image in one pass, once every 32 pixels. Two score layers on finer features add
their votes on the way up, so that the answer is drawn every 16 (FCN-16s) or every 8 (FCN-8s) pixels.

    image - vgg - pool3 - pool4 - pool5 - fc6 - fc7 - score
                    |       |                           | x2
                    |       ` score_skips[0] ---------- + - (FCN-16s: x16)
                    |                                   | x2
                    ` score_skips[1] ------------------ + - (FCN-8s: x8) - logits

Departures from the paper: fc6 is padded by 3 and each map by one repeated pixel before it is enlarged, where the paper
pads the image by 100 pixels of zeros and crops: less work, and cells in the middle of their 32 pixels, where the
released network's stand 3 pixels further to the top left (on AlexNet as well). The fixed enlargement keeps classes apart (one kernel for each), which gives the same numbers as the paper's mostly zero matrix.
Score layers on skips see the pooled features as they are; the released code of FCN-8s "at once" scales them down.

Compared with shelhamer/fcn.berkeleyvision.org voc-fcn*/train.prototxt: prototxt interpreted, widths / 16, picture
shifted by 3 pixels; difference 3e-6 relative, 288 pixels from the border; 134,346,581 : 134,346,581 without
deconvolutions (docs/faithfulness.md).
"""

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, nn

from ...blocks.resize import crop_like
from ...blocks.score_ladder import Enlarge, score_layer
from ...encoders import VGG16, AlexNet
from ...errors import ModelError, nearest
from ...structures import SemanticLogits

WIDTHS = {"vgg16": (64, 128, 256, 512, 512, 4096), "alexnet": (96, 256, 384, 384, 256, 4096)}


class FCN(nn.Module):
    """Fully convolutional network on an encoder whose last feature is fc7's and whose others are pooled maps.

    Args:
        encoder: gives features of strides 32, or 16 and 32, or 8, 16 and 32, finest first.
    """

    def __init__(self, num_classes: int, encoder: VGG16 | AlexNet) -> None:
        super().__init__()
        self.encoder = encoder
        *skips, last = encoder.channels
        self.score = score_layer(last, num_classes)
        self.score_skips = nn.ModuleList(score_layer(channels, num_classes) for channels in reversed(skips))
        self.climb = nn.ModuleList(Enlarge(num_classes, 2) for _ in skips)
        self.enlarge = Enlarge(num_classes, encoder.strides[0], learned=False)

    def forward(self, image: Tensor) -> SemanticLogits:
        *pooled, fc7 = self.encoder(image)  # ..., [B, 4096, H/32, W/32]
        x = self.score(fc7)  # [B, K, H/32, W/32]
        for climb, score, skip in zip(self.climb, self.score_skips, reversed(pooled), strict=True):
            h, w = skip.shape[-2:]  # strides 16, then 8
            x = crop_like(climb(x), skip) + score(skip)  # [B, K, h, w]
        return SemanticLogits(crop_like(self.enlarge(x), image))  # [B, K, H, W]


def fcn32s(
    num_classes: int,
    *,
    encoder: Literal["vgg16", "alexnet"] = "vgg16",
    in_channels: int = 3,
    channels: Sequence[int] | None = None,
    dropout: float = 0.5,
    pretrained: bool = False,
) -> FCN:
    """FCN-32s: one answer every 32 pixels, enlarged at once.

    Args:
        encoder: the classifier that is made convolutional; "alexnet" is `fcn_alexnet`.
        channels: its widths, six numbers; null: the paper's, such as 64, 128, 256, 512, 512 and 4096.
        dropout: after fc6 and fc7, 0..1.
        pretrained: start from ImageNet weights.
    """
    if encoder not in WIDTHS:
        raise ModelError(f"fcn32s has no encoder {encoder!r}{nearest(encoder, WIDTHS)}")
    widths = tuple(channels or WIDTHS[encoder])
    if encoder == "alexnet":
        options: dict[str, Any] = {"in_channels": in_channels, "dropout": dropout, "pretrained": pretrained}
        return FCN(num_classes, AlexNet(channels=widths, groups=2, response=1.0, **options))
    return FCN(num_classes, _vgg((5,), in_channels, widths, dropout, pretrained))


def fcn_alexnet(
    num_classes: int, *, in_channels: int = 3, channels: Sequence[int] = WIDTHS["alexnet"], dropout: float = 0.5
) -> FCN:
    """FCN-AlexNet: FCN-32s on AlexNet (section 4.1).

    Args:
        channels: AlexNet's widths, six numbers: five convolutions, then fc6 and fc7.
        dropout: after fc6 and fc7, 0..1.
    """
    return fcn32s(num_classes, encoder="alexnet", in_channels=in_channels, channels=channels, dropout=dropout)


def fcn16s(
    num_classes: int,
    *,
    in_channels: int = 3,
    channels: Sequence[int] = WIDTHS["vgg16"],
    dropout: float = 0.5,
    pretrained: bool = False,
) -> FCN:
    """FCN-16s: FCN-32s, with a score layer on pool4.

    Args:
        channels: VGG-16's widths, six numbers: five stages, then fc6 and fc7.
        dropout: after fc6 and fc7, 0..1.
        pretrained: start from ImageNet weights.
    """
    return FCN(num_classes, _vgg((4, 5), in_channels, channels, dropout, pretrained))


def fcn8s(
    num_classes: int,
    *,
    in_channels: int = 3,
    channels: Sequence[int] = WIDTHS["vgg16"],
    dropout: float = 0.5,
    pretrained: bool = False,
) -> FCN:
    """FCN-8s: FCN-16s, with another score layer on pool3.

    Args:
        channels: VGG-16's widths, six numbers: five stages, then fc6 and fc7.
        dropout: after fc6 and fc7, 0..1.
        pretrained: start from ImageNet weights.
    """
    return FCN(num_classes, _vgg((3, 4, 5), in_channels, channels, dropout, pretrained))


def _vgg(levels: tuple[int, ...], in_channels: int, channels: Sequence[int], dropout: float, pretrained: bool) -> VGG16:
    return VGG16(levels=levels, in_channels=in_channels, channels=channels, dropout=dropout, pretrained=pretrained)
