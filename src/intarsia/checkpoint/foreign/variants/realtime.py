"""Variants of networks for video on one small GPU: LR-ASPP and BiSeNet."""

from ....encoders import Encoder, cut_stage
from ....models.realtime.bisenet import BiSeNet
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
