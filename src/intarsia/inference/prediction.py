"""The answer to one picture, and what to do with it: look at it, measure it, write it."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .. import draw
from ..errors import ModelError
from ..labels import LabelSpace
from ..metrics.image_matches import SURE
from ..structures import Answer, Depth, Labels, Objects, Planes, Segments, Tags
from .measures import label_map, shares_of, tell
from .writing import save

SHOWN = 1200  # pixels of the longer side of a picture in a notebook, at most
FIELDS: dict[type, str] = {  # where each kind of answer is found on a prediction
    Tags: "tags", Labels: "labels", Planes: "planes", Segments: "segments", Objects: "objects", Depth: "depth",
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """The answer to one picture.

    Args:
        answer: of the task, on the CPU, in the picture's own size.
        space: what its class numbers mean.
        image: [H, W, C] the picture's raw values, before any normalization.
        name: stem of its file, or "image".
        path: its file, where it came from one.
        note: what was done to its channels, in a sentence; empty for nothing.
        compute: computes the probabilities [K, H, W] when they are asked for.
        spacing: micrometers a pixel (down, across), where a volume or DICOM says it.
    """

    answer: Answer
    space: LabelSpace
    image: np.ndarray
    name: str = "image"
    path: Path | None = None
    note: str = ""
    compute: Callable[[], np.ndarray] | None = field(default=None)
    spacing: tuple[float, float] | None = None

    @property
    def labels(self) -> np.ndarray:
        """[H, W] the class of each pixel, of the label space's type; of panoptic segments too, void as the ignore index.

        Raises: ModelError where the answer has none.
        """
        if isinstance(self.answer, Labels | Segments):
            return label_map(self.answer, self.space)
        raise self._lack("labels")

    @property
    def planes(self) -> np.ndarray:
        """[K, H, W] bool, several labels a pixel.

        Raises: ModelError where the answer has none.
        """
        if isinstance(self.answer, Planes):
            return np.asarray(self.answer.planes)
        raise self._lack("planes")

    @property
    def segments(self) -> Segments:
        """The panoptic segments.

        Raises: ModelError where the answer has none.
        """
        if isinstance(self.answer, Segments):
            return self.answer
        raise self._lack("segments")

    @property
    def objects(self) -> Objects:
        """The objects, best first: shapes, classes, scores.

        Raises: ModelError where the answer has none.
        """
        if isinstance(self.answer, Objects):
            return self.answer
        raise self._lack("objects")

    @property
    def depth(self) -> np.ndarray:
        """[H, W] float32 meters; of panoptic segments too, where the network knows depth.

        Raises: ModelError where the answer has none.
        """
        if isinstance(self.answer, Depth):
            return np.asarray(self.answer.meters)
        if isinstance(self.answer, Segments) and self.answer.depth is not None:
            return np.asarray(self.answer.depth, np.float32)
        raise self._lack("depth")

    @property
    def tags(self) -> Tags:
        """The classes of the whole picture, the most probable first, and the probability of each class.

        Raises: ModelError where the answer has none.
        """
        if isinstance(self.answer, Tags):
            return self.answer
        raise self._lack("tags")

    @cached_property
    def probabilities(self) -> np.ndarray:
        """[K, H, W] float32, how probable each class of each pixel is, under the predictor's temperature.

        They take four bytes for each pixel and class, so that a prediction does not keep them: the first use runs the
        network on the picture again.

        Raises: ModelError where the network gives pixels no scores, or the prediction was made by no predictor.
        """
        if self.compute is None:
            raise ModelError("this prediction was made without a predictor, which alone can compute its probabilities")
        return self.compute()

    def overlay(self, alpha: float = 0.5, clear: str | None = None, min_score: float = SURE) -> Image.Image:
        """The picture under its answer, with a legend beside or below it.

        Args:
            alpha: strength of the tint, 0..1.
            clear: the class that is left clear; None: "background" where there are two classes, "": none.
            min_score: objects that score less are not drawn, 0..1; `objects` has all.
        """
        return draw.overlay_answer(self.image, self.answer, self.space, alpha, clear, min_score)

    def colorize(self, min_score: float = SURE) -> Image.Image:
        """The answer alone in its colors, in the picture's size; objects that score less than `min_score` are not drawn."""
        return draw.colorize_answer(self.answer, self.space, self.size, min_score)

    def shares(self, min_score: float = SURE) -> dict[str, float]:
        """Class name -> its share of the pixels, 0..1, of every class, in the order of the classes.

        Where a pixel may have several classes, the shares may add up to more than 1.

        Args:
            min_score: objects that score less do not count, 0..1.

        Raises: ModelError for an answer that covers no pixels: boxes, tags, depth.
        """
        return shares_of(self.answer, self.space, self.size, min_score)

    def save(self, path: str | Path, *, values: bool = False) -> Path:
        """Write the answer; which form it gets, the ending of the name says.

        labels    .png   palette of class numbers, or 16-bit gray beyond 255 classes
        planes    a folder of one CLASS.png each; .png of one bit a class, of up to 16; .npy bool [K, H, W]
        segments  .png of R + 256 G + 65536 B, with a .json beside it, in COCO's panoptic form
        objects   .json, COCO's results: category, score, box, run lengths
        depth     .png of 16 bits, 256 a meter, 0 unknown; .npy float32 in meters
        tags      .json

        Args:
            values: write label maps with the raw values of the data set, such as 0 and 255, instead of class numbers.

        Returns: the path.

        Raises: DataError for another ending, or when the file cannot be written; LabelError where classes have no raw values.
        """
        return save(Path(path), self.answer, self.space, self.size, self.name, values=values)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self.image.shape[0], self.image.shape[1]

    def __repr__(self) -> str:
        height, width = self.size
        return f"Prediction({self.name}: {width} x {height} pixels, {FIELDS[type(self.answer)]}: {self._told()})"

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the overlay, at most 1200 pixels wide or high."""
        picture = self.overlay()
        picture.thumbnail((SHOWN, SHOWN))
        file = BytesIO()
        picture.save(file, "PNG")
        return file.getvalue()

    def _repr_html_(self) -> str:
        height, width = self.size
        picture = base64.b64encode(self._repr_png_()).decode()
        told = " · ".join(filter(None, (f"{self.name}, {width} x {height}", self._told(), self.note)))
        return f'<figure style="margin:0"><img src="data:image/png;base64,{picture}" alt="{html.escape(self.name)}"><figcaption>{html.escape(told)}</figcaption></figure>'

    def _told(self) -> str:
        return tell(self.answer, self.space, self.size)

    def _lack(self, wanted: str) -> ModelError:
        kind: Any = FIELDS[type(self.answer)]
        return ModelError(f"this prediction has no {wanted}: it answers with {kind}; use .{kind}")
