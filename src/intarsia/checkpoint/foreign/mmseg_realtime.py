"""mmsegmentation's networks for video on one small GPU: BiSeNet, BiSeNet v2, Fast-SCNN, DDRNet and ERFNet."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from ...errors import CheckpointError
from .backbones import resnet
from .ddrnet import NAMES as DDRNETS
from .names import Found, Row, numbers

HEAD, SIDE = "decode_head", "auxiliary_head"
CONTEXT, GLOBAL = "backbone.context_path", "backbone.global_feature_extractor"


def conv(theirs: str, ours: str) -> list[Row]:
    """The rows of a convolution and its norm, which ours names."""
    return [(f"{theirs}.conv.*", f"{ours}.conv.*"), (f"{theirs}.bn.*", f"{ours}.norm.*")]


def bare(theirs: str, ours: str) -> list[Row]:
    """The rows of a convolution and its norm without ReLU, which ours numbers."""
    return [(f"{theirs}.conv.*", f"{ours}.0.*"), (f"{theirs}.bn.*", f"{ours}.1.*")]


def separable(theirs: str, ours: str) -> list[Row]:
    """The rows of Fast-SCNN's depthwise convolution, its norm and the 1x1 convolution across channels."""
    return [
        (f"{theirs}.depthwise_conv.conv.*", f"{ours}.depthwise.*"), (f"{theirs}.depthwise_conv.bn.*", f"{ours}.norm.*"),
        *conv(f"{theirs}.pointwise_conv", f"{ours}.pointwise"),
    ]  # fmt: skip


def narrow(theirs: str, ours: str, k: int) -> list[Row]:
    """The rows of the k-th convolution of Fast-SCNN's bottleneck, the last of which has no ReLU."""
    if k < 2:
        return conv(theirs, f"{ours}.{k}")
    return [(f"{theirs}.conv.*", f"{ours}.2.*"), (f"{theirs}.bn.*", f"{ours}.3.*")]


def gather(theirs: str, ours: str) -> list[Row]:
    """The rows of a stage of BiSeNet v2's gathering layers, of which the first halves the size."""
    return [
        *conv(f"{theirs}.{{n}}.conv1", f"{ours}.{{n}}.inside.0"), *bare(f"{theirs}.0.dwconv.0", f"{ours}.0.inside.1"),
        *conv(f"{theirs}.0.dwconv.1", f"{ours}.0.inside.2"), *bare(f"{theirs}.0.conv2.0", f"{ours}.0.inside.3"),
        *bare(f"{theirs}.0.shortcut.0.depthwise_conv", f"{ours}.0.around.0"),
        *bare(f"{theirs}.0.shortcut.0.pointwise_conv", f"{ours}.0.around.1"),
        *conv(f"{theirs}.{{n}}.dwconv.0", f"{ours}.{{n}}.inside.1"), *bare(f"{theirs}.{{n}}.conv2.0", f"{ours}.{{n}}.inside.2"),
    ]  # fmt: skip


def units(theirs: str, ours: str, count: int, convolutions: int = 2) -> list[Row]:
    """The rows of DDRNet's residual units, between which ours counts the ReLUs; of one unit ours has no number."""
    rows: list[Row] = []
    for n in range(count):
        place = f"{ours}.{2 * n}" if convolutions == 2 else ours
        rows += [(f"{theirs}.{n}.downsample.*", f"{place}.around.*")]
        for k in range(convolutions):
            rows += (bare if k == convolutions - 1 else conv)(f"{theirs}.{n}.conv{k + 1}", f"{place}.inside.{k}")
    return rows


SCORES: list[Row] = [*conv(f"{HEAD}.convs.0", "classify.0"), (f"{HEAD}.conv_seg.*", "classify.1.score.*")]
ONE: list[Row] = [
    (f"{CONTEXT}.backbone.*", "encoder.body.*"),
    *(row for n in range(4) for row in conv(f"backbone.spatial_path.layer{n + 1}", f"spatial.{n}")),
    *(row for n, stride in enumerate((16, 32)) for row in (
        *conv(f"{CONTEXT}.arm{stride}.conv_layer", f"refine.{n}.conv"),
        *bare(f"{CONTEXT}.arm{stride}.atten_conv_layer.1", f"refine.{n}.attend"),
        *conv(f"{CONTEXT}.conv_head{stride}", f"smooth.{n}"),
        *conv(f"{SIDE}.{n}.convs.0", f"auxiliary.{n}.0"), (f"{SIDE}.{n}.conv_seg.*", f"auxiliary.{n}.1.score.*"),
    )),
    *conv(f"{CONTEXT}.gap_conv.1", "glance"), *conv("backbone.ffm.conv1", "fuse.mix"),
    *bare("backbone.ffm.conv_atten.0", "fuse.attend"), *SCORES,
]  # fmt: skip
DETAIL, MEANING, GUIDE = "backbone.detail.detail_branch", "backbone.semantic", "backbone.bga"
TWO: list[Row] = [
    *(row for stage, first, depth in ((0, 0, 2), (1, 2, 3), (2, 5, 3)) for n in range(depth)
      for row in conv(f"{DETAIL}.{stage}.{n}", f"detail.{first + n}")),
    *conv(f"{MEANING}.stage1.conv_first", "stem.enter"), *conv(f"{MEANING}.stage1.fuse_last", "stem.fuse"),
    *conv(f"{MEANING}.stage1.convs.{{n}}", "stem.stride.{n}"),
    *(row for n in range(3) for row in gather(f"{MEANING}.stage{n + 2}", f"gather.{n}")),
    (f"{MEANING}.stage4_CEBlock.gap.1.*", "embed.glance.0.*"), *conv(f"{MEANING}.stage4_CEBlock.conv_gap", "embed.glance.1"),
    *conv(f"{MEANING}.stage4_CEBlock.conv_last", "embed.conv"),
    *(row for theirs, ours in (("detail_dwconv", "keep_fine"), ("semantic_dwconv", "keep_coarse")) for row in (
        *bare(f"{GUIDE}.{theirs}.0.depthwise_conv", f"guide.{ours}.0"),
        (f"{GUIDE}.{theirs}.0.pointwise_conv.conv.*", f"guide.{ours}.1.*"))),
    *bare(f"{GUIDE}.detail_down.0", "guide.make_coarse.0"), *bare(f"{GUIDE}.semantic_conv.0", "guide.make_fine"),
    *conv(f"{GUIDE}.conv", "guide.fuse"), *SCORES,
]  # fmt: skip
FAST: list[Row] = [
    *conv("backbone.learning_to_downsample.conv", "shrink.0"),
    *(row for n in (1, 2) for row in separable(f"backbone.learning_to_downsample.dsconv{n}", f"shrink.{n}")),
    *(row for g in range(3) for n in range(3) for k in range(3)
      for row in narrow(f"{GLOBAL}.bottleneck{g + 1}.{n}.conv.{k}", f"extract.{3 * g + n}.layers", k)),
    *conv(f"{GLOBAL}.ppm.{{n}}.1", "pool.0.squeeze.{n}"), *conv(f"{GLOBAL}.out", "pool.1"),
    *conv("backbone.feature_fusion.dwconv", "spread"), *bare("backbone.feature_fusion.conv_lower_res", "scene"),
    *bare("backbone.feature_fusion.conv_higher_res", "detail"), *separable(f"{HEAD}.convs.{{n}}", "refine.{n}"),
    (f"{HEAD}.conv_seg.*", "classify.score.*"),
    *(row for theirs, ours in ((1, 0), (0, 1)) for row in (
        *conv(f"{SIDE}.{theirs}.convs.0", f"auxiliary.{ours}.0"), (f"{SIDE}.{theirs}.conv_seg.*", f"auxiliary.{ours}.1.score.*"))),
]  # fmt: skip

PLACES = (
    ("encoder.0", "down1"), ("encoder.1", "down2"), ("encoder.7", "down3"), ("decoder.0", "up2"), ("decoder.3", "up1"),
    *((f"encoder.{n + 2}", f"stage2.{n}") for n in range(5)), *((f"encoder.{n + 8}", f"stage3.{n}") for n in range(8)),
    *((f"decoder.{n + 1}", f"tidy2.{n}") for n in range(2)), *((f"decoder.{n + 4}", f"tidy1.{n}") for n in range(2)),
)  # fmt: skip
ERF: list[Row] = [
    *(row for theirs, ours in PLACES for row in (
        (f"backbone.{theirs}.conv.*", f"{ours}.conv.*"), (f"backbone.{theirs}.bn.*", f"{ours}.norm.*"),
        (f"backbone.{theirs}.convs_layers.*", f"{ours}.layers.*"))),
    *conv(f"{HEAD}.convs.0", "enlarge.0"), (f"{HEAD}.conv_seg.*", "enlarge.1.score.*"),
]  # fmt: skip


class Kind(NamedTuple):
    """One of its networks."""

    peer: str
    marker: str  # a tensor that only it has
    model: str
    first: str  # its first kernel
    rows: Sequence[Row]


KINDS: tuple[Kind, ...] = (
    Kind("BiSeNet", f"{CONTEXT}.arm16.conv_layer.conv.weight", "mmseg_bisenet", "backbone.spatial_path.layer1.conv.weight", ONE),
    Kind("BiSeNet v2", f"{GUIDE}.detail_down.0.conv.weight", "mmseg_bisenetv2", f"{DETAIL}.0.0.conv.weight", TWO),
    Kind("Fast-SCNN", f"{GLOBAL}.out.conv.weight", "mmseg_fast_scnn", "backbone.learning_to_downsample.conv.conv.weight", FAST),
    Kind("DDRNet", "backbone.spp.scales.0.conv.weight", "ddrnet23", "backbone.stem.0.conv.weight", ()),
    Kind("ERFNet", "backbone.encoder.2.convs_layers.0.weight", "mmseg_erfnet", "backbone.encoder.0.conv.weight", ERF),
)  # fmt: skip
BOOSTER: Row = (f"{SIDE}.*", "a head for training that ours has not")


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The network of mmsegmentation that these tensors are of; None if they are of another one.

    Args:
        settings: a config.json's; mmsegmentation writes none.

    Raises: CheckpointError for a backbone or a form that is not known here.
    """
    kind = next((kind for kind in KINDS if kind.marker in tensors and kind.first in tensors), None)
    score = tensors.get(f"{HEAD}.conv_seg.weight")
    if kind is None or score is None:
        return None
    first = tensors[kind.first]
    model, options = _options(kind, tensors, first)
    return Found(
        peer=f"mmsegmentation's {kind.peer}",
        model=model,
        num_classes=len(score),
        in_channels=first.shape[1],
        options=options,
        names=kind.rows or _ddrnet(tensors),
        left=[BOOSTER] if kind.peer == "BiSeNet v2" else [],
    )


def _options(kind: Kind, tensors: Mapping[str, Tensor], first: Tensor) -> tuple[str, dict[str, Any]]:
    """The network of ours, and what it must be given to be theirs.

    Raises: CheckpointError for what is not known here.
    """

    def width(key: str) -> int:
        return len(tensors[f"{key}.weight"])

    match kind.peer:
        case "BiSeNet":
            encoder = resnet(tensors, f"{CONTEXT}.backbone.")
            if encoder is None:
                raise CheckpointError(
                    "mmsegmentation's BiSeNet on a backbone that is not known here; known are ResNet-18, 50 and 101"
                )
            side = f"{SIDE}.0.convs.0.conv"
            return kind.model, {
                "encoder": encoder,
                "spatial": len(first),
                "channels": width("backbone.spatial_path.layer4.conv"),
                "head": width(f"{HEAD}.convs.0.conv"),
                "auxiliary": f"{side}.weight" in tensors,
                **({"side": width(side)} if f"{side}.weight" in tensors else {}),
            }
        case "BiSeNet v2":
            return kind.model, {"head": width(f"{HEAD}.convs.0.conv")}
        case "ERFNet":
            down = [width(f"backbone.encoder.{n}.bn") for n in (0, 1, 7)]
            return kind.model, {"channels": tuple(down), "head": width(f"{HEAD}.convs.0.conv")}
        case "Fast-SCNN":
            return kind.model, {"auxiliary": f"{SIDE}.0.conv_seg.weight" in tensors}
    options: dict[str, Any] = {
        "channels": len(first),
        "context": width("backbone.spp.scales.0.conv"),
        "head": width(f"{HEAD}.head.0.conv"),
    }
    if (len(first), False) not in DDRNETS or "backbone.down_3.0.conv.weight" in tensors:
        raise CheckpointError(
            f"mmsegmentation's DDRNet of {len(first)} channels, or of another depth, is not known here; "
            "known are DDRNet-23 and its slim form"
        )
    if f"{HEAD}.aux_cls_seg.weight" not in tensors:
        return "bare_ddrnet", options
    return DDRNETS[len(first), False], options


def _ddrnet(tensors: Mapping[str, Tensor]) -> list[Row]:
    rows = [*conv("backbone.stem.0", "stem.0"), *conv("backbone.stem.1", "stem.1")]
    for theirs, ours in (("stem.2", "layer1"), ("stem.4", "layer2"),
                         *((f"{branch}_branch_layers.{n}", f"stages.{n}.{part}") for n in (0, 1)
                           for branch, part in (("context", "coarse"), ("spatial", "fine")))):  # fmt: skip
        count = len(numbers(tensors, f"backbone.{theirs}.{{n}}.conv1.conv.weight"))
        rows += units(f"backbone.{theirs}", ours, count)
    rows += [
        *units("backbone.context_branch_layers.2", "coarse", 1, 3),
        *units("backbone.spatial_branch_layers.2", "fine", 1, 3),
    ]
    rows += [*bare("backbone.compression_1", "stages.0.compress"), *bare("backbone.compression_2", "stages.1.compress")]
    rows += [*bare("backbone.down_1", "stages.0.down.0"), *bare("backbone.down_2.0", "stages.1.down.0")]
    rows += bare("backbone.down_2.1", "stages.1.down.2")
    rows += [*conv("backbone.spp.scales.0", "pool.squeeze.0"), *conv("backbone.spp.scales.{n}.1", "pool.squeeze.{n}")]
    rows += [*conv("backbone.spp.processes.{n}", "pool.mix.{n}"), *conv("backbone.spp.compression", "pool.fuse")]
    rows += conv("backbone.spp.shortcut", "pool.around")
    for theirs, score, ours in (("head", "conv_seg", "classify"), ("aux_head", "aux_cls_seg", "auxiliary")):
        rows += [*conv(f"{HEAD}.{theirs}.0", f"{ours}.0"), (f"{HEAD}.{theirs}.1.*", f"{ours}.1.*")]
        rows += [(f"{HEAD}.{score}.*", f"{ours}.3.score.*")]
    return rows
