"""mmsegmentation's networks that attend: EncNet, PSANet, DANet, CCNet, EMANet and APCNet."""

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any, NamedTuple

from torch import Tensor

from ...errors import CheckpointError
from .mmsegmentation import HEAD, NO_SIDE, SCORES, SIDE, backbone, pairs
from .names import Found, Row, numbers

AUXILIARY = "auxiliary_head.convs.0.conv.weight"
FIRST: list[Row] = [
    *pairs(f"{HEAD}.convs.0", "reduce"),
    *pairs(f"{HEAD}.convs.1", "smooth"),
    *pairs(f"{HEAD}.conv_cat", "fuse"),
]


def compared(theirs: str, ours: str, word: str) -> list[Row]:
    """The rows of an attention's query, key and value, and of its gain."""
    parts = (
        (f"query_{word}.*", "ask.*"),
        (f"key_{word}.*", "answer.*"),
        (f"value_{word}.*", "tell.*"),
        ("gamma.scale", "gain"),
    )
    return [(f"{theirs}.{a}", f"{ours}.{b}") for a, b in parts]


class Kind(NamedTuple):
    """One of its heads."""

    peer: str
    marker: str  # a tensor that only it has
    model: str
    rows: Sequence[Row]


KINDS: tuple[Kind, ...] = (
    Kind("EncNet", f"{HEAD}.enc_module.encoding.0.codewords", "mmseg_encnet", [
        *pairs(f"{HEAD}.bottleneck", "reduce"), *pairs(f"{HEAD}.lateral_convs.{{n}}", "narrow.{n}"),
        *pairs(f"{HEAD}.fusion", "fuse"), *pairs(f"{HEAD}.enc_module.encoding_project", "encode.0"),
        (f"{HEAD}.enc_module.encoding.0.*", "encode.1.*"), (f"{HEAD}.enc_module.encoding.1.*", "encode.2.*"),
        (f"{HEAD}.enc_module.fc.0.*", "weigh.0.*"), (f"{HEAD}.se_layer.*", "tell.*"),
    ]),
    Kind("PSANet", f"{HEAD}.attention.1.weight", "mmseg_psanet", [
        *(row for n, theirs in enumerate(("", "_p")) for row in (
            *pairs(f"{HEAD}.reduce{theirs}", f"reduce.{n}"), *pairs(f"{HEAD}.attention{theirs}.0", f"attend.{n}.draw.0"),
            (f"{HEAD}.attention{theirs}.1.*", f"attend.{n}.draw.1.*"))),
        *pairs(f"{HEAD}.proj", "project"), *pairs(f"{HEAD}.bottleneck", "fuse"),
    ]),
    Kind("DANet", f"{HEAD}.pam_in_conv.conv.weight", "mmseg_danet", [
        *pairs(f"{HEAD}.pam_in_conv", "places.0"), *compared(f"{HEAD}.pam", "places.1", "project"),
        *pairs(f"{HEAD}.pam_out_conv", "places.2"), (f"{HEAD}.pam_conv_seg.*", "auxiliary.0.score.*"),
        *pairs(f"{HEAD}.cam_in_conv", "kinds.0"), (f"{HEAD}.cam.gamma.scale", "kinds.1.gain"),
        *pairs(f"{HEAD}.cam_out_conv", "kinds.2"), (f"{HEAD}.cam_conv_seg.*", "auxiliary.1.score.*"),
    ]),
    Kind("CCNet", f"{HEAD}.cca.query_conv.weight", "mmseg_ccnet", [*FIRST, *compared(f"{HEAD}.cca", "attend", "conv")]),
    Kind("EMANet", f"{HEAD}.ema_module.bases", "mmseg_emanet", [
        *pairs(f"{HEAD}.ema_in_conv", "attend.reduce"), (f"{HEAD}.ema_module.bases", "attend.attend.bases"),
        (f"{HEAD}.ema_mid_conv.conv.*", "attend.attend.before.*"), (f"{HEAD}.ema_out_conv.conv.*", "attend.attend.behind.0.*"),
        (f"{HEAD}.ema_out_conv.bn.*", "attend.attend.behind.1.*"), *pairs(f"{HEAD}.bottleneck", "attend.smooth"),
        *pairs(f"{HEAD}.conv_cat", "attend.fuse"),
    ]),
    Kind("APCNet", f"{HEAD}.acm_modules.0.gla.weight", "mmseg_apcnet", [
        *(row for theirs, ours in (("input_redu_conv", "reduce"), ("pooled_redu_conv", "reduce_cells"), ("global_info", "glance"),
                                   ("residual_conv", "project"), ("fusion_conv", "fuse"))
          for row in pairs(f"{HEAD}.acm_modules.{{n}}.{theirs}", f"adapt.{{n}}.{ours}")),
        (f"{HEAD}.acm_modules.{{n}}.gla.*", "adapt.{n}.draw.*"), *pairs(f"{HEAD}.bottleneck", "fuse"),
    ]),
)  # fmt: skip


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The network of mmsegmentation that these tensors are of; None if they are of another one.

    Args:
        settings: a config.json's; mmsegmentation writes none.

    Raises: CheckpointError for a backbone or a form that is not known here.
    """
    kind = next((kind for kind in KINDS if kind.marker in tensors), None)
    score = tensors.get(f"{HEAD}.conv_seg.weight")
    if kind is None or score is None or not any(key.startswith("backbone.") for key in tensors):
        return None
    encoder, rows, first = backbone(kind.peer, tensors)
    side = kind.model != "mmseg_danet" and kind.model != "mmseg_emanet" and AUXILIARY in tensors
    options = {"encoder": encoder, "output_stride": 8, "align_corners": False, **_options(kind, tensors)}
    if "auxiliary" not in options:
        options["auxiliary"] = len(tensors[AUXILIARY]) if side else 0
    return Found(
        peer=f"mmsegmentation's {kind.peer}",
        model=kind.model,
        num_classes=len(score),
        in_channels=first.shape[1],
        options={key: value for key, value in options.items() if value is not None},
        names=[*kind.rows, *SCORES, *(SIDE if side else []), *rows],
        left=[*([] if side else [NO_SIDE]), ("data_preprocessor.*", "numbers that our checkpoint has of its own")],
        change=_shaped,
        assumed=(
            "output_stride",
            "align_corners",
            *(["passes"] if kind.peer == "CCNet" else ["rounds"] if kind.peer == "EMANet" else []),
        ),
    )


def _options(kind: Kind, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """What our network must be given to be theirs; `auxiliary` only where it is no width.

    Raises: CheckpointError for a form that is not known here.
    """

    def width(key: str) -> int:
        return len(tensors[f"{HEAD}.{key}.weight"])

    match kind.peer:
        case "EncNet":
            return {
                "channels": width("bottleneck.conv"),
                "codewords": len(tensors[kind.marker]),
                "lateral": f"{HEAD}.fusion.conv.weight" in tensors,
                "presence": f"{HEAD}.se_layer.weight" in tensors,
            }
        case "PSANet":
            if f"{HEAD}.attention_p.1.weight" not in tensors:
                raise CheckpointError(
                    "mmsegmentation's PSANet of one direction is not known here; known is the one that collects and distributes"
                )
            return {"channels": width("reduce.conv"), "window": (isqrt(width("attention.1")),) * 2}
        case "DANet":
            channels = width("pam_in_conv.conv")
            return {"channels": channels, "narrow": channels // width("pam.query_project"), "auxiliary": None}
        case "CCNet":
            return {"channels": width("convs.0.conv"), "passes": 2}
        case "EMANet":
            if f"{HEAD}.conv_cat.conv.weight" not in tensors:
                raise CheckpointError(
                    "mmsegmentation's EMANet with concat_input=False is not known here; known is the one that puts what came beside"
                )
            bases = tensors[kind.marker].shape[2]
            widths = {"channels": width("ema_in_conv.conv"), "width": width("bottleneck.conv")}
            return {**widths, "bases": bases, "rounds": 3, "auxiliary": None}
    if f"{HEAD}.acm_modules.0.fusion_conv.conv.weight" not in tensors:
        raise CheckpointError(
            "mmsegmentation's APCNet with fusion=False is not known here; known is the one that fuses"
        )
    modules = numbers(tensors, f"{HEAD}.acm_modules.{{n}}.gla.weight")
    return {"channels": width("bottleneck.conv"), "bins": tuple(isqrt(width(f"acm_modules.{n}.gla")) for n in modules)}


def _shaped(name: str, tensor: Tensor) -> Tensor:
    """A gain as a list of one number, and bases without an image."""
    if name.endswith(".gain"):
        return tensor.reshape(1)
    return tensor.squeeze(0) if name.endswith(".bases") else tensor
