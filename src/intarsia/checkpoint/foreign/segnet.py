"""SegNet by the names of delta-onera's code (segnet_pytorch), which many others took over: its authors' is in Caffe.

That code itself takes only images whose sides 32 divides; those who took it over tell each unpooling the size to give back.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...errors import CheckpointError
from .names import Found, Row, numbers

PEER = "SegNet, by delta-onera"


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The SegNet that these tensors are of; None if they are of another network.

    Args:
        settings: a config.json's; the code writes none.

    Raises: CheckpointError where the decoder does not mirror the encoder.
    """
    first, score = tensors.get("conv11.weight"), tensors.get("conv11d.weight")
    if first is None or score is None or "bn12d.weight" not in tensors:
        return None
    depths: list[int] = []
    channels: list[int] = []
    while f"conv{len(depths) + 1}1.weight" in tensors:
        stage = len(depths) + 1
        depths.append(len(numbers(tensors, f"conv{stage}{{n}}.weight")))
        channels.append(len(tensors[f"conv{stage}1.weight"]))
        mirrored = len(numbers(tensors, f"conv{stage}{{n}}d.weight"))
        if mirrored != depths[-1]:
            raise CheckpointError(
                f"{PEER}, whose stage {stage} has {depths[-1]} convolutions down and {mirrored} up, is not known here; "
                "known are those whose decoder mirrors the encoder"
            )
    return Found(
        peer=PEER,
        model="whole_windows_segnet",
        num_classes=len(score),
        in_channels=first.shape[1],
        options={"channels": tuple(channels), "depths": tuple(depths)},
        names=_rows(depths),
    )


def _rows(depths: list[int]) -> list[Row]:
    rows: list[Row] = [("conv11d.*", "classify.*")]
    for s, depth in enumerate(depths):
        for n in range(depth):
            for theirs, ours in (("conv", "conv"), ("bn", "norm")):
                rows.append((f"{theirs}{s + 1}{n + 1}.*", f"encode.{s}.layers.{n}.{ours}.*"))
                rows.append((f"{theirs}{s + 1}{depth - n}d.*", f"decode.{s}.layers.{n}.{ours}.*"))
    return rows
