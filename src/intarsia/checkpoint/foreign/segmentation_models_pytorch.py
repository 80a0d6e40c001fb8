"""segmentation-models-pytorch's networks, known by the names of their tensors.

    Unet  UnetPlusPlus  MAnet  Linknet  FPN  PSPNet  PAN  DeepLabV3  DeepLabV3Plus  UPerNet  Segformer      (DPT: dpt.py)

smp_encoders.py knows its own encoders. Those called "tu-..." are timm's, whose names are ours already, but the file does not
say which: it is named by `encoder`, or by the config.json that its save_pretrained writes.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...encoders import levels_of
from ...errors import CheckpointError
from .names import Found, Row, numbers
from .smp_decoders import (
    DEEPLABV3,
    DEEPLABV3PLUS,
    FPN,
    PSPNET,
    SEGFORMER,
    UPERNET,
    linknet,
    manet,
    pan,
    unet,
    unetplusplus,
)
from .smp_encoders import Known, level_of, own_encoder, refuse_encoder, timm_name, unused
from .variants import RATES

PEERS: list[tuple[str, str, str, Any]] = [  # its name, a tensor that only it has, our name, rows, or what makes them
    ("UPerNet", "decoder.fusion_block.0.weight", "smp_upernet", UPERNET),
    ("PSPNet", "decoder.psp.blocks.0.pool.1.0.weight", "smp_pspnet", PSPNET),
    ("FPN", "decoder.p5.weight", "smp_fpn", FPN),
    ("UnetPlusPlus", "decoder.blocks.x_0_0.conv1.0.weight", "smp_unetplusplus", unetplusplus),
    ("MAnet", "decoder.center.top_conv.weight", "smp_manet", manet),
    ("Unet", "decoder.blocks.0.conv1.0.weight", "unet", unet),
    ("Linknet", "decoder.blocks.0.block.0.0.weight", "smp_linknet", linknet),
    ("PAN", "decoder.fpa.mid.0.conv.weight", "smp_pan", pan),
    ("Segformer", "decoder.mlp_stage.0.linear.weight", "smp_segformer", SEGFORMER),
    ("DeepLabV3Plus", "decoder.block1.0.weight", "smp_deeplabv3plus", DEEPLABV3PLUS),
    ("DeepLabV3", "decoder.aspp.convs.0.0.weight", "smp_deeplabv3", DEEPLABV3),
    ("DeepLabV3", "decoder.0.convs.0.0.weight", "smp_deeplabv3", DEEPLABV3),
]
HEADS = {"smp_linknet": "classify.*", "smp_deeplabv3": "classify.1.score.*"}  # of others it is classify.score
STRIDE = {"output_stride": "encoder_output_stride"}
ASSUMED = {  # option of ours: the peer's, of which no tensor tells
    "unet": {"upsample": "decoder_interpolation"},
    "smp_unet": {"upsample": "decoder_interpolation"},
    "smp_unetplusplus": {"upsample": "decoder_interpolation"},
    "smp_manet": {"upsample": "decoder_interpolation"},
    "smp_fpn": {"upsample": "decoder_interpolation"},
    "smp_pan": {**STRIDE, "upsample": "decoder_interpolation"},
    "smp_deeplabv3": {**STRIDE, "rates": "decoder_atrous_rates"},
    "smp_deeplabv3plus": {**STRIDE, "rates": "decoder_atrous_rates"},
}
STEPPED = (
    "unet",
    "smp_unet",
    "smp_manet",
    "smp_linknet",
)  # climb through stride 2, which some encoders of timm have not
LEFT: Row = ("classification_head.*", "a head that names the whole image, which ours does not have")


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The network of segmentation-models-pytorch that these tensors are of; None if they are of another library's.

    Args:
        settings: of the config.json that its save_pretrained writes, where there is one.

    Raises: CheckpointError for an encoder of its own or an option that we do not know.
    """
    score = tensors.get("segmentation_head.0.weight")
    row = next((row for row in PEERS if row[1] in tensors), None)
    if row is None or score is None:
        return None
    peer, _, model, rows = row
    if model != "smp_fpn" and not any(k.startswith("decoder.") and k.endswith("running_mean") for k in tensors):
        raise CheckpointError(
            f'segmentation-models-pytorch\'s {peer} with another decoder_use_norm than "batchnorm", which is not known here'
        )
    native = not any(key.startswith("encoder.model.") for key in tensors)
    named = str(settings.get("encoder_name", ""))
    empty = model in STEPPED and _skips_stride_2(tensors, model, "" if native else timm_name(named))
    ours = "encoder.body.body." if empty else "encoder.body."
    known = (
        own_encoder(tensors, "encoder.", ours)
        if native
        else Known(timm_name(named), [("encoder.model.*", f"{ours}*")], [])
    )
    if known is None:
        raise refuse_encoder(peer, named)
    depth = _depth(model, tensors, settings, known.encoder)
    options = _options(model, tensors, settings, native, depth, empty)
    if model == "unet" and options.keys() & {"depth", "center", "attention"}:
        model = "smp_unet"
    left = [LEFT, *known.left]
    if model == "smp_unetplusplus":
        left.append(("decoder.center.*", "two convolutions that the network does not run"))
    if native and depth < 5:  # its encoder carries stages that it does not run
        levels = tuple(n for n in levels_of(known.encoder) if 1 <= n <= depth)
        left += unused(tensors, known, "encoder.", levels[-1:], ours)
    if options.get("attention") is True:  # it has weights for the last block, too, which has no skip
        last = f"x_0_{depth - 1}" if model == "smp_unetplusplus" else depth - 1
        left.append((f"decoder.blocks.{last}.attention1.*", "weights of a skip that is not there"))
    first = next(t for key, t in tensors.items() if key.startswith("encoder.") and t.dim() == 4)
    decoder = rows(depth, options.get("attention") is True) if callable(rows) else rows
    if model == "smp_segformer":  # theirs begins with the coarsest
        maps = len(numbers(tensors, "decoder.mlp_stage.{n}.linear.weight"))
        decoder = [*decoder, *((f"decoder.mlp_stage.{n}.linear.*", f"project.{maps - 1 - n}.*") for n in range(maps))]
    if options.get("merge") == "cat":
        decoder = [(a, _within(b)) for a, b in decoder]
    return Found(
        peer=f"segmentation-models-pytorch's {peer}",
        model=model,
        num_classes=score.shape[0],
        in_channels=first.shape[1],
        options={**({"encoder": known.encoder} if known.encoder else {}), **options},
        names=[*decoder, ("segmentation_head.0.*", HEADS.get(model, "classify.score.*")), *known.rows],
        left=left,
        change=CHANGES.get(model),
        assumed=tuple(ours for ours, theirs in ASSUMED.get(model, {}).items() if theirs not in settings),
    )


def _within(ours: str) -> str:
    """The name of a branch's tensor, where the branch stands within one that gives it its place among the others."""
    parts = ours.split(".")
    return ".".join([*parts[:2], "branch", *parts[2:]]) if parts[0] == "branches" else ours


def _skips_stride_2(tensors: Mapping[str, Tensor], model: str, encoder: str) -> bool:
    """Whether the block that climbs to stride 2 has no skip beside it."""
    if model == "smp_linknet":  # its widths do not tell
        starts = ("encoder.model.stem_0.weight", "encoder.model.patch_embed.proj.weight")  # of ConvNeXt, of Swin
        return 1 not in levels_of(encoder) if encoder else any(key in tensors for key in starts)
    blocks = numbers(tensors, "decoder.blocks.{n}.conv1.0.weight")
    if len(blocks) < 2:
        return False
    n = blocks[-2]
    if model == "smp_manet":
        return f"decoder.blocks.{n}.hl_conv.0.0.weight" not in tensors
    center = tensors.get("decoder.center.0.0.weight")
    if n == 0:
        return False
    return center is None and tensors[f"decoder.blocks.{n}.conv1.0.weight"].shape[1] == len(
        tensors[f"decoder.blocks.{n - 1}.conv2.0.weight"]
    )


def _depth(model: str, tensors: Mapping[str, Tensor], settings: Mapping[str, Any], encoder: str) -> int:
    """How many times the encoder halves the image."""
    told = int(settings.get("encoder_depth", 3 if model == "smp_pspnet" else 5))
    match model:
        case "unet" | "smp_manet":
            return len(numbers(tensors, "decoder.blocks.{n}.conv1.0.weight"))
        case "smp_unetplusplus":
            return len(numbers(tensors, "decoder.blocks.x_0_{n}.conv1.0.weight"))
        case "smp_linknet":
            return len(numbers(tensors, "decoder.blocks.{n}.block.0.0.weight"))
        case "smp_pan":
            return len(numbers(tensors, "decoder.gau{n}.conv2.conv.weight")) + 2
        case "smp_upernet":
            return len(numbers(tensors, "decoder.feature_norms.{n}.weight")) + 1
        case "smp_segformer":
            maps = len(numbers(tensors, "decoder.mlp_stage.{n}.linear.weight"))
            return maps if encoder and 1 in levels_of(encoder) else maps + 1
        case "smp_fpn":
            seen = tensors["decoder.p5.weight"].shape[1]
        case "smp_pspnet":
            seen = tensors["decoder.conv.0.weight"].shape[1] // 2
        case _:
            seen = next(t for key, t in tensors.items() if key.endswith("convs.0.0.weight")).shape[1]
    return level_of(encoder, seen, told) if encoder else told


def _options(
    model: str, tensors: Mapping[str, Tensor], settings: Mapping[str, Any], native: bool, depth: int, empty: bool
) -> dict[str, Any]:
    """What our network must be given to be theirs: the file's widths, and what theirs does differently."""

    def width(key: str) -> int:
        return tensors[f"{key}.weight"].shape[0]

    upsample = settings.get("decoder_interpolation", "bilinear" if model == "smp_pan" else "nearest")
    deep: dict[str, Any] = {} if depth == 5 else {"depth": depth}
    scse = {"attention": True} if any(".attention.cSE." in key for key in tensors) else {}
    center = {"center": True} if model == "unet" and "decoder.center.0.0.weight" in tensors else {}
    match model:
        case "unet" | "smp_manet" | "smp_unetplusplus":
            row = "x_0_" if model == "smp_unetplusplus" else ""
            widths = [width(f"decoder.blocks.{row}{n}.conv1.0") for n in range(depth)]
            chosen = {"channels": widths[::-1], "upsample": upsample, **deep, **scse, **center}
            if model == "smp_manet":
                chosen["attention"] = width("decoder.center.top_conv")
            elif model == "unet" and empty:
                chosen["depth"] = depth
            return chosen
        case "smp_linknet":
            return {
                "channels": width(f"decoder.blocks.{depth - 1}.block.2.0"),
                **deep,
                **({"stepped": True} if empty else {}),
            }
        case "smp_fpn":
            branch = width("decoder.seg_blocks.0.block.0.block.0")
            merged = {"merge": "cat"} if tensors["segmentation_head.0.weight"].shape[1] == 4 * branch else {}
            return {"channels": width("decoder.p5"), "branch": branch, "upsample": upsample, **deep, **merged}
        case "smp_pspnet":
            return {"level": depth, "channels": width("decoder.conv.0")}
        case "smp_upernet":
            if depth < 5:
                raise CheckpointError(
                    f"segmentation-models-pytorch's UPerNet with encoder_depth={depth}, which is not known here; 5 is"
                )
            return {"channels": width("decoder.fusion_block.0")}
        case "smp_segformer":
            return {"channels": width("decoder.fuse_stage.0"), **deep}
    stride = settings.get("encoder_output_stride", 8 if model == "smp_deeplabv3" else 16)
    dilated = {"output_stride": stride, "dilate_first": native}
    if model == "smp_pan":
        return {**dilated, "channels": width("decoder.fpa.mid.0.conv"), "upsample": upsample, **deep}
    shared = {
        **dilated,
        "rates": tuple(settings.get("decoder_atrous_rates", RATES)),
        **({"level": depth} if deep else {}),
    }
    if model == "smp_deeplabv3":
        pool = next(key for key in tensors if key.endswith("convs.0.0.weight"))
        return {**shared, "channels": tensors[pool].shape[0]}
    return {**shared, "channels": width("decoder.aspp.0.convs.0.0"), "detail": width("decoder.block1.0")}


def _feature_first(name: str, tensor: Tensor) -> Tensor:
    """PSPNet's fusing kernel for a feature that lies before its averages; theirs lies behind them."""
    if name != "fuse.conv.weight":
        return tensor
    averages, feature = tensor.chunk(2, dim=1)
    return torch.cat([feature, averages], dim=1)


def _kernels(name: str, tensor: Tensor) -> Tensor:
    """Linear layers over pixels as 1x1 convolutions."""
    return tensor[:, :, None, None] if name.startswith("project.") and tensor.dim() == 2 else tensor


CHANGES = {"smp_pspnet": _feature_first, "smp_segformer": _kernels}
