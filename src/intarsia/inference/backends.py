"""Backends: the ways in which one network can be computed, as a literal table.

A backend takes a PyTorch engine and makes an engine of it, raw integers [B, C, H, W] to an output. One that equals float32
to rounding may replace it anywhere; another needs a verdict on real pictures first (`choose.py`).
"""

from __future__ import annotations

import copy
import importlib.util
import shutil
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from ..blocks.resize import Resize
from ..errors import ModelError, nearest
from .engine import Engine, Torch, name_of
from .folded import folded
from .resized import Coarse

FOLDED = 128  # side of the image that folding looks at


class Backend(NamedTuple):
    """A way to compute a network.

    Args:
        says: what it is, for people.
        missing: why it cannot be had on a device; "" where it can.
        prepare: makes its engine of a PyTorch engine, whose network it may change.
        equal: whether its outputs equal those of float32 to rounding.
        quick: whether it is ready at once, so that it may be tried before every job.
        least: how many pictures a job has at least for its preparation, or its comparison with float32, to pay.
    """

    says: str
    missing: Callable[[torch.device], str]
    prepare: Callable[[Torch], Engine]
    equal: bool
    quick: bool = True
    least: int = 1


def bfloat16_unit(accelerator: str) -> str:
    """Name what multiplies bfloat16 in hardware here: "AMX", "AVX-512 BF16", a GPU's name, or "" for nothing."""
    if accelerator == "cuda":
        return torch.cuda.get_device_name() if torch.cuda.is_bf16_supported(including_emulation=False) else ""
    if accelerator != "cpu":
        return ""
    if torch.cpu._is_amx_tile_supported():
        return "AMX"
    return "AVX-512 BF16" if torch.cpu._is_avx512_bf16_supported() else ""


def in_layout(layout: torch.memory_format, precision: str = "float32") -> Callable[[Torch], Torch]:
    """What stores an engine's weights in a memory layout, and sets the precision of its arithmetic."""

    def prepare(engine: Torch) -> Torch:
        engine.model = engine.model.to(memory_format=layout)
        engine.precision = precision
        return engine

    return prepare


def _folded(engine: Torch) -> Torch:
    engine = in_layout(torch.channels_last)(engine)
    weight = next(engine.model.parameters(), torch.empty(0, device=engine.device))
    image = torch.rand(1, len(engine.mean), FOLDED, FOLDED, device=weight.device, dtype=weight.dtype)
    image = image.contiguous(memory_format=torch.channels_last)
    try:
        engine.model = folded(engine.model.eval(), image) or engine.model
    except (RuntimeError, ValueError, IndexError) as error:
        raise ModelError(
            f"{name_of(engine)} cannot be folded: it fails on an image of {FOLDED}x{FOLDED} pixels "
            f"({(str(error).splitlines() or [type(error).__name__])[0][:200]}); choose another backend"
        ) from error
    return engine


def _compiled(engine: Torch) -> Torch:
    engine = in_layout(torch.channels_last)(engine)
    compiled: Any = torch.compile(engine.model, dynamic=False)
    engine.model = compiled
    return engine


def _by_onnxruntime(engine: Torch) -> Engine:
    from .runtime.live import Live

    return Live(engine)


def _everywhere(_: torch.device) -> str:
    return ""


def _without_units(device: torch.device) -> str:
    return "" if bfloat16_unit(device.type) else f"this machine's {device.type} has no units for bfloat16"


def _without_compiler(device: torch.device) -> str:
    if device.type == "cpu" and not any(map(shutil.which, ("g++", "clang++", "c++", "cl"))):
        return "torch.compile needs a C++ compiler, such as g++, and there is none here"
    return ""


def _without_onnx(device: torch.device) -> str:
    if device.type != "cpu":
        return "ONNX Runtime computes on the CPU here"
    gone = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]
    return f'{gone[0]} is not installed; type: pip install "intarsia[export]"' if gone else ""


BACKENDS: dict[str, Backend] = {
    "eager": Backend(
        "PyTorch in float32, images stored channel by channel",
        _everywhere,
        in_layout(torch.contiguous_format),
        equal=True,
    ),
    "channels_last": Backend(
        "PyTorch in float32, images stored pixel by pixel", _everywhere, in_layout(torch.channels_last), equal=True
    ),
    "folded": Backend(
        "channels_last with batch norms folded into the convolutions before them",
        _everywhere,
        _folded,
        equal=True,
        least=10,
    ),
    "bfloat16": Backend(
        "PyTorch in bfloat16 where the processor has units for it, images stored pixel by pixel",
        _without_units,
        in_layout(torch.channels_last, "bfloat16"),
        equal=False,
        least=12,  # three of them are computed in float32 as well
    ),
    "compiled": Backend(
        "torch.compile in float32: a minute of preparation at every new size",
        _without_compiler,
        _compiled,
        equal=True,
        quick=False,
    ),
    "onnxruntime": Backend(
        "ONNX Runtime in float32, held against PyTorch at three sizes first: some seconds of preparation",
        _without_onnx,
        _by_onnxruntime,
        equal=True,
        quick=False,
    ),
}


def backend_of(name: str, device: torch.device) -> Backend:
    """The backend of that name, which can be had on a device.

    Raises: ModelError where there is none, or it cannot be had.
    """
    if name not in BACKENDS:
        raise ModelError(f"there is no backend {name!r}{nearest(name, BACKENDS)}")
    if why := BACKENDS[name].missing(device):
        raise ModelError(f"backend {name!r} cannot be had: {why}; choose {' or '.join(usual(device))}")
    return BACKENDS[name]


def usual(device: torch.device) -> list[str]:
    """The backends that are ready at once on a device."""
    return [name for name, backend in BACKENDS.items() if backend.quick and not backend.missing(device)]


def exchanged(engine: Engine, old: Torch, new: Engine) -> Engine:
    """The same windows, views and ensembles around another engine in the place of `old`."""
    if engine is old:
        return new
    if isinstance(engine, Coarse):  # it takes maps out of its own network's inside
        if engine.engine is not old:
            return engine
        part = getattr(new.model, "enlarge", None) if isinstance(new, Torch) else None
        return Coarse(new, part) if isinstance(part, Resize) else new
    made: Any = copy.copy(engine)
    if hasattr(made, "engines"):
        made.engines = tuple(exchanged(one, old, new) for one in made.engines)
    elif hasattr(made, "engine"):
        made.engine = exchanged(made.engine, old, new)
    return made
