"""A convolution in two halves: look around in each channel by itself, then mix the channels at each pixel.

    full         k x k x C kernels, C' of them                   k k C C' weights
    depthwise    one k x k kernel for each of C channels         k k C
    pointwise    C' mixtures of C channels, 1x1                        C C'
    separable    depthwise, then pointwise                       k k C + C C'

For k = 3 and C = C' = 256 that is 589,824 weights against 67,840. With holes between the taps of the depthwise half
(`rate`) it is DeepLab v3+'s atrous separable convolution. The layers that networks use stand in `blocks.atrous`.

Sifre, Mallat. "Rotation, Scaling and Deformation Invariant Scattering for Texture Discrimination." CVPR 2013.
Chollet. "Xception: Deep Learning with Depthwise Separable Convolutions." CVPR 2017. arXiv:1610.02357
"""

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelError


def depthwise_convolution(x: Tensor, kernel: Tensor, rate: int = 1) -> Tensor:
    """Each channel of `x` [B, C, h, w] convolved with its own kernel; zeros around it keep the size.

    Args:
        kernel: [C, k, k], k odd.
        rate: distance between two taps, in pixels.

    >>> x = torch.ones(1, 2, 1, 3)
    >>> kernel = torch.tensor([[[0, 0, 0], [1, 2, 1], [0, 0, 0]], [[0, 0, 0], [0, 3, 0], [0, 0, 0]]])
    >>> depthwise_convolution(x, kernel.float()).tolist()
    [[[[3.0, 4.0, 3.0]], [[3.0, 3.0, 3.0]]]]
    """
    if x.ndim != 4 or kernel.ndim != 3 or kernel.shape[0] != x.shape[1]:
        raise ModelError(
            "a depthwise convolution takes maps [B, C, h, w] and one kernel for each channel, [C, k, k]; "
            f"these are {list(x.shape)} and {list(kernel.shape)}"
        )
    k = kernel.shape[-1]
    if k % 2 == 0 or kernel.shape[-2] != k:
        raise ModelError(f"a kernel of {kernel.shape[-2]}x{k} has no center pixel; take an odd square, such as 3x3")
    if rate < 1:
        raise ModelError(f"rate is {rate}; it is the distance between two taps in pixels, 1 or more")
    h, w = x.shape[-2:]
    x = F.pad(x, [rate * (k // 2)] * 4)
    y = x.new_zeros(*x.shape[:2], h, w)
    for i, j in product(range(k), repeat=2):
        y += kernel[:, i, j, None, None] * x[..., rate * i : rate * i + h, rate * j : rate * j + w]
    return y


def pointwise_convolution(x: Tensor, kernel: Tensor) -> Tensor:
    """At each pixel of `x` [B, C, h, w], C' mixtures of its C values: a 1x1 convolution.

    Args:
        kernel: [C', C].

    >>> pointwise_convolution(torch.tensor([1.0, 10.0]).view(1, 2, 1, 1), torch.tensor([[3.0, 2.0]])).tolist()
    [[[[23.0]]]]
    """
    if x.ndim != 4 or kernel.ndim != 2 or kernel.shape[1] != x.shape[1]:
        raise ModelError(
            "a pointwise convolution takes maps [B, C, h, w] and a matrix [C', C]; "
            f"these are {list(x.shape)} and {list(kernel.shape)}"
        )
    return torch.einsum("dc,bchw->bdhw", kernel, x)


def separable_convolution(x: Tensor, depthwise: Tensor, pointwise: Tensor, rate: int = 1) -> Tensor:
    """The two halves one after the other: equal to one convolution whose kernels are pointwise[d, c] * depthwise[c].

    Args:
        x: [B, C, h, w].
        depthwise: [C, k, k], k odd.
        pointwise: [C', C].
        rate: above 1 it is an atrous separable convolution.
    """
    return pointwise_convolution(depthwise_convolution(x, depthwise, rate), pointwise)


def full_weights(kernel: int, in_channels: int, channels: int) -> int:
    """Weights of a full convolution, k k C C'.

    >>> full_weights(3, 256, 256)
    589824
    """
    return kernel * kernel * in_channels * channels


def separable_weights(kernel: int, in_channels: int, channels: int) -> int:
    """Weights of a depthwise separable convolution, k k C + C C'.

    >>> separable_weights(3, 256, 256)
    67840
    """
    return kernel * kernel * in_channels + in_channels * channels
