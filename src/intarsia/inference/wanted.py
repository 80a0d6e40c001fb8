"""What is written of each picture beside its answer, and whether a predictor can give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..draw.maps import check_alpha, cleared
from ..draw.shapes import check_min_score
from ..errors import DataError, ModelError, nearest
from ..labels import raw_of
from ..metrics.image_matches import SURE
from ..postprocess import VIEWS
from ..structures import Labels
from .results import expected
from .tracked import follows
from .uncertainty import KINDS, dropouts
from .vectors import Vectors, check_vectors

if TYPE_CHECKING:
    from .predictor import Predictor

FORMS = ("npy", "tif")  # of probabilities
NO_VECTORS = Vectors()


@dataclass(frozen=True)
class Wanted:
    """What is written of each picture beside its answer.

    Args:
        alpha: how strongly the overlay covers the picture, 0..1.
        clear: the class that overlays leave clear; None: "background" where there are two classes, "": none.
        uncertainty: of `KINDS`; a map of it is written as well, [H, W] float32 of 0 (sure) to 1.
        probabilities: "npy" or "tif"; those of each class and pixel are written as well, [K, H, W] float32.
        values: label maps hold the raw values of the data set, such as 0 and 255, instead of class numbers.
        min_score: overlays show the objects that score at least this, 0..1; files hold all that the model found.
        vectors: polygons of label maps, and measures of their regions.
        server: of `SERVERS`, whose files are written as well; "" for none.
    """

    alpha: float = 0.5
    clear: str | None = None
    uncertainty: str | None = None
    probabilities: str | None = None
    values: bool = False
    min_score: float = SURE
    vectors: Vectors = NO_VECTORS
    server: str = ""

    def __post_init__(self) -> None:
        if self.uncertainty is not None and self.uncertainty not in KINDS:
            raise ModelError(f"there is no uncertainty {self.uncertainty!r}{nearest(self.uncertainty, KINDS)}")
        if self.probabilities is not None and self.probabilities not in FORMS:
            raise DataError(f"probabilities are no {self.probabilities!r}{nearest(self.probabilities, FORMS)}")
        check_alpha(self.alpha)
        check_min_score(self.min_score)
        check_vectors(self.vectors)


def check_wanted(predictor: Predictor, wanted: Wanted) -> None:
    """Refuse what this predictor cannot give, before the first picture.

    Raises: ModelError, LabelError.
    """
    cleared(predictor.labels, wanted.clear)
    if wanted.values:
        if expected(predictor.task, predictor.labels) is not Labels:
            raise ModelError("raw values are those of label maps, and this model answers with something else")
        raw_of(np.arange(predictor.labels.num_classes), predictor.labels)
    if wanted.vectors.asked and expected(predictor.task, predictor.labels) is not Labels:
        raise ModelError("polygons and measures are those of label maps, and this model answers with something else")
    if (wanted.probabilities or wanted.uncertainty) and follows(predictor):
        raise ModelError(
            "probabilities and uncertainty are of single pictures, and this model follows objects through a video; leave them out"
        )
    asked = "probabilities" if wanted.probabilities else "uncertainty" if wanted.uncertainty else ""
    if asked and predictor.returns is not None and predictor.returns not in VIEWS:
        raise ModelError(
            f"{asked} are of the classes of each pixel, and this model returns {predictor.returns.__name__}, which has none"
        )
    if wanted.uncertainty == "mc-dropout":
        dropouts(predictor)  # or the first picture would end the job
