"""segmentation-models-pytorch's networks, known by the names of their tensors.

    Unet  UnetPlusPlus  Linknet  FPN  PSPNet  DeepLabV3  DeepLabV3Plus  UPerNet

Its own ResNets have torchvision's names; its encoders called "tu-..." are timm's, whose names are ours already, but the
file does not say which: it is named by `encoder`, or by the config.json that its save_pretrained writes.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...errors import CheckpointError
from .backbones import resnet
from .names import Found, Row, conv_norm, numbers
from .variants import RATES


def pyramid(peer: str, ours: str, separable: bool) -> list[Row]:
    """The rows of an atrous pyramid at `peer`."""
    rows = conv_norm(f"{peer}.convs.0", f"{ours}.look.0")
    for n in (1, 2, 3):
        if separable:
            rows += [
                (f"{peer}.convs.{n}.0.0.*", f"{ours}.look.{n}.depthwise.*"),
                (f"{peer}.convs.{n}.0.1.*", f"{ours}.look.{n}.pointwise.conv.*"),
                (f"{peer}.convs.{n}.1.*", f"{ours}.look.{n}.pointwise.norm.*"),
            ]
        else:
            rows += conv_norm(f"{peer}.convs.{n}", f"{ours}.look.{n}")
    return [*rows, *conv_norm(f"{peer}.convs.4", f"{ours}.glance", 1), *conv_norm(f"{peer}.project", f"{ours}.fuse.0")]


def separable(peer: str, ours: str, first: int = 0) -> list[Row]:
    """The rows of a separable convolution and its norm."""
    return [
        (f"{peer}.{first}.0.*", f"{ours}.depthwise.*"),
        (f"{peer}.{first}.1.*", f"{ours}.pointwise.conv.*"),
        (f"{peer}.{first + 1}.*", f"{ours}.pointwise.norm.*"),
    ]


UNET = [
    *conv_norm("decoder.blocks.{n}.conv1", "decode.{n}.conv.0"),
    *conv_norm("decoder.blocks.{n}.conv2", "decode.{n}.conv.1"),
]
# Node x_i_j ends a row of j - i steps; our columns are counted from the encoder on, our rows from the image on.
UNETPLUSPLUS = [
    row
    for j in range(5)
    for i in range(j + 1 if j < 4 else 1)
    for conv in (1, 2)
    for row in conv_norm(
        f"decoder.blocks.x_{i}_{j}.conv{conv}",
        f"nodes.{j - i}.{3 - j}.convolve.layers.{conv - 1}" if j < 4 else f"finish.convolve.layers.{conv - 1}",
    )
]
LINKNET = [
    row
    for n in range(5)
    for part, step in enumerate(("shrink", "enlarge", "widen"))
    for row in conv_norm(f"decoder.blocks.{n}.block.{part}", f"decode.{n}.{step}" if n < 4 else f"refine.{step}")
]
FPN = [
    ("decoder.p5.*", "lateral.3.*"),
    *((f"decoder.p{n}.skip_conv.*", f"lateral.{n - 2}.*") for n in (4, 3, 2)),
    *(
        row
        for n in range(4)  # theirs begin with the coarsest
        for row in conv_norm(f"decoder.seg_blocks.{n}.block.{{s}}.block", f"branches.{3 - n}.convolve.{{s}}")
    ),
]
PSPNET = [*conv_norm("decoder.psp.blocks.{n}.pool.1", "pool.squeeze.{n}"), *conv_norm("decoder.conv", "fuse")]
UPERNET = [
    ("decoder.feature_norms.{n}.*", "norm.{n}.layer.*"),
    *conv_norm("decoder.psp.blocks.{n}.1", "scene.0.squeeze.{n}"),
    *conv_norm("decoder.psp.out_conv", "scene.1"),
    *(
        row
        for n in range(3)  # theirs begin with the coarsest
        for row in (
            *conv_norm(f"decoder.fpn_lateral_blocks.{n}.conv_norm_relu", f"lateral.{2 - n}"),
            *conv_norm(f"decoder.fpn_conv_blocks.{n}", f"smooth.{2 - n}"),
        )
    ),
    *conv_norm("decoder.fusion_block", "fuse"),
]
DEEPLABV3 = [
    *pyramid("decoder.aspp", "pyramid", separable=False),
    ("decoder.conv.*", "classify.0.conv.*"),
    ("decoder.bn.*", "classify.0.norm.*"),
    *pyramid("decoder.0", "pyramid", separable=False),  # as versions before 0.4 called them
    ("decoder.1.*", "classify.0.conv.*"),
    ("decoder.2.*", "classify.0.norm.*"),
]
DEEPLABV3PLUS = [
    *pyramid("decoder.aspp.0", "pyramid.0", separable=True),
    *separable("decoder.aspp", "pyramid.1", 1),
    *conv_norm("decoder.block1", "reduce"),
    *separable("decoder.block2", "refine.0"),
]
PEERS: list[tuple[str, str, str, list[Row]]] = [  # its name, a tensor that only it has, our name, rows
    ("UPerNet", "decoder.fusion_block.0.weight", "smp_upernet", UPERNET),
    ("PSPNet", "decoder.psp.blocks.0.pool.1.0.weight", "smp_pspnet", PSPNET),
    ("FPN", "decoder.p5.weight", "smp_fpn", FPN),
    ("UnetPlusPlus", "decoder.blocks.x_0_0.conv1.0.weight", "smp_unetplusplus", UNETPLUSPLUS),
    ("Unet", "decoder.blocks.0.conv1.0.weight", "unet", UNET),
    ("Linknet", "decoder.blocks.0.block.0.0.weight", "smp_linknet", LINKNET),
    ("DeepLabV3Plus", "decoder.block1.0.weight", "smp_deeplabv3plus", DEEPLABV3PLUS),
    ("DeepLabV3", "decoder.aspp.convs.0.0.weight", "smp_deeplabv3", DEEPLABV3),
    ("DeepLabV3", "decoder.0.convs.0.0.weight", "smp_deeplabv3", DEEPLABV3),
]
HEADS = {"smp_linknet": "classify.*", "smp_deeplabv3": "classify.1.score.*"}  # of others it is classify.score
ASSUMED = {  # option of ours: the peer's, of which no tensor tells
    "unet": {"upsample": "decoder_interpolation"},
    "smp_unetplusplus": {"upsample": "decoder_interpolation"},
    "smp_fpn": {"upsample": "decoder_interpolation"},
    "smp_deeplabv3": {"output_stride": "encoder_output_stride", "rates": "decoder_atrous_rates"},
    "smp_deeplabv3plus": {"output_stride": "encoder_output_stride", "rates": "decoder_atrous_rates"},
}
LEFT = ("classification_head.*", "a head that names the whole image, which ours does not have")


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The network of segmentation-models-pytorch that these tensors are of; None if they are of another library's.

    Args:
        settings: of the config.json that its save_pretrained writes, where there is one.

    Raises: CheckpointError for an encoder of its own that we do not know.
    """
    score = tensors.get("segmentation_head.0.weight")
    known = next((row for row in PEERS if row[1] in tensors), None)
    if known is None or score is None:
        return None
    peer, _, model, rows = known
    native = not any(key.startswith("encoder.model.") for key in tensors)
    named = str(settings.get("encoder_name", ""))
    encoder = resnet(tensors, "encoder.") if native else named.removeprefix("tu-") or None
    if native and encoder is None:
        raise CheckpointError(
            f"segmentation-models-pytorch's {peer} on an encoder of its own that is not known here"
            f"{f' ({named})' if named else ''}; known are ResNets, their ResNeXt and wide ones, and all that it calls tu-..."
        )
    left = [LEFT]
    options = {**({"encoder": encoder} if encoder else {}), **_options(model, tensors, settings, native)}
    if native and model == "smp_pspnet":  # its encoder carries stages that it does not run
        left += [(f"encoder.layer{n}.*", "a stage that the network does not run") for n in range(options["level"], 5)]
    first = next(t for key, t in tensors.items() if key.startswith("encoder.") and t.dim() == 4)
    head = HEADS.get(model, "classify.score.*")
    return Found(
        peer=f"segmentation-models-pytorch's {peer}",
        model=model,
        num_classes=score.shape[0],
        in_channels=first.shape[1],
        options=options,
        names=[
            *rows,
            ("segmentation_head.0.*", head),
            ("encoder.model.*", "encoder.body.*"),
            ("encoder.*", "encoder.body.*"),
        ],
        left=left,
        change=_feature_first if model == "smp_pspnet" else None,
        assumed=tuple(ours for ours, theirs in ASSUMED.get(model, {}).items() if theirs not in settings),
    )


def _options(model: str, tensors: Mapping[str, Tensor], settings: Mapping[str, Any], native: bool) -> dict[str, Any]:
    """What our network must be told to be theirs: the file's widths, and what theirs does differently."""

    def width(key: str) -> int:
        return tensors[f"{key}.weight"].shape[0]

    upsample = settings.get("decoder_interpolation", "nearest")
    match model:
        case "unet":
            widths = [
                width(f"decoder.blocks.{n}.conv1.0") for n in numbers(tensors, "decoder.blocks.{n}.conv1.0.weight")
            ]
            return {"channels": widths[::-1], "upsample": upsample}
        case "smp_unetplusplus":
            ends = numbers(tensors, "decoder.blocks.x_0_{n}.conv1.0.weight")
            widths = [width(f"decoder.blocks.x_0_{n}.conv1.0") for n in ends]
            return {"channels": widths[::-1], "upsample": upsample}
        case "smp_linknet":
            return {"channels": width("decoder.blocks.4.block.2.0")}
        case "smp_fpn":
            branch = width("decoder.seg_blocks.0.block.0.block.0")
            if branch % 128:
                raise CheckpointError(
                    f"segmentation-models-pytorch's FPN with branches of {branch} channels, which it norms in 32 groups; our "
                    "groups have four channels or more, so that only multiples of 128 give the same answer"
                )
            return {"channels": width("decoder.p5"), "branch": branch, "upsample": upsample}
        case "smp_pspnet":
            pooled = tensors["decoder.conv.0.weight"].shape[1] // 2
            level = next(
                (n for n in (3, 4, 5) if native and _deep(tensors, n) == pooled), settings.get("encoder_depth", 3)
            )
            return {"level": level, "channels": width("decoder.conv.0")}
        case "smp_upernet":
            return {"channels": width("decoder.fusion_block.0")}
    stride = settings.get("encoder_output_stride", 8 if model == "smp_deeplabv3" else 16)
    rates = tuple(settings.get("decoder_atrous_rates", RATES))
    shared = {"output_stride": stride, "dilate_first": native, "rates": rates}
    if model == "smp_deeplabv3":
        pool = next(key for key in tensors if key.endswith("convs.0.0.weight"))
        return {**shared, "channels": tensors[pool].shape[0]}
    return {**shared, "channels": width("decoder.aspp.0.convs.0.0"), "detail": width("decoder.block1.0")}


def _deep(tensors: Mapping[str, Tensor], level: int) -> int:
    """Channels of the feature of that level, of one of its own ResNets."""
    block = f"encoder.layer{level - 1}.0"
    return tensors.get(f"{block}.conv3.weight", tensors[f"{block}.conv2.weight"]).shape[0]


def _feature_first(name: str, tensor: Tensor) -> Tensor:
    """PSPNet's fusing kernel for a feature that lies before its averages; theirs lies behind them."""
    if name != "fuse.conv.weight":
        return tensor
    averages, feature = tensor.chunk(2, dim=1)
    return torch.cat([feature, averages], dim=1)
