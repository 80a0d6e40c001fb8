"""Fold batch norms into the convolutions before them: a network in eval mode computes the same with a sixth less work.

    conv(x) * w -> norm: (y - mean) / sqrt(var + eps) * gamma + beta      =      conv'(x), w' = w * gamma / sqrt(var + eps)

Which norm follows which convolution is seen, not guessed: one picture goes through the network, and a norm that is handed the
very tensor that a convolution returned is taken for its partner. Whether nobody else reads that tensor cannot be seen, so the
folded network is held against the first one, and given up where they differ.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
CLOSE = 1e-4  # largest difference of an output, as a share of its largest value


def folded(network: nn.Module, image: Tensor) -> nn.Module | None:
    """Fold the batch norms of a network in eval mode into its convolutions.

    Args:
        network: stays as it is; what is not folded is shared with it.
        image: [B, C, H, W], normalized, on the network's device: any picture that it takes.

    Returns: another network whose outputs differ by rounding; None where there is nothing to fold, or the outputs differ.
    """
    if network.training:
        return None
    pairs = partners(network, image)
    if not pairs:
        return None
    made = _shallow(network)
    for conv, norm in pairs:
        parent, _, name = conv.rpartition(".")
        setattr(made.get_submodule(parent), name, _folded(network.get_submodule(conv), network.get_submodule(norm)))
        parent, _, name = norm.rpartition(".")
        setattr(made.get_submodule(parent), name, _rest(network.get_submodule(norm)))
    with torch.inference_mode():
        return made if _close(network(image), made(image)) else None


def partners(network: nn.Module, image: Tensor) -> list[tuple[str, str]]:
    """The names of each convolution and the batch norm that is handed its output, where both run once."""
    last: dict[
        int, tuple[str, Tensor]
    ] = {}  # by the identity of a tensor: what returned it; kept alive, or ids come again
    found: dict[str, str] = {}
    runs: dict[str, int] = {}
    hooks = []

    def returned(name: str) -> Any:
        def hook(module: nn.Module, given: Any, output: Tensor) -> None:
            runs[name] = runs.get(name, 0) + 1
            last[id(output)] = (name, output)

        return hook

    def handed(name: str) -> Any:
        def hook(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            runs[name] = runs.get(name, 0) + 1
            if given and (before := last.get(id(given[0]))) is not None:
                found[name] = before[0]

        return hook

    def dropped(module: nn.Module, given: Any, output: Tensor) -> None:
        last.pop(id(output), None)  # in eval mode it hands on what it got, and with dropout switched on it does not

    for name, module in network.named_modules(remove_duplicate=False):
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) and "weight" in module._parameters:
            hooks.append(module.register_forward_hook(returned(name)))
        elif isinstance(module, _BatchNorm) and module.track_running_stats:
            hooks.append(module.register_forward_pre_hook(handed(name)))
        elif isinstance(module, DROPOUTS):
            hooks.append(module.register_forward_hook(dropped))
    try:
        with torch.inference_mode():
            network(image)
    finally:
        for hook in hooks:
            hook.remove()
    once = [(conv, norm) for norm, conv in found.items() if runs[conv] == runs[norm] == 1]
    convs = [conv for conv, _ in once]
    return [(conv, norm) for conv, norm in once if convs.count(conv) == 1]


def _folded(conv: nn.Module, norm: nn.Module) -> nn.Module:
    assert isinstance(conv, nn.Conv1d | nn.Conv2d | nn.Conv3d) and isinstance(norm, _BatchNorm)
    assert norm.running_mean is not None and norm.running_var is not None
    made = copy.copy(conv)
    made._parameters = dict(conv._parameters)
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    scale = scale if norm.weight is None else scale * norm.weight.double()
    shift = 0 if conv.bias is None else conv.bias.double()
    bias = (shift - norm.running_mean.double()) * scale
    bias = bias if norm.bias is None else bias + norm.bias.double()
    weight = conv.weight.double() * scale.view(-1, *[1] * (conv.weight.ndim - 1))
    layout = (
        torch.channels_last
        if conv.weight.ndim == 4 and conv.weight.is_contiguous(memory_format=torch.channels_last)
        else torch.contiguous_format
    )
    made.weight = nn.Parameter(weight.to(conv.weight.dtype).contiguous(memory_format=layout), requires_grad=False)
    made.bias = nn.Parameter(bias.to(conv.weight.dtype), requires_grad=False)
    return made


def _rest(norm: nn.Module) -> nn.Module:
    """What a norm does besides: timm's have an activation."""
    parts = [part for key in ("drop", "act") if isinstance(part := getattr(norm, key, None), nn.Module)]
    parts = [part for part in parts if not isinstance(part, nn.Identity)]
    return nn.Sequential(*parts) if len(parts) > 1 else parts[0] if parts else nn.Identity()


def _shallow(network: nn.Module) -> nn.Module:
    """A copy of the tree of modules whose tensors are the same."""
    memo: dict[int, Any] = {id(part): part for part in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, memo)


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and (not one.is_floating_point() or not one.numel()):
        return isinstance(other, Tensor) and torch.equal(one, other)
    if isinstance(one, Tensor):
        return one.shape == other.shape and bool((one - other).abs().max() <= CLOSE * one.abs().max().clamp(min=1e-6))
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(_close(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)
