"""The answer to one picture, and what to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .. import draw
from ..data.files.codecs import write_labels
from ..draw.maps import counted
from ..errors import DataError, ModelError
from ..labels import LabelSpace
from ..structures import Answer, Labels


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer to one picture.

    Args:
        answer: of the task, on the CPU, in the picture's own size.
        space: what its class numbers mean.
        image: [H, W, C] the picture's raw values, before any normalization.
        name: stem of its file, or "image".
        path: its file, where it came from one.
        note: what was done to its channels, in a sentence; empty for nothing.
    """

    answer: Answer
    space: LabelSpace
    image: np.ndarray
    name: str = "image"
    path: Path | None = None
    note: str = ""

    @property
    def labels(self) -> np.ndarray:
        """[H, W] the class of each pixel, of the label space's type.

        Raises: ModelError where the answer has none.
        """
        if not isinstance(self.answer, Labels):
            raise ModelError(f"a prediction of {type(self.answer).__name__} has no labels")
        return np.asarray(self.answer.classes).astype(self.space.dtype, copy=False)

    def overlay(self, alpha: float = 0.5) -> Image.Image:
        """The picture tinted by class, with the legend beside or below it; `alpha` 0..1 is the strength of the tint."""
        return draw.with_legend(draw.overlay(self.image, self.labels, self.space, alpha), self.labels, self.space)

    def colorize(self) -> Image.Image:
        """The classes alone, each in its color, in the picture's size."""
        return draw.colorize(self.labels, self.space)

    def shares(self) -> dict[str, float]:
        """Class name -> its share of the pixels, 0..1, of every class, in the order of the classes."""
        counts = counted(self.labels, self.space)
        return {name: float(counts[n]) / self.labels.size for n, name in enumerate(self.space.names)}

    def save(self, path: str | Path) -> Path:
        """Write the label map as a palette PNG of class numbers, or as 16-bit gray beyond 255 classes.

        Raises: DataError when the name does not end in .png, or the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() != ".png":
            raise DataError(f"{path}: label maps are written as PNG, which loses nothing; name it {path.stem}.png")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{path.parent}: the folder cannot be made ({error.strerror})") from error
        write_labels(path, self.labels, self.space)
        return path
