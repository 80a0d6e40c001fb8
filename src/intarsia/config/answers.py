"""The sections of a recipe on what comes out: how pictures are predicted and how the answers are scored."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from ..errors import RecipeError, nearest
from .frozen import Frozen

CRF = ("bilateral", "place", "color", "spatial", "near", "iterations")  # options of `postprocess.dense_crf`


class Evaluate(Frozen):
    """Settings of when, and how, the validation set is scored."""

    every: int | None = Field(default=None, gt=0, description="Steps between two validations; null: at the end only.")
    batch_size: int = Field(default=1, gt=0, description="Images at once; those of one size go together.")
    protocol: str = Field(
        default="dataset", description="What absent classes, ignored pixels and averaging mean; see `intarsia.metrics`."
    )


class Predict(Frozen):
    """How a picture is shown to the network: whole or in windows, once or in several views."""

    window: int | Literal["auto", "whole"] = Field(
        default="auto",
        description="Side of the windows in pixels that pictures are predicted in; auto: pictures of more than 4 megapixels "
        "in windows of 1024, or less where memory is short; whole: none.",
    )
    overlap: float = Field(default=0.25, ge=0, lt=1, description="Share of a window that the next one sees again.")
    blend: Literal["gaussian", "cosine", "none"] = Field(
        default="gaussian",
        description="Weights of a window's pixels where several see one; none: that of the window whose middle is nearest.",
    )
    flip: bool = Field(default=False, description="Predict each picture mirrored as well, and average.")
    scales: tuple[float, ...] = Field(
        default=(1.0,), description="Predict each picture in these factors of its size, and average."
    )
    rotations: tuple[Literal[90, 180, 270], ...] = Field(
        default=(), description="Predict each picture turned by these degrees against the clock as well, and average."
    )
    views: Literal["mean", "max"] = Field(
        default="mean", description="How the probabilities of flips, scales and rotations are averaged."
    )
    crf: bool | dict[str, Any] = Field(
        default=False,
        description="Sharpen the classes of pixels along the picture's edges by a dense CRF; true: with the numbers that `intarsia "
        "crf fit` fitted, else DeepLab's; or numbers over these, such as {color: 5, place: 60}.",
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="Of the network's arithmetic; the others trade equality for speed."
    )

    @field_validator("window", mode="before")
    @classmethod
    def _a_side(cls, given: Any) -> Any:
        side = int(given) if isinstance(given, str) and given.isdecimal() else given
        if side in ("auto", "whole") or (isinstance(side, int) and not isinstance(side, bool) and side > 0):
            return side
        raise RecipeError("give the side of windows in pixels, such as 512, or auto, or whole")

    @field_validator("crf")
    @classmethod
    def _options_of_a_crf(cls, crf: bool | dict[str, Any]) -> bool | dict[str, Any]:
        for key in crf if isinstance(crf, dict) else ():
            if key not in CRF:
                raise RecipeError(f"a CRF takes no option {key!r}{nearest(key, CRF) or '; it takes ' + ', '.join(CRF)}")
        return crf

    @field_validator("scales", "rotations", mode="before")
    @classmethod
    def _one_is_a_list(cls, given: Any) -> Any:
        """`predict.scales=0.5` on a command line."""
        return [given] if isinstance(given, int | float) else given

    @field_validator("scales")
    @classmethod
    def _factors(cls, scales: tuple[float, ...]) -> tuple[float, ...]:
        if not scales or min(scales) <= 0:
            raise RecipeError("give factors above 0, such as 0.75, 1, 1.25")
        return scales
