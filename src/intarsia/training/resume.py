"""The state that a run needs to go on as if nothing had happened, as plain tensors and plain data.

    raw/<parameter or buffer>        weights under training, where a moving average is what is shipped
    optimizer/<parameter>/<key>      the optimizer's state, by the parameter's name: what is trained may change in between
    rng/cpu, rng/cuda                random generators

Tensors are loaded into tensors shaped like the network's own, because safetensors stores them contiguous while a
channels-last network keeps others: a fused optimizer whose state has another layout than its parameter computes nonsense
without a word, and one whose state is smaller writes past its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint import fitted, state_of
from ..checkpoint.wrapped import plain_names
from ..errors import TrainingError
from .ema import MovingAverage

OPTIMIZER, RAW = "optimizer/", "raw/"
KEPT = (Tensor, bool, int, float)  # what of an optimizer's state a checkpoint can hold
SET_ANEW = ("params", "lr", "initial_lr")  # of a group of parameters: the schedule sets the rate
ELSE = "resume it with the network it was trained with, or start a new run from its weights with --from (start=)"


def pack(model: nn.Module, optimizer: torch.optim.Optimizer, ema: MovingAverage | None) -> dict[str, Tensor]:
    """The state of a run. Parameters that were never stepped have none."""
    tensors: dict[str, Tensor] = {}
    if ema:
        tensors |= {f"{RAW}{name}": t.detach() for name, t in state_of(model).items() if isinstance(t, Tensor)}
    names = {id(parameter): name for name, parameter in _parameters(model).items()}
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, KEPT) and id(parameter) in names:
                kind = torch.float64 if isinstance(value, float) else None
                tensors[f"{OPTIMIZER}{names[id(parameter)]}/{key}"] = torch.as_tensor(value, dtype=kind)
    tensors["rng/cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng/cuda"] = torch.cuda.get_rng_state()
    return tensors


def beside(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What a user's optimizer keeps beside tensors, as plain data.

    Returns: "numbers", the keys of its state that are plain numbers; "groups", the plain settings of each group of
        parameters, which some optimizers change as they go; "lost", what no checkpoint can hold.
    """
    entries = [(owner, key, value) for owner, state in optimizer.state.items() for key, value in state.items()]
    lost = {key for owner, key, value in entries if not isinstance(owner, Tensor) or not isinstance(value, KEPT)}
    kept = {key for _, key, value in entries if value is None}
    return {
        "numbers": sorted({key for _, key, value in entries if isinstance(value, bool | int | float)}),
        "groups": [
            {key: value for key, value in group.items() if key not in SET_ANEW and _plain(value)}
            for group in optimizer.param_groups
        ],
        "lost": sorted(map(str, lost - kept)),
    }


def _plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return isinstance(value, bool | int | float | str)


def unpack(
    weights: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    steps: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    ema: MovingAverage | None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Put a packed state back.

    Args:
        weights: those the checkpoint ships: the average's, where there is one.
        more: of an optimizer of the user's, what `beside` gave; None for one of ours.

    Raises: TrainingError when the file belongs to another network, or not all of the state could be kept; nothing has
        changed then.
    """
    if more is not None and more["lost"]:
        raise TrainingError(
            f"the run cannot be resumed: its optimizer keeps {', '.join(more['lost'])}, which no checkpoint can hold; start a "
            "new run from its weights with --from (start=)"
        )
    raw = {name.removeprefix(RAW): t for name, t in state.items() if name.startswith(RAW)}
    if ema and not raw:
        raise TrainingError("the run to resume kept no moving average, but the recipe asks for one; remove train.ema")
    stored = fitted(raw or weights, model)
    _refuse_another(model, stored)
    found = _by_parameter(model, optimizer, state, any_shape=more is not None)
    model.load_state_dict({**model.state_dict(), **stored})
    if ema:
        plain = plain_names(model)
        ema.load({plain.get(name, name): t for name, t in fitted(weights, model).items()}, steps)
    for parameter, key, tensor in found:
        if tensor.shape == parameter.shape:
            like = torch.empty_like(parameter, dtype=tensor.dtype)  # the parameter's own memory layout
            optimizer.state[parameter][key] = like.copy_(tensor)
        elif more is not None and key in more["numbers"]:
            optimizer.state[parameter][key] = tensor.item()
        else:
            optimizer.state[parameter][key] = tensor.to(parameter.device)
    for group, stored_group in zip(optimizer.param_groups, more["groups"] if more else (), strict=False):
        for key, value in stored_group.items():
            group[key] = tuple(value) if isinstance(group.get(key), tuple) else value
    torch.set_rng_state(state["rng/cpu"])
    if "rng/cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["rng/cuda"])


def differing(old: Mapping[str, Any], new: Mapping[str, Any], place: str = "") -> list[str]:
    """The keys, "train.batch_size", in which two recipes differ."""
    keys = []
    for key in sorted({*old, *new}):
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            keys += differing(a, b, f"{place}{key}.")
        elif a != b:
            keys.append(f"{place}{key}")
    return keys


def _parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Every parameter once, by its name without wrappers."""
    plain = plain_names(model)
    return {plain.get(name, name): parameter for name, parameter in model.named_parameters()}


def _refuse_another(model: nn.Module, stored: Mapping[str, Tensor]) -> None:
    """See that stored weights are this network's: the same names, each of the same shape."""
    have = {name: t for name, t in model.state_dict().items() if isinstance(t, Tensor)}
    for name in [*have, *stored]:
        if name not in stored or name not in have:
            where = "the run to resume does not have" if name in have else "this one does not have"
            raise TrainingError(f"the run to resume belongs to another network: {where} {name}; {ELSE}")
        if have[name].shape != stored[name].shape:
            raise TrainingError(
                f"the run to resume belongs to another network: its {name} is {list(stored[name].shape)}, "
                f"and here it is {list(have[name].shape)}; {ELSE}"
            )


def _by_parameter(
    model: nn.Module, optimizer: torch.optim.Optimizer, state: Mapping[str, Tensor], any_shape: bool = False
) -> list[tuple[nn.Parameter, str, Tensor]]:
    """(parameter, key, value) of the optimizer's stored state, each value a single number or of its parameter's shape.

    Args:
        any_shape: of a user's own optimizer, which may keep other shapes, such as a mean of each row.
    """
    parameters: dict[str, nn.Parameter] = _parameters(model)
    entries = [name.removeprefix(OPTIMIZER).rpartition("/") for name in state if name.startswith(OPTIMIZER)]
    if entries and not any(name in parameters for name, _, _ in entries):  # from before states were kept by name
        ordered = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
        parameters = {str(number): parameter for number, parameter in enumerate(ordered)}
        if (count := len({name for name, _, _ in entries})) != len(ordered):
            raise TrainingError(
                f"the run to resume was saved by an earlier version, which numbered what it trained: {count} parameters, "
                f"and {len(ordered)} are trained now; train the same ones, or start a new run with --from (start=)"
            )
    found = []
    for name, _, key in entries:
        tensor, parameter = state[f"{OPTIMIZER}{name}/{key}"], parameters.get(name)
        if parameter is None or (tensor.ndim and tensor.shape != parameter.shape and not any_shape):
            here = (
                "there is no such parameter" if parameter is None else f"the parameter is {list(parameter.shape)} here"
            )
            raise TrainingError(
                f"the optimizer's state of the run to resume does not fit: {key} of {name!r} is {list(tensor.shape)}, and "
                f"{here}; train the parameters that were trained before, or start a new run with --from (start=)"
            )
        found.append((parameter, key, tensor))
    return found
