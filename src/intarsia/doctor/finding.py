"""What the label doctor hands out: findings, and what was measured along the way."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")  # gravest first


class Kind(NamedTuple):
    """A kind of finding."""

    severity: tuple[Severity, ...]  # those that such a finding may have, gravest first
    title: str  # what is found, in a few words
    mended_by: str = ""  # what --fix does about it; empty where a person has to

    @property
    def mended(self) -> bool:
        """Whether a rule can mend it."""
        return bool(self.mended_by)


_ERROR: tuple[Severity, ...] = ("error",)
_WARNING: tuple[Severity, ...] = ("warning",)
_NOTE: tuple[Severity, ...] = ("note",)
_GRAVE: tuple[Severity, ...] = ("error", "warning")
_LIGHT: tuple[Severity, ...] = ("warning", "note")
_LEFT = "the pair is left out"

KINDS: dict[str, Kind] = {
    # files
    "unreadable": Kind(_ERROR, "a file that cannot be read", _LEFT),
    "mode": Kind(_ERROR, "an image in colors that are not read, such as CMYK", "written as RGB"),
    "encoding": Kind(_ERROR, "a mask that is not stored as its label space says", _LEFT),
    "size": Kind(_ERROR, "image and mask of different sizes", "resized where both have one shape, else left out"),
    "channels": Kind(_GRAVE, "images with different numbers of channels", "written with one number of channels"),
    "bits": Kind(_ERROR, "images of 8 and of 16 bits", "written with 8 bits"),
    "forms": Kind(_NOTE, "masks that are stored in another way than most", "written as palette files"),
    "orientation": Kind(_LIGHT, "image and mask that EXIF data turn in different ways", "both are written upright"),
    "sizes": Kind(_NOTE, "images of several sizes"),
    "blank": Kind(_WARNING, "an image of one color"),
    "nodata": Kind(SEVERITIES, "pixels that a file itself declares to hold no data"),
    # what lies in the folder
    "recognized": Kind(_NOTE, "what an export or a packed data set was recognized as"),
    "layout": Kind(_NOTE, "a folder that is laid out as a known data set is"),
    "rivals": Kind(_NOTE, "other folders that could be the masks"),
    "exchanged": Kind(_ERROR, "folders of images and masks under each other's name", "written under the right names"),
    "twice_named": Kind(_ERROR, "two files of one name", "the one of the commoner type is taken"),
    "composed": Kind(_NOTE, "names whose accents are part of the letters on one side only", "both files get one name"),
    "spelling": Kind(_WARNING, "names that differ in case, spaces or accents only", "both files get one name"),
    "unmatched": Kind(_WARNING, "images without a mask, or masks without an image", "left out"),
    "annotation": Kind(_ERROR, "annotations that cannot be used", "left out"),
    "left_out": Kind(_WARNING, "files or annotations that are not read"),
    "unlabeled": Kind(_NOTE, "folders of images that have no masks"),
    "annotations": Kind(_NOTE, "files of annotation tools beside the masks"),
    "one_hot": Kind(_NOTE, "masks of one file for each class or object", "laid over each other"),
    "under": Kind(_NOTE, "objects that others are drawn over in part"),
    "overlap": Kind(_WARNING, "pixels in the planes of several classes"),
    "lacking": Kind(_WARNING, "an image without the plane of a class that nearly all others have"),
    # what values mean
    "meaning": Kind(_NOTE, "how the masks are read"),
    "inferred": Kind(_NOTE, "what a data set takes for granted of its labels"),
    "names": Kind(_WARNING, "a file of class names that does not fit the masks"),
    "objects": Kind(_WARNING, "numbers that look like those of objects"),
    "one_class": Kind(_ERROR, "a single class"),
    "mixed_encoding": Kind(_GRAVE, "masks that are stored in different ways", "written in one way, or left out"),
    "palette_order": Kind(_WARNING, "palettes that disagree about an index", "written with one palette"),
    "picture": Kind(_ERROR, "a picture where a mask should be", _LEFT),
    "smeared": Kind(_GRAVE, "masks that went through JPEG or smoothing", "nearest classes, else ignored or left out"),
    "wide_ids": Kind(("error", "note"), "16-bit ids times 256 or 257", "divided"),
    "alpha": Kind(_WARNING, "labels in the alpha channel", "the alpha channel becomes the mask"),
    "void_id": Kind(_WARNING, "one id more than there are names", "ignored"),
    "off_by_one": Kind(
        _GRAVE, "ids that are one too high", "lowered; where only looks say so, with --accept off_by_one"
    ),
    "stray": Kind(_GRAVE, "values outside of the label space", "ignored"),
    # which classes occur
    "ignored": Kind(_GRAVE, "a split of which most or all pixels are ignored"),
    "all_ignored": Kind(_WARNING, "masks that are ignored as a whole"),
    "absent": Kind(_WARNING, "classes that a split does not hold"),
    "scarce": Kind(_LIGHT, "classes that hardly a mask holds"),
    "constant": Kind(_LIGHT, "masks of one value"),
    "covered": Kind(_WARNING, "regions that later ones cover"),
    # objects
    "objects_empty": Kind(_WARNING, "objects without a pixel"),
    "objects_twice": Kind(_WARNING, "objects that are there twice"),
    "objects_many": Kind(_WARNING, "more objects than a map of 16 bits can number"),
    "objects_missing": Kind(_WARNING, "things that have pixels and no object"),
    "objects_cut": Kind(_WARNING, "objects that a straight line seems to cut"),
    "objects_joined": Kind(_WARNING, "two objects that seem to have one number"),
    # copies
    "duplicates_across": Kind(_ERROR, "one image in several splits", "kept in one split"),
    "near_duplicates_across": Kind(_ERROR, "one image in several splits, saved again", "kept in one split"),
    "duplicates": Kind(_WARNING, "one image several times in a split", "kept once"),
    "near_duplicates": Kind(_WARNING, "images of a split that are hardly different"),
    "contradiction": Kind(_WARNING, "one picture with different masks"),
    "frames": Kind(_WARNING, "neighboring video frames on both sides of a split"),
    "same_mask": Kind(_WARNING, "one mask beside several images"),
    # how masks were drawn
    "specks": Kind(_LIGHT, "regions of fewer than 5 pixels"),
    "unclosed": Kind(_LIGHT, "lines that a small gap keeps open"),
    "flipped": Kind(_WARNING, "masks that are turned or mirrored against their images"),
    "misplaced": Kind(_WARNING, "masks that do not lie on the edges of their images"),
    "swapped": Kind(_WARNING, "masks that seem to be exchanged"),
    "label_noise": Kind(_WARNING, "a class that looks like another one elsewhere"),
    "unusual": Kind(_NOTE, "masks that divide their pixels unlike all others"),
}


class Sight(NamedTuple):
    """A sample that shows what a finding is about."""

    name: str
    image: Path | None
    mask: Path | None
    split: str = ""
    spot: tuple[int, int] | None = None  # (row, column) to look at


class Finding(NamedTuple):
    """One thing that the label doctor found."""

    kind: str  # a key of `KINDS`
    severity: Severity
    message: str  # one sentence
    places: tuple[str, ...] = ()  # at most five files or samples; of annotations that cannot be used, all
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
        """Return plain data, for JSON."""
        total = max(int(self.counts.sum()), 1)
        return {
            "findings": [
                {
                    "kind": f.kind,
                    "title": KINDS[f.kind].title,
                    "severity": f.severity,
                    "message": f.message,
                    "places": list(f.places),
                    "fix": f.fix,
                }
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
