"""What the label doctor hands out: findings, and what was measured along the way."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

Severity = Literal["error", "warning", "note"]


class Sight(NamedTuple):
    """A sample that shows what a finding is about."""

    name: str
    image: Path | None
    mask: Path | None
    split: str = ""
    spot: tuple[int, int] | None = None  # (row, column) to look at


class Finding(NamedTuple):
    """One thing that the label doctor found."""

    kind: str
    severity: Severity
    message: str  # one sentence
    places: tuple[str, ...] = ()  # at most five files or samples
    fix: str = ""  # what to do, one sentence
    sights: tuple[Sight, ...] = ()  # at most five samples to look at


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
        presence: [N, K] bool, which classes each sample of the first split holds.
        objects: [K, 24] regions of each class with 1, 2-3, 4-7, ... pixels.
        forms: how masks are stored -> how many are.
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
    presence: np.ndarray
    hash: str
    objects: np.ndarray = field(default_factory=lambda: np.zeros((0, 24), np.int64))
    forms: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """What was looked at, and a line a finding; the arrays are left to who asks for them."""
        images = ", ".join(f"{count} {split}" for split, count in self.images.items())
        return "\n".join(
            [f"{images} images, {len(self.names)} classes", *(f"{f.severity}: {f.message}" for f in self.findings)]
        )

    @property
    def together(self) -> np.ndarray:
        """[K, K] samples of the first split that hold both of two classes; on the diagonal, those that hold one."""
        held = self.presence.astype(np.int64)
        return held.T @ held

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
            "findings": [
                {"kind": f.kind, "severity": f.severity, "message": f.message, "places": list(f.places), "fix": f.fix}
                for f in self.findings
            ],
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
            "together": self.together.tolist(),
            "objects": {n: _median(o) for n, o in zip(self.names, self.objects, strict=False)},
            "forms": dict(self.forms),
            "hash": self.hash,
        }


def _median(bins: np.ndarray) -> dict[str, int]:
    """How many regions, and the lower end of the size that half of them reach."""
    total = int(bins.sum())
    half = int(np.searchsorted(np.cumsum(bins), total / 2)) if total else 0
    return {"regions": total, "median_px": 1 << half if total else 0}
