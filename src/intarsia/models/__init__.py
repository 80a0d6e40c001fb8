"""Architectures: one paper, one file; `catalogue` holds a table of each family.

build("fpn", 11, encoder="resnet18")(image).logits      [B, 11, H, W], for an image of any size
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..blocks.cost import count_flops
from ..blocks.norms import with_norms
from ..errors import ModelError, nearest
from .catalogue import ARCHITECTURES
from .summary import Summary, summarize

__all__ = ["Summary", "build", "check_trainable", "construct", "count_flops", "count_parameters", "summarize"]


def build(name: str, num_classes: int, **options: Any) -> nn.Module:
    """The architecture of that name.

    Args:
        num_classes: how many maps it draws.
        options: keyword arguments of its constructor; the defaults are the paper's. And `norms`, which exchanges all norms
            (`blocks.norms.with_norms`): "batch", "group" or "frozen".

    Raises: ModelError with the nearest name, for an unknown architecture or an option that it does not take.
    """
    if name not in ARCHITECTURES:
        raise ModelError(f"there is no architecture {name!r}{nearest(name, ARCHITECTURES)}")
    return construct(name, ARCHITECTURES[name].build, num_classes, options)


def construct(
    name: str, constructor: Callable[..., nn.Module], num_classes: int, options: Mapping[str, Any]
) -> nn.Module:
    """What a constructor makes of these options.

    Args:
        name: what an error calls the network.

    Raises: ModelError with the nearest name, for an option that the constructor does not take.
    """
    if not isinstance(num_classes, int) or isinstance(num_classes, bool) or num_classes < 1:
        raise ModelError(f"num_classes is {num_classes!r}; give a whole number of at least 1")
    norms = options.get("norms")
    options = {key: value for key, value in options.items() if key != "norms"}
    known = [key for key in inspect.signature(constructor).parameters if key != "num_classes"]
    for key in options:
        if key not in known:
            near = nearest(key, known)
            raise ModelError(f"{name} takes no option {key!r}{near or '; it takes ' + ', '.join(known)}")
    channels = options.get("in_channels", 3)
    if not isinstance(channels, int) or channels < 1:
        raise ModelError(f"in_channels is {channels!r}; give a whole number of at least 1")
    network = constructor(num_classes, **options)
    return network if norms is None else with_norms(network, norms)


def count_parameters(name: str, num_classes: int = 21, **options: Any) -> int:
    """How many numbers training may change, counted without making any of them.

    Args:
        num_classes: 21 are PASCAL VOC's, with background.
        options: as for `build`; weights are never fetched.
    """
    with torch.device("meta"):
        network = build(name, num_classes, **{**options, **({"pretrained": False} if "pretrained" in options else {})})
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def check_trainable(network: nn.Module, batch_size: int, channels: int, height: int, width: int) -> None:
    """Refuse a training batch on which a batch norm of `network` would see one value a channel.

    Runs the network on shapes alone (the meta device): little time, no memory, and no running statistics change.

    Raises: ModelError that names the layer and says what to change.
    """
    state = {key: value.to("meta") for key, value in (*network.named_parameters(), *network.named_buffers())}
    image = torch.empty(batch_size, channels, height, width, device="meta")
    norms = [(key, m) for key, m in network.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    thin: list[str] = []

    def look(key: str, norm: nn.Module, x: Tensor) -> Tensor:
        if norm.training and x.numel() == x.shape[1]:
            thin.append(key)
        return x

    was = network.training
    for key, norm in norms:  # in the place of the norm, which on the meta device takes longer than all else
        vars(norm)["forward"] = partial(look, key, norm)
    try:
        network.train()
        with torch.no_grad():
            functional_call(network, state, (image,))
    except (ValueError, ModelError):
        if not thin:
            raise
    finally:
        network.train(was)
        for _, norm in norms:
            del vars(norm)["forward"]
    if thin:
        raise ModelError(
            f"a batch of {batch_size} with images of {height}x{width} leaves a 1x1 map of a single image at {thin[0]}, on "
            "which batch norm cannot be trained; use a batch size of at least 2, or larger images or crops"
        )
