"""Rungs of the ladder on which class scores climb to finer features: score layers that start at zero, and enlargements.

Long, Shelhamer, Darrell. "Fully Convolutional Networks for Semantic Segmentation." CVPR 2015. arXiv:1411.4038
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .transposed import bilinear_kernel


class Enlarge(nn.Module):
    """A map `factor` times as large by a transposed convolution that starts as, or stays, bilinear interpolation.

    Args:
        learned: let training change the kernel, and let classes mix (section 4.2: all enlargements but the last).
    """

    def __init__(self, channels: int, factor: int, *, learned: bool = True) -> None:
        super().__init__()
        self.channels, self.factor = channels, factor
        kernel = bilinear_kernel(factor)
        if learned:
            full = torch.zeros(channels, channels, *kernel.shape)
            full[range(channels), range(channels)] = kernel
            self.weight: Tensor = nn.Parameter(full)
        else:
            self.register_buffer("weight", kernel.expand(channels, 1, -1, -1).clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        n, f = self.channels, self.factor
        x = F.pad(x, (1, 1, 1, 1), mode="replicate")  # [B, n, h + 2, w + 2]
        groups = n // self.weight.shape[1]
        return F.conv_transpose2d(x, self.weight, stride=f, padding=f + f // 2, groups=groups)  # [B, n, f*h, f*w]


def score_layer(in_channels: int, num_classes: int) -> nn.Conv2d:
    """A 1x1 convolution to class scores that starts at zero (section 4.2), so that a new rung changes no answer."""
    score = nn.Conv2d(in_channels, num_classes, 1)
    nn.init.zeros_(score.weight)
    nn.init.zeros_(score.bias)  # type: ignore[arg-type]
    return score
