"""Transposed convolution, written as what it is: each input value lays down the kernel, scaled by itself, and what
overlaps is added. Also called up-, fractionally strided or backward strided convolution, and, misleadingly,
deconvolution: it undoes the size of a convolution, not its values.

    y[s i + k - p] = sum over i, k of x[i] w[k]         stride s, padding p

                1 2         input 2x2, kernel 2x2, stride 1: the 2x2 stamps overlap, and the output is 3x3;
    x = [1 2]   3 4 = w     stride 2: they stand side by side, and it is 4x4; padding 1 then crops it to 2x2.

Dumoulin, Visin. "A guide to convolution arithmetic for deep learning." 2016. arXiv:1603.07285
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelError


def transposed_convolution(
    x: Tensor,
    kernel: Tensor,
    *,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
) -> Tensor:
    """The sum of kernels, each scaled by one input value and laid `stride` further than its neighbor's.

    A side of n values becomes (n - 1) stride + k - 2 padding + output_padding. For reading: torch's conv_transpose1d
    and conv_transpose2d give the same numbers, faster.

    Args:
        x: [B, C, n] or [B, C, h, w].
        kernel: [C, C', k] or [C, C', k, l]: the input's channels come first, unlike a convolution's.
        stride: between two stamps, in pixels of the output; one number, or one for each side.
        padding: rows and columns to crop from each border of the sum; a convolution would have added them.
        output_padding: rows and columns to add at the end, 0 .. stride - 1: of several sizes that a strided
            convolution makes one, the larger.

    >>> x, kernel = torch.tensor([[[[1.0, 2], [3, 4]]]]), torch.ones(1, 1, 2, 2)
    >>> transposed_convolution(x, kernel).squeeze().tolist()
    [[1.0, 3.0, 2.0], [4.0, 10.0, 6.0], [3.0, 7.0, 4.0]]
    """
    n = _sides("transposed_convolution", x, kernel, kernel.shape[0])
    strides, crops, extras = _each("stride", stride, n, 1), _each("padding", padding, n), _each("", output_padding, n)
    if any(extra >= step for extra, step in zip(extras, strides, strict=True)):
        raise ModelError(
            f"output_padding is {output_padding}; it must be smaller than the stride, which is {stride}: the larger of "
            "the sizes that a strided convolution makes one is less than a stride away"
        )
    sizes = list(zip(x.shape[2:], strides, kernel.shape[2:], crops, extras, strict=True))
    ends = [(m - 1) * step + k + extra - crop for m, step, k, crop, extra in sizes]
    if any(end <= crop for end, crop in zip(ends, crops, strict=True)):
        raise ModelError(f"a padding of {padding} crops the whole output; take a smaller one, or a larger kernel")
    canvas = x.new_zeros(x.shape[0], kernel.shape[1], *(end + crop for end, crop in zip(ends, crops, strict=True)))
    for place in product(*map(range, x.shape[2:])):
        value: tuple[Any, ...] = (..., *place)
        corners = [i * s for i, s in zip(place, strides, strict=True)]
        window = _box(corners, [c + k for c, k in zip(corners, kernel.shape[2:], strict=True)])
        canvas[window] += torch.einsum("bc,cd...->bd...", x[value], kernel)
    return canvas[_box(crops, ends)]


def convolution_matrix(
    kernel: Tensor, size: Sequence[int], *, stride: int | Sequence[int] = 1, padding: int | Sequence[int] = 0
) -> Tensor:
    """The matrix M of a convolution: conv(x) = M x, of flattened x; the transposed convolution is y -> M^T y.

    Column j is what the convolution answers to an input that is 1 at j and 0 elsewhere.

    Args:
        kernel: [C', C, k] or [C', C, k, l]. As the kernel of `transposed_convolution` it is read from C' to C.
        size: of the input: (n,) or (h, w).

    Returns: [C' h' w', C h w].

    >>> convolution_matrix(torch.tensor([[[1.0, 2, 3]]]), (4,)).tolist()
    [[1.0, 2.0, 3.0, 0.0], [0.0, 1.0, 2.0, 3.0]]
    """
    n = kernel.ndim - 2
    if n not in (1, 2) or len(size) != n:
        raise ModelError(
            f"a kernel of shape {list(kernel.shape)} and an input of size {list(size)} do not fit; "
            "give [C', C, k] with (n,), or [C', C, k, l] with (h, w)"
        )
    strides, pads = _each("stride", stride, n, 1), _each("padding", padding, n)
    if any(m + 2 * pad < k for m, pad, k in zip(size, pads, kernel.shape[2:], strict=True)):
        raise ModelError(f"a kernel of {list(kernel.shape[2:])} does not fit into an input of {list(size)}; pad it")
    convolve = F.conv1d if n == 1 else F.conv2d
    count = kernel.shape[1]
    for side in size:
        count *= side
    units = torch.eye(count, dtype=kernel.dtype, device=kernel.device).reshape(count, kernel.shape[1], *size)
    return convolve(units, kernel, stride=strides, padding=pads).flatten(1).T.contiguous()


def bilinear_kernel(factor: int, side: int | None = None) -> Tensor:
    """The kernel with which a transposed convolution of stride `factor` interpolates: a pyramid of height 1.

    A tap at distance d from the kernel's center weighs 1 - d / factor along each side.

    Args:
        side: of the kernel, 2 * factor - factor % 2 when absent: 4 for 2, 16 for 8, 64 for 32. An even side keeps
            half-pixel centers; 2 * factor - 1, such as the 63 that an early FCN used for 32, lays them on the pixels.

    Returns: [side, side].

    >>> (16 * bilinear_kernel(2)[1]).tolist(), bilinear_kernel(32).shape
    ([3.0, 9.0, 9.0, 3.0], torch.Size([64, 64]))
    """
    if factor < 1:
        raise ModelError(f"nothing can be enlarged {factor} times; take a whole factor of 1 or more")
    side = 2 * factor - factor % 2 if side is None else side
    if not 2 * factor - 1 <= side <= 2 * factor:
        raise ModelError(
            f"a kernel of side {side} does not interpolate between values {factor} apart; "
            f"take {2 * factor - 1} or {2 * factor}"
        )
    tent = 1 - (torch.arange(side) - (side - 1) / 2).abs() / factor
    return tent[:, None] * tent[None]


def bilinear_upsample(x: Tensor, factor: int) -> Tensor:
    """A map `factor` times as large by a fixed transposed convolution: one kernel for all channels, no bias.

    Away from the border it equals bilinear interpolation with half-pixel centers; at the border zeros creep in.

    Args:
        x: [B, C, h, w].

    Returns: [B, C, factor * h, factor * w].
    """
    if x.ndim != 4:
        raise ModelError(f"bilinear_upsample takes maps [B, C, h, w], not {list(x.shape)}")
    c = x.shape[1]
    kernel = bilinear_kernel(factor).to(x).expand(c, 1, -1, -1)
    return F.conv_transpose2d(x, kernel, stride=factor, padding=factor // 2, groups=c)


def _box(starts: Sequence[int], ends: Sequence[int]) -> tuple[Any, ...]:
    """The index of a window of the last axes of a map."""
    return (..., *(slice(start, end) for start, end in zip(starts, ends, strict=True)))


def _sides(what: str, x: Tensor, kernel: Tensor, channels: int) -> int:
    """1 or 2, the number of sides that input and kernel have, once they fit each other."""
    if kernel.ndim not in (3, 4) or x.ndim != kernel.ndim:
        raise ModelError(
            f"{what} takes [B, C, n] with a kernel [., ., k], or [B, C, h, w] with [., ., k, l]; "
            f"these are {list(x.shape)} and {list(kernel.shape)} (apply_conv adds missing dimensions)"
        )
    if x.shape[1] != channels:
        raise ModelError(
            f"the input has {x.shape[1]} channels, and the kernel of {list(kernel.shape)} reads {channels}"
        )
    return kernel.ndim - 2


def _each(what: str, value: int | Sequence[int], n: int, least: int = 0) -> list[int]:
    """A number for each of `n` sides."""
    values = [value] * n if isinstance(value, int) else list(value)
    if len(values) != n or min(values) < least:
        raise ModelError(f"{what or 'output_padding'} is {value}; give one number of at least {least}, or {n} of them")
    return values
