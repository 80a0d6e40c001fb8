"""The network of a run: built from the recipe or given by its user, with the numbers that its images are normalized with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import nn

from ..blocks.drop_path import with_drop_path
from ..checkpoint import Checkpoint, bare, build, output_of
from ..checkpoint.wrapped import COMPILED
from ..classical import LEARNED
from ..config import Recipe
from ..config.learning import Model
from ..errors import TrainingError
from ..models import check_trainable
from ..models.catalogue import ARCHITECTURES
from .material import Material, first
from .objective import takes_truth
from .returned import returned
from .transplant import head_tensors, transplant


@dataclass(frozen=True)
class Network:
    """A network before its first step.

    Args:
        model: what is trained and saved, without wrappers around it.
        whole: what runs instead, where the user has compiled the network.
        name, options: of the catalogue; None and nothing for a network of the user's own.
        output: the kind of output that it returns.
        mean, std: one number for each channel, in units of the full scale.
        remarks: what a person should know of it.
    """

    model: nn.Module
    whole: nn.Module | None
    name: str | None
    options: dict[str, Any]
    output: type
    mean: tuple[float, ...]
    std: tuple[float, ...]
    remarks: list[str] = field(default_factory=list)


def check_choice(recipe: Recipe, given: nn.Module | None) -> None:
    """Refuse a run that has no network, or was given something else instead of one.

    Raises: TrainingError.
    """
    if given is None and recipe.model is None:
        raise TrainingError("the recipe names no model; write model: {name: ...}, or pass model=")
    if given is None and recipe.model is not None and recipe.model.name in LEARNED:
        raise TrainingError(
            f"{recipe.model.name} is fitted in one pass and has no steps; name a network of `intarsia models` for this"
        )
    if given is not None and not isinstance(given, nn.Module):
        kind = f"the class {given.__name__}, not one of its objects" if isinstance(given, type) else repr(given)[:80]
        raise TrainingError(
            f"model= is {kind}; give a network (an nn.Module), or name one in the recipe: model.name=fpn"
        )


def network(recipe: Recipe, material: Material, given: nn.Module | None, donor: Checkpoint | None) -> Network:
    """Build the recipe's network, or take the given one, and start it from the donor's weights where there is one.

    Args:
        given: a network of the user's own, instead of the recipe's.
        donor: a checkpoint to start from.

    Raises: EncoderError, ModelError or TrainingError when there is no such network, or it cannot train on these data.
    """
    name, options, remarks = None, {}, []
    model = given
    if model is None:
        assert recipe.model is not None
        name, options = recipe.model.name, {**recipe.model.building, "in_channels": material.channels}
        output = output_of(name)
        if material.labels.planes and ARCHITECTURES[name].one_label:
            raise TrainingError(
                f"{name} gives each pixel one class, and the data has several labels a pixel (labels.planes); choose another "
                "network, such as fpn"
            )
        model = build(name, material.labels.maps(output), **options)
        remarks += _changed(recipe.model, model, donor is not None)
        height, width = _smallest(recipe) or tuple(first(material.train).labels.shape)
        if not takes_truth(model):  # such a network does not train without the objects
            check_trainable(model, min(recipe.train.batch_size, len(material.train)), material.channels, height, width)
    else:
        output = returned(bare(model), material, recipe.augment.crop)
    whole = given if given is not None and COMPILED in given._modules else None
    model = bare(model)
    if given is not None and given is not model and whole is None:
        remarks.append(f"{type(given).__name__} is taken off the network: train.devices says what it trains on")
    mean, std = statistics(model, material)
    if donor is not None:
        heads = head_tensors(partial(build, name), material.labels.maps(output), options) if name else set()
        remarks.append(transplant(model, donor, material.labels, heads))
        mean, std = (donor.mean, donor.std) if donor.in_channels == material.channels else (mean, std)
    return Network(model, whole, name, options, output, mean, std, remarks)


def _changed(wish: Model, model: nn.Module, started: bool) -> list[str]:
    """Leave out residual branches where the recipe asks for it, and say what its norms mean for the encoder's weights.

    Args:
        started: whether the weights of another run come in.
    """
    told = []
    if wish.drop_path is not None:
        told.append(f"stochastic depth in {with_drop_path(model, wish.drop_path)} residual blocks of the encoder")
    pretrained = bool(wish.options.get("pretrained"))
    if wish.norms == "group" and pretrained:
        told.append(
            "model.norms=group: the pretrained encoder's batch norms are group norms now, and their statistics are left out; "
            "it has to get used to that, which takes steps"
        )
    if wish.norms == "frozen" and not pretrained and not started:
        told.append(
            "model.norms=frozen keeps statistics that were never learned, so that the encoder trains without norms; set "
            "model.pretrained=true, or start from a run with --from"
        )
    return told


def _smallest(recipe: Recipe) -> tuple[int, int] | None:
    """(height, width) of the smallest crops that a network is trained on; None where it gets whole pictures."""
    wish = recipe.augment
    sizes = [size for size in (wish.crop, wish.grow_from, *(wish.sizes or ())) if size is not None]
    return (min(h for h, _ in sizes), min(w for _, w in sizes)) if sizes else None


def statistics(model: nn.Module, material: Material) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation to normalize with: the encoder's where it has them for these channels, else the data's."""
    encoder = getattr(model, "encoder", None)
    mean, std = getattr(encoder, "mean", None), getattr(encoder, "std", None)
    if material.channels == 3 and mean is not None and std is not None and len(mean) == 3:
        return tuple(mean), tuple(std)
    if material.audit is not None:
        return tuple(material.audit.mean), tuple(max(s, 1e-3) for s in material.audit.std)
    return (0.5,) * material.channels, (0.25,) * material.channels
