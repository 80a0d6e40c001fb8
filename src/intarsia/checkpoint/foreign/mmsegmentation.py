"""mmsegmentation's networks (0.x and 1.x), known by the names of their tensors, and transformers' UPerNet, which has them.

    FCN  PSPNet  DeepLabV3  DeepLabV3+  UPerNet  Semantic FPN  OCRNet      on ResNet (v1b, v1c), HRNet, ConvNeXt

Its own files begin with `backbone.`, `neck.`, `decode_head.` and `auxiliary_head.`; a head ends in `conv_seg`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...errors import CheckpointError
from .backbones import resnet
from .names import Found, Row, numbers

BODY = "encoder.body."
DEEP = {(3, 4, 6, 3): "resnet50c", (3, 4, 23, 3): "resnet101c", (3, 8, 36, 3): "resnet152c"}
HRNETS = {
    (18, 2): "hrnet_w18_small_v2",
    (18, 4): "hrnet_w18",
    (48, 4): "hrnet_w48",
    (32, 4): "hrnet_w32",
    (40, 4): "hrnet_w40",
}
CONVNEXTS = {
    (96, 9): "convnext_tiny", (96, 27): "convnext_small", (128, 27): "convnext_base", (192, 27): "convnext_large",
    (256, 27): "convnext_xlarge",
}  # fmt: skip
STEM: list[Row] = [
    *((f"backbone.stem.{theirs}.*", f"{BODY}{ours}.*")
      for theirs, ours in ((0, "conv1.0"), (1, "conv1.1"), (3, "conv1.3"), (4, "conv1.4"), (6, "conv1.6"), (7, "bn1"))),
    ("backbone.layer*", f"{BODY}layer*"),
]  # fmt: skip
CONVNEXT: list[Row] = [
    ("backbone.downsample_layers.0.{n}.*", f"{BODY}stem_{{n}}.*"),
    ("backbone.downsample_layers.{s}.{n}.*", f"{BODY}stages_{{s}}.downsample.{{n}}.*"),
    *((f"backbone.stages.{{s}}.{{n}}.{theirs}", f"{BODY}stages_{{s}}.blocks.{{n}}.{ours}")
      for theirs, ours in (("gamma", "gamma"), ("depthwise_conv.*", "conv_dw.*"), ("dwconv.*", "conv_dw.*"),
                           ("norm.*", "norm.*"), ("pointwise_conv1.*", "mlp.fc1.*"), ("pwconv1.*", "mlp.fc1.*"),
                           ("pointwise_conv2.*", "mlp.fc2.*"), ("pwconv2.*", "mlp.fc2.*"))),
    ("backbone.norm{n}.*", "norm.{n}.layer.*"),
]  # fmt: skip
TRANSFORMERS: list[Row] = [
    ("backbone.embeddings.patch_embeddings.*", f"{BODY}stem_0.*"), ("backbone.embeddings.layernorm.*", f"{BODY}stem_1.*"),
    ("backbone.encoder.stages.{s}.downsampling_layer.{n}.*", f"{BODY}stages_{{s}}.downsample.{{n}}.*"),
    *((f"backbone.encoder.stages.{{s}}.layers.{{n}}.{theirs}", f"{BODY}stages_{{s}}.blocks.{{n}}.{ours}")
      for theirs, ours in (("layer_scale_parameter", "gamma"), ("dwconv.*", "conv_dw.*"), ("layernorm.*", "norm.*"),
                           ("pwconv1.*", "mlp.fc1.*"), ("pwconv2.*", "mlp.fc2.*"))),
    *((f"backbone.hidden_states_norms.stage{n + 1}.*", f"norm.{n}.layer.*") for n in range(4)),
]  # fmt: skip


def pairs(theirs: str, ours: str, first: str = "conv", second: str = "bn") -> list[Row]:
    """The rows of a convolution and its norm."""
    return [(f"{theirs}.{first}.*", f"{ours}.conv.*"), (f"{theirs}.{second}.*", f"{ours}.norm.*"),
            (f"{theirs}.batch_norm.*", f"{ours}.norm.*")]  # fmt: skip


def separable(theirs: str, ours: str) -> list[Row]:
    """The rows of a depthwise and a pointwise convolution, each with its norm."""
    return [
        *pairs(f"{theirs}.depthwise_conv", f"{ours}.depthwise"),
        *pairs(f"{theirs}.pointwise_conv", f"{ours}.pointwise"),
    ]


HEAD = "decode_head"
PYRAMID = [*pairs(f"{HEAD}.image_pool.1", "pyramid.glance"), *pairs(f"{HEAD}.bottleneck", "pyramid.fuse.0")]
UPERNET = [
    *pairs(f"{HEAD}.psp_modules.{{n}}.1", "scene.0.squeeze.{n}"), *pairs(f"{HEAD}.bottleneck", "scene.1"),
    *pairs(f"{HEAD}.lateral_convs.{{n}}", "lateral.{n}"), *pairs(f"{HEAD}.fpn_convs.{{n}}", "smooth.{n}"),
    *pairs(f"{HEAD}.fpn_bottleneck", "fuse"),
]  # fmt: skip
BLOCK = f"{HEAD}.1.object_context_block"


class Kind(NamedTuple):
    """One of its heads."""

    peer: str
    marker: str  # a tensor that only it has
    model: str
    rows: Sequence[Row]


KINDS: tuple[Kind, ...] = (
    Kind("OCRNet", f"{HEAD}.1.object_context_block.bottleneck.conv.weight", "interpolated_ocr", [
        *pairs(f"{HEAD}.0.convs.0", "find.0"), (f"{HEAD}.0.conv_seg.*", "find.1.score.*"),
        *pairs(f"{HEAD}.1.bottleneck", "reduce"), *pairs(f"{BLOCK}.query_project.{{n}}", "context.ask.{n}"),
        *pairs(f"{BLOCK}.key_project.{{n}}", "context.answer.{n}"), *pairs(f"{BLOCK}.value_project", "context.tell"),
        *pairs(f"{BLOCK}.out_project", "context.widen"), *pairs(f"{BLOCK}.bottleneck", "context.fuse.0"),
        (f"{HEAD}.1.conv_seg.*", "classify.score.*"),
    ]),
    Kind("UPerNet", f"{HEAD}.fpn_bottleneck.conv.weight", "mmseg_upernet", UPERNET),
    Kind("Semantic FPN", f"{HEAD}.scale_heads.0.0.conv.weight", "fpn", [
        ("neck.lateral_convs.{n}.conv.*", "lateral.{n}.*"), ("neck.fpn_convs.{n}.conv.*", "smooth.{n}.*"),
        *(row for n in range(4) for k in range(3)
          for row in pairs(f"{HEAD}.scale_heads.{n}.{2 * k}", f"branches.{n}.convolve.{k}")),
    ]),
    Kind("PSPNet", f"{HEAD}.psp_modules.0.1.conv.weight", "mmseg_pspnet", [
        *pairs(f"{HEAD}.psp_modules.{{n}}.1", "pool.squeeze.{n}"), *pairs(f"{HEAD}.bottleneck", "fuse"),
    ]),
    Kind("DeepLabV3+", f"{HEAD}.c1_bottleneck.conv.weight", "mmseg_deeplabv3plus", [
        *PYRAMID, *pairs(f"{HEAD}.aspp_modules.0", "pyramid.look.0"),
        *(row for n in (1, 2, 3) for row in separable(f"{HEAD}.aspp_modules.{n}", f"pyramid.look.{n}")),
        *pairs(f"{HEAD}.c1_bottleneck", "reduce"), *separable(f"{HEAD}.sep_bottleneck.{{n}}", "refine.{n}"),
    ]),
    Kind("DeepLabV3", f"{HEAD}.aspp_modules.0.conv.weight", "mmseg_deeplabv3", [
        *PYRAMID, *pairs(f"{HEAD}.aspp_modules.{{n}}", "pyramid.look.{n}"),
    ]),
    Kind("FCN", f"{HEAD}.conv_cat.conv.weight", "mmseg_fcn", [
        *pairs(f"{HEAD}.convs.{{n}}", "convolve.convolve.{n}"), *pairs(f"{HEAD}.conv_cat", "convolve.fuse"),
    ]),
    Kind("HRNet", f"{HEAD}.convs.0.conv.weight", "interpolated_hrnet", pairs(f"{HEAD}.convs.0", "fuse")),
)  # fmt: skip
SCORES: list[Row] = [(f"{HEAD}.conv_seg.*", "classify.score.*"), (f"{HEAD}.classifier.*", "classify.score.*")]
SIDE: list[Row] = [
    *pairs("auxiliary_head.convs.0", "auxiliary.0"), ("auxiliary_head.conv_seg.*", "auxiliary.1.score.*"),
    ("auxiliary_head.classifier.*", "auxiliary.1.score.*"),
]  # fmt: skip
NO_SIDE: Row = ("auxiliary_head.*", "a head for training that ours has not")
CORNERS = ("interpolated_ocr", "interpolated_hrnet", "mmseg_pspnet", "mmseg_deeplabv3", "mmseg_deeplabv3plus")
DILATED = ("mmseg_fcn", "mmseg_pspnet", "mmseg_deeplabv3", "mmseg_deeplabv3plus")


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The network of mmsegmentation that these tensors are of; None if they are of another library's.

    Args:
        settings: a config.json's, which transformers writes.

    Raises: CheckpointError for a backbone that we do not know.
    """
    kind = next((kind for kind in KINDS if kind.marker in tensors), None)
    score = next((tensors[k] for k in (f"{HEAD}.conv_seg.weight", f"{HEAD}.classifier.weight", f"{HEAD}.1.conv_seg.weight")
                  if k in tensors), None)  # fmt: skip
    if kind is None or score is None or not any(key.startswith("backbone.") for key in tensors):
        return None
    encoder, rows, first = backbone(kind.peer, tensors)
    model = kind.model
    options: dict[str, Any] = {"encoder": encoder, **_options(model, tensors)}
    side = "auxiliary" in options and bool(options["auxiliary"])
    library = "transformers" if "backbone.embeddings.patch_embeddings.weight" in tensors else "mmsegmentation"
    return Found(
        peer=f"{library}'s {kind.peer}",
        model=model,
        num_classes=len(score),
        in_channels=first.shape[1],
        options=options,
        names=[*kind.rows, *SCORES, *(SIDE if side else []), *rows],
        left=[*([] if side else [NO_SIDE]), ("data_preprocessor.*", "numbers that our checkpoint has of its own")],
        change=_averages_last if model in ("mmseg_deeplabv3", "mmseg_deeplabv3plus") else None,
        assumed=tuple(key for key in ("output_stride", "rates", "multi_grid", "align_corners") if key in options),
    )


def _options(model: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """What our network must be given to be theirs."""

    def width(key: str) -> int:
        return len(tensors[f"{HEAD}.{key}.weight"])

    side = "auxiliary_head.convs.0.conv.weight"
    options: dict[str, Any] = {"align_corners": False} if model in CORNERS else {}
    if model in DILATED:
        options["output_stride"] = 8
    match model:
        case "mmseg_upernet":
            norm = any(k.startswith(("backbone.norm3.", "backbone.hidden_states_norms.")) for k in tensors)
            return {
                "channels": width("fpn_bottleneck.conv"),
                "auxiliary": len(tensors[side]) if side in tensors else 0,
                "norm": norm,
            }
        case "fpn":
            return {
                "channels": len(tensors["neck.lateral_convs.0.conv.weight"]),
                "branch": width("scale_heads.0.0.conv"),
                "norm": "batch",
            }
        case "interpolated_ocr":
            return {
                **options,
                "doubled": True,
                "channels": width("1.bottleneck.conv"),
                "width": width("1.object_context_block.value_project.conv"),
            }
        case "interpolated_hrnet":
            return {**options, "doubled": True}
        case "mmseg_fcn":
            return {**options, "channels": width("conv_cat.conv"), "auxiliary": side in tensors}
        case "mmseg_pspnet":
            return {**options, "channels": width("bottleneck.conv"), "auxiliary": side in tensors}
        case "mmseg_deeplabv3":
            return {**options, "channels": width("bottleneck.conv"), "rates": (12, 24, 36), "multi_grid": None}
    return {
        **options,
        "channels": width("bottleneck.conv"),
        "detail": width("c1_bottleneck.conv"),
        "rates": (12, 24, 36),
    }


def backbone(peer: str, tensors: Mapping[str, Tensor]) -> tuple[str, Sequence[Row], Tensor]:
    """The encoder's name, the rows of its tensors, and its first kernel.

    Raises: CheckpointError for one that is not known here, which names `peer`, the network.
    """
    if "backbone.stage4.0.branches.0.0.conv1.weight" in tensors:
        width = len(tensors["backbone.stage4.0.branches.0.0.conv1.weight"])
        blocks = len(numbers(tensors, "backbone.stage4.0.branches.0.{n}.conv1.weight"))
        if name := HRNETS.get((width, blocks)):
            return name, [("backbone.*", f"{BODY}*")], tensors["backbone.conv1.weight"]
    elif "backbone.stem.6.weight" in tensors:
        stages = tuple(len(numbers(tensors, f"backbone.layer{n}.{{n}}.conv3.weight")) for n in (1, 2, 3, 4))
        if name := DEEP.get(stages):  # type: ignore[arg-type]
            return name, STEM, tensors["backbone.stem.0.weight"]
    elif "backbone.downsample_layers.0.0.weight" in tensors:
        first = tensors["backbone.downsample_layers.0.0.weight"]
        if name := CONVNEXTS.get((len(first), len(numbers(tensors, "backbone.stages.2.{n}.gamma")))):
            return name, CONVNEXT, first
    elif "backbone.embeddings.patch_embeddings.weight" in tensors:
        first = tensors["backbone.embeddings.patch_embeddings.weight"]
        blocks = len(numbers(tensors, "backbone.encoder.stages.2.layers.{n}.layer_scale_parameter"))
        if name := CONVNEXTS.get((len(first), blocks)):
            return name, TRANSFORMERS, first
    elif name := resnet(tensors, "backbone.") or "":
        return name, [("backbone.*", f"{BODY}*")], tensors["backbone.conv1.weight"]
    raise CheckpointError(
        f"mmsegmentation's {peer} on a backbone that is not known here; known are ResNet-50, 101 and 152 (v1b and v1c), "
        "HRNet and ConvNeXt"
    )


def _averages_last(name: str, tensor: Tensor) -> Tensor:
    """The pyramid's fusing kernel for a mean that lies behind the branches; theirs lies before them."""
    if name != "pyramid.fuse.0.conv.weight":
        return tensor
    mean, *branches = tensor.chunk(5, dim=1)
    return torch.cat([*branches, mean], dim=1)
