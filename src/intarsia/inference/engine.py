"""Engines: what turns raw images into a network's output, whatever computes it.

    raw integers [B, C, H, W] - engine - Output

`Torch` runs a PyTorch network. Another engine is any function of that form, such as a classical method; a `Predictor`
decides what the output means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..checkpoint import bare
from ..data.normalize import normalize
from ..errors import DataError, ModelError, nearest
from ..postprocess import recognized
from ..structures import Output
from .memory import out_of_memory

Engine = Callable[[Tensor], Output]
PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Torch:
    """An engine that normalizes images and runs a PyTorch network on them.

    Args:
        model: maps [B, C, H, W] to an output of `structures`, to a plain tensor [B, K, H, W], or to a mapping or tuple that
            holds one (see `postprocess/outputs.py`). It is put into eval mode whenever it is used; its memory layout stays as it is.
        mean, std: one number for each channel, in units of the full scale (255 or 65535).
        device: "cpu", "cuda", "cuda:1", "mps"; "auto" leaves the network where it is.
        precision: "float32"; "bfloat16" or "float16" trade equality for speed.

    Raises: ModelError for an unknown precision, a device that is not there, or statistics that do not fit together.
    """

    def __init__(
        self,
        model: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        device: str | torch.device = "auto",
        precision: str = "float32",
    ) -> None:
        if precision not in PRECISIONS:
            raise ModelError(f"precision is {precision!r}{nearest(precision, PRECISIONS)}")
        if len(mean) != len(std):
            raise ModelError(
                f"mean holds {len(mean)} numbers and std {len(std)}; give one of each for each channel of the images"
            )
        weight = next(model.parameters(), torch.empty(0))
        self.device = weight.device if device == "auto" else device_of(device)
        self.model = model.to(self.device).eval()
        self.mean, self.std = tuple(mean), tuple(std)
        self.precision = precision

    def __call__(self, image: Tensor) -> Output:
        """Run the network on raw integers [B, C, H, W], uint8 or int32 (16-bit values); the output lies on its device.

        Raises: ModelError when the network returns no output that is known.
        """
        if self.model.training:
            self.model.eval()
        x = normalize(image.to(self.device), self.mean, self.std)
        x = x.contiguous(memory_format=_layout(self.model))
        dtype = PRECISIONS[self.precision]
        with torch.autocast(self.device.type, dtype, enabled=dtype is not None):
            return recognized(self.model(x), name_of(self))


def networks_of(engine: Engine) -> list[Torch]:
    """List the PyTorch networks that an engine runs, itself or through the engines it is put around."""
    if isinstance(engine, Torch):
        return [engine]
    inner = getattr(engine, "engine", None)
    around = getattr(engine, "engines", ()) if inner is None else (inner,)
    return [network for one in around for network in networks_of(one)]


def name_of(engine: Engine) -> str:
    """Name what an engine runs, for messages: the network's class, or the function's name."""
    if networks := networks_of(engine):
        return " and ".join(dict.fromkeys(type(bare(one.model)).__name__ for one in networks))
    engine = innermost(engine)
    return getattr(engine, "__name__", type(engine).__name__)


def innermost(engine: Engine) -> Engine:
    """Find what computes, inside of windows, views and resizing."""
    while (inner := getattr(engine, "engine", None)) is not None:
        engine = inner
    return engine


def device_of(name: str | torch.device) -> torch.device:
    """Find the device of that name.

    Raises: ModelError when there is none that torch can use.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ModelError(f"there is no device {str(name)!r}{nearest(name, ('auto', 'cpu', 'cuda', 'mps'))}") from None
    here: dict[str, Callable[[], bool]] = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if device.type in here and not here[device.type]():
        raise ModelError(
            f"device {str(name)!r} was asked for, and this machine has none that torch can use; use device='cpu'"
        )
    if device.type == "cuda" and device.index is not None and device.index >= torch.cuda.device_count():
        raise ModelError(
            f"device {str(name)!r} was asked for, and this machine has {torch.cuda.device_count()} GPUs, counted from cuda:0"
        )
    return device


def fastest() -> torch.device:
    """Choose a GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")


@contextmanager
def memory_explained(image: Tensor, device: torch.device) -> Iterator[None]:
    """Turn the several ways of saying "out of memory" into one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        count, _, height, width = image.shape
        many = f"{count} pictures" if count > 1 else "a picture"
        raise DataError(
            f"{many} of {width} x {height} pixels {'do' if count > 1 else 'does'} not fit into the memory of {device} with this network; "
            "predict it in smaller windows (window: 256), make it smaller, or use a device with more memory"
        ) from None


def _layout(model: nn.Module) -> torch.memory_format:
    """The memory layout that a network's convolutions are stored in: images follow it."""
    for weight in model.parameters():
        if weight.ndim == 4 and weight.shape[1] > 1 and weight[0, 0].numel() > 1:
            last = weight.is_contiguous(memory_format=torch.channels_last)
            return torch.channels_last if last else torch.contiguous_format
    return torch.contiguous_format
