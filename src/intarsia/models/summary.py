"""A network as a table: each layer with what it returns and how many parameters it holds.

The rows and sums are those of the table that deck 4 prints (torchsummary's): a row when a layer is done, composed
modules after their parts, sequences left out; sizes in MB of 2**20 bytes, each number taking four.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..blocks.cost import count_flops

MB = 2**20
FLOAT = 4  # bytes
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)  # no rows: they only hold others


class Layer(NamedTuple):
    """One row."""

    name: str  # "Conv2d-1": its type, and its place in the order in which layers are done
    path: str  # "encode.0.conv.layers.0"; empty for the network itself
    shapes: tuple[tuple[int, ...], ...]  # of the tensors it returns
    parameters: int  # its own, without its parts'; zero where it is called again
    level: int  # how many rows' modules it lies in


class Summary(NamedTuple):
    """The table and its sums."""

    layers: tuple[Layer, ...]  # in the order in which they are done
    idle: tuple[tuple[str, int], ...]  # (path, parameters) of modules that evaluation does not call: auxiliary heads
    parameters: int
    trainable: int
    flops: int  # of one image; a multiply-add counts two
    input_mb: float
    passes_mb: float  # what all rows return, and as much again for the way back
    parameters_mb: float

    @property
    def total_mb(self) -> float:
        """Input, passes and parameters together, as training one image with plain gradient descent would hold them."""
        return self.input_mb + self.passes_mb + self.parameters_mb

    def down_to(self, depth: int) -> tuple[Layer, ...]:
        """The rows of modules that lie at most `depth` deep, the deepest of them with all parameters below them."""
        shown = []
        for layer in self.layers:
            if layer.level == depth:
                inside = f"{layer.path}." if layer.path else ""
                below = [x.parameters for x in self.layers if x.level > depth and x.path.startswith(inside)]
                layer = layer._replace(parameters=layer.parameters + sum(below))
            if layer.level <= depth:
                shown.append(layer)
        return tuple(shown)


def summarize(network: nn.Module, height: int = 224, width: int = 224, channels: int = 3) -> Summary:
    """Summarize what `network` does with one image of that size in evaluation, layer by layer.

    Runs on shapes alone (the meta device), so that neither memory nor time is spent, whatever the network's size.
    """
    from torch.func import functional_call

    paths = {module: path for path, module in network.named_modules() if type(module) not in CONTAINERS}
    places = set(paths.values())
    layers: list[Layer] = []
    counted: set[nn.Module] = set()

    def note(module: nn.Module, _: Any, output: Any) -> None:
        own = 0 if module in counted else sum(p.numel() for p in module.parameters(recurse=False))
        counted.add(module)
        path, name = paths[module], f"{type(module).__name__}-{len(layers) + 1}"
        layers.append(Layer(name, path, _shapes(output), own, _level(path, places)))

    state = {key: value.to("meta") for key, value in (*network.named_parameters(), *network.named_buffers())}
    image = torch.empty(1, channels, height, width, device="meta")
    handles = [module.register_forward_hook(note) for module in paths]
    was = network.training
    try:
        with torch.no_grad():
            functional_call(network.eval(), state, (image,))
    finally:
        network.train(was)
        for handle in handles:
            handle.remove()
    numbers = sum(torch.Size(shape).numel() for layer in layers for shape in layer.shapes)
    parameters = sum(p.numel() for p in network.parameters())
    return Summary(
        layers=tuple(layers),
        idle=_idle(network, counted),
        parameters=parameters,
        trainable=sum(p.numel() for p in network.parameters() if p.requires_grad),
        flops=count_flops(network, height, width, channels),
        input_mb=image.numel() * FLOAT / MB,
        passes_mb=2 * numbers * FLOAT / MB,
        parameters_mb=parameters * FLOAT / MB,
    )


def _shapes(output: Any) -> tuple[tuple[int, ...], ...]:
    """The shapes of all tensors in what a module returned: one, or a nest of tuples, lists and mappings."""
    if isinstance(output, Tensor):
        return (tuple(output.shape),)
    items = output.values() if isinstance(output, dict) else output if isinstance(output, tuple | list) else ()
    return tuple(shape for item in items for shape in _shapes(item))


def _level(path: str, places: set[str]) -> int:
    """In how many modules of the table the one at `path` lies."""
    steps = path.split(".") if path else []
    return sum(".".join(steps[:n]) in places for n in range(len(steps)))


def _idle(network: nn.Module, counted: set[nn.Module]) -> tuple[tuple[str, int], ...]:
    """The topmost modules of which no part was called, with their parameters."""
    found: list[tuple[str, int]] = []
    for path, module in network.named_modules():
        parameters = sum(p.numel() for p in module.parameters())
        within = any(path.startswith(f"{other}.") for other, _ in found)
        if parameters and not within and counted.isdisjoint(module.modules()):
            found.append((path, parameters))
    return tuple(found)
