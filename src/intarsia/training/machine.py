"""The machine that a run is planned for: what it computes on, how much memory is free, how fast a step is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from ..inference.backends import bfloat16_unit
from ..inference.memory import free_memory
from ..structures import SemanticLogits

LONGEST = 5.0  # seconds after which no further step is timed


class Machine(NamedTuple):
    """What a run is planned for."""

    accelerator: str  # "cpu", "cuda" or "mps"
    name: str  # for people
    cores: int
    unit: str = ""  # what multiplies bfloat16 in hardware; "" for nothing
    memory: int = 8 << 30  # bytes that are free where the network computes
    pace: float | None = None  # training steps' pixels a second, as measured; None: not measured

    def __str__(self) -> str:
        """Say it in one line: "cpu: 2 cores, no bfloat16 units, 11.2 GB free"."""
        unit = f"bfloat16 by {self.unit}" if self.unit else "no bfloat16 units"
        pace = f", {self.pace / 1e6:.2g} megapixels of training a second" if self.pace else ""
        return f"{self.name}: {self.cores} cores, {unit}, {self.memory / 1e9:.3g} GB free{pace}"


def machine(accelerator: str = "auto") -> Machine:
    """Look at this machine.

    Args:
        accelerator: as `train.accelerator` of a recipe.
    """
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    device = torch.device(accelerator)
    name = torch.cuda.get_device_name() if accelerator == "cuda" else accelerator
    return Machine(accelerator, name, torch.get_num_threads(), bfloat16_unit(accelerator), free_memory(device))


def timed(here: Machine, model: Mapping[str, Any]) -> Machine:
    """The same machine with the pace at which it trains a network, measured in a few steps.

    Args:
        model: a recipe's section `model`.
    """
    kept = ((key, value) for key, value in model.items() if key not in ("name", "pretrained"))
    options = tuple(sorted((key, tuple(value) if isinstance(value, list) else value) for key, value in kept))
    return here._replace(pace=_pace(str(model["name"]), options, here.accelerator, bool(here.unit)))


@lru_cache(maxsize=8)
def _pace(name: str, options: tuple[tuple[str, Any], ...], accelerator: str, reduced: bool) -> float:
    """Pixels a second of forward and backward passes: the faster of two, after one that is not counted."""
    from ..checkpoint import build

    side = 256 if accelerator == "cuda" else 128
    with torch.random.fork_rng():
        model = build(name, 2, **dict(options)).to(accelerator)
        image = torch.rand(2, 3, side, side, device=accelerator)
    if reduced:
        model, image = model.to(memory_format=torch.channels_last), image.contiguous(memory_format=torch.channels_last)
    took, start = [], time.perf_counter()
    for number in range(3):
        begun = time.perf_counter()
        with torch.autocast(accelerator, torch.bfloat16, enabled=reduced):
            output: SemanticLogits = model(image)
        output.logits.float().square().mean().backward()
        if accelerator == "cuda":
            torch.cuda.synchronize()
        took.append(time.perf_counter() - begun)
        if number and time.perf_counter() - start > LONGEST:
            break
    return float(image[:, 0].numel() / max(min(took[1:]), 1e-6))


@lru_cache(maxsize=8)
def bytes_of(name: str, options: tuple[tuple[str, Any], ...], classes: int) -> tuple[float, int]:
    """The memory that training a network takes, counted on shapes alone: (bytes for each pixel of a batch, bytes beside).

    What the backward pass needs is counted as autograd keeps it, and doubled for gradients and copies. Beside it are the
    weights, their gradients, two numbers of the optimizer and the average. A network that does not run on shapes alone
    gets a number that most stay below.
    """
    from ..checkpoint import build

    side = 128
    with torch.device("meta"):
        model = build(name, classes, **dict(options)).train()
        image = torch.empty(1, 3, side, side)
    kept: dict[int, int] = {}
    alive = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        alive.append(storage)  # or another would get its number
        kept[storage._cdata] = storage.nbytes()
        return tensor

    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    with suppress(Exception), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(image)
        return 2 * max(sum(kept.values()) - weights, 0) / side**2 + 12.0 * classes, 5 * weights
    return 4096.0, 5 * weights
