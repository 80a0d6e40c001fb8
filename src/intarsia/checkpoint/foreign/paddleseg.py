"""PaddleSeg's SegFormer and SegNet, by the names of their tensors, in a .safetensors file that was made of a .pdparams.

    SegFormer    backbone.block1.0.attn.q.weight    linear_fuse._conv.weight    linear_pred.weight
    SegNet       enco1.0._conv.weight               deco5.0._batch_norm._mean   deco5.1.weight

Paddle writes pickles, which are not read here. Its linear layers are [in, out], and its norms call their statistics `_mean`
and `_variance`.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...encoders.mix_transformer import SIZES
from ...errors import CheckpointError
from .names import Found, Row, numbers
from .smp_encoders import MIT

LINEAR = (".query.weight", ".key_value.weight", ".attend.project.weight", ".widen.weight", ".narrow.weight")


def conv_norm(theirs: str, ours: str) -> list[Row]:
    """The rows of a convolution and its norm."""
    return [
        (f"{theirs}._conv.*", f"{ours}.conv.*"), (f"{theirs}._batch_norm._mean", f"{ours}.norm.running_mean"),
        (f"{theirs}._batch_norm._variance", f"{ours}.norm.running_var"), (f"{theirs}._batch_norm.*", f"{ours}.norm.*"),
    ]  # fmt: skip


SEGFORMER: list[Row] = [
    *((f"backbone.{a}", f"encoder.body.{b}") for a, b in MIT),
    *((f"linear_c{n + 1}.proj.*", f"project.{n}.*") for n in range(4)),
    *conv_norm("linear_fuse", "fuse"), ("linear_pred.*", "classify.score.*"),
]  # fmt: skip


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The network of PaddleSeg that these tensors are of; None if they are of another library's.

    Args:
        settings: a config.json's; PaddleSeg writes none.

    Raises: CheckpointError for a SegFormer of other sizes, or a SegNet that lacks a stage.
    """
    if "linear_fuse._conv.weight" in tensors and "linear_pred.weight" in tensors:
        return _segformer(tensors)
    if "enco1.0._conv.weight" in tensors and "deco5.1.weight" in tensors:
        return _segnet(tensors)
    return None


def _segformer(tensors: Mapping[str, Tensor]) -> Found:
    first = tensors["backbone.patch_embed1.proj.weight"]
    depths = tuple(len(numbers(tensors, f"backbone.block{n}.{{n}}.norm1.weight")) for n in (1, 2, 3, 4))
    encoder = next((name for name, size in SIZES.items() if size.depths == depths and size.widths[0] == len(first)), "")
    if not encoder:
        raise CheckpointError(
            f"PaddleSeg's SegFormer of {depths} blocks from {len(first)} channels on, which is not known here; known are those "
            "on MiT-B0 to B5"
        )
    return Found(
        peer="PaddleSeg's SegFormer",
        model="segformer",
        num_classes=len(tensors["linear_pred.weight"]),
        in_channels=first.shape[1],
        options={"encoder": encoder, "channels": len(tensors["linear_fuse._conv.weight"])},
        names=SEGFORMER,
        change=_turned,
    )


def _turned(name: str, tensor: Tensor) -> Tensor:
    """A linear layer as [out, in], and one over pixels as a 1x1 convolution."""
    if name.startswith("project.") and tensor.dim() == 2:
        return tensor.t()[:, :, None, None]
    return tensor.t() if name.endswith(LINEAR) and tensor.dim() == 2 else tensor


def _segnet(tensors: Mapping[str, Tensor]) -> Found:
    rows: list[Row] = [("deco5.1.*", "classify.*")]
    depths, up, channels = [], [], []
    for stage in range(5):
        depths.append(len(numbers(tensors, f"enco{stage + 1}.{{n}}._conv.weight")))
        up.append(len(numbers(tensors, f"deco{5 - stage}.{{n}}._conv.weight")) + (stage == 0))  # the last classifies
        if depths[-1] < 2 or not up[-1]:
            raise CheckpointError(
                f"PaddleSeg's SegNet, whose stage {stage + 1} has {depths[-1]} convolutions down and {up[-1]} up, is not known here; "
                "known are those of five stages"
            )
        channels.append(len(tensors[f"enco{stage + 1}.0._conv.weight"]))
        rows += conv_norm(f"enco{stage + 1}.{{n}}", f"encode.{stage}.layers.{{n}}")
        rows += conv_norm(f"deco{5 - stage}.{{n}}", f"decode.{stage}.layers.{{n}}")
    return Found(
        peer="PaddleSeg's SegNet",
        model="whole_windows_segnet",
        num_classes=len(tensors["deco5.1.weight"]),
        in_channels=tensors["enco1.0._conv.weight"].shape[1],
        options={"channels": tuple(channels), "depths": tuple(depths), "up": tuple(up)},
        names=rows,
    )
