"""Exchange parts of a network that was built as its paper has it."""

from typing import TypeVar

from torch import nn

from ....blocks.resize import Resize

Network = TypeVar("Network", bound=nn.Module)


def exchange(network: nn.Module, **parts: nn.Module) -> None:
    """Put these parts in the places of the network's parts of the same names."""
    for name, part in parts.items():
        network.get_submodule(name)  # an AttributeError, if there is none to exchange
        setattr(network, name, part)


def corners_meet(network: Network) -> Network:
    """The network, with every bilinear enlargement aligned at the corners' centers."""
    for module in network.modules():
        if isinstance(module, Resize) and module.mode == "bilinear":
            module.align_corners = True
    return network
