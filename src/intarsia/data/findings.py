"""What the label doctor hands out: findings, and what was measured along the way."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

Severity = Literal["error", "warning", "note"]


class Finding(NamedTuple):
    """One thing that the label doctor found."""

    kind: str
    severity: Severity
    message: str  # one sentence
    places: tuple[str, ...] = ()  # at most five files or samples
    fix: str = ""  # what to do, one sentence


@dataclass(frozen=True)
class Audit:
    """What is known of a data set; where several were given, statistics are the first one's.

    Attributes:
        counts: [K] pixels of each class.
        ignored: share of the pixels that do not count, 0..1.
        mean, std: of each channel, of values scaled to 0..1.
        channels, bits: of the images, the commonest where they are mixed; bits is 8 or 16.
        images: number of samples of each split.
        sizes: (height, width) -> number of images, over all splits, commonest first.
        hash: of all names, images and labels; two data sets of one hash are the same.
    """

    findings: tuple[Finding, ...]
    names: tuple[str, ...]
    counts: np.ndarray
    ignored: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: int
    bits: int
    images: dict[str, int]
    sizes: dict[tuple[int, int], int]
    hash: str

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What training refuses."""
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What should be looked at."""
        return tuple(f for f in self.findings if f.severity == "warning")

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        total = max(int(self.counts.sum()), 1)
        return {
            "findings": [{**f._asdict(), "places": list(f.places)} for f in self.findings],
            "classes": {
                n: {"pixels": int(c), "share": int(c) / total} for n, c in zip(self.names, self.counts, strict=True)
            },
            "ignored": self.ignored,
            "mean": list(self.mean),
            "std": list(self.std),
            "channels": self.channels,
            "bits": self.bits,
            "images": dict(self.images),
            "sizes": [{"height": h, "width": w, "images": n} for (h, w), n in self.sizes.items()],
            "hash": self.hash,
        }
