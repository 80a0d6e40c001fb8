"""CoinCheung's BiSeNet and BiSeNet v2, which are what most people have of the two: their authors released no v2."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...errors import CheckpointError
from .backbones import resnet
from .names import Found, Row


def conv(theirs: str, ours: str) -> list[Row]:
    """The rows of a convolution and its norm."""
    return [(f"{theirs}.conv.*", f"{ours}.conv.*"), (f"{theirs}.bn.*", f"{ours}.norm.*")]


def gather(theirs: str, ours: str) -> list[Row]:
    """The rows of a stage of gathering layers, of which the first halves the size and has one convolution more."""
    rows = [*conv(f"{theirs}.{{n}}.conv1", f"{ours}.{{n}}.inside.0")]
    rows += [
        (f"{theirs}.{{n}}.dwconv.{k}.*", f"{ours}.{{n}}.inside.1.{part}.*") for k, part in enumerate(("conv", "norm"))
    ]
    rows += [(f"{theirs}.0.dwconv2.{k}.*", f"{ours}.0.inside.2.{part}.*") for k, part in enumerate(("conv", "norm"))]
    rows += [(f"{theirs}.0.shortcut.{k}.*", f"{ours}.0.around.{k // 2}.{k % 2}.*") for k in range(4)]
    return [
        *rows,
        (f"{theirs}.0.dwconv1.*", f"{ours}.0.inside.1.*"),
        (f"{theirs}.0.conv2.*", f"{ours}.0.inside.3.*"),
        (f"{theirs}.{{n}}.conv2.*", f"{ours}.{{n}}.inside.2.*"),
    ]


ONE: list[Row] = [
    ("cp.resnet.*", "encoder.body.*"),
    *(row for theirs, ours in (("conv1", 0), ("conv2", 1), ("conv3", 2), ("conv_out", 3))
      for row in conv(f"sp.{theirs}", f"spatial.{ours}")),
    *(row for n, stride in enumerate((16, 32)) for row in (
        *conv(f"cp.arm{stride}.conv", f"refine.{n}.conv"), (f"cp.arm{stride}.conv_atten.*", f"refine.{n}.attend.0.*"),
        (f"cp.arm{stride}.bn_atten.*", f"refine.{n}.attend.1.*"), *conv(f"cp.conv_head{stride}", f"smooth.{n}"),
        *conv(f"conv_out{stride}.conv", f"auxiliary.{n}.0"), (f"conv_out{stride}.conv_out.*", f"auxiliary.{n}.1.score.*"),
    )),
    *conv("cp.conv_avg", "glance"), *conv("ffm.convblk", "fuse.mix"), ("ffm.conv.*", "fuse.attend.0.*"),
    ("ffm.bn.*", "fuse.attend.1.*"), *conv("conv_out.conv", "classify.0"), ("conv_out.conv_out.*", "classify.1.score.*"),
]  # fmt: skip
TWO: list[Row] = [
    *(row for stage, first, depth in ((1, 0, 2), (2, 2, 3), (3, 5, 3)) for n in range(depth)
      for row in conv(f"detail.S{stage}.{n}", f"detail.{first + n}")),
    *conv("segment.S1S2.conv", "stem.enter"), *conv("segment.S1S2.fuse", "stem.fuse"),
    *(row for n in (0, 1) for row in conv(f"segment.S1S2.left.{n}", f"stem.stride.{n}")),
    *(row for n, stage in enumerate(("S3", "S4", "S5_4")) for row in gather(f"segment.{stage}", f"gather.{n}")),
    ("segment.S5_5.bn.*", "embed.glance.0.*"), *conv("segment.S5_5.conv_gap", "embed.glance.1"),
    *conv("segment.S5_5.conv_last", "embed.conv"),
    *(row for theirs, ours in (("left1", "keep_fine"), ("right2", "keep_coarse")) for row in (
        (f"bga.{theirs}.2.*", f"guide.{ours}.1.*"), (f"bga.{theirs}.*", f"guide.{ours}.0.*"))),
    ("bga.left2.*", "guide.make_coarse.0.*"), ("bga.right1.*", "guide.make_fine.*"),
    ("bga.conv.0.*", "guide.fuse.conv.*"), ("bga.conv.1.*", "guide.fuse.norm.*"),
    *conv("head.conv", "classify.0"), ("head.conv_out.1.*", "classify.1.score.*"),
    *(row for k, name in enumerate(("aux2", "aux3", "aux4", "aux5_4")) for row in (
        *conv(f"{name}.conv", f"boost.{k}.0"), *conv(f"{name}.conv_out.0.1", f"boost.{k}.3"),
        (f"{name}.conv_out.1.*", f"boost.{k}.4.score.*"))),
]  # fmt: skip


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """CoinCheung's network that these tensors are of; None if they are of another one.

    Args:
        settings: a config.json's; his code writes none.

    Raises: CheckpointError for a backbone, or an older network, that we do not know.
    """
    if "cp.arm16.conv_atten.weight" in tensors and "conv_out.conv_out.weight" in tensors:
        return _one(tensors)
    score, first = tensors.get("head.conv_out.1.weight"), tensors.get("detail.S1.0.conv.weight")
    if score is None or first is None or "bga.left1.0.weight" not in tensors:
        return None
    side = tensors.get("aux2.conv.conv.weight")
    return Found(
        peer="BiSeNet v2, by CoinCheung",
        model="coincheung_bisenetv2",
        num_classes=len(score),
        in_channels=first.shape[1],
        options={"head": score.shape[1], "auxiliary": side is not None} | ({} if side is None else {"side": len(side)}),
        names=TWO,
    )


def _one(tensors: Mapping[str, Tensor]) -> Found:
    score = tensors["conv_out.conv_out.weight"]
    encoder = resnet(tensors, "cp.resnet.")
    if encoder is None or "ffm.conv.weight" not in tensors:
        raise CheckpointError(
            "BiSeNet, by CoinCheung, in an older form or on a backbone that is not known here; known is the one on "
            "ResNet-18 whose fusion has ffm.conv and ffm.bn, as its files have that end in _new and those for ADE20K"
        )
    side = tensors.get("conv_out16.conv.conv.weight")
    return Found(
        peer="BiSeNet, by CoinCheung",
        model="coincheung_bisenet",
        num_classes=len(score),
        in_channels=tensors["sp.conv1.conv.weight"].shape[1],
        options={
            "encoder": encoder,
            "spatial": len(tensors["sp.conv1.conv.weight"]),
            "channels": len(tensors["sp.conv_out.conv.weight"]),
            "head": score.shape[1],
            "auxiliary": side is not None,
            **({} if side is None else {"side": len(side)}),
        },
        names=ONE,
    )
