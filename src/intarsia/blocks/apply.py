"""Apply a kernel to data by hand: a convolution or a transposed one, without building a layer first."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelError, reason

FORWARD: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
BACKWARD: dict[int, Callable[..., Tensor]] = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def apply_conv(
    data: Any,
    kernel: Any,
    *,
    transposed: bool = False,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    rate: int | Sequence[int] = 1,
    dims: Literal[1, 2, 3] = 2,
) -> Tensor:
    """What a convolution with this kernel, and no bias, makes of this data; missing dimensions are added in front.

    Args:
        data: [h, w], [C, h, w] or [B, C, h, w]: a tensor, an array or nested lists.
        kernel: [k, l], or [C', C, k, l], or for a transposed convolution [C, C', k, l]: the input's channels are axis
            1, or 0 where it is transposed. With three axes [C, k, l] the missing first one is 1.
        output_padding: of a transposed convolution: rows and columns to add at the end.
        rate: distance between two taps, in pixels.
        dims: 1 for sequences, whose data is [n] and whose kernel [k]; 3 for volumes.

    Returns: [B, C', h', w'].

    >>> apply_conv([[1, 2], [3, 4]], [[1, 0], [0, 1]]).tolist()
    [[[[5.0]]]]
    >>> apply_conv([[1, 2], [3, 4]], [[1, 0], [0, 1]], transposed=True).tolist()
    [[[[1.0, 2.0, 0.0], [3.0, 5.0, 2.0], [0.0, 3.0, 4.0]]]]
    """
    if dims not in FORWARD:
        raise ModelError(f"dims is {dims}; 1 is for sequences, 2 for images, 3 for volumes")
    x, weight = _filled("data", data, dims), _filled("kernel", kernel, dims)
    common = torch.promote_types(x.dtype, weight.dtype)
    x, weight = x.to(common), weight.to(common)
    axis = 0 if transposed else 1
    if x.shape[1] != weight.shape[axis]:
        kind = "transposed convolution" if transposed else "convolution"
        raise ModelError(
            f"the data has {x.shape[1]} channels, and axis {axis} of the kernel {list(weight.shape)}, where a {kind} "
            f"keeps its input channels, has {weight.shape[axis]}"
        )
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": rate}
    if transposed:
        options["output_padding"] = output_padding
    elif output_padding != 0:
        raise ModelError("output_padding belongs to a transposed convolution; leave it out, or set transposed=True")
    try:
        return (BACKWARD if transposed else FORWARD)[dims](x, weight, **options)
    except (RuntimeError, ValueError) as error:
        said = reason(error).rstrip(".")
        raise ModelError(f"this convolution of {list(x.shape)} with {list(weight.shape)} cannot be: {said}") from error


def _filled(what: str, values: Any, dims: int) -> Tensor:
    """Values as floating point numbers of `dims` + 2 axes, ones added in front."""
    try:
        tensor = torch.as_tensor(values)
    except (ValueError, TypeError) as error:
        raise ModelError(f"{what} is no table of numbers: {reason(error)}") from error
    tensor = tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())
    if not dims <= tensor.ndim <= dims + 2:
        raise ModelError(
            f"{what} of shape {list(tensor.shape)} has {tensor.ndim} axes; {dims} to {dims + 2} are allowed"
        )
    return tensor.reshape(*(1,) * (dims + 2 - tensor.ndim), *tensor.shape)
