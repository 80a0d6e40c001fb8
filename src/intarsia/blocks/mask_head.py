"""The part of a detector that draws: a mask for each object, in the cells that its box was cut into."""

import torch
from torch import Tensor, nn

from .boxes import in_full
from .conv import ConvNormAct


class MaskHead(nn.Module):
    """Convolutions, an enlargement, and a mask for each class, of which that of the object's class is returned.

    Args:
        depth: 3x3 convolutions.
        attend: what weighs their maps before they are enlarged; None: nothing.
    """

    side = 28

    def __init__(self, channels: int, num_classes: int, *, depth: int = 4, attend: nn.Module | None = None) -> None:
        super().__init__()
        self.convolve = nn.Sequential(*(ConvNormAct(channels, channels, norm=None) for _ in range(depth)))
        self.attend = nn.Identity() if attend is None else attend
        self.enlarge = nn.ConvTranspose2d(channels, channels, 2, 2)
        self.score = nn.Conv2d(channels, num_classes, 1)
        for layer in (self.enlarge, self.score):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, cells: Tensor, classes: Tensor) -> Tensor:
        """Draw the mask [M, 28, 28] of each object, logits, from cells [M, C, 14, 14] and its class [M]."""
        m = classes.shape[0]
        x = self.enlarge(self.attend(self.convolve(cells))).relu()  # [m, 256, 28, 28]
        x = self.score(x)  # [m, K, 28, 28]
        return in_full(x[torch.arange(m, device=x.device), classes])
