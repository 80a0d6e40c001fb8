"""bfortuner's FC-DenseNet (pytorch_tiramisu), which is what people have of it in PyTorch: its authors' is in Theano."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...errors import CheckpointError
from .names import Found, Row, numbers

PEER = "FC-DenseNet, by bfortuner"
BLOCKS = (
    ("denseBlocksDown.{b}", "down.{b}"),
    ("bottleneck.bottleneck", "bottleneck"),
    ("denseBlocksUp.{b}", "climb.{b}"),
)
NAMES: list[Row] = [
    ("firstconv.*", "start.*"), ("finalConv.*", "classify.score.*"), ("transUpBlocks.{b}.convTrans.*", "up.{b}.*"),
    *(row for part, place in (("norm", 0), ("conv", 2)) for row in (
        (f"transDownBlocks.{{b}}.{part}.*", f"shrink.{{b}}.0.{place}.*"),
        *((f"{theirs}.layers.{{n}}.{part}.*", f"{ours}.layers.{{n}}.{place}.*") for theirs, ours in BLOCKS))),
]  # fmt: skip


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The FC-DenseNet that these tensors are of; None if they are of another network.

    Args:
        settings: a config.json's; his code writes none.

    Raises: CheckpointError where not as many blocks lead up as down.
    """
    first, score = tensors.get("firstconv.weight"), tensors.get("finalConv.weight")
    growth = tensors.get("denseBlocksDown.0.layers.0.conv.weight")
    if first is None or score is None or growth is None:
        return None
    down = _depths(tensors, "denseBlocksDown")
    up = _depths(tensors, "denseBlocksUp")
    middle = len(numbers(tensors, "bottleneck.bottleneck.layers.{n}.conv.weight"))
    if len(down) != len(up) or not middle:
        raise CheckpointError(
            f"{PEER}, with {len(down)} blocks down, {middle} layers between and {len(up)} blocks up, is not known here; "
            "known are those with a bottleneck and as many blocks up as down"
        )
    return Found(
        peer=PEER,
        model="tiramisu_fc_densenet",
        num_classes=len(score),
        in_channels=first.shape[1],
        options={"layers": (*down, middle, *up), "growth": len(growth), "stem": len(first)},
        names=NAMES,
    )


def _depths(tensors: Mapping[str, Tensor], blocks: str) -> list[int]:
    return [
        len(numbers(tensors, f"{blocks}.{b}.layers.{{n}}.conv.weight"))
        for b in numbers(tensors, f"{blocks}.{{n}}.layers.0.conv.weight")
    ]
