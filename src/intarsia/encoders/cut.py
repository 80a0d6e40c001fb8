"""A feature from the head of a stage instead of its end."""

from typing import Any

from torch import nn

from ..errors import EncoderError


def cut_stage(body: Any, level: int) -> None:
    """Make the first block of a MobileNet's or EfficientNet's stage a stage of its own, which then yields the feature.

    The block that halves the map gives the feature, the blocks that refine it go on to the next stage. The names of all
    weights behind it move up by one stage.

    Args:
        body: of an Encoder.
        level: of the feature cN that shall come from the first block.

    Raises: EncoderError if the body is another network.
    """
    blocks, outputs = getattr(body, "blocks", None), getattr(body, "_stage_out_idx", None)
    reductions = [info["reduction"] for info in body.feature_info.get_dicts()] if outputs else []
    if not isinstance(blocks, nn.Sequential) or outputs is None or 2**level not in reductions:
        raise EncoderError(
            f"the first block of a stage gives c{level} in MobileNets and EfficientNets only, and this encoder is none; "
            "choose one such as 'mobilenetv3_large_100'"
        )
    stages = sorted(outputs)  # stage n is blocks[n - 1]; 0 is the stem
    cut = stages[reductions.index(2**level)]
    stage = blocks[cut - 1]
    split = [nn.Sequential(stage[0]), nn.Sequential(*stage[1:])]
    body.blocks = nn.Sequential(*blocks[: cut - 1], *split, *blocks[cut:])
    body._stage_out_idx = {n if n <= cut else n + 1: index for n, index in outputs.items()}
