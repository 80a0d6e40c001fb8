"""The sections of a recipe on what goes in: the data set, its classes, and what happens to training samples."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, PositiveInt, field_validator

from .frozen import Frozen


class Data(Frozen):
    """A data set chosen by name, where it lies, and which parts of it are for what."""

    name: str
    options: dict[str, Any] = Field(default={}, description="Keyword arguments of its constructor.")
    root: str | None = Field(default=None, description="Folder of the data set, relative to where you stand.")
    train: str = Field(default="train", description="Name of the split to train on.")
    val: str | None = Field(default="val", description="Name of the split to validate on; null: no validation.")
    weight: float | None = Field(
        default=None,
        gt=0,
        description="Of several data sets: how often this one is drawn from, relative to the others' weights; null: as often "
        "as it has samples, or 1 where another has a weight.",
    )
    others: list[Data] | None = Field(
        default=None,
        description="More data sets of the same classes; `data: [a, b]` is the same as a with `others: [b]`. All are trained "
        "and validated on together.",
    )

    @property
    def sets(self) -> list[Data]:
        """List the data set and the others."""
        return [self, *(self.others or ())]

    @property
    def weights(self) -> list[float] | None:
        """The weight of each data set; None where none has one."""
        given = [one.weight for one in self.sets]
        return None if set(given) == {None} else [1.0 if weight is None else weight for weight in given]


class Labels(Frozen):
    """The classes, and what the values in the masks mean (see `intarsia.LabelSpace`)."""

    classes: list[str] = Field(
        description="Class names in order; the position is the class number. Binary is two names."
    )
    colors: list[Any] = Field(default=[], description="One color a class for pictures, '#804080' or [128, 64, 128].")
    values: dict[int | str, str] = Field(
        default={}, description="Raw mask value (7, '128..255', '#804080') -> class name or 'ignore'."
    )
    activation: Literal["softmax", "sigmoid"] = Field(
        default="softmax", description="sigmoid: one map for two classes."
    )
    planes: bool = Field(
        default=False,
        description="Several labels a pixel: each class is a mask of its own, on or off; values are left out.",
    )
    things: list[str] = Field(
        default=[], description="The classes whose objects are told apart, such as car; the others are stuff."
    )

    @field_validator("values")
    @classmethod
    def _ids_are_numbers(cls, values: dict[int | str, str]) -> dict[int | str, str]:
        """JSON has no keys but strings: "7" is the id 7 again."""
        return {
            int(key) if isinstance(key, str) and key.removeprefix("-").isdecimal() else key: name
            for key, name in values.items()
        }


class Resize(Frozen):
    """The size in which the network sees every picture, in training and in prediction; the shape is kept."""

    shorter: PositiveInt = Field(
        description="Pixels of the shorter side; answers are brought back to the picture's own size. Crops and zoom are "
        "counted in the resized picture."
    )
    longest: int = Field(
        default=0,
        ge=0,
        description="Pixels that the longer side has at most, for which the shorter one gives way; 0: any.",
    )


class Augment(Frozen):
    """What happens to a training sample, in this order; the defaults do nothing."""

    crop: tuple[int, int] | None = Field(
        default=None, description="Height and width of training crops in pixels; null: the whole image."
    )
    sizes: list[tuple[PositiveInt, PositiveInt]] | None = Field(
        default=None,
        description="Heights and widths of training crops in pixels, of which each batch gets one at random; crop stays the "
        "size that the network is tried on. null: crop alone.",
    )
    grow_from: tuple[PositiveInt, PositiveInt] | None = Field(
        default=None,
        description="Height and width that training crops begin with; they grow to crop by the middle of the budget, in steps "
        "of 32 pixels, so that the first steps are quicker. null: they do not grow.",
    )
    scale: tuple[float, float] = Field(
        default=(1.0, 1.0), description="Range of the random zoom; 2.0 shows things twice as large."
    )
    flip: bool = Field(default=False, description="Mirror left and right with probability one half.")
    flip_vertical: bool = Field(default=False, description="Turn upside down with probability one half.")
    rotate: float = Field(default=0.0, ge=0, le=180, description="Largest rotation, in degrees either way.")
    brightness: float = Field(default=0.0, ge=0, lt=1, description="Largest relative change of brightness.")
    contrast: float = Field(default=0.0, ge=0, lt=1, description="Largest relative change of contrast.")
    saturation: float = Field(
        default=0.0, ge=0, lt=1, description="Largest relative change of saturation (three channels only)."
    )
    hue: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="Largest turn of the hue, as a share of the color circle (three channels only).",
    )
    blur: float = Field(default=0.0, ge=0, le=20, description="Largest deviation of a Gaussian blur, in pixels.")
    noise: float = Field(
        default=0.0, ge=0, lt=1, description="Largest deviation of Gaussian noise, as a share of the full scale."
    )
    cutout: float = Field(
        default=0.0, ge=0, lt=1, description="Largest side of a rectangle painted over, as a share of the picture's."
    )
    cutmix: float = Field(default=0.0, ge=0, le=1, description="Probability of a rectangle of another sample.")
    classmix: float = Field(default=0.0, ge=0, le=1, description="Probability of half of another sample's classes.")
    copy_paste: float = Field(
        default=0.0, ge=0, le=1, description="Probability of another sample's objects, where the data set knows them."
    )
    mosaic: float = Field(default=0.0, ge=0, le=1, description="Probability of four samples around a point.")
    max_share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="A crop in which one class covers more than this is drawn again, ten times at most.",
    )
