"""A network started from the weights of another run, whatever classes that run knew."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..checkpoint import Checkpoint
from ..errors import TrainingError
from ..labels import LabelSpace


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
