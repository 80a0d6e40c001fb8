"""Before the first step: data opened and examined, labels settled, the hardware asked what it can do."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from ..checkpoint import Checkpoint
from ..config import Recipe
from ..config.schema import Loss
from ..data import origin
from ..data.augment.foreign import borrowed
from ..data.augment.pipeline import Augmentation
from ..data.cache import Cached
from ..data.dataset import Dataset, labels_of
from ..data.faults import check_whole
from ..datasets import open as open_dataset
from ..doctor import Audit
from ..doctor.remember import remembered
from ..errors import TrainingError
from ..labels import LabelSpace
from ..structures import Sample


@dataclass(frozen=True)
class Material:
    """What a run trains and validates on, and what is known of it."""

    train: Dataset
    val: Dataset | None
    labels: LabelSpace
    audit: Audit | None
    channels: int
    remembered: bool = False  # the audit was made earlier, and no file has changed since


def gather(recipe: Recipe, data: Any = None) -> Material:
    """Open the data sets, settle the label space, and let the label doctor look at them.

    Args:
        data: a user's own data set, or a pair (train, val) of them, instead of the recipe's.

    Raises: TrainingError when there is no data or no label space; DataError with the label doctor's own sentences.
    """
    wished = LabelSpace.from_dict(recipe.labels.model_dump()) if recipe.labels else None
    if data is not None:
        train, val = split(data)
    elif recipe.data is None:
        raise TrainingError("the recipe names no data set; write data: {name: ..., root: ...}, or pass data=")
    else:
        chosen = recipe.data
        origin.note(recipe.to_dict()["data"])  # so that a checkpoint of it may be evaluated without naming it again
        train = open_dataset(chosen.name, chosen.root, chosen.train, wished, **chosen.options)
        # the validation set means what the training set means: labels inferred there hold here too
        known = labels_of(train) or wished
        val = open_dataset(chosen.name, chosen.root, chosen.val, known, **chosen.options) if chosen.val else None
    labels = labels_of(train) or wished
    if labels is None:
        raise TrainingError("the data set has no label space; list the class names in the recipe under labels.classes")
    if labels.planes:
        raise TrainingError(
            f"the data set has several labels a pixel ({', '.join(labels.names[:3])}, ...: labels.planes), and no loss takes "
            "planes yet; leave labels.planes out to train on one label a pixel"
        )
    if recipe.labels and recipe.labels.activation != labels.activation:
        labels = LabelSpace(labels.names, labels.colors, labels.values, recipe.labels.activation)
    if labels.num_classes < 2:
        raise TrainingError(
            f"{labels.names[0]!r} is the only class, so there is nothing to tell apart; list what is not of it as a class "
            "of its own under labels.classes, such as background, with its value in labels.values"
        )
    if not recipe.train.audit:
        check_whole(train, val)
        return Material(train, val, labels, None, len(first(train).image))
    found, old = remembered(train, *([val] if val is not None else []), folder=cache_folder(recipe) / "audits")
    if found.errors:
        told = "\n".join(f"  - {finding.message} {finding.fix}".rstrip() for finding in found.errors)
        raise TrainingError(f"the label doctor found what training would trip over:\n{told}")
    return Material(train, val, labels, found, found.channels, old)


def split(data: Any) -> tuple[Any, Any]:
    """A user's own data as (training set, validation set or None), each of which has a length and items by number.

    Raises: TrainingError saying what was given instead.
    """
    pair = data if isinstance(data, tuple) else (data, None)
    if len(pair) != 2:
        raise TrainingError(f"data= is a tuple of {len(pair)}; give one data set, or a pair (train, val)")
    for dataset in pair:
        if dataset is None and pair[0] is not None:
            continue
        kind = type(dataset).__name__
        if isinstance(dataset, str | Path):
            raise TrainingError(
                f"data= is {str(dataset)!r}, the name of something; name it in the recipe: data.name=folder "
                f"data.root={dataset}"
            )
        if isinstance(dataset, DataLoader):
            raise TrainingError(
                "data= is a DataLoader; give the data set inside it, .dataset: the recipe makes batches"
            )
        if isinstance(dataset, IterableDataset) or not isinstance(dataset, Dataset):
            raise TrainingError(
                f"data= is of type {kind}, whose samples have no numbers; a run that can be resumed needs __len__ and "
                "__getitem__: give such a data set, or list(...) of this one where it fits into memory"
            )
    return pair[0], pair[1]


def first(dataset: Dataset) -> Sample:
    """The first sample of a data set, checked."""
    from ..data.samples import as_sample

    return as_sample(dataset[0], 0)


def statistics(model: nn.Module, material: Material) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation to normalize with: the encoder's where it has them for these channels, else the data's."""
    encoder = getattr(model, "encoder", None)
    mean, std = getattr(encoder, "mean", None), getattr(encoder, "std", None)
    if material.channels == 3 and mean is not None and std is not None and len(mean) == 3:
        return tuple(mean), tuple(std)
    if material.audit is not None:
        return tuple(material.audit.mean), tuple(max(s, 1e-3) for s in material.audit.std)
    return (0.5,) * material.channels, (0.25,) * material.channels


def class_weights(wish: Loss, labels: LabelSpace, found: Audit | None) -> list[float] | None:
    """The weight of each class in the loss, softened by `weight_power`, scaled to mean 1; None for no weights."""
    kind = wish.class_weights
    if kind == "none":
        return None
    if not isinstance(kind, str):
        if len(kind) != labels.num_classes:
            raise TrainingError(
                f"loss.class_weights lists {len(kind)} numbers for {labels.num_classes} classes; "
                "give one for each, in the order of the classes"
            )
        if not any(kind):
            raise TrainingError(
                "loss.class_weights are all zero, so that nothing would be learned; give one above zero"
            )
        return [float(weight) ** wish.weight_power for weight in kind]
    if found is None:
        raise TrainingError(
            f"loss.class_weights={kind} needs the frequencies that the audit counts; "
            "set train.audit=true, or list the weights"
        )
    share = found.counts / max(found.counts.sum(), 1)
    seen = share > 0
    if kind == "log":
        weights = 1 / np.log(1.02 + share)
    elif kind == "median":
        weights = np.where(seen, np.median(share[seen]) / np.where(seen, share, 1), 0.0)
    else:
        weights = np.where(seen, 1 / np.where(seen, share, 1), 0.0)
    weights = weights**wish.weight_power
    return [float(w) for w in weights / weights[seen].mean()]


def augmentation(recipe: Recipe, labels: LabelSpace, own: Any = None) -> Augmentation:
    """The recipe's augmentation; a user's own function, where there is one, sees each sample first."""
    change = None if own is None else borrowed(own, labels.ignore_index)
    return Augmentation(ignore_index=labels.ignore_index, own=change, **recipe.augment.model_dump())


def cached(recipe: Recipe, dataset: Any) -> tuple[Any, str]:
    """The training set through a cache on disk where the recipe wants one, and a sentence about it."""
    if recipe.train.cache != "disk":
        return dataset, ""
    held = Cached(dataset, cache_folder(recipe))
    size = f"{held.bytes / 1e9:.1f} GB" if held.bytes >= 1e8 else f"{held.bytes / 1e6:.1f} MB"
    return held, f"cache of {size} {'written to' if held.built else 'found in'} {held.folder}"


def cache_folder(recipe: Recipe) -> Path:
    """Where caches and audits lie: `train.cache_dir`, or intarsia in the user's cache folder."""
    if recipe.train.cache_dir:
        return Path(recipe.train.cache_dir)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "intarsia"


def hardware(recipe: Recipe) -> tuple[str, str, bool, str]:
    """(accelerator, Fabric's precision, channels last?, a sentence that says what was chosen and why)."""
    wish = recipe.train
    accelerator = wish.accelerator
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "train.accelerator is cuda, but PyTorch sees no CUDA device; use cpu, or install a CUDA build of torch"
        )
    unit = bfloat16_unit(accelerator)
    precision = wish.precision
    if precision == "auto":
        precision = "bfloat16" if unit else "float32"
    if precision == "float16" and accelerator == "cpu":
        raise TrainingError("train.precision=float16 needs a GPU; on a CPU use bfloat16 or float32")
    channels_last = precision != "float32" if wish.channels_last == "auto" else bool(wish.channels_last)
    why = f" ({unit})" if unit and precision == "bfloat16" else ""
    told = f"{accelerator}, {precision}{why}, {'channels last' if channels_last else 'channels first'}"
    return (
        accelerator,
        {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}[precision],
        channels_last,
        told,
    )


def bfloat16_unit(accelerator: str) -> str:
    """What multiplies bfloat16 in hardware here: "AMX", "AVX-512 BF16", a GPU's name, or "" for nothing."""
    if accelerator == "cuda":
        return torch.cuda.get_device_name() if torch.cuda.is_bf16_supported(including_emulation=False) else ""
    if accelerator != "cpu":
        return ""
    if torch.cpu._is_amx_tile_supported():
        return "AMX"
    return "AVX-512 BF16" if torch.cpu._is_avx512_bf16_supported() else ""


def transplant(model: nn.Module, old: Checkpoint, labels: LabelSpace, heads: set[str]) -> str:
    """Start a network from another run's weights: every tensor that fits, and of the heads the classes of the same name.

    Args:
        heads: names of the tensors whose shape depends on the number of classes.

    Returns: one sentence: how much was taken, and what starts fresh.

    Raises: TrainingError when nothing fits.
    """
    taken, fresh, state = 0, [], model.state_dict()
    for name, tensor in state.items():
        given = old.weights.get(name)
        if given is None or given.shape[1:] != tensor.shape[1:] or (name not in heads and given.shape != tensor.shape):
            fresh.append(name)
        elif name not in heads or old.labels.names == labels.names:
            state[name], taken = given, taken + 1
        elif len(given) == old.labels.num_classes and len(tensor) == labels.num_classes:
            shared = [n for n in labels.names if n in old.labels.names]
            rows = tensor.clone()
            for class_name in shared:
                rows[labels.names.index(class_name)] = given[old.labels.names.index(class_name)]
            state[name], taken = rows, taken + bool(shared)
            if len(shared) < labels.num_classes:
                fresh.append(f"{name} ({labels.num_classes - len(shared)} of {labels.num_classes} classes)")
        else:
            fresh.append(name)
    if taken == 0:
        raise TrainingError(
            f"no tensor of the checkpoint ({old.model or 'a network of its own'}) fits this network; fine-tune with the same model and options"
        )
    model.load_state_dict(state)
    told = f"; fresh: {', '.join(fresh[:6])}{f' and {len(fresh) - 6} more' if len(fresh) > 6 else ''}" if fresh else ""
    return f"started from {taken} of {len(state)} tensors of the checkpoint{told}"


def head_tensors(build: Any, head_size: int, options: dict[str, Any]) -> set[str]:
    """Names of the tensors whose shape depends on the number of classes, found by building the network twice on paper."""
    quiet = {k: v for k, v in options.items() if k != "pretrained"}
    with torch.device("meta"):
        one, other = build(head_size, **quiet).state_dict(), build(head_size + 1, **quiet).state_dict()
    return {name for name in one if one[name].shape != other[name].shape}


def takes(constructor: Any, option: str) -> bool:
    """Whether a constructor has a keyword argument of this name."""
    return option in inspect.signature(constructor).parameters


def spent(train: Mapping[str, Any], batches: int, step: int, seconds: float) -> float:
    """Share of a budget that is spent, 0..1 and a little beyond.

    Args:
        train: a recipe's section `train`, with one of steps, epochs and minutes.
        batches: in an epoch.
    """
    if train.get("minutes") is not None:
        return seconds / (60 * train["minutes"])
    if train.get("steps") is not None:
        return step / train["steps"]
    return step / max(math.ceil((train.get("epochs") or 0) * batches / train.get("accumulate", 1)), 1)
