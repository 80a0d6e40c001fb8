"""Maps of several sizes, seen as one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .resize import resize_like


def side_by_side(maps: Sequence[Tensor], *, align_corners: bool = False) -> Tensor:
    """All `maps` [B, ., ., .], each resized to the first one's height and width, one behind the other in channels.

    Args:
        align_corners: how they are resized.

    Returns: [B, C, h, w], C the sum of all channels, h and w the first one's.
    """
    first, *others = maps
    resized = [resize_like(m, first, align_corners=align_corners) for m in others]
    return torch.cat([first, *resized], dim=1)
