"""What made a loss that is no number: the batch is written down, and the cause looked for in it and in the network."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..output import replaced
from ..structures import Batch

NAME = "fault.safetensors"  # in the run's folder


class Recent:
    """The batches of the last steps, until their losses are known to be numbers."""

    def __init__(self, steps: int = 2) -> None:
        self.held: deque[tuple[int, list[Batch]]] = deque(maxlen=steps)

    def add(self, step: int, parts: list[Batch]) -> None:
        """Hold a step's batches."""
        self.held.append((step, parts))

    def of(self, names: tuple[str, ...]) -> Batch | None:
        """The batch with these samples."""
        every = [part for _, parts in self.held for part in parts]
        return next((part for part in reversed(every) if tuple(part.names) == tuple(names)), None)


def explained(out: Path, batch: Batch | None, model: nn.Module, precision: str) -> str:
    """Write a batch down, and say what seems to be the cause.

    Returns: a clause for the message, with the file's name.
    """
    if batch is None:
        return ""
    kept = {}
    for name, part in batch._asdict().items():
        if isinstance(part, Tensor):
            kept[name] = part.detach().cpu().contiguous()
    try:
        with replaced(out / NAME) as fresh:
            save_file(kept, fresh, {"names": "\n".join(batch.names)})
        where = f"; the batch is in {out / NAME}"
    except OSError as error:
        where = f"; the batch could not be written ({error})"
    return f"; {cause(batch, model, precision)}{where}"


def cause(batch: Batch, model: nn.Module, precision: str) -> str:
    """Name what is wrong: a picture, a depth, the weights, or the range of the number format."""
    for name, part in (("image", batch.image), ("depth", batch.depth)):
        if part is not None and part.is_floating_point():
            wrong = ~torch.isfinite(part) if name == "image" else torch.isinf(part)
            if wrong.any():
                number = int(wrong.flatten(1).any(dim=1).nonzero()[0])
                return f"{batch.names[number]} has values in its {name} that are no numbers"
    broken = [name for name, weight in model.named_parameters() if not bool(torch.isfinite(weight).all())]
    if broken and not _all_at_once(broken, model):
        return f"the weights {broken[0]} are no numbers any more, so the learning rate was too high for them"
    if precision == "float16":
        return "numbers beyond 65504 do not exist in float16; train.precision=bfloat16 or float32 holds them"
    largest = max((float(weight.detach().abs().max()) for weight in _finite(model)), default=0.0)
    if largest > 1e3:
        return f"weights had grown to {largest:.2g}, so the learning rate was too high"
    return "pictures are sound, so the steps before were too large (optimizer.lr), or the loss divides by zero on them"


def _all_at_once(broken: list[str], model: nn.Module) -> bool:
    """Whether one step with a gradient of no numbers has taken everything."""
    return len(broken) > len(list(model.parameters())) // 2


def _finite(model: nn.Module) -> list[Any]:
    return [weight for weight in model.parameters() if bool(torch.isfinite(weight).all())]
