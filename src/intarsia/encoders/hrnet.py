"""HRNets of timm for any size: a coarse branch that advises a finer one takes that one's size, not its own times a factor.

    branch 0 - units -,- + ------------------------- 3x3 ... of every branch, the sum of what all branches say
    branch 1 - units -'- 1x1 - in branch 0's size ---'

Branches are halved with rounding up. timm doubles them, which fits where 32 divides the image's sides; at other sizes the
image had to be padded, and answers near its border were those of the padded image.
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ..blocks.resize import Resize


class Exchange(nn.Module):
    """A module of timm's HRNet, whose parts it keeps under their names: units in each branch, then advice between branches.

    Attributes:
        enlarge: how advice takes the size of the branch it is for; timm repeats pixels, authors interpolate.
        doubled: how advice is doubled before, once for each step between the branches; null: not at all.
    """

    def __init__(self, peer: Any) -> None:
        super().__init__()
        self.branches, self.fuse_layers = peer.branches, peer.fuse_layers
        for finer in self.fuse_layers:
            for advice in finer:
                if isinstance(advice, nn.Sequential) and isinstance(advice[-1], nn.Upsample):
                    del advice[-1]
        self.enlarge, self.doubled = Resize(mode="nearest"), ""

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        branches = [units(x) for units, x in zip(self.branches, branches, strict=True)]
        return [self._advised(n, advice, branches) for n, advice in enumerate(self.fuse_layers)]

    def _advised(self, n: int, advice: Any, branches: list[Tensor]) -> Tensor:
        """Branch `n` with what all branches say to it."""
        parts: list[Tensor] = []
        for m, (say, x) in enumerate(zip(advice, branches, strict=True)):
            said = say(x)
            if m > n:
                if self.doubled:
                    said = F.interpolate(said, scale_factor=float(2 ** (m - n)), mode=self.doubled)
                said = self.enlarge(said, branches[n])
            parts.append(said)
        total, *others = parts
        for part in others:
            total = total + part
        return F.relu(total)


def exchange_at_any_size(body: Any) -> Any:
    """The extractor of timm's HRNet, with each of its modules exchanged for one that takes any size."""
    for stage in (body.stage2, body.stage3, body.stage4):
        for n, module in enumerate(stage):
            stage[n] = Exchange(module)
    return body
