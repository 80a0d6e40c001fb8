"""AlexNet and VGG-16 with their fully connected layers fc6 and fc7 as convolutions.

Krizhevsky, Sutskever, Hinton. "ImageNet Classification with Deep Convolutional Neural Networks." NeurIPS 2012.
Simonyan, Zisserman. "Very Deep Convolutional Networks for Large-Scale Image Recognition." ICLR 2015. arXiv:1409.1556

A fully connected layer over a 7x7 map is a convolution with a 7x7 kernel that happens to fit once. Let it slide, and
the classifier answers at every place of an image of any size (Long et al., section 3.1):

    224x224 image - pool5 7x7 - fc6: 7x7 convolution - fc7: 1x1 convolution - one answer
    512x512 image - pool5 16x16 -       the same      -       the same      - a map of answers

Pooling rounds up, as Caffe's does, so that no size is too small and no pixel is dropped.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ..errors import EncoderError
from .pyramid import spread
from .timm_model import imported_timm

VGG16_LAYERS = tuple(f"features.{n}" for n in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28))  # timm's, torchvision's
SIDE = 7  # of the map after pool5 for the 224 pixels that VGG-16 was trained on
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of red, green, blue


class VGG16(nn.Module):
    """Thirteen 3x3 convolutions in five stages, each pooled; then fc6 and fc7 as convolutions.

    Args:
        levels: which features to return, finest first: the maps after pool1 .. pool4, and 5 for fc7.
        channels: widths of the five stages, and of fc6 and fc7.
        same: pad fc6 by 3, so that its map keeps pool5's size, whatever that is; without, it loses 6 rows and columns.
        dropout: after fc6 and after fc7, 0..1.
        full: with fc6 and fc7; without, level 5 is the map after pool5.
        pretrained: ImageNet weights, fc6 and fc7 included (timm's "vgg16").

    Raises: EncoderError if the weights cannot be loaded.
    """

    def __init__(
        self,
        *,
        levels: tuple[int, ...] = (3, 4, 5),
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 512, 4096),
        same: bool = True,
        dropout: float = 0.5,
        full: bool = True,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(channels) != 6:
            raise EncoderError(f"channels has {len(channels)} widths; VGG-16 takes 6: five stages, then fc6 and fc7")
        *widths, wide = channels
        halve = nn.MaxPool2d(2, ceil_mode=True)
        self.stages = _stages(in_channels, widths, (1, 1, 1, 1, 1), (halve,) * 5)
        self.full = full
        if full:
            self.fc6 = nn.Conv2d(widths[-1], wide, SIDE, padding=SIDE // 2 if same else 0)
            self.fc7 = nn.Conv2d(wide, wide, 1)
            self.act, self.dropout = nn.ReLU(inplace=True), nn.Dropout(dropout)
        _initialize(self)
        self.levels = levels
        self.channels = tuple((*widths[:4], wide if full else widths[4])[n - 1] for n in levels)
        self.strides = tuple(2**n for n in levels)
        self.mean, self.std = spread(MEAN, in_channels), spread(STD, in_channels)
        self.minimum = self.multiple = 1
        if pretrained:
            if tuple(channels) != (64, 128, 256, 512, 512, 4096):
                raise EncoderError("pretrained weights fit VGG-16's own widths only; leave out channels")
            self.load_classifier(_weights_of_timm("vgg16", in_channels))

    def forward(self, image: Tensor) -> list[Tensor]:
        x, features = image, []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        if self.full:
            x = self.dropout(self.act(self.fc6(x)))  # [B, 4096, H/32, W/32]
            features[4] = self.dropout(self.act(self.fc7(x)))
        return [features[n - 1] for n in self.levels]

    def load_classifier(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of a VGG-16 classifier, fully connected layers included.

        Args:
            state: of timm's "vgg16" or of torchvision's; the last layer, which scores 1000 classes, is left out.

        Raises: EncoderError if a layer is missing or has another shape.
        """
        full = (
            ("classifier.0", "classifier.3") if "classifier.0.weight" in state else ("pre_logits.fc1", "pre_logits.fc2")
        )
        _load(_convolutions(self.stages), VGG16_LAYERS, state, "VGG-16")
        if self.full:
            _load([self.fc6, self.fc7], full, state, "VGG-16")


class AtrousVGG16(nn.Module):
    """VGG-16's thirteen convolutions at output stride 8: where the last two poolings stopped shrinking, holes follow.

    Args:
        channels: widths of the five stages.
        pooling: keep the last two poolings, as 3x3 maxima of stride 1 (DeepLab); false leaves them out (Yu, Koltun).
        pretrained: ImageNet weights (timm's "vgg16").

    Raises: EncoderError if the weights cannot be loaded.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (64, 128, 256, 512, 512),
        pooling: bool = True,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if len(channels) != 5:
            raise EncoderError(f"channels has {len(channels)} widths; the convolutions of VGG-16 take 5, one a stage")
        halve = nn.MaxPool2d(2, ceil_mode=True)
        keep = nn.MaxPool2d(3, stride=1, padding=1) if pooling else nn.Identity()
        self.stages = _stages(in_channels, channels, (1, 1, 1, 1, 2), (halve, halve, halve, keep, keep))
        _initialize(self)
        self.channels, self.strides = (channels[-1],), (8,)
        self.mean, self.std = spread(MEAN, in_channels), spread(STD, in_channels)
        self.minimum = self.multiple = 1
        if pretrained:
            if tuple(channels) != (64, 128, 256, 512, 512):
                raise EncoderError("pretrained weights fit VGG-16's own widths only; leave out channels")
            _load(_convolutions(self.stages), VGG16_LAYERS, _weights_of_timm("vgg16", in_channels), "VGG-16")

    def forward(self, image: Tensor) -> list[Tensor]:
        x = image
        for stage in self.stages:
            x = stage(x)
        return [x]  # [B, 512, H/8, W/8]


class AlexNet(nn.Module):
    """Five convolutions, local response norm after the first two poolings; then fc6 and fc7 as convolutions.

    The lecture's table prints an input of 224, which gives 54, not the 55 it prints next; 227 does.

    Args:
        channels: widths of the five convolutions, and of fc6 and fc7.
        groups: 2 splits the second, fourth and fifth convolution into halves, as the two GPUs of the paper did.
        response: what local response norm adds to the sum of squares, 2 in the paper, 1 in Caffe's network.
        same: pad so that any image size works and fc7's map has the size ceil(H / 32); without, the network is the
            classifier's, which needs at least 227 pixels.
        dropout: after fc6 and after fc7, 0..1.
        pretrained: there are no weights of the paper's network in timm; True is refused.

    Raises: EncoderError.
    """

    def __init__(
        self,
        *,
        in_channels: int = 3,
        channels: Sequence[int] = (96, 256, 384, 384, 256, 4096),
        groups: int = 1,
        response: float = 2.0,
        same: bool = True,
        dropout: float = 0.5,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        if pretrained:
            raise EncoderError("timm has no weights of AlexNet; use pretrained=False, or the encoder 'vgg16'")
        if len(channels) != 6:
            raise EncoderError(
                f"channels has {len(channels)} widths; AlexNet takes 6: five convolutions, then fc6 and fc7"
            )
        a, b, c, d, e, wide = channels
        relu, norm = nn.ReLU(inplace=True), nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=response)
        # With `same`, each layer's output i is centered on its input i * stride, and fc6's even kernel half a step
        # further: in the image, 16 of the first 32 pixels' middle of 15.5.
        pool = nn.MaxPool2d(3, 2, padding=1 if same else 0)
        self.features = nn.Sequential(
            *(nn.Conv2d(in_channels, a, 11, stride=4, padding=5 if same else 0), relu, pool, norm),
            *(nn.Conv2d(a, b, 5, padding=2, groups=groups), relu, pool, norm),
            *(nn.Conv2d(b, c, 3, padding=1), relu),
            *(nn.Conv2d(c, d, 3, padding=1, groups=groups), relu),
            *(nn.Conv2d(d, e, 3, padding=1, groups=groups), relu, pool),
        )
        self.pad = nn.ZeroPad2d((2, 3, 2, 3) if same else 0)
        self.fc6 = nn.Conv2d(e, wide, 6)
        self.fc7 = nn.Conv2d(wide, wide, 1)
        self.act, self.dropout = nn.ReLU(inplace=True), nn.Dropout(dropout)
        _initialize(self)
        self.channels, self.strides = (wide,), (32,)
        self.mean, self.std = spread(MEAN, in_channels), spread(STD, in_channels)
        self.minimum, self.multiple = 1 if same else 227, 1

    def forward(self, image: Tensor) -> list[Tensor]:
        x = self.features(image)  # [B, 256, H/32, W/32]
        x = self.dropout(self.act(self.fc6(self.pad(x))))  # [B, 4096, H/32, W/32]
        return [self.dropout(self.act(self.fc7(x)))]


def _stages(
    in_channels: int, widths: Sequence[int], rates: Sequence[int], poolings: Sequence[nn.Module]
) -> nn.ModuleList:
    """VGG-16's five stages: two or three convolutions, then a pooling."""
    stages = nn.ModuleList()
    before = in_channels
    for width, depth, rate, pooling in zip(widths, (2, 2, 3, 3, 3), rates, poolings, strict=True):
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [nn.Conv2d(before, width, 3, padding=rate, dilation=rate), nn.ReLU(inplace=True)]
            before = width
        stages.append(nn.Sequential(*layers, pooling))
    return stages


def _convolutions(stages: nn.ModuleList) -> list[nn.Conv2d]:
    return [m for m in stages.modules() if isinstance(m, nn.Conv2d)]


def convolution_from_linear(weight: Tensor, shape: torch.Size) -> Tensor:
    """A fully connected layer's weight as the kernel of the convolution that gives the same answer.

    Args:
        weight: [out, in * h * w], over a map that was flattened channels first; or already a kernel.
        shape: (out, in, h, w) of the kernel.

    Raises: EncoderError if the numbers do not fit.
    """
    if weight.shape[0] != shape[0] or weight.numel() != shape.numel():
        raise EncoderError(f"a weight of shape {list(weight.shape)} does not fit a kernel of shape {list(shape)}")
    return weight.reshape(shape)


def _load(layers: Sequence[nn.Conv2d], names: Sequence[str], state: Mapping[str, Tensor], network: str) -> None:
    for layer, name in zip(layers, names, strict=True):
        if f"{name}.weight" not in state or f"{name}.bias" not in state:
            raise EncoderError(f"the weights hold no {name!r}; a {network} classifier of timm or torchvision does")
        assert layer.bias is not None
        with torch.no_grad():
            layer.weight.copy_(convolution_from_linear(state[f"{name}.weight"], layer.weight.shape))
            layer.bias.copy_(state[f"{name}.bias"])


def _initialize(network: nn.Module) -> None:
    """He's initialization: without it (and without batch norm) thirteen layers of ReLU do not train from scratch."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def _weights_of_timm(name: str, in_channels: int) -> dict[str, Tensor]:
    try:
        return imported_timm().create_model(name, pretrained=True, in_chans=in_channels).state_dict()
    except Exception as error:  # whatever the network, the hub or its cache come up with
        raise EncoderError(
            f"the weights of encoder {name!r} cannot be loaded ({error}); use pretrained=False"
        ) from error
