"""Networks of the catalogue as peers and released code build them, where that is not what the paper says.

Each is the catalogue's network with some parts exchanged; `build("smp_pspnet", 21)` makes one, and a recipe may name it:
`model: {name: smp_pspnet}`. The catalogue's own constructors know nothing of them.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from torch import Tensor, nn

from ...blocks.atrous import AtrousPyramid, SeparableConv
from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.pooling import PyramidPooling
from ...blocks.resize import Resize
from ...encoders import Encoder, cut_stage, is_resnet
from ...errors import ModelError, nearest
from ...models import build as build_own
from ...models import construct
from ...models.attention.ocr import OCR
from ...models.catalogue import ARCHITECTURES
from ...models.context.deeplabv3 import DeepLabV3
from ...models.context.deeplabv3plus import DeepLabV3Plus
from ...models.context.pspnet import PSPNet
from ...models.context.upernet import UPerNet
from ...models.realtime.bisenet import BiSeNet
from ...models.realtime.lraspp import LRASPP
from ...models.resolution.fpn import FPN
from ...models.resolution.linknet import Decoder, LinkNet
from ...models.resolution.refinenet import RefineNet
from ...models.resolution.unetplusplus import Node, UNetPlusPlus

Network = TypeVar("Network", bound=nn.Module)
Upsample = Literal["nearest", "bilinear"]
RATES = (12, 24, 36)  # of both libraries' DeepLabs, at whatever output stride


def torchvision_deeplabv3(
    num_classes: int,
    *,
    encoder: str = "resnet101",
    in_channels: int = 3,
    rates: Sequence[int] = RATES,
    channels: int = 256,
    auxiliary: bool = False,
    dropout: float = 0.5,
    pretrained: bool = False,
) -> DeepLabV3:
    """DeepLab v3 as torchvision has it: no multi-grid, a 3x3 convolution before the classifier, a second head on c4.

    Args:
        encoder: a ResNet, at output stride 8, or a MobileNet, at 16, whose block that lost its stride is dilated, too.
        rates: of the pyramid.
        channels: width of the pyramid.
        auxiliary: a second classifier on c4, in training only.
        dropout: after the pyramid, 0..1.
    """
    options: dict[str, Any] = {"rates": rates, "channels": channels, "dropout": dropout}
    network = DeepLabV3(num_classes, encoder=encoder, in_channels=in_channels, multi_grid=None, **options)
    dense = is_resnet(network.encoder.body)
    network.encoder = Encoder(
        encoder,
        levels=(4, 5) if auxiliary else (5,),
        output_stride=8 if dense else 16,
        dilate_first=not dense,
        in_channels=in_channels,
        pretrained=pretrained,
    )
    exchange(network, classify=nn.Sequential(ConvNormAct(channels, channels), network.classify))
    if auxiliary:
        c4 = network.encoder.channels[0]
        head = PixelClassifier(c4 // 4, num_classes, dropout=0.1)
        network.auxiliary.append(nn.Sequential(ConvNormAct(c4, c4 // 4), head))
    return network


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


def smp_pspnet(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    level: Literal[3, 4, 5] = 3,
    channels: int = 512,
    dropout: float = 0.2,
    pretrained: bool = False,
) -> PSPNet:
    """PSPNet as segmentation-models-pytorch has it: a shallow encoder without holes, a 1x1 fusion, a 3x3 classifier.

    Args:
        level: of the encoder's feature that is pooled, of stride 8, 16 or 32; its `encoder_depth`.
        channels: width of the fused feature.
        dropout: before the classifier, 0..1.
    """
    options: dict[str, Any] = {"auxiliary": False, "channels": channels, "dropout": dropout}
    network = PSPNet(num_classes, encoder=encoder, in_channels=in_channels, output_stride=32, **options)
    network.encoder = Encoder(
        encoder, levels=(level,), output_stride=2**level, in_channels=in_channels, pretrained=pretrained
    )
    (deepest,) = network.encoder.channels
    network.pool = PyramidPooling(deepest, (1, 2, 3, 6), lone_norm=False)
    network.fuse = ConvNormAct(network.pool.out_channels, channels, 1)
    network.classify = PixelClassifier(channels, num_classes, dropout=dropout, kernel=3)
    return corners_meet(network)


def smp_deeplabv3(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    output_stride: Literal[8, 16] = 8,
    rates: Sequence[int] = RATES,
    channels: int = 256,
    dropout: float = 0.5,
    dilate_first: bool = True,
    pretrained: bool = False,
) -> DeepLabV3:
    """DeepLab v3 as segmentation-models-pytorch has it: no multi-grid, and a 3x3 convolution before the classifier.

    Args:
        output_stride: of the encoder; its `encoder_output_stride`.
        rates: of the pyramid; its `decoder_atrous_rates`.
        channels: width of the pyramid.
        dropout: after the pyramid, 0..1.
        dilate_first: dilate the blocks that lost their stride as widely as the rest, as its own encoders do; those that it
            calls "tu-..." do not.
    """
    options: dict[str, Any] = {"rates": rates, "channels": channels, "dropout": dropout, "multi_grid": None}
    network = DeepLabV3(num_classes, encoder=encoder, in_channels=in_channels, **options)
    network.encoder = _dilated(encoder, (5,), output_stride, dilate_first, in_channels, pretrained)
    exchange(network, classify=nn.Sequential(ConvNormAct(channels, channels), network.classify))
    return corners_meet(network)


def smp_deeplabv3plus(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    output_stride: Literal[8, 16] = 16,
    rates: Sequence[int] = RATES,
    channels: int = 256,
    detail: int = 48,
    dropout: float = 0.5,
    dilate_first: bool = True,
    pretrained: bool = False,
) -> DeepLabV3Plus:
    """DeepLab v3+ as segmentation-models-pytorch has it: one convolution after the pyramid, one after the fine feature.

    Between the two halves of a separable convolution it has neither norm nor ReLU.

    Args:
        output_stride: of the encoder; its `encoder_output_stride`.
        rates: of the pyramid; its `decoder_atrous_rates`.
        channels: width of the pyramid and of the decoder.
        detail: width to which the fine feature is reduced.
        dropout: after the pyramid, 0..1.
        dilate_first: dilate the blocks that lost their stride as widely as the rest, as its own encoders do; those that it
            calls "tu-..." do not.
    """
    options: dict[str, Any] = {"channels": channels, "detail": detail, "refinements": 1}
    network = DeepLabV3Plus(num_classes, encoder=encoder, in_channels=in_channels, **options)
    network.encoder = _dilated(encoder, (2, 5), output_stride, dilate_first, in_channels, pretrained)
    c5 = network.encoder.channels[-1]
    pyramid = AtrousPyramid(c5, channels, rates, between=False, dropout=dropout)
    exchange(
        network,
        pyramid=nn.Sequential(pyramid, SeparableConv(channels, channels, between=False)),
        refine=nn.Sequential(SeparableConv(channels + detail, channels, between=False)),
    )
    return corners_meet(network)


def smp_fpn(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: int = 256,
    branch: int = 128,
    upsample: Upsample = "nearest",
    dropout: float = 0.2,
    pretrained: bool = False,
) -> FPN:
    """FPN as segmentation-models-pytorch has it: the summed maps are not smoothed.

    Args:
        channels: width of the pyramid.
        branch: width of the semantic branch.
        upsample: how coarse maps are enlarged in the pyramid; its `decoder_interpolation`.
        dropout: before the classifier, 0..1.
    """
    options: dict[str, Any] = {"smooth": False, "dropout": dropout, "pretrained": pretrained}
    network = FPN(num_classes, encoder=encoder, in_channels=in_channels, channels=channels, branch=branch, **options)
    corners_meet(network).descend = Resize(mode=upsample)
    return network


def smp_upernet(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: int = 256,
    pretrained: bool = False,
) -> UPerNet:
    """UPerNet as segmentation-models-pytorch has it: layer norm on each feature, averages narrowed before the enlargement.

    Args:
        channels: width of the pyramid and of each grid's averages.
    """
    options: dict[str, Any] = {"auxiliary": False, "pretrained": pretrained}
    network = UPerNet(num_classes, encoder=encoder, in_channels=in_channels, channels=channels, **options)
    widths = network.encoder.channels
    network.norm = nn.ModuleList(ChannelNorm(c) for c in widths)
    network.scene[0] = PyramidPooling(widths[-1], (1, 2, 3, 6), share=channels)
    network.enlarge = Resize(align_corners=True)  # inside, it has half-pixel centers
    return network


def smp_linknet(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: int = 32,
    pretrained: bool = False,
) -> LinkNet:
    """LinkNet as segmentation-models-pytorch has it: the outputs of the stages are linked, and a fifth block ends it.

    Args:
        channels: width of the last maps before the classifier.
    """
    network = LinkNet(num_classes, encoder=encoder, in_channels=in_channels, channels=channels, pretrained=pretrained)
    c1, c2, c3, c4, c5 = network.encoder.channels
    exchange(
        network,
        pool=nn.Identity(),
        decode=nn.ModuleList(Decoder(a, b, 4, 2) for a, b in ((c5, c4), (c4, c3), (c3, c2), (c2, c1))),
        enlarge=nn.Identity(),
        refine=Decoder(c1, channels, 4, 2),
        classify=nn.Conv2d(channels, num_classes, 1),
    )
    return network


def smp_unetplusplus(
    num_classes: int,
    *,
    encoder: str = "resnet34",
    in_channels: int = 3,
    channels: Sequence[int] = (16, 32, 64, 128, 256),
    upsample: Upsample = "nearest",
    pretrained: bool = False,
) -> UNetPlusPlus:
    """UNet++ as segmentation-models-pytorch has it: one head.

    Args:
        channels: widths of the last nodes, finest first.
        upsample: how maps are doubled; its `decoder_interpolation`.
    """
    options: dict[str, Any] = {"deep_supervision": False, "pretrained": pretrained}
    network = UNetPlusPlus(num_classes, encoder=encoder, in_channels=in_channels, channels=channels, **options)
    for node in network.modules():
        if isinstance(node, Node):
            node.repeat = Resize(mode=upsample)
    return network


def semseg_pspnet(
    num_classes: int,
    *,
    encoder: str = "resnet50s",
    in_channels: int = 3,
    pretrained: bool = False,
) -> PSPNet:
    """PSPNet as its authors' PyTorch code has it: maps are enlarged so that their corners meet."""
    return corners_meet(PSPNet(num_classes, encoder=encoder, in_channels=in_channels, pretrained=pretrained))


def slim_deeplabv3(
    num_classes: int,
    *,
    encoder: str = "resnet101s",
    in_channels: int = 3,
    output_stride: Literal[8, 16] = 16,
    pretrained: bool = False,
) -> DeepLabV3:
    """DeepLab v3 as its authors' code has it: maps are enlarged so that their corners meet.

    Args:
        output_stride: of the encoder.
    """
    options: dict[str, Any] = {"output_stride": output_stride, "pretrained": pretrained}
    return corners_meet(DeepLabV3(num_classes, encoder=encoder, in_channels=in_channels, **options))


def slim_deeplabv3plus(
    num_classes: int,
    *,
    encoder: str = "xception65",
    in_channels: int = 3,
    output_stride: Literal[8, 16] = 16,
    pretrained: bool = False,
) -> DeepLabV3Plus:
    """DeepLab v3+ as its authors' code has it: maps are enlarged so that their corners meet.

    Args:
        output_stride: of the encoder.
    """
    options: dict[str, Any] = {"output_stride": output_stride, "pretrained": pretrained}
    return corners_meet(DeepLabV3Plus(num_classes, encoder=encoder, in_channels=in_channels, **options))


def matlab_refinenet(
    num_classes: int,
    *,
    encoder: str = "resnet101",
    in_channels: int = 3,
    pretrained: bool = False,
) -> RefineNet:
    """RefineNet as its authors' code has it: four poolings in a chain, and enlargements whose corners meet."""
    options: dict[str, Any] = {"pools": 4, "pretrained": pretrained}
    return corners_meet(RefineNet(num_classes, encoder=encoder, in_channels=in_channels, **options))


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


def hrnet_ocr(
    num_classes: int,
    *,
    encoder: str = "hrnet_w48",
    in_channels: int = 3,
    pretrained: bool = False,
) -> OCR:
    """OCR as HRNet's code has it: maps are enlarged so that their corners meet.

    Args:
        encoder: an HRNet; inside, timm's repeats pixels where theirs interpolates.
    """
    return corners_meet(OCR(num_classes, encoder=encoder, in_channels=in_channels, pretrained=pretrained))


class Variant(NamedTuple):
    """One network of a peer."""

    build: Callable[..., nn.Module]  # (num_classes, *, options) -> network
    model: str  # of the catalogue
    peer: str


VARIANTS: dict[str, Variant] = {
    "torchvision_deeplabv3": Variant(torchvision_deeplabv3, "deeplabv3", "torchvision"),
    "torchvision_lraspp": Variant(torchvision_lraspp, "lraspp", "torchvision"),
    "smp_unetplusplus": Variant(smp_unetplusplus, "unetplusplus", "segmentation-models-pytorch"),
    "smp_linknet": Variant(smp_linknet, "linknet", "segmentation-models-pytorch"),
    "smp_fpn": Variant(smp_fpn, "fpn", "segmentation-models-pytorch"),
    "smp_pspnet": Variant(smp_pspnet, "pspnet", "segmentation-models-pytorch"),
    "smp_upernet": Variant(smp_upernet, "upernet", "segmentation-models-pytorch"),
    "smp_deeplabv3": Variant(smp_deeplabv3, "deeplabv3", "segmentation-models-pytorch"),
    "smp_deeplabv3plus": Variant(smp_deeplabv3plus, "deeplabv3plus", "segmentation-models-pytorch"),
    "semseg_pspnet": Variant(semseg_pspnet, "pspnet", "hszhao/semseg"),
    "slim_deeplabv3": Variant(slim_deeplabv3, "deeplabv3", "tensorflow/models research/deeplab"),
    "slim_deeplabv3plus": Variant(slim_deeplabv3plus, "deeplabv3plus", "tensorflow/models research/deeplab"),
    "matlab_refinenet": Variant(matlab_refinenet, "refinenet", "guosheng/refinenet"),
    "torchseg_bisenet": Variant(torchseg_bisenet, "bisenet", "ycszen/TorchSeg"),
    "hrnet_ocr": Variant(hrnet_ocr, "ocr", "HRNet/HRNet-Semantic-Segmentation"),
}


def build(name: str, num_classes: int, **options: Any) -> nn.Module:
    """The architecture of that name, or a peer's variant of one.

    Args:
        name: of the catalogue (`intarsia models`), or of a variant, such as "smp_pspnet".
        num_classes: how many maps it draws.
        options: keyword arguments of its constructor; the defaults are the paper's, or the peer's.

    Raises: ModelError with the nearest name, for an unknown network or an option that it does not take.
    """
    if name in VARIANTS:
        return construct(name, VARIANTS[name].build, num_classes, options)
    if name not in ARCHITECTURES:
        raise ModelError(f"there is no architecture {name!r}{nearest(name, [*ARCHITECTURES, *VARIANTS])}")
    return build_own(name, num_classes, **options)


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def exchange(network: nn.Module, **parts: nn.Module) -> None:
    """Put these parts in the places of the network's parts of the same names."""
    for name, part in parts.items():
        network.get_submodule(name)  # an AttributeError, if there is none to exchange
        setattr(network, name, part)


def corners_meet(network: Network) -> Network:
    """The network, with every bilinear enlargement aligned at the corners' centers."""
    for module in network.modules():
        if isinstance(module, Resize) and module.mode == "bilinear":
            module.align_corners = True
    return network


def _dilated(
    name: str, levels: tuple[int, ...], stride: int, first: bool, in_channels: int, pretrained: bool
) -> Encoder:
    return Encoder(
        name,
        levels=levels,
        output_stride=stride,
        dilate_first=first,
        in_channels=in_channels,
        pretrained=pretrained,
    )
