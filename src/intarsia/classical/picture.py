"""Pictures as the classical methods see them: arrays of raw values, gray, bytes; and which side of a mask is the foreground."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from ..errors import extra

EXTRA = "classic"


def skimage(module: str) -> Any:
    """A module of scikit-image, such as "filters".

    Raises: MissingExtra where it is not installed.
    """
    return extra(f"skimage.{module}", EXTRA)


def opencv() -> Any:
    """OpenCV.

    Raises: MissingExtra where it is not installed.
    """
    return extra("cv2", EXTRA)


def arrays(image: Tensor) -> list[np.ndarray]:
    """The pictures of a batch [B, C, H, W] of raw integers, each [H, W, C] uint8 or (16-bit values) uint16."""
    pixels = image.detach().cpu().permute(0, 2, 3, 1).numpy()
    return list(np.ascontiguousarray(pixels if pixels.dtype == np.uint8 else pixels.astype(np.uint16)))


def gray(image: np.ndarray) -> np.ndarray:
    """Brightness of a picture [H, W, C] of raw values, [H, W] float64, 0 black to 1 white (ITU-R 709 where it is RGB)."""
    if image.shape[2] == 3:
        found: np.ndarray = skimage("color").rgb2gray(image)
        return found
    as_float: np.ndarray = skimage("util").img_as_float(image)
    return as_float.mean(axis=2)


def eight_bits(image: np.ndarray) -> np.ndarray:
    """A picture [H, W, C] as [H, W, 3] uint8, which OpenCV works on: of 16-bit values the upper byte; gray where C is not 3."""
    return colors(image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8))


def colors(image: np.ndarray) -> np.ndarray:
    """A picture [H, W, C] of raw values as [H, W, 3] of the same type; gray where C is not 3."""
    if image.shape[2] != 3:
        image = np.repeat(image.mean(axis=2, keepdims=True).round().astype(image.dtype), 3, axis=2)
    return np.ascontiguousarray(image)


def oriented(mask: np.ndarray, brightness: np.ndarray, polarity: str) -> np.ndarray:
    """Turn a mask around where its other side is the foreground.

    Args:
        mask: [H, W] bool, of two sides of which it is not known which is the foreground.
        brightness: [H, W].
        polarity: "bright" or "dark": the side that is so on average; "auto": the side that has fewer pixels of the picture's
            border, for objects mostly lie inside of a picture; where both have as many, the brighter one.

    Returns: [H, W] bool, True in the foreground. A mask of one side alone stays as it is under bright and dark.
    """
    if polarity == "auto":
        edge = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
        if 2 * edge.sum() != edge.size:
            return ~mask if 2 * edge.sum() > edge.size else mask
        polarity = "bright"
    if mask.all() or not mask.any():
        return mask
    brighter = brightness[mask].mean() >= brightness[~mask].mean()
    return mask if brighter == (polarity == "bright") else ~mask
