"""Everything a run needs to go on as if nothing had happened, as plain tensors and plain data.

Tensors are loaded into tensors shaped like the network's own, because safetensors stores them contiguous while a
channels-last network keeps others: a fused optimizer whose state has another layout than its parameter computes nonsense
without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import TrainingError
from .ema import MovingAverage


def pack(model: nn.Module, optimizer: torch.optim.Optimizer, ema: MovingAverage | None) -> dict[str, Tensor]:
    """The state of a run: "raw/" weights under training, "optimizer/" state by parameter, "rng/" generators."""
    tensors = {f"raw/{name}": tensor.detach() for name, tensor in model.state_dict().items()} if ema else {}
    for number, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            if value is not None:
                tensors[f"optimizer/{number}/{key}"] = torch.as_tensor(value)
    tensors["rng/cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng/cuda"] = torch.cuda.get_rng_state()
    return tensors


def unpack(
    weights: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    steps: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    ema: MovingAverage | None,
) -> None:
    """Put a packed state back; `weights` are those the checkpoint ships: the average's, where there is one.

    Raises: TrainingError when the file belongs to another network.
    """
    raw = {name.removeprefix("raw/"): t for name, t in state.items() if name.startswith("raw/")}
    try:
        model.load_state_dict(raw or weights)
    except RuntimeError as error:
        told = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise TrainingError(f"the run to resume belongs to another network: {told}") from None
    if ema:
        if not raw:
            raise TrainingError(
                "the run to resume kept no moving average, but the recipe asks for one; remove train.ema"
            )
        ema.load(weights, steps)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for name, tensor in state.items():
        if name.startswith("optimizer/"):
            _, number, key = name.split("/")
            parameter = parameters[int(number)]
            if tensor.shape == parameter.shape:
                like = torch.empty_like(parameter, dtype=tensor.dtype)  # the parameter's own memory layout
                optimizer.state[parameter][key] = like.copy_(tensor)
            else:
                optimizer.state[parameter][key] = tensor.to(parameter.device)
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
