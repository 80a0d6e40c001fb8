"""What every score has, whatever was answered."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ...labels import LabelSpace
from ...metrics.significance import Bootstrap
from ...report import Picture
from .tables import Table


@runtime_checkable
class Score(Protocol):
    """What a model scored on a data set: `LabelScore`, `PlaneScore`, `SegmentScore`, `ObjectScore`, `DepthScore`, `TagScore`.

    Each has its own numbers besides, such as `miou`, `pq`, `ap`, `abs_rel` and `accuracy`.
    """

    @property
    def per_image(self) -> list[tuple[str, float]]:
        """(name, score of that image alone) in the data set's order."""

    @property
    def space(self) -> LabelSpace:
        """The classes."""

    @property
    def seconds(self) -> float:
        """Wall-clock of reading, predicting and counting."""

    @property
    def source(self) -> dict[str, str]:
        """What was scored, as far as it is known."""

    @property
    def worst(self) -> tuple[Picture, ...]:
        """The images with the lowest scores, where they were kept."""

    @property
    def best(self) -> tuple[Picture, ...]:
        """The images with the highest scores, where they were kept."""

    @property
    def counts(self) -> Any:
        """Records of each image, for intervals and comparisons."""

    @property
    def trust(self) -> Bootstrap | None:
        """Intervals over images, where they were asked for."""

    @property
    def measure(self) -> str:
        """What the main number is called."""

    @property
    def images(self) -> int:
        """How many images were scored."""

    @property
    def standing(self) -> float:
        """The number that the best checkpoint is chosen by, higher is better; NaN where there is none."""

    @property
    def brief(self) -> str:
        """The main number with its name; empty where there is none."""

    @property
    def sentence(self) -> str:
        """The result in one line of a log."""

    @property
    def figures(self) -> dict[str, Any]:
        """The few numbers that a log keeps of each validation, by name; None where there is no number."""

    @property
    def tiles(self) -> list[tuple[str, str]]:
        """The main numbers, each with its name."""

    @property
    def tables(self) -> list[Table]:
        """All numbers as tables for people."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; None where there is no number."""
