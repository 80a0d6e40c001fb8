"""The one place that changes the size of a feature map to that of another."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Resize(nn.Module):
    """`resize_like` as a part of a network, so that a peer's variant can put its own in its place.

    Args:
        mode, align_corners: as for `resize_like`.
    """

    def __init__(self, *, mode: str = "bilinear", align_corners: bool = False) -> None:
        super().__init__()
        self.mode, self.align_corners = mode, align_corners

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        return resize_like(x, reference, mode=self.mode, align_corners=self.align_corners)


def resize_like(x: Tensor, reference: Tensor, *, mode: str = "bilinear", align_corners: bool = False) -> Tensor:
    """Resample `x` to the height and width of `reference`.

    Half-pixel centers by default: the one convention under which a feature map, its image and its labels agree
    whatever their sizes.

    Args:
        mode: "bilinear" or "nearest".
        align_corners: of "bilinear": the corner pixels' centers coincide, as some papers and peers have it.
    """
    corners = None if mode == "nearest" else align_corners
    return F.interpolate(x, reference.shape[-2:], mode=mode, align_corners=corners)


def crop_like(x: Tensor, reference: Tensor) -> Tensor:
    """Cut the last rows and columns of `x`, so that it has the height and width of `reference`.

    Maps that were halved with rounding up and doubled again are one row or column too large at odd sizes.
    """
    return crop(x, *reference.shape[-2:])


def crop(x: Tensor, h: int, w: int) -> Tensor:
    """The first `h` rows and `w` columns of `x`."""
    if torch.compiler.is_exporting():
        # A slice makes the exported graph ask whether it cuts anything, and refuse sizes that answer otherwise.
        return F.pad(x, (0, w - x.shape[-1], 0, h - x.shape[-2]))
    return x[..., :h, :w]
