"""Planes and masks as one bit a pixel, as caches and shards keep them."""

import numpy as np


def packed(planes: np.ndarray) -> np.ndarray:
    """Planes [K, H, W] bool as one bit each: [ceil(K / 8), H, W] uint8, the first class in the highest bit."""
    return np.packbits(planes, axis=0)


def unpacked(bits: np.ndarray, count: int) -> np.ndarray:
    """The planes [K, H, W] bool that `packed` made [ceil(K / 8), H, W] uint8 of; `count` is K."""
    return np.unpackbits(bits, axis=0, count=count).view(bool)
