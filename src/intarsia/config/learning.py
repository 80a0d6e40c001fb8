"""The sections of a recipe on how a network learns: the loss, the learning rate's course, the budget and the machine."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator

from .frozen import Frozen


class Model(Frozen):
    """The architecture, its own options, and what may be changed in any of them."""

    name: str = Field(description="Which one; `intarsia models` lists them.")
    options: dict[str, Any] = Field(default={}, description="Keyword arguments of its constructor.")
    norms: Literal["batch", "group", "frozen"] | None = Field(
        default=None,
        description="All norms of the network. group: every batch norm becomes a group norm, which sees each image by itself, "
        "so that a batch of one trains; a pretrained encoder keeps its scales and shifts and loses its statistics. frozen: "
        "the batch norms of a pretrained encoder stay as they are, the others become group norms. batch: every group norm "
        "becomes a batch norm. null: as the paper has them.",
    )
    drop_path: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Stochastic depth (Huang et al. 2016): probability with which the encoder's last residual block is left "
        "out for an image while training, earlier ones more rarely; null: none.",
    )

    @property
    def building(self) -> dict[str, Any]:
        """The options that the network is built with."""
        return self.options if self.norms is None else {**self.options, "norms": self.norms}


class Loss(Frozen):
    """What is minimized: a loss by name with its own options, and how it is spread over classes and heads."""

    name: str = Field(default="", description="Which one; empty: the usual one of what the network returns.")
    options: dict[str, Any] = Field(default={}, description="Keyword arguments of its constructor.")
    class_weights: Literal["none", "log", "inverse", "median", "effective"] | list[Annotated[float, Field(ge=0)]] = (
        Field(
            default="none",
            description="Weight of each class: a list, or from the frequencies the audit counted: "
            "log is 1/ln(1.02 + f) (Paszke et al. 2016, section 5.2), median is median(f)/f, inverse is 1/f, effective is "
            "(1 - b)/(1 - b^n) of n pixels (Cui et al. 2019; see effective_beta); scaled to mean 1.",
        )
    )
    effective_beta: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="b of class_weights=effective: classes of fewer than 1/(1 - b) pixels weigh as by inverse, larger ones "
        "nearly alike; null: 1/(1 - b) is the median of the classes' pixels.",
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
    edges: float = Field(
        default=1.0,
        ge=0,
        description="Weight of the borders between classes, where the network draws them as well: binary cross entropy in "
        "which border pixels and all others weigh alike.",
    )
    presence: float = Field(
        default=0.2,
        ge=0,
        description="Weight of what the network says of the classes that an image holds at all, where it says any (EncNet).",
    )


class Schedule(Frozen):
    """The learning rate's course over the budget, whatever the budget is counted in."""

    name: str = "poly"
    options: dict[str, Any] = Field(default={}, description="Keyword arguments of its constructor.")
    warmup: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the budget in which the rate rises linearly from zero."
    )


class Train(Frozen):
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
    patience: int | None = Field(
        default=None,
        gt=0,
        description="Stop before the budget is spent, once this many validations in a row (see evaluate.every) were no better "
        "than the best one; null: spend all of it.",
    )
    keep: int = Field(
        default=1,
        ge=1,
        description="How many of the best validations' weights are kept: 3 leaves best-STEP.safetensors of three steps beside "
        "best.safetensors; 1: that one alone.",
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
    swa: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Share of the budget after which the plain mean of the steps' weights is what is evaluated and shipped "
        "(Izmailov et al. 2018), norms' statistics included; take a schedule that does not end at 0. null: none.",
    )
    sam: float | None = Field(
        default=None,
        gt=0,
        description="Sharpness-aware minimization (Foret et al. 2021): how far along the gradient the loss is looked at, such "
        "as 0.05; works with any optimizer and takes two passes a step. null: none.",
    )
    teacher: str | None = Field(
        default=None,
        description="A trained model, file or run's folder, with the same classes: the network is drawn towards its softened "
        "answers as well (Hinton et al. 2015). null: none.",
    )
    teacher_weight: float = Field(default=1.0, ge=0, description="Weight of the teacher's term in the loss.")
    teacher_temperature: float = Field(
        default=2.0, gt=0, description="What the logits of network and teacher are divided by before they are compared."
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto: bfloat16 where the processor or GPU has units for it."
    )
    deterministic: bool = Field(
        default=False,
        description="On a GPU: the same bits from the same seed, through slower algorithms; on a CPU runs are equal anyway.",
    )
    channels_last: Literal["auto"] | bool = Field(
        default="auto",
        description="Memory layout of images and weights; auto: yes, with reduced precision, and in longer runs in float32 on a "
        "CPU where that is faster, which is measured once and remembered.",
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
    on_fault: Literal["stop", "skip"] = Field(
        default="stop",
        description="A sample that cannot be read while training: stop the run, or skip it: take another in its place, name it "
        "and count it; more than a tenth of them stop the run all the same.",
    )
    compile: Literal["auto"] | bool = Field(
        default="auto",
        description="Run the network through torch.compile: true tries it, and falls back with a line where it fails; auto: on "
        "a GPU for budgets in which it pays (over 30 minutes); false: never.",
    )
    recompute: bool = Field(
        default=False,
        description="Compute the encoder's activations again in the backward pass instead of keeping them: about a third slower, "
        "and much less memory. Running statistics of batch norm see each batch twice.",
    )
    page: bool = Field(
        default=True,
        description="Write run.html while training: curves, and the same validation images over time; a browser tab follows it.",
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
