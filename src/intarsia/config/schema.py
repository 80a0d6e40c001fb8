"""The schema of a recipe: frozen objects whose descriptions `intarsia recipe explain` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from .answers import Evaluate, Predict
from .frozen import Choice, Frozen
from .learning import Loss, Model, Schedule, Train
from .pictures import Augment, Data, Labels, Resize

Catalogue = Mapping[str, Callable[..., Any]]
UNNAMED_LOSS = "cross_entropy"  # the loss whose options may be written without its name


class Recipe(Frozen):
    """All settings that a run depends on."""

    model: Model | None = Field(
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
    resize: Resize | None = Field(
        default=None, description="The size in which the network sees every picture; null: its own."
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
        if self.data is not None and self.data.others:
            nodes = [_without_default_none(other, other.model_dump(mode="json")) for other in self.data.others]
            tree["data"]["others"] = [{"name": n.pop("name"), **n.pop("options"), **n} for n in nodes]
        return tree


def _without_default_none(model: BaseModel, tree: dict[str, Any]) -> dict[str, Any]:
    """`tree` without the nulls that are a key's default; others say something, such as data.val: null."""
    kept = {}
    for key, field in type(model).model_fields.items():
        value = getattr(model, key)
        if value is not None or field.default is not None:
            kept[key] = _without_default_none(value, tree[key]) if isinstance(value, BaseModel) else tree[key]
    return kept


PLACES: dict[str, type[Frozen]] = {
    "model": Model,
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
