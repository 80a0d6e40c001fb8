"""Run a function or an albumentations Compose as one step of augmentation."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ...errors import DataError
from ...structures import Sample
from .pipeline import Change


def borrowed(transform: Callable[..., Any], ignore_index: int) -> Change:
    """A user's own augmentation as a function (sample, generator) -> sample.

    Args:
        transform: either such a function, or something that is called as albumentations' `Compose` is:
            `transform(image=[H, W, C], mask=[H, W]) -> {"image": ..., "mask": ...}`. The latter gets a seed from the
            generator where it has `set_random_seed`, so that a resumed run repeats it. Object numbers, depth and planes
            are handed over as `masks=[...]` where a sample has them.
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
        maps = _more(sample, ignore_index)
        more = {"masks": maps} if maps else {}
        made = transform(image=image, mask=mask, **more)
        if more and len(made.get("masks", ())) != len(maps):
            raise DataError(
                f"{sample.name}: has objects, depth or planes, which a transform of image and mask would leave behind; "
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


def _more(sample: Sample, ignore_index: int) -> list[np.ndarray]:
    """Object numbers, depth and planes, where a sample has them, in types that every library can warp."""
    maps = []
    for numbers in (sample.objects, sample.previous):
        if numbers is not None:
            maps.append(numbers.numpy().astype(np.uint16 if int(numbers.max()) < 65536 else np.float32))
    if sample.depth is not None:
        maps.append(sample.depth.numpy())
    if sample.planes is not None:
        maps += list(sample.planes.numpy().astype(np.uint8 if ignore_index < 256 else np.uint16))
    if sample.masks is not None:
        maps += list(sample.masks.numpy().astype(np.uint8 if ignore_index < 256 else np.uint16))
    return maps


def _with_more(sample: Sample, maps: list[np.ndarray], ignore_index: int) -> Sample:
    """The sample with the maps of `_more` as they came back; where the masks were filled, there is nothing."""
    depth, planes, rest = sample.depth, sample.planes, iter(maps)
    for what in ("objects", "previous"):
        if getattr(sample, what) is not None:
            numbers = torch.from_numpy(np.ascontiguousarray(next(rest)).astype(np.int32))
            numbers[(sample.labels == ignore_index) & (numbers == ignore_index)] = 0
            part: dict[str, Any] = {what: numbers}
            sample = sample._replace(**part)
    if depth is not None:
        depth = torch.from_numpy(np.ascontiguousarray(next(rest), np.float32))
        depth[(sample.labels == ignore_index) & (depth == ignore_index)] = float("nan")
    if planes is not None:
        planes = torch.from_numpy(np.stack([next(rest) == 1 for _ in planes]))
    masks = sample.masks
    if masks is not None and len(masks):
        masks = torch.from_numpy(np.stack([mask == 1 for mask in rest]))
    elif masks is not None:
        masks = torch.zeros((0, *sample.labels.shape), dtype=torch.bool)
    return sample._replace(depth=depth, planes=planes, masks=masks)


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
