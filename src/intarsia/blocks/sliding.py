"""The slow way to name every pixel: cut out the patch around it, classify the patch, go on to the next pixel."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelError


def classify_by_sliding(
    network: Callable[[Tensor], Tensor], image: Tensor, patch: int, stride: int = 1, *, batch_size: int = 256
) -> Tensor:
    """Slide a classifier of patches over images: its answer for a patch is that of the pixel in the middle.

    This is how pixels were classified before networks became fully convolutional. Neighboring patches overlap almost
    wholly, so nearly all of the work is done again for each of them; the answer is the same as that of the dense form
    of the network, where there is one. Beyond the border, the border's pixels are repeated.

    Args:
        network: takes N patches [N, C, patch, patch] and gives N answers [N, K]; in evaluation mode, so that a patch is
            answered alike in any company.
        image: [B, C, H, W], of any size.
        patch: side of the window in pixels, odd, so that one pixel is the middle.
        stride: distance in pixels between the windows' middles; 1 names every pixel.
        batch_size: patches per call of the network; changes memory and speed, not the answer.

    Returns: [B, K, ceil(H / stride), ceil(W / stride)]; what stands at (y, x) is about the pixel (y * stride, x * stride).

    Raises: ModelError, for a window without a middle or a stride below 1.
    """
    if patch < 1 or patch % 2 == 0:
        raise ModelError(f"patch is {patch}; the window needs a pixel in its middle: give an odd number of at least 1")
    if stride < 1 or batch_size < 1:
        raise ModelError(f"stride is {stride} and batch_size is {batch_size}; give numbers of at least 1")
    around = patch // 2
    padded = F.pad(image, (around,) * 4, mode="replicate")
    windows = padded.unfold(2, patch, stride).unfold(3, patch, stride)  # a view: B, C, rows, columns, patch, patch
    lines = []
    for line in windows.unbind(2):  # one line of windows at a time, because a window is a copy of its pixels
        patches = line.transpose(1, 2).flatten(0, 1)
        answers = torch.cat([network(some) for some in patches.split(batch_size)])
        lines.append(answers.unflatten(0, (image.shape[0], -1)).transpose(1, 2))
    return torch.stack(lines, dim=2)
