"""segmentation-models-pytorch's own encoders: which one a file holds, and the names of its tensors in ours.

A file without a config.json does not name its encoder. It shows in the first tensors that only one family has, and in the
number of its kernels and the sum of their widths.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from ...encoders import Encoder, widths_of
from ...errors import CheckpointError
from .backbones import resnet
from .names import Row, numbers

BODY = "encoder.body."
UNUSED = "a stage that the network does not run"
HEAD = "the last convolution of the classifier, which the network does not run"


class Family(NamedTuple):
    """Encoders whose tensors have the same names."""

    marker: str  # a tensor that only they have
    members: Mapping[tuple[int, int], str]  # (kernels, the sum of their widths): its name
    rows: Sequence[Row] = (("*", "*"),)  # its names of tensors: ours, both behind the encoder's prefix
    left: Sequence[Row] = ()
    prefix: str = "smp_"  # of our name for it
    normed: str = ""  # a tensor of those that have norms, whose name ends in "_bn"


def efficient(stage_blocks: Sequence[int]) -> list[Row]:
    """The rows of an EfficientNet whose blocks are one list: timm has seven stages, the first without widening."""
    rows: list[Row] = [("_conv_stem.*", "conv_stem.*"), ("_bn0.*", "bn1.*")]
    number = 0
    for stage, blocks in enumerate(stage_blocks):
        wide = ("_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2")
        names = dict(zip(wide, ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"), strict=True))
        if stage == 0:
            names = dict(zip(wide[2:], ("conv_dw", "bn1", "conv_pw", "bn2"), strict=True))
        names |= {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}
        for n in range(blocks):
            rows += [(f"_blocks.{number}.{a}.*", f"blocks.{stage}.{n}.{b}.*") for a, b in names.items()]
            number += 1
    return rows


def mobile() -> list[Row]:
    """The rows of torchvision's MobileNet v2."""
    rows: list[Row] = [
        ("features.0.0.*", "conv_stem.*"), ("features.0.1.*", "bn1.*"),
        ("features.18.0.*", "conv_head.*"), ("features.18.1.*", "bn2.*"),
        *((f"features.1.conv.{a}.*", f"blocks.0.0.{b}.*")
          for a, b in (("0.0", "conv_dw"), ("0.1", "bn1"), ("1", "conv_pw"), ("2", "bn2"))),
    ]  # fmt: skip
    number = 2
    parts = (("0.0", "conv_pw"), ("0.1", "bn1"), ("1.0", "conv_dw"), ("1.1", "bn2"), ("2", "conv_pwl"), ("3", "bn3"))
    for stage, blocks in enumerate((2, 3, 4, 3, 3, 1), 1):
        for n in range(blocks):
            rows += [(f"features.{number}.conv.{a}.*", f"blocks.{stage}.{n}.{b}.*") for a, b in parts]
            number += 1
    return rows


MIT: list[Row] = [
    row
    for n in range(4)
    for row in (
        (f"patch_embed{n + 1}.proj.*", f"stages.{n}.project.*"),
        (f"patch_embed{n + 1}.norm.*", f"stages.{n}.norm_patches.*"),
        (f"norm{n + 1}.*", f"stages.{n}.norm.*"),
        *(
            (f"block{n + 1}.{{k}}.{theirs}.*", f"stages.{n}.blocks.{{k}}.{ours}.*")
            for theirs, ours in (
                ("norm1", "norm1"), ("norm2", "norm2"), ("attn.q", "attend.query"), ("attn.kv", "attend.key_value"),
                ("attn.proj", "attend.project"), ("attn.sr", "attend.shrink"), ("attn.norm", "attend.norm"),
                ("mlp.fc1", "mix.widen"), ("mlp.dwconv.dwconv", "mix.look"), ("mlp.fc2", "mix.narrow"),
            )
        ),
    )
]  # fmt: skip
MOBILEONE: list[Row] = [
    row
    for stage, ours in (("stage0", "stem"), *((f"stage{n}.{{b}}", f"stages_{n - 1}.{{b}}") for n in (1, 2, 3, 4)))
    for row in (
        (f"{stage}.rbr_conv.{{n}}.*", f"{ours}.conv_kxk.{{n}}.*"), (f"{stage}.rbr_scale.*", f"{ours}.conv_scale.*"),
        (f"{stage}.rbr_skip.*", f"{ours}.identity.*"), (f"{stage}.se.reduce.*", f"{ours}.attn.fc1.*"),
        (f"{stage}.se.expand.*", f"{ours}.attn.fc2.*"),
    )
]  # fmt: skip
STAGES = {  # blocks of each stage of EfficientNet-B0 to B7
    "efficientnet-b0": (1, 2, 2, 3, 3, 4, 1), "efficientnet-b1": (2, 3, 3, 4, 4, 5, 2),
    "efficientnet-b2": (2, 3, 3, 4, 4, 5, 2), "efficientnet-b3": (2, 3, 3, 5, 5, 6, 2),
    "efficientnet-b4": (2, 4, 4, 6, 6, 8, 2), "efficientnet-b5": (3, 5, 5, 7, 7, 9, 3),
    "efficientnet-b6": (3, 6, 6, 8, 8, 11, 3), "efficientnet-b7": (4, 7, 7, 10, 10, 13, 4),
}  # fmt: skip
B = {
    (81, 30348): "b0", (115, 45184): "b1", (115, 49194): "b2", (130, 63728): "b3", (160, 91640): "b4",
    (194, 126688): "b5", (224, 164816): "b6", (273, 228560): "b7",
}  # fmt: skip
BEHIND: list[Row] = [("conv_head.*", HEAD), ("bn2.*", HEAD)]
FAMILIES: tuple[Family, ...] = (
    *(
        Family("_conv_stem.weight", {size: f"efficientnet-{b}"}, efficient(STAGES[f"efficientnet-{b}"]),
               [("_conv_head.*", HEAD), ("_bn1.*", HEAD)])
        for size, b in B.items()
    ),
    Family("conv_stem.weight", {
        **{size: f"timm-efficientnet-{b}" for size, b in B.items()}, (303, 279726): "timm-efficientnet-b8",
        (436, 804364): "timm-efficientnet-l2", (49, 21008): "timm-tf_efficientnet_lite0",
        (64, 26832): "timm-tf_efficientnet_lite1", (64, 29048): "timm-tf_efficientnet_lite2",
        (73, 38336): "timm-tf_efficientnet_lite3", (91, 56184): "timm-tf_efficientnet_lite4",
    }, left=BEHIND),
    Family("features.0.0.weight", {(52, 17056): "mobilenet_v2"}, mobile()),
    Family("layer0.conv1.weight", {
        (257, 174640): "senet154", (85, 42608): "se_resnet50", (170, 87216): "se_resnet101",
        (255, 126576): "se_resnet152", (85, 50160): "se_resnext50_32x4d", (170, 103472): "se_resnext101_32x4d",
    }),
    Family("features.conv0.weight", {
        (120, 10240): "densenet121", (168, 14208): "densenet169", (200, 17024): "densenet201", (160, 20448): "densenet161",
    }),
    Family("features.conv1_1.conv.weight", {
        (71, 28570): "dpn68", (93, 28570): "dpn68b", (95, 56864): "dpn92", (101, 74160): "dpn98", (110, 88120): "dpn107",
        (134, 95840): "dpn131",
    }),
    Family("conv4.pointwise.weight", {(74, 50312): "xception"}),
    Family("conv2d_1a.conv.weight", {(244, 76032): "inceptionresnetv2"}),
    Family("features.0.conv.weight", {(149, 31584): "inceptionv4"}),
    Family("features.0.weight", {(8, 2752): "vgg11", (10, 2944): "vgg13", (13, 4224): "vgg16", (16, 5504): "vgg19"},
           [("features.{n}.*", "features_{n}.*")], prefix="", normed="features.1.running_mean"),
    Family("patch_embed1.proj.weight", {}, MIT, prefix=""),
    Family("stage0.rbr_conv.0.conv.weight", {}, MOBILEONE, prefix=""),
)  # fmt: skip
MITS = {
    (32, 2): "mit_b0",
    (64, 2): "mit_b1",
    (64, 6): "mit_b2",
    (64, 18): "mit_b3",
    (64, 27): "mit_b4",
    (64, 40): "mit_b5",
}
ONES = {48: "mobileone_s0"}  # of the others the stem has 64; the third stage tells them apart
ONES_DEEP = {512: "mobileone_s1", 640: "mobileone_s2", 768: "mobileone_s3", 896: "mobileone_s4"}


class Known(NamedTuple):
    """An encoder of theirs."""

    encoder: str  # our name
    rows: list[Row]
    left: list[Row]


def own_encoder(tensors: Mapping[str, Tensor], prefix: str, ours: str = BODY) -> Known | None:
    """The encoder of its own whose tensors begin with `prefix`; None if it is none that is known here.

    Args:
        ours: what stands before the names of our encoder's tensors.
    """
    if name := resnet(tensors, prefix):
        return Known(name, [(f"{prefix}*", f"{ours}*")], [])
    kernels = [t for key, t in tensors.items() if key.startswith(prefix) and t.dim() == 4]
    size = (len(kernels), sum(t.shape[0] for t in kernels))
    for family in FAMILIES:
        if f"{prefix}{family.marker}" not in tensors:
            continue
        name = family.members.get(size, "") or _member(tensors, prefix, family.marker)
        if name:
            name += "_bn" if family.normed and f"{prefix}{family.normed}" in tensors else ""
            rows = [(f"{prefix}{a}", f"{ours}{b}") for a, b in family.rows]
            return Known(f"{family.prefix}{name}", rows, [(f"{prefix}{a}", why) for a, why in family.left])
    return None


def _member(tensors: Mapping[str, Tensor], prefix: str, marker: str) -> str:
    if marker.startswith("patch_embed1"):
        width, blocks = len(tensors[f"{prefix}{marker}"]), numbers(tensors, f"{prefix}block3.{{n}}.norm1.weight")
        return MITS.get((width, len(blocks)), "")
    if marker.startswith("stage0"):
        third = tensors.get(f"{prefix}stage3.1.rbr_conv.0.conv.weight")
        return ONES.get(len(tensors[f"{prefix}{marker}"]), "") or ONES_DEEP.get(0 if third is None else len(third), "")
    return ""


def timm_name(named: str) -> str:
    """timm's name of an encoder that a config.json names, which holds timm's tensors: "tu-..." or an old "timm-..."."""
    if named.startswith("timm-mobilenetv3"):
        return f"tf_{named.removeprefix('timm-')}"
    return named.removeprefix("tu-").removeprefix("timm-")


def level_of(encoder: str, channels: int, usual: int) -> int:
    """The level of the encoder's feature of that many channels; `usual` if several have as many, or none."""
    levels = [n for n, width in widths_of(encoder).items() if width == channels and n <= 5]
    return levels[0] if len(levels) == 1 else usual


def unused(tensors: Mapping[str, Tensor], known: Known, prefix: str, levels: Sequence[int], ours: str) -> list[Row]:
    """The tensors of stages behind the last of `levels`, which theirs carries along."""
    import torch

    from .names import Found, rename

    with torch.device("meta"):
        needed = Encoder(known.encoder, levels=tuple(levels)).state_dict()
    theirs: Any = {key: tensor for key, tensor in tensors.items() if key.startswith(prefix)}
    found = Found("", "", 1, 3, {}, known.rows, known.left)
    front = ours.removesuffix("body.")
    taken = rename(theirs, found).taken
    return [(key, UNUSED) for key, name in taken.items() if name.removeprefix(front) not in needed]


def refuse_encoder(peer: str, named: str) -> CheckpointError:
    """Say which encoders are known."""
    return CheckpointError(
        f"segmentation-models-pytorch's {peer} on an encoder of its own that is not known here"
        f"{f' ({named})' if named else ''}; known are all of its ResNets, ResNeXts, se_, efficientnet, mobilenet, vgg, densenet, "
        "dpn, mit, mobileone, xception and inception encoders, and all that it calls tu-..."
    )
