"""Networks inside torch.compile, DataParallel and the like, whose tensors are stored under the names of the bare network.

{"_orig_mod.encoder.weight", "module.encoder.weight"} -> "encoder.weight"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

COMPILED = "_orig_mod"  # where torch.compile keeps the network
PARALLEL = "module"  # where DataParallel and DistributedDataParallel do


def bare(model: nn.Module) -> nn.Module:
    """The network inside however many wrappers; any other network as it is."""
    while (place := _holds_at(model)) is not None:
        model = getattr(model, place)
    return model


def plain_names(model: nn.Module) -> dict[str, str]:
    """{name in `state_dict()`: the same name without wrappers, wherever in the network they are}."""
    prefixes = []  # of wrappers, the innermost first
    for path, module in model.named_modules():
        if (place := _holds_at(module)) is not None:
            outer = f"{path}." if path else ""
            prefixes.append((f"{outer}{place}.", outer))
    prefixes.sort(key=lambda pair: -len(pair[0]))
    names = {}
    for name in model.state_dict(keep_vars=True):
        plain = name
        for prefix, outer in prefixes:
            if plain.startswith(prefix):
                plain = outer + plain[len(prefix) :]
        names[name] = plain
    return names


def state_of(model: nn.Module, keep_vars: bool = False) -> dict[str, Any]:
    """`state_dict()` under the names of the bare network."""
    names = plain_names(model)
    return {names[name]: value for name, value in model.state_dict(keep_vars=keep_vars).items()}


def fitted(weights: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Stored weights under the names that `model.load_state_dict` expects; names that fit nothing stay as they are.

    Weights that were stored with the wrappers' names in them fit as well.
    """
    wanted = {plain: name for name, plain in plain_names(model).items()}
    stored = {re.sub(rf"(^|\.){COMPILED}\.", r"\1", name): tensor for name, tensor in weights.items()}
    within = f"{PARALLEL}."
    if stored and all(name.startswith(within) for name in stored) and not any(n.startswith(within) for n in wanted):
        stored = {name.removeprefix(within): tensor for name, tensor in stored.items()}
    return {wanted.get(name, name): tensor for name, tensor in stored.items()}


def _holds_at(module: nn.Module) -> str | None:
    """The attribute at which a wrapper holds its network; None for a module that is no wrapper."""
    if COMPILED in module._modules:
        return COMPILED
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return PARALLEL
    return None
