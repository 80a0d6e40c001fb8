"""Objects: average precision and recall of masks and boxes by COCO's rules, whole and by size."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import IntarsiaError
from ...labels import LabelSpace
from ...metrics.average_precision import PrecisionScores
from ...metrics.image_matches import ImageMatches
from ...metrics.object_shapes import crop
from ...metrics.significance import Bootstrap
from ...report import Picture
from ...structures import CroppedMask, Objects, Sample
from .. import truth as truths
from .tables import Table, html, images_of, percent, plain, span, trust_of
from .wish import Wish, whole

ROWS = {
    "AP": "ap",
    "AP50": "ap50",
    "AP75": "ap75",
    "AP small": "ap_small",
    "AP medium": "ap_medium",
    "AP large": "ap_large",
    "AR 1": "ar1",
    "AR 10": "ar10",
    "AR 100": "ar100",
    "AR small": "ar_small",
    "AR medium": "ar_medium",
    "AR large": "ar_large",
}
ANYTHING = "any object"  # the one class of those who look for objects of no class


@dataclass(frozen=True, eq=False)
class ObjectScore:
    """What a detector scored on a data set.

    Args:
        masks, boxes: AP and AR of both; None for masks where the model draws none.
        space: the classes.
        counts: what the detections of each image matched, by their masks where there are some, else by their boxes.
        per_image: (name, F1 of that image at IoU 0.5, of the detections that score at least 0.5); NaN where nothing is to
            be found and nothing was.
        found, missed, false: objects of all images at that IoU and score.
        seconds, source, worst, best, trust: as of `PlaneScore`.
    """

    masks: PrecisionScores | None
    boxes: PrecisionScores
    space: LabelSpace
    counts: ImageMatches
    per_image: list[tuple[str, float]]
    found: int = 0
    missed: int = 0
    false: int = 0
    seconds: float = 0.0
    source: dict[str, str] = field(default_factory=dict)
    worst: tuple[Picture, ...] = ()
    best: tuple[Picture, ...] = ()
    trust: Bootstrap | None = None

    own = "f1"

    @property
    def measure(self) -> str:
        """What the main number is called."""
        return self.counts.headline

    @property
    def main(self) -> PrecisionScores:
        """The scores of the masks, or of the boxes where there are no masks."""
        return self.boxes if self.masks is None else self.masks

    @property
    def agnostic(self) -> bool:
        """Whether objects of all classes count as one, since the detector looks for anything that is an object."""
        return self.counts.classes == (ANYTHING,) != self.space.names

    @property
    def ap(self) -> float:
        """Average precision over IoU 0.50 to 0.95, 0..1, of masks where there are some, else of boxes."""
        return self.main.ap

    @property
    def ap50(self) -> float:
        """Average precision at IoU 0.50, 0..1."""
        return self.main.ap50

    @property
    def images(self) -> int:
        """How many images were scored."""
        return len(self.per_image)

    @property
    def standing(self) -> float:
        """The number that the best checkpoint is chosen by: AP; NaN where there is no object to find."""
        return self.ap

    @property
    def brief(self) -> str:
        """The main number in percent, with its name; empty where there is none."""
        return "" if math.isnan(self.ap) else f"{self.measure} {100 * self.ap:.1f}"

    @property
    def sentence(self) -> str:
        """The result in one line of a log."""
        if math.isnan(self.ap):
            return "the data set has no object to find"
        more = "" if self.masks is None else f", box AP {100 * self.boxes.ap:.2f}"
        if self.agnostic:
            more += f", AR 10 {100 * self.main.ar10:.2f}, AR 100 {100 * self.main.ar100:.2f} of objects of any class"
        return f"{self.measure} {100 * self.ap:.2f}, AP50 {100 * self.ap50:.2f}{more} ({self.seconds:.0f} s)"

    @property
    def figures(self) -> dict[str, Any]:
        """The few numbers that a log keeps of each validation, by name; None where there is no number."""
        more = {} if self.masks is None else {"mask_ap": self.masks.ap, "mask_ap50": self.masks.ap50}
        more |= {"ar10": self.main.ar10, "ar100": self.main.ar100} if self.agnostic else {}
        tree: dict[str, Any] = plain({**more, "box_ap": self.boxes.ap, "box_ap50": self.boxes.ap50})
        return tree

    @property
    def tiles(self) -> list[tuple[str, str]]:
        """The main numbers, each with its name."""
        second = [] if self.masks is None else [("box AP, %", percent(self.boxes.ap))]
        return [
            (f"{self.measure}, %", percent(self.ap)),
            ("AP50, %", percent(self.ap50)),
            ("AP75, %", percent(self.main.ap75)),
            *([("AR 100 of any class, %", percent(self.main.ar100))] if self.agnostic else second),
            ("found, missed, false", f"{self.found}, {self.missed}, {self.false}"),
            (f"interval of {self.measure}, %", span(self.trust)),
        ]

    @property
    def tables(self) -> list[Table]:
        """AP and AR by size, and AP of each class."""
        kinds = [(name, found) for name, found in (("masks", self.masks), ("boxes", self.boxes)) if found is not None]
        rows = [(name, *(percent(getattr(found, key)) for _, found in kinds)) for name, key in ROWS.items()]
        wanted = self.counts.truth.sum(axis=0).reshape(-1, len(self.counts.classes))[0]
        classes = [
            (name, str(int(wanted[k])), *(percent(found.classes[k]) for _, found in kinds), span(self.trust, name))
            for k, name in enumerate(self.counts.classes)
            if wanted[k] or not math.isnan(self.main.classes[k])
        ]
        names = [name for name, _ in kinds]
        return [
            Table("average precision and recall, in percent", ("measure", *names), rows),
            Table(
                "AP of each class that occurs, in percent",
                ("class", "objects", *names, f"interval of {self.measure}"),
                classes,
            ),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; None where there is no number."""
        names = self.counts.classes
        kinds = {
            kind: {**plain(found), "classes": plain(dict(zip(names, found.classes, strict=True)))}
            for kind, found in (("masks", self.masks), ("boxes", self.boxes))
            if found is not None
        }
        return {
            "answer": "objects",
            "standing": plain(self.standing),
            **kinds,
            "found": self.found,
            "missed": self.missed,
            "false": self.false,
            **trust_of(self),
            **images_of(self),
        }

    def _repr_html_(self) -> str:
        return html(self)


class ObjectTally:
    """Matches detections with true objects, image by image; what they matched is kept, and no mask."""

    def __init__(self, space: LabelSpace, wish: Wish) -> None:
        whole(wish, "objects")
        self.space = space
        self.masks = ImageMatches(space.names, "mask AP")
        self.boxes = ImageMatches(space.names, "box AP")
        self.agnostic: bool | None = None  # not known before the first answer
        self.per_image: list[tuple[str, float]] = []

    def update(self, sample: Sample, answer: Objects, output: Any = None) -> float:
        """Count one image.

        Returns: F1 at IoU 0.5 of the detections that score at least 0.5.

        Raises: DataError where the data set tells no objects apart; LabelError or DataError for objects that do not fit,
            naming the image.
        """
        true = truths.true_objects(sample, self.space)
        if self.agnostic is None and answer.agnostic:
            self.masks, self.boxes = (ImageMatches((ANYTHING,), part.headline) for part in (self.masks, self.boxes))
        self.agnostic = answer.agnostic
        if answer.agnostic:
            true = true._replace(classes=np.zeros_like(np.asarray(true.classes)))
            answer = answer._replace(classes=np.zeros(len(answer.classes), np.int64))
        try:
            masks, boxes = _shapes(answer)
            crops: Any = true.shapes
            areas = np.array([np.count_nonzero(mask.inside) for mask in crops], np.float64)
            f1 = self.boxes.update(
                sample.name,
                answer._replace(shapes=boxes),
                true._replace(shapes=_around(crops), areas=areas),
            )
            if masks is not None:
                f1 = self.masks.update(sample.name, answer._replace(shapes=masks), true)
        except IntarsiaError as error:
            raise type(error)(f"{sample.name}: {error}") from error
        self.per_image.append((sample.name, f1))
        return f1

    def picture(self, sample: Sample, answer: Objects, own: float) -> Picture:
        """Keep an image for the eye."""
        masks, boxes = _shapes(answer)
        scores = None if answer.scores is None else np.asarray(answer.scores).copy()
        found = Objects(boxes if masks is None else masks, np.asarray(answer.classes).copy(), scores, boxes=boxes)
        return Picture(sample.name, own, truths.image_of(sample), truths.true_objects(sample, self.space), found)

    def compute(self) -> ObjectScore:
        """The scores of all images together."""
        with_masks = len(self.masks) == len(self.boxes)
        records = self.masks if with_masks else self.boxes
        found = self.masks.compute() if with_masks else None
        return ObjectScore(
            found, self.boxes.compute(), self.space, records, self.per_image, *records.at_a_glance.tolist()
        )


def _shapes(answer: Objects) -> tuple[list[CroppedMask] | None, np.ndarray]:
    """Masks, cropped, where there are some; and boxes, the detector's own where it has them."""
    count = len(answer.classes)
    given = answer.shapes
    if isinstance(given, list):
        masks: list[CroppedMask] | None = [m if isinstance(m, CroppedMask) else crop(np.asarray(m)) for m in given]
    else:
        array = np.asarray(given)
        masks = [crop(mask.astype(bool, copy=False)) for mask in array] if array.ndim == 3 else None
        if masks is None:
            return None, array.astype(np.float64).reshape(count, 4)
    if answer.boxes is not None:
        return masks, np.asarray(answer.boxes, np.float64).reshape(-1, 4)
    return masks, _around(masks or [])


def _around(masks: list[CroppedMask]) -> np.ndarray:
    """[M, 4] boxes around masks."""
    boxes = [(m.box[1].start, m.box[0].start, m.box[1].stop, m.box[0].stop) for m in masks]
    return np.array(boxes, np.float64).reshape(-1, 4)
