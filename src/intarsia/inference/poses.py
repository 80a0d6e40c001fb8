"""How a picture was changed before a network saw it, and back."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class View(NamedTuple):
    """How a picture was changed before it was seen.

    Args:
        size: (h, w) it was scaled to.
        turns: quarters of a turn against the clock, after that.
        mirrored: left and right, at last.
    """

    size: tuple[int, int]
    turns: int = 0
    mirrored: bool = False


def upright(maps: Tensor, view: View, vectors: bool = False) -> Tensor:
    """Bring maps [B, K, h, w] of a view back into the pose of the picture, in the view's size.

    Args:
        vectors: the maps are two, (dy, dx), and point elsewhere in another pose.
    """
    if view.mirrored:
        maps = maps.flip(3)
        maps = torch.cat([maps[:, :1], -maps[:, 1:]], dim=1) if vectors else maps
    if view.turns:
        maps = maps.rot90(-view.turns, (2, 3))
    for _ in range(view.turns % 4 if vectors else 0):
        maps = torch.cat([maps[:, 1:], -maps[:, :1]], dim=1)
    return maps
