"""Maps moved by whole places: what lies beside each place, at the place itself."""

import torch.nn.functional as F
from torch import Tensor


def shifted(x: Tensor, dy: int, dx: int) -> Tensor:
    """What lies `dy` rows below and `dx` columns right of each place of `x` [..., h, w]; zeros from beyond the border.

    >>> import torch
    >>> shifted(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 0, 1).tolist()
    [[2.0, 0.0], [4.0, 0.0]]
    """
    sides = (-dx, dx, -dy, dy)
    wide = F.pad(x, [max(side, 0) for side in sides])  # first, for a map may be smaller than what is cut off
    return F.pad(wide, [min(side, 0) for side in sides])
