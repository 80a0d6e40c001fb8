"""The pixels or superpixels that a classifier learns from: rows of features, and the class of each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..errors import DataError, ModelError, nearest
from ..structures import Sample
from .features import chosen, of_pixels, of_superpixels
from .picture import arrays

PER = ("pixel", "superpixel")


class Sampling(NamedTuple):
    """What is classified, by which features, and how many of it are learned from; see `RandomForest`."""

    name: str
    features: str
    per: str
    segments: int
    samples: int

    def check(self) -> None:
        """Raises: ModelError for values that are none, with the nearest."""
        chosen(self.features)
        if self.per not in PER:
            raise ModelError(f"{self.name}: per is {self.per!r}{nearest(self.per, PER)}")
        self.within("segments", self.segments, 2, 100_000)
        self.within("samples", self.samples, 2, 100_000_000)

    def within(self, key: str, value: float, low: float, high: float) -> None:
        """Raises: ModelError for a number that is not from `low` to `high`."""
        if not low <= value <= high:
            raise ModelError(f"{self.name}: {key} is {value}; it takes a number from {low:g} to {high:g}")

    def rows(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """The features of what is classified in a picture [H, W, C]: [N, F], and for superpixels that of each pixel [H, W]."""
        if self.per == "superpixel":
            return of_superpixels(image, self.features, self.segments)
        values = of_pixels(image, self.features)
        return values.reshape(-1, values.shape[2]), None

    def drawn(
        self, pictures: Iterable[Sample], count: int, ignore_index: int, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw what is learned from: labeled pixels, or superpixels with the class of most of their pixels.

        Args:
            pictures: with labels.
            count: of them.
            ignore_index: what labels say of pixels that do not count.

        Returns: features [N, F] float32, and classes [N].

        Raises: DataError where nothing has a label, or everything has one.
        """
        share = max(1, math.ceil(self.samples / max(1, count)))
        values, classes = [], []
        for number, picture in enumerate(pictures):
            rows, regions = self.rows(arrays(picture.image[None])[0])
            labels = picture.labels.numpy()
            true = labels.ravel() if regions is None else majority(regions, labels, ignore_index)
            known = np.flatnonzero(true != ignore_index)
            if len(known) > share:
                known = np.random.default_rng((seed, number)).choice(known, share, replace=False)
            values.append(rows[known])
            classes.append(true[known])
        found = np.concatenate(classes) if classes else np.array([])
        if len(np.unique(found)) < 2:
            raise DataError(
                f"{self.name} has {len(found):,} samples of {len(np.unique(found))} class{'' if len(np.unique(found)) == 1 else 'es'} "
                "to learn from; it needs two classes at least: look at the masks, or raise model.samples"
            )
        return np.concatenate(values), found.astype(np.int64)


def majority(regions: np.ndarray, labels: np.ndarray, ignore_index: int) -> np.ndarray:
    """The class of most labeled pixels of each region, [N]; the ignore index where no pixel has a label.

    Args:
        regions: [H, W] 0..N-1.
        labels: [H, W] class numbers and the ignore index.
    """
    counted = labels != ignore_index
    classes = int(labels[counted].max(initial=0)) + 1
    joint = regions[counted].astype(np.int64) * classes + labels[counted]
    table = np.bincount(joint, minlength=(int(regions.max()) + 1) * classes).reshape(-1, classes)
    return np.where(table.any(axis=1), table.argmax(axis=1), ignore_index)
