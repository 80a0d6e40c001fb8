"""Feature pyramids: four ways to see objects of every size that the feature pyramid network is measured against.

Lin, Dollar, Girshick, He, Hariharan, Belongie. "Feature Pyramid Networks for Object Detection." CVPR 2017.
arXiv:1612.03144

A network that looks at one map knows objects of one size best. The paper draws five ways out (figures 1 and 2; deck 3's
a to e), of which (d) is its own, `fpn` here. Shrinking the image is right and slow. The backbone's own maps of several
sizes cost nothing, but its fine ones know little. Carrying meaning down to the finest map, and predicting there alone,
leaves every size of object to one map.

    (a) image - c5 - predict -,        (b) image - c5 - predict       (c) c5 - predict -,
        image/2 - c5 - predict - mean                                     c4 - predict - mean
        image/4 - c5 - predict '                                          c3 - predict - |
                                                                          c2 - predict '
    (e) c5 - lateral -,
        c4 - lateral - + -,
        c3 - lateral ----- + -,
        c2 - lateral --------- + - predict

Departures from the paper: it detects, and each level finds boxes of its own size; here each level draws the whole map,
the answer is the mean of the levels, and in training each level is also judged by itself (`auxiliary`). A prediction is
a 3x3 convolution and a score layer, which in (e) is also the convolution against the blocks that repetition leaves.

Not compared: no released code draws these four for segmentation (docs/faithfulness.md).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.feature_pyramid import hand_down, repeat
from ...blocks.resize import resize_like
from ...encoders import Encoder
from ...errors import ModelError
from ...structures import SemanticLogits


class ImagePyramid(nn.Module):
    """(a) Featurized image pyramid: the same network on the image, its half, its quarter.

    Args:
        scales: how many images, each half as large as the one before.
        output_stride: of the encoder: 32, or 16 or 8 for denser maps of the small images.
        channels: width of the convolution before the scores.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        scales: int = 3,
        output_stride: int = 32,
        channels: int = 256,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if scales < 1:
            raise ModelError(f"scales is {scales}; the pyramid has at least one image")
        self.scales = scales
        self.encoder = Encoder(
            encoder, levels=(5,), output_stride=output_stride, in_channels=in_channels, pretrained=pretrained
        )
        self.predict = prediction(self.encoder.channels[0], channels, num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        images = [image]
        while len(images) < self.scales:
            images.append(resize_like(images[-1], images[-1][..., ::2, ::2]))  # the latter for its size alone
        scores = [self.predict(self.encoder(x)[0]) for x in images]  # [B, K, H/32, W/32], ...
        return mean(scores, image, self.training)


class SingleMap(nn.Module):
    """(b) Single feature map: the coarsest one decides.

    Args:
        channels: width of the convolution before the scores.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        channels: int = 256,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, levels=(5,), in_channels=in_channels, pretrained=pretrained)
        self.predict = prediction(self.encoder.channels[0], channels, num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        (c5,) = self.encoder(image)  # [B, 2048, H/32, W/32]
        x = self.predict(c5)  # [B, K, H/32, W/32]
        return SemanticLogits(resize_like(x, image))  # [B, K, H, W]


class FeatureHierarchy(nn.Module):
    """(c) Pyramidal feature hierarchy: each of the backbone's maps predicts by itself.

    Args:
        channels: width of the convolution before the scores of each map.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        channels: int = 256,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.predict = nn.ModuleList(prediction(c, channels, num_classes) for c in self.encoder.channels)

    def forward(self, image: Tensor) -> SemanticLogits:
        features = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        pairs = zip(self.predict, features, strict=True)
        scores = [predict(c) for predict, c in pairs]  # [B, K, H/4, W/4], ..., [B, K, H/32, W/32]
        return mean(scores, image, self.training)


class TopDown(nn.Module):
    """(e) Top-down with skips: meaning is carried to the finest map, which alone predicts.

    Args:
        channels: width of the way down and of the convolution before the scores.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        encoder: str = "resnet50",
        in_channels: int = 3,
        channels: int = 256,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, in_channels=in_channels, pretrained=pretrained)
        self.lateral = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in self.encoder.channels)
        self.predict = prediction(channels, channels, num_classes)

    def forward(self, image: Tensor) -> SemanticLogits:
        c2, c3, c4, c5 = self.encoder(image)  # [B, 256, H/4, W/4], ..., [B, 2048, H/32, W/32]
        maps = [
            lateral(c) for lateral, c in zip(self.lateral, (c2, c3, c4, c5), strict=True)
        ]  # [B, 256, H/4, W/4], ...
        finest, *_ = hand_down(maps, repeat)  # [B, 256, H/4, W/4], ..., [B, 256, H/32, W/32]
        x = self.predict(finest)  # [B, K, H/4, W/4]
        return SemanticLogits(resize_like(x, image))  # [B, K, H, W]


def prediction(in_channels: int, channels: int, num_classes: int) -> nn.Sequential:
    """A 3x3 convolution and a score layer."""
    return nn.Sequential(ConvNormAct(in_channels, channels), PixelClassifier(channels, num_classes))


def mean(scores: Sequence[Tensor], image: Tensor, training: bool) -> SemanticLogits:
    """The mean of all levels' scores [B, K, ., .], finest first, at the image's size; in training each level's as well."""
    finest = scores[0]
    x = sum((resize_like(score, finest) for score in scores[1:]), finest) / len(scores)
    return SemanticLogits(resize_like(x, image), tuple(scores) if training else ())  # [B, K, H, W], ...
