"""The schema of a recipe: frozen objects whose descriptions `intarsia recipe explain` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from ..errors import RecipeError

Catalogue = Mapping[str, Callable[..., Any]]
UNNAMED_LOSS = "cross_entropy"  # the loss whose options may be written without its name


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _truth_is_no_number(cls, tree: Any) -> Any:
        """pydantic would read `steps: true` as one step."""
        for key, value in tree.items() if isinstance(tree, dict) else ():
            field = cls.model_fields.get(key)
            if isinstance(value, bool) and field is not None and "bool" not in str(field.annotation):
                raise RecipeError(f"{key} is true or false, where a number or a word is needed")
        return tree


class Choice(_Frozen):
    """A thing chosen by name, and the keyword arguments to build it with."""

    name: str
    options: dict[str, Any] = {}


class Data(_Frozen):
    """A data set chosen by name, where it lies, and which parts of it are for what."""

    name: str
    options: dict[str, Any] = {}
    root: str | None = Field(default=None, description="Folder of the data set, relative to where you stand.")
    train: str = Field(default="train", description="Name of the split to train on.")
    val: str | None = Field(default="val", description="Name of the split to validate on; null: no validation.")


class Labels(_Frozen):
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


class Augment(_Frozen):
    """What happens to a training sample, in this order; the defaults do nothing."""

    crop: tuple[int, int] | None = Field(
        default=None, description="Height and width of training crops in pixels; null: the whole image."
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


class Loss(_Frozen):
    """What is minimized: a loss by name with its own options, and how it is spread over classes and heads."""

    name: str = Field(default="", description="Which one; empty: the usual one of what the network returns.")
    options: dict[str, Any] = {}
    class_weights: Literal["none", "log", "inverse", "median"] | list[Annotated[float, Field(ge=0)]] = Field(
        default="none",
        description="Weight of each class: a list, or from the frequencies the audit counted: "
        "log is 1/ln(1.02 + f) (Paszke et al. 2016, section 5.2), median is median(f)/f, inverse is 1/f; scaled to mean 1.",
    )
    weight_power: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Exponent on the class weights: 1 takes them as they are, 0.5 softens them, 0 is none. "
        "Strong weights find rare classes and pay in precision; IoU is often best in between.",
    )
    auxiliary: float = Field(
        default=0.4, ge=0, description="Weight of each auxiliary head of the network, where it has any."
    )


class Schedule(_Frozen):
    """The learning rate's course over the budget, whatever the budget is counted in."""

    name: str = "poly"
    options: dict[str, Any] = {}
    warmup: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the budget in which the rate rises linearly from zero."
    )


class Train(_Frozen):
    """How long, how much at once, and on what."""

    steps: int | None = Field(
        default=None, gt=0, description="Budget in optimizer steps. Give one of steps, epochs, minutes."
    )
    epochs: float | None = Field(default=None, gt=0, description="Budget in passes over the training set.")
    minutes: float | None = Field(
        default=None,
        gt=0,
        description="Budget in minutes of training and loading; start-up, audit and validation are not counted.",
    )
    until: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Stop before the budget is spent, once a validation (see evaluate.every) reaches this mIoU, 0..1; "
        "null: spend all of it.",
    )
    batch_size: int = Field(default=8, gt=0, description="Images in a step on each device.")
    accumulate: int = Field(default=1, gt=0, description="Batches whose gradients are added up before a step.")
    clip: float | None = Field(default=None, gt=0, description="Largest norm of the gradient; null: not clipped.")
    ema: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Decay of the moving average of weights; it is what is evaluated and shipped. null: none.",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto: bfloat16 where the processor or GPU has units for it."
    )
    channels_last: Literal["auto"] | bool = Field(
        default="auto", description="Memory layout of images and weights; auto: yes, with reduced precision."
    )
    workers: int = Field(
        default=2, ge=0, description="Processes that read and augment images; 0: the main process does."
    )
    balance: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the samples that are drawn for a class, all classes alike, so that rare ones come often.",
    )
    cache: bool | Literal["disk"] = Field(
        default=False,
        description="true: keep decoded images in memory, once in each worker; disk: in one file under cache_dir, "
        "written once and shared by all workers and runs.",
    )
    cache_dir: str | None = Field(
        default=None, description="Where disk caches and audits lie; null: intarsia in the user's cache folder."
    )
    devices: PositiveInt | Literal["auto"] = Field(
        default="auto", description="How many devices; several machines through torchrun or SLURM."
    )
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field(default="auto", description="Kind of device.")
    log_every: int = Field(
        default=10, gt=0, description="Steps between two lines of log.jsonl; the loss in a line is their mean."
    )
    tensorboard: bool = Field(default=False, description="Write TensorBoard files into the run's folder as well.")
    checkpoint_every: int = Field(default=500, gt=0, description="Steps between two saves of the resume file.")
    freeze: list[str] = Field(
        default=[],
        description="Parts of the network that are not trained, by name: encoder, classify.score; their norms keep the "
        "statistics they have. A resumed run may freeze others.",
    )
    unfreeze_at: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Share of the budget after which what `freeze` names is trained as well; null: never.",
    )
    audit: bool | Literal["full", "quick"] = Field(
        default=True,
        description="Run the label doctor before the first step, unless no file has changed since it last did. `quick` looks "
        "at values, sizes, unreadable files and exact copies only; true is `full`, and `quick` for more than 10,000 samples, "
        "and the log says so; false or `off` skips it, and the report says so.",
    )

    @field_validator("audit", mode="before")
    @classmethod
    def _off_is_false(cls, audit: Any) -> Any:
        """`off` in quotes; without, it is false in YAML already, as `on` is true."""
        return {"off": False, "on": True}.get(audit, audit) if isinstance(audit, str) else audit

    @field_validator("freeze", mode="before")
    @classmethod
    def _one_part_is_a_list(cls, parts: Any) -> Any:
        """`train.freeze=encoder` on a command line."""
        return [parts] if isinstance(parts, str) else parts


class Evaluate(_Frozen):
    """Settings of when, and how, the validation set is scored."""

    every: int | None = Field(default=None, gt=0, description="Steps between two validations; null: at the end only.")
    batch_size: int = Field(default=1, gt=0, description="Images at once; those of one size go together.")
    protocol: str = Field(
        default="dataset", description="What absent classes, ignored pixels and averaging mean; see `intarsia.metrics`."
    )


class Predict(_Frozen):
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


class Recipe(_Frozen):
    """All settings that a run depends on."""

    model: Choice | None = Field(
        default=None, description="The architecture and its options; `intarsia models` lists them."
    )
    data: Data | None = Field(
        default=None, description="The data set and its options; `intarsia data list` lists them."
    )
    labels: Labels | None = Field(
        default=None, description="The label space; data sets of the literature bring their own."
    )
    task: Literal["", "classification", "semantic", "detection", "instance", "panoptic", "depth"] = Field(
        default="", description="What is answered of a picture; empty: what the network usually answers."
    )
    decide: dict[str, Any] = Field(
        default={},
        description="How an answer is made of the network's output, such as a threshold; see `intarsia.postprocess`.",
    )
    augment: Augment = Augment()
    loss: Loss = Loss()
    optimizer: Choice = Choice(name="adamw")
    schedule: Schedule = Schedule()
    train: Train
    evaluate: Evaluate = Evaluate()
    predict: Predict = Predict()
    seed: int = Field(default=0, ge=0, description="Of weights, order and augmentation.")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the form a recipe is written in: `Recipe` parsed from it is equal."""
        tree = _without_default_none(self, self.model_dump(mode="json"))
        for place in PLACES.keys() & tree.keys():
            node = tree[place]
            tree[place] = {"name": node.pop("name"), **node.pop("options"), **node}
        return tree


def _without_default_none(model: BaseModel, tree: dict[str, Any]) -> dict[str, Any]:
    """`tree` without the nulls that are a key's default; others say something, such as data.val: null."""
    kept = {}
    for key, field in type(model).model_fields.items():
        value = getattr(model, key)
        if value is not None or field.default is not None:
            kept[key] = _without_default_none(value, tree[key]) if isinstance(value, BaseModel) else tree[key]
    return kept


PLACES: dict[str, type[_Frozen]] = {
    "model": Choice,
    "data": Data,
    "loss": Loss,
    "optimizer": Choice,
    "schedule": Schedule,
}
GIVEN = {  # parameters of constructors that the house fills in, and a recipe does not
    "model": {"num_classes", "in_channels"},
    "data": {"root", "split", "labels"},
    "loss": {"weights", "ignore_index", "things"},
    "optimizer": {"parameters", "model"},
    "schedule": set(),
}
