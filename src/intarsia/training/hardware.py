"""What a run computes on: which device, in which number format and memory layout, in how many processes."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ..config import Recipe
from ..errors import TrainingError
from ..inference.backends import bfloat16_unit
from .layout import channels_last_faster, pays

if TYPE_CHECKING:
    from lightning.fabric import Fabric

FABRIC = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}  # the engine's names of precisions


@dataclass(frozen=True)
class Hardware:
    """What was chosen for a run, and why.

    Args:
        accelerator: "cpu", "cuda" or "mps".
        precision: of the network's arithmetic: "float32", "bfloat16" or "float16".
        channels_last: whether images and weights are stored pixel by pixel instead of channel by channel.
        unit: what multiplies bfloat16 in hardware here; "" for nothing.
    """

    accelerator: str
    precision: str
    channels_last: bool
    unit: str = ""

    def __str__(self) -> str:
        """Say it in one line: "cpu, bfloat16 (AMX), channels last"."""
        why = f" ({self.unit})" if self.unit and self.precision == "bfloat16" else ""
        layout = "channels last" if self.channels_last else "channels first"
        return f"{self.accelerator}, {self.precision}{why}, {layout}"


def hardware(recipe: Recipe) -> Hardware:
    """Choose device, precision and memory layout, where the recipe leaves them open.

    Raises: TrainingError when the recipe asks for what this machine, or this build of PyTorch, does not have.
    """
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
    if wish.channels_last == "auto" and precision == "float32" and accelerator == "cpu" and pays(recipe):
        channels_last = channels_last_faster()
    return Hardware(accelerator, precision, channels_last, unit)


def engine(recipe: Recipe, chosen: Hardware) -> Fabric:
    """Start the engine under the loop, and with it the other processes of the run."""
    from lightning.fabric import Fabric

    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)  # its news are in the remarks
    devices, nodes = _devices(recipe)
    fabric = Fabric(
        accelerator=chosen.accelerator,
        devices=devices,
        num_nodes=nodes,
        precision=FABRIC[chosen.precision],  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric


def first_process() -> bool:
    """Whether this is the process that writes, before the engine runs: what torchrun, SLURM or the engine itself say."""
    ranks = [os.environ.get(name) for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK")]
    return int(next((rank for rank in ranks if rank), 0)) == 0


def processes(recipe: Recipe) -> int:
    """How many processes the engine will have."""
    here, machines = _devices(recipe)
    return here * machines


def _devices(recipe: Recipe) -> tuple[int, int]:
    """(devices here, machines): what torchrun or SLURM started, else what the recipe asks for, else one."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("SLURM_NTASKS_PER_NODE") or 1)
    if recipe.train.devices != "auto":
        here = int(recipe.train.devices)
    world = int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or here)
    return here, max(world // here, 1)
