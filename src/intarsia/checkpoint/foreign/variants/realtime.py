"""Variants of networks for video on one small GPU: LR-ASPP, BiSeNet, BiSeNet v2, Fast-SCNN, DDRNet and ERFNet."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from ....blocks.conv import ConvNormAct, PixelClassifier
from ....blocks.resize import Resize
from ....encoders import Encoder, cut_stage
from ....models.realtime.bisenet import BiSeNet
from ....models.realtime.bisenetv2 import BiSeNetV2
from ....models.realtime.ddrnet import DDRNet
from ....models.realtime.erfnet import ERFNet
from ....models.realtime.fast_scnn import FastSCNN
from ....models.realtime.lraspp import LRASPP
from .parts import corners_meet


def torchvision_lraspp(
    num_classes: int,
    *,
    encoder: str = "mobilenetv3_large_100",
    in_channels: int = 3,
    channels: int = 128,
    pretrained: bool = False,
) -> LRASPP:
    """LR-ASPP as torchvision has it: weights from the mean of the whole map, the fine feature from a stage's first block.

    Args:
        encoder: a MobileNet; the block that lost its stride is dilated as the rest of its stage.
        channels: width of the projected feature.
    """
    network = LRASPP(num_classes, encoder=encoder, in_channels=in_channels, channels=channels, window=None)
    network.encoder = Encoder(
        encoder,
        levels=(3, 5),
        output_stride=16,
        dilate_first=True,
        in_channels=in_channels,
        pretrained=pretrained,
    )
    cut_stage(network.encoder.body, 3)
    return network


def torchseg_bisenet(
    num_classes: int,
    *,
    encoder: str = "resnet18",
    in_channels: int = 3,
    pretrained: bool = False,
) -> BiSeNet:
    """BiSeNet as its authors' code has it: maps are enlarged so that their corners meet.

    Args:
        encoder: "resnet18", or "resnet101s", the authors' ResNet-101.
    """
    return corners_meet(BiSeNet(num_classes, encoder=encoder, in_channels=in_channels, pretrained=pretrained))


def coincheung_bisenet(
    num_classes: int,
    *,
    encoder: str = "resnet18",
    in_channels: int = 3,
    spatial: int = 64,
    channels: int = 128,
    head: int = 256,
    side: int = 64,
    auxiliary: bool = True,
    pretrained: bool = False,
) -> BiSeNet:
    """BiSeNet as CoinCheung's code has it: features are enlarged by repeated pixels, the fusion is weighed by one layer.

    Args:
        spatial: width inside the spatial path.
        channels: width of either path's result.
        head: width of the convolution in front of the classifier.
        side: width of those in front of the auxiliary classifiers.
        auxiliary: two more classifiers, in training only.
    """
    network = BiSeNet(
        num_classes, encoder=encoder, in_channels=in_channels, spatial=spatial, channels=channels, head=head, side=side,
        pretrained=pretrained,
    )  # fmt: skip
    both = network.fuse.channels
    network.fuse.attend = nn.Sequential(nn.Conv2d(both, both, 1, bias=False), nn.BatchNorm2d(both), nn.Sigmoid())
    network.climb = Resize(mode="nearest")
    if not auxiliary:
        network.auxiliary = nn.ModuleList()
    return network


def coincheung_bisenetv2(
    num_classes: int,
    *,
    in_channels: int = 3,
    head: int = 1024,
    side: int = 128,
    auxiliary: bool = True,
) -> BiSeNetV2:
    """BiSeNet v2 as CoinCheung's code has it: the branches are enlarged by repeated pixels before they guide each other.

    Args:
        head: width of the convolution in front of the classifier.
        side: width of those in front of the booster's classifiers.
        auxiliary: the booster, whose classifiers look twice as finely as in the paper; in training only.
    """
    network = BiSeNetV2(num_classes, in_channels=in_channels, head=head, side=side)
    network.guide.enlarge = Resize(mode="nearest")
    widths = [boost[0].conv.in_channels for boost in network.boost]  # type: ignore[index]
    network.boost = nn.ModuleList(
        nn.Sequential(
            ConvNormAct(width, side), nn.Dropout(0.1), nn.Upsample(scale_factor=2), ConvNormAct(side, stride**2),
            PixelClassifier(stride**2, num_classes),
        )
        for width, stride in zip(widths, (4, 8, 16, 32), strict=True)
    ) if auxiliary else nn.ModuleList()  # fmt: skip
    return network


def bare_ddrnet(
    num_classes: int,
    *,
    in_channels: int = 3,
    channels: int = 64,
    depths: Sequence[int] = (2, 2, 2, 2),
    context: int = 128,
    head: int = 128,
) -> DDRNet:
    """DDRNet as its authors build it for evaluation: without the second classifier that only training has.

    Args:
        channels: width of the stem.
        depths: residual units of layer1, of layer2, and of the stages behind which the branches are fused.
        context: width inside the pyramid pooling.
        head: width in front of the classifier.
    """
    network = DDRNet(num_classes, in_channels=in_channels, channels=channels, depths=depths, context=context, head=head)
    network.auxiliary = nn.Sequential()
    return network


def mmseg_bisenet(
    num_classes: int,
    *,
    encoder: str = "resnet18",
    in_channels: int = 3,
    spatial: int = 64,
    channels: int = 128,
    head: int = 256,
    side: int = 64,
    auxiliary: bool = True,
    pretrained: bool = False,
) -> BiSeNet:
    """BiSeNet as mmsegmentation has it: as CoinCheung's, with a ReLU before the fusion's weights.

    Args:
        spatial: width inside the spatial path.
        channels: width of either path's result.
        head: width of the convolution in front of the classifier.
        side: width of those in front of the auxiliary classifiers.
        auxiliary: two more classifiers, in training only.
    """
    network = coincheung_bisenet(
        num_classes, encoder=encoder, in_channels=in_channels, spatial=spatial, channels=channels, head=head, side=side,
        auxiliary=auxiliary, pretrained=pretrained,
    )  # fmt: skip
    network.fuse.attend.insert(2, nn.ReLU())
    return network


def mmseg_bisenetv2(num_classes: int, *, in_channels: int = 3, head: int = 1024) -> BiSeNetV2:
    """BiSeNet v2 as mmsegmentation has it: the gates' 1x1 convolutions have a bias; without the booster.

    Args:
        head: width of the convolution in front of the classifier.
    """
    network = BiSeNetV2(num_classes, in_channels=in_channels, head=head)
    for gate in (network.guide.keep_fine, network.guide.keep_coarse):
        width = gate[1].in_channels
        gate[1] = nn.Conv2d(width, width, 1)  # type: ignore[arg-type]
    network.boost = nn.ModuleList()
    return network


def mmseg_fast_scnn(num_classes: int, *, in_channels: int = 3, auxiliary: bool = True) -> FastSCNN:
    """Fast-SCNN as mmsegmentation has it: a 3x3 convolution behind the pyramid, and no holes where the scene is spread.

    Args:
        auxiliary: two more classifiers, in training only.
    """
    network = FastSCNN(num_classes, in_channels=in_channels)
    detail, width = network.auxiliary[0][0].conv.in_channels, network.auxiliary[1][0].conv.in_channels  # type: ignore[index]
    pool: Any = network.pool[0]
    network.pool[1] = ConvNormAct(pool.out_channels, width)
    network.spread = ConvNormAct(width, width, groups=width)
    network.auxiliary = nn.ModuleList(
        nn.Sequential(ConvNormAct(c, 32), PixelClassifier(32, num_classes)) for c in (detail, width)
    ) if auxiliary else nn.ModuleList()  # fmt: skip
    return network


def mmseg_erfnet(
    num_classes: int, *, in_channels: int = 3, channels: Sequence[int] = (16, 64, 128), head: int = 128
) -> ERFNet:
    """ERFNet as mmsegmentation has it: biases before norms, and a 3x3 convolution before the classifier at stride 2.

    The answer is that code's at sizes that 8 divides.

    Args:
        channels: widths at strides 2, 4 and 8.
        head: width of the convolution in front of the classifier.
    """
    network = ERFNet(num_classes, in_channels=in_channels, channels=channels)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is None:
            module.bias = nn.Parameter(module.weight.new_zeros(module.out_channels))
    enlarge: Any = nn.Sequential(
        ConvNormAct(channels[0], head), PixelClassifier(head, num_classes), nn.Upsample(scale_factor=2, mode="bilinear")
    )
    network.enlarge = enlarge
    return network
