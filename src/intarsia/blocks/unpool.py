"""Pooling, and the ways back up: repeat the value, nail it down, or lay it where the maximum stood.

    1 2 6 3                                 0 0 2 0
    3 5 2 1  max_pool  5 6    1 2  max_     0 1 0 0
    1 2 2 1  ------->  7 8 .. 3 4  unpool   0 0 0 0
    7 3 4 8   places ----------------->     3 0 0 4

Pooling divides a map by `size`, rounding up: the last windows may be cut off by the border, and no pixel is lost.
"""

import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelError


def max_pool(x: Tensor, size: int = 2) -> tuple[Tensor, Tensor]:
    """The maximum of each `size` x `size` window, and its place: the input of `max_unpool`.

    Args:
        x: [B, C, h, w].

    Returns: maxima and their places in the flattened map, 0 .. h*w - 1: [B, C, ceil(h/size), ceil(w/size)] each.

    >>> import torch
    >>> x = torch.tensor([[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]])
    >>> maxima, places = max_pool(x[None, None])
    >>> maxima.squeeze().tolist(), places.squeeze().tolist()
    ([[5.0, 6.0], [7.0, 8.0]], [[5, 2], [12, 15]])
    """
    return F.max_pool2d(x, size, ceil_mode=True, return_indices=True)


def average_pool(x: Tensor, size: int = 2) -> Tensor:
    """The mean of each `size` x `size` window of `x` [B, C, h, w]; a window that the border cuts averages what it holds.

    Returns: [B, C, ceil(h/size), ceil(w/size)].

    >>> import torch
    >>> x = torch.tensor([[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]])
    >>> average_pool(x[None, None]).squeeze().tolist()
    [[2.75, 3.0], [3.25, 3.75]]
    """
    return F.avg_pool2d(x, _checked(size), ceil_mode=True, count_include_pad=False)


def max_unpool(x: Tensor, places: Tensor, h: int, w: int) -> Tensor:
    """Lay each value of `x` [B, C, ., .] at its place in a map of zeros: [B, C, h, w].

    Written as a scatter, because torch's own max_unpool2d is refused in deterministic mode and by ONNX.
    """
    b, c = x.shape[:2]
    canvas = x.new_zeros(b, c, h * w)  # [b, c, h*w]
    return canvas.scatter(2, places.flatten(2), x.flatten(2)).view(b, c, h, w)  # [b, c, h, w]


def nearest_unpool(x: Tensor, size: int = 2) -> Tensor:
    """Fill a `size` x `size` block with each value of `x` [..., h, w]: [..., size * h, size * w].

    >>> import torch
    >>> nearest_unpool(torch.tensor([[1, 2], [3, 4]])).tolist()
    [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    """
    return x.repeat_interleave(_checked(size), dim=-2).repeat_interleave(size, dim=-1)


def bed_of_nails(x: Tensor, size: int = 2) -> Tensor:
    """Lay each value of `x` [..., h, w] at the upper left of a `size` x `size` block of zeros: [..., size * h, size * w].

    >>> import torch
    >>> bed_of_nails(torch.tensor([[1, 2], [3, 4]])).tolist()
    [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]
    """
    *others, h, w = x.shape
    board = x.new_zeros(*others, h * _checked(size), w * size)
    board[..., ::size, ::size] = x
    return board


def _checked(size: int) -> int:
    if size < 1:
        raise ModelError(f"a pooling window of side {size} holds no pixel; take 1 or more, 2 in most networks")
    return size
