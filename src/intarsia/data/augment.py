"""Everything that may happen to a training sample, in one order: place, color, degrade, mix; and a user's own functions.

sample - own function - place (zoom, crop, flip, turn) - colors - blur - noise - cutout - mix with others
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import DataError
from ..structures import Sample
from .color import jitter
from .degrade import blur, cutout, noise
from .geometry import flipped, place
from .mix import Another, boxes_of, classmix, copy_paste, cutmix, mosaic

Change = Callable[[Sample, np.random.Generator], Sample]


@dataclass(frozen=True)
class Augmentation:
    """A recipe's augmentation; its keys are those of `augment` in a recipe.

    Args:
        ignore_index: the label of pixels that show nothing of the picture.
        own: a user's function, which sees the sample first; see `borrowed`.
        cutmix, classmix, copy_paste, mosaic: how probable each is, 0..1; at most one happens to a sample.
    """

    ignore_index: int
    own: Change | None = None
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

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """One sample by itself."""
        if self.own is not None:
            sample = self.own(sample, rng)
        made = place(
            sample, rng, ignore_index=self.ignore_index, crop=self.crop, scale=self.scale, flip=self.flip,
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
        made = made._replace(image=image)
        return cutout(made, rng, share=self.cutout, ignore_index=self.ignore_index) if self.cutout else made

    def mix(self, sample: Sample, rng: np.random.Generator, another: Another) -> Sample:
        """An augmented sample and, perhaps, others of its size in it."""
        left = rng.random()
        for kind in ("cutmix", "classmix", "copy_paste", "mosaic"):
            left -= getattr(self, kind)
            if left < 0:
                others = [_alike(sample, another()) for _ in range(3 if kind == "mosaic" else 1)]
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


def borrowed(transform: Callable[..., Any], ignore_index: int) -> Change:
    """A user's own augmentation as a function (sample, generator) -> sample.

    Args:
        transform: either such a function, or something that is called as albumentations' `Compose` is:
            `transform(image=[H, W, C], mask=[H, W]) -> {"image": ..., "mask": ...}`. The latter gets a seed from the
            generator where it has `set_random_seed`, so that a resumed run repeats it. Object numbers and depth are handed
            over as `masks=[...]` where a sample has them; boxes are then those of the objects.
        ignore_index: what such a transform must fill masks with where it shows nothing of the picture.

    Raises: DataError when a transform would fill masks with a class, or cannot be called in either way.
    """
    if not callable(transform):
        raise DataError(
            f"augment is a function, or albumentations' Compose, not a {type(transform).__name__}; put a list into Compose"
        )
    parameters = inspect.signature(transform).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) >= 2 and not hasattr(transform, "transforms"):
        return transform
    if not any(p.kind is p.VAR_KEYWORD or p.name == "mask" for p in parameters):
        raise DataError(
            "augment is called as augment(sample, generator), or as albumentations' Compose is, augment(image=, mask=); "
            f"{transform!r} takes ({', '.join(p.name for p in parameters)})"
        )
    _check_fill(transform, ignore_index)

    def changed(sample: Sample, rng: np.random.Generator) -> Sample:
        if hasattr(transform, "set_random_seed"):
            transform.set_random_seed(int(rng.integers(2**31)))
        image, mask = sample.image.permute(1, 2, 0).contiguous().numpy(), sample.labels.numpy()
        more = {"masks": _more(sample)} if sample.objects is not None or sample.depth is not None else {}
        made = transform(image=image, mask=mask, **more)
        if (more and "masks" not in made) or (sample.boxes is not None and sample.objects is None):
            raise DataError(
                f"{sample.name}: has objects, boxes or depth, which a transform of image and mask would leave behind; "
                "write augment(sample, generator) instead"
            )
        image, mask = np.ascontiguousarray(made["image"]), np.ascontiguousarray(made["mask"])
        if image.dtype != sample.image.permute(1, 2, 0).numpy().dtype or image.ndim != 3:
            raise DataError(
                f"{sample.name}: augment made an image of {image.dtype} and shape {image.shape}; return [H, W, C] raw "
                f"integers as they came, {str(sample.image.dtype).removeprefix('torch.')}: normalization comes later"
            )
        moved = sample._replace(image=torch.from_numpy(image).permute(2, 0, 1), labels=torch.from_numpy(mask))
        return _with_more(moved, list(made["masks"]), ignore_index) if more else moved

    return changed


def _more(sample: Sample) -> list[np.ndarray]:
    """Object numbers and depth, where a sample has them, in types that every library can warp."""
    maps = []
    if sample.objects is not None:
        maps.append(sample.objects.numpy().astype(np.uint16 if int(sample.objects.max()) < 65536 else np.float32))
    if sample.depth is not None:
        maps.append(sample.depth.numpy())
    return maps


def _with_more(sample: Sample, maps: list[np.ndarray], ignore_index: int) -> Sample:
    """The sample with the maps of `_more` as they came back; where the masks were filled, there is nothing."""
    objects, boxes, depth = sample.objects, sample.boxes, sample.depth
    if objects is not None:
        objects = torch.from_numpy(np.ascontiguousarray(maps[0]).astype(np.int32))
        objects[(sample.labels == ignore_index) & (objects == ignore_index)] = 0
        boxes = None if boxes is None else boxes_of(objects, len(boxes))
    if depth is not None:
        depth = torch.from_numpy(np.ascontiguousarray(maps[-1], np.float32))
        depth[(sample.labels == ignore_index) & (depth == ignore_index)] = float("nan")
    return sample._replace(objects=objects, boxes=boxes, depth=depth)


def _check_fill(transform: Any, ignore_index: int) -> None:
    """Refuse transforms that paint class numbers where the picture ends."""
    for part in getattr(transform, "transforms", ()):
        _check_fill(part, ignore_index)
    fill = getattr(transform, "fill_mask", None)
    moves = any(
        word in type(transform).__name__ for word in ("Pad", "Affine", "Rotate", "Shift", "Perspective", "Drop")
    )
    if moves and isinstance(fill, int | float) and fill != ignore_index:
        raise DataError(
            f"{type(transform).__name__} fills masks with {fill:g}, which names a class where nothing is shown; "
            f"give it fill_mask={ignore_index}"
        )
