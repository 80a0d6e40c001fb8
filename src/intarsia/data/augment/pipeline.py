"""All changes that a training sample may see, in one order: place, color, degrade, mix; and a user's own functions.

sample - own function - place (zoom, crop, flip, turn) - colors - blur - noise - cutout - mix with others
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...errors import DataError
from ...structures import Sample
from ..clips import redrawn
from ..samples import filled
from ..windows import Windows
from .color import jitter
from .degrade import blur, cutout, noise
from .geometry import flipped, place
from .mix import Another, classmix, copy_paste, cutmix, mosaic

Change = Callable[[Sample, np.random.Generator], Sample]


@dataclass(frozen=True)
class Augmentation:
    """A recipe's augmentation; its keys are those of `augment` in a recipe.

    Args:
        ignore_index: the label of pixels that show nothing of the picture.
        own: a user's function, which sees the sample first; see `borrowed`.
        shown: from a picture's (height, width) to those in which the network sees it; None: its own.
        cutmix, classmix, copy_paste, mosaic: how probable each is, 0..1; at most one happens to a sample.
    """

    ignore_index: int
    own: Change | None = None
    shown: Callable[[int, int], tuple[int, int]] | None = None
    crop: tuple[int, int] | None = None
    scale: tuple[float, float] = (1.0, 1.0)
    flip: bool = False
    flip_vertical: bool = False
    rotate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    cutout: float = 0.0
    max_share: float = 1.0
    cutmix: float = 0.0
    classmix: float = 0.0
    copy_paste: float = 0.0
    mosaic: float = 0.0

    @property
    def draws_first(self) -> bool:
        """Whether the box of a sample is drawn before any of its pixels is needed, so that only that part has to be read."""
        return self.crop is not None and self.own is None

    def __call__(self, sample: Sample | Windows, rng: np.random.Generator) -> Sample:
        """One sample by itself, read or to be read; the latter where `draws_first` says so."""
        if self.own is not None and isinstance(sample, Sample):
            sample = self.own(sample, rng)
        size = sample.size if isinstance(sample, Windows) else tuple(sample.labels.shape)
        shown = None if self.shown is None else self.shown(*size)
        made = place(
            sample, rng, ignore_index=self.ignore_index, shown=shown, crop=self.crop, scale=self.scale, flip=self.flip,
            rotate=self.rotate, max_share=self.max_share,
        )  # fmt: skip
        if self.flip_vertical and rng.random() < 0.5:
            made = flipped(made, vertical=True)
        colors = {"brightness": self.brightness, "contrast": self.contrast, "saturation": self.saturation}
        image = jitter(made.image, rng, **colors, hue=self.hue)
        if self.blur:
            image = blur(image, rng, sigma=self.blur)
        if self.noise:
            image = noise(image, rng, amount=self.noise)
        made = redrawn(made._replace(image=image), rng)
        return cutout(made, rng, share=self.cutout, ignore_index=self.ignore_index) if self.cutout else made

    def mix(self, sample: Sample, rng: np.random.Generator, another: Another) -> Sample:
        """An augmented sample and, perhaps, others of its size in it."""
        left = rng.random()
        for kind in ("cutmix", "classmix", "copy_paste", "mosaic"):
            left -= getattr(self, kind)
            if left < 0:
                others = [_alike(sample, another()) for _ in range(3 if kind == "mosaic" else 1)]
                sample, *others = filled([sample, *others], self.ignore_index)
                if kind == "cutmix":
                    return cutmix(sample, others[0], rng)
                if kind == "classmix":
                    return classmix(sample, others[0], rng, ignore_index=self.ignore_index)
                if kind == "copy_paste":
                    return copy_paste(sample, others[0], rng)
                return mosaic([sample, *others], rng)
        return sample

    @property
    def mixes(self) -> bool:
        """Whether samples are ever mixed."""
        return self.cutmix + self.classmix + self.copy_paste + self.mosaic > 0


def _alike(sample: Sample, other: Sample) -> Sample:
    if other.image.shape != sample.image.shape or other.image.dtype != sample.image.dtype:
        raise DataError(
            f"{sample.name} and {other.name} cannot be mixed: one is {_told(sample)}, the other {_told(other)}; "
            "set augment.crop to [height, width]"
        )
    return other


def _told(sample: Sample) -> str:
    channels, height, width = sample.image.shape
    return f"{width}x{height} with {channels} channels of {str(sample.image.dtype).removeprefix('torch.')}"
