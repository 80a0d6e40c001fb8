"""Views: an engine that shows another one a picture scaled, mirrored and turned, and averages what it says (test-time
augmentation).

    image - scale - turn - mirror - engine - mirror - turn - probabilities - mean or maximum - scores

Probabilities are averaged, as the papers do that report such numbers, and the mean is handed out as scores again: their
softmax, or sigmoid, is that mean. A temperature is for the mean, as `intarsia calibrate` fits it to it.

Hengshuang Zhao et al. "Pyramid Scene Parsing Network." CVPR 2017. arXiv:1612.01105 (six scales, mirrored)
Liang-Chieh Chen et al. "Encoder-Decoder with Atrous Separable Convolution." ECCV 2018. arXiv:1802.02611 (the same)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from ..errors import ModelError, nearest
from ..structures import Output
from .engine import Engine
from .gather import HOWS, gathered
from .poses import View, upright

ROTATIONS = (90, 180, 270)  # degrees, against the clock


class Averaged:
    """An engine that runs another one on several views of the images, and joins what it says.

    Scores of classes become probabilities, of which the mean or the maximum is taken; depth, centers and offsets their mean;
    objects and queries of all views are put together, and of those that overlap the best is kept.

    Args:
        engine: raw integers [B, C, H, W] to an output.
        scales: factors of the images' size, above 0.
        flip: see each view mirrored as well.
        rotations: degrees against the clock, of 90, 180 and 270, beside the images as they are.
        how: "mean", or "max" of the probabilities.
        sigmoid: whether scores become probabilities by a sigmoid, as for several labels a pixel, and not by a softmax.

    Raises: ModelError for scales, rotations and ways to average that are none.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        rotations: Sequence[int] = (),
        how: str = "mean",
        sigmoid: bool = False,
    ) -> None:
        check_views(scales, rotations)
        if how not in HOWS:
            raise ModelError(f"views are averaged by {how!r}{nearest(how, HOWS)}")
        self.engine, self.how, self.sigmoid = engine, how, sigmoid
        self.scales, self.flip, self.rotations = tuple(scales), flip, tuple(rotations)

    def __call__(self, image: Tensor) -> Output:
        """Run the engine on all views of raw integers [B, C, H, W].

        Returns: an output of the engine's kind, in the images' size.

        Raises: ModelError for an output that cannot be averaged.
        """
        height, width = image.shape[2:]
        every = views(image, self.scales, self.flip, self.rotations)
        seen = ((self.engine(given), view, 1.0) for view, given in every)
        return gathered(seen, (height, width), self.how, sigmoid=self.sigmoid)


def check_views(scales: Sequence[float], rotations: Sequence[int] = ()) -> None:
    """See that scales and rotations make views.

    Raises: ModelError.
    """
    if not scales or not all(math.isfinite(factor) and factor > 0 for factor in scales):
        raise ModelError(f"scales are {list(scales)}; give factors above 0, such as 0.75, 1, 1.25")
    if wrong := [turn for turn in rotations if turn not in ROTATIONS]:
        raise ModelError(f"rotations hold {wrong[0]}; give degrees of {', '.join(map(str, ROTATIONS))}")


def views(
    image: Tensor, scales: Sequence[float] = (1.0,), flip: bool = False, rotations: Sequence[int] = ()
) -> Iterator[tuple[View, Tensor]]:
    """Make views of images, those of one scale after each other.

    Args:
        image: [B, C, H, W] raw integers.
        scales, flip, rotations: as for `Averaged`.
    """
    for factor in scales:
        seen = scaled(image, factor)
        for turns in (0, *(degrees // 90 for degrees in rotations)):
            turned = seen.rot90(turns, (2, 3)) if turns else seen
            for mirrored in (False, True) if flip else (False,):
                view = View((seen.shape[2], seen.shape[3]), turns, mirrored)
                yield view, turned.flip(3) if mirrored else turned


def back(maps: Tensor, view: View, size: tuple[int, int]) -> Tensor:
    """Bring maps [B, K, h, w] of a view back into the size (H, W) and pose of the picture."""
    maps = upright(maps, view)
    return maps if view.size == size else nn.functional.interpolate(maps, size, mode="bilinear", align_corners=False)


def scaled(image: Tensor, factor: float) -> Tensor:
    """Raw integers [B, C, H, W] in a factor of their size, at least one pixel."""
    if factor == 1:
        return image
    size = [max(1, round(side * factor)) for side in image.shape[2:]]
    found = nn.functional.interpolate(image.float(), size, mode="bilinear", align_corners=False)
    return found.round_().to(image.dtype)
