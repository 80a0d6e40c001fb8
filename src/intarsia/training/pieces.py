"""The gradient of a step, in as many pieces as memory wants: a batch that does not fit goes through in halves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ..errors import TrainingError, counted
from ..inference.memory import free_memory, out_of_memory
from ..losses.auxiliary import total
from ..structures import Batch
from .stopwatch import Stopwatch

MOST = 64  # pieces that a batch is cut into at most


class Pieces:
    """Gradients of batches, cut into pieces where one did not fit into memory.

    Args:
        number: pieces of each batch, as the run has found them to fit before.
        say: gets a sentence when they become smaller.
        alone: whether this is the only process of the run: others would wait in vain for a pass that is made again.
    """

    def __init__(self, number: int = 1, say: Callable[[str], None] = lambda text: None, alone: bool = True) -> None:
        self.number, self.say, self.alone = max(number, 1), say, alone

    def gradient(self, run: Any, parts: Sequence[Batch], watch: Stopwatch) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Accumulate the gradient of one step's batches.

        Returns: the loss of each batch, and the terms of the last one.

        Raises: TrainingError where not even single images fit.
        """
        while True:
            try:
                return self._once(run, parts, watch)
            except Exception as error:
                if not out_of_memory(error):
                    if run.compiled is None or not (line := run.compiled.give_up(error)):
                        raise
                    self.say(line)
                    run.stepper.zero_grad()
                    continue
            self._smaller(run, max(len(part.names) for part in parts))

    def _once(self, run: Any, parts: Sequence[Batch], watch: Stopwatch) -> tuple[list[Tensor], dict[str, Tensor]]:
        losses, terms = [], dict[str, Tensor]()
        for number, part in enumerate(parts, 1):
            held, weight = [], run.loader.order.weight(run.step * len(parts) + number - 1)
            pieces = list(cut(part, self.number))
            for n, piece in enumerate(pieces, 1):
                share = len(piece.names) / len(part.names)
                more = number < len(parts) or n < len(pieces)
                with run.fabric.no_backward_sync(run.net, enabled=more):
                    with watch("forward"):
                        terms = run.objective(piece.to(run.fabric.device))
                        loss = total(terms)
                    with watch("backward"):
                        run.fabric.backward(loss * (weight * share / len(parts)))
                held.append(loss.detach() * share)
            losses.append(torch.stack(held).sum() if len(held) > 1 else held[0])
        return losses, terms

    def _smaller(self, run: Any, size: int) -> None:
        """Cut batches into twice as many pieces from now on."""
        run.stepper.zero_grad()
        if run.fabric.device.type == "cuda":
            torch.cuda.empty_cache()
        free = f"{free_memory(run.fabric.device) / 1e9:.2g} GB are free"
        if not self.alone:
            raise TrainingError(
                f"a step of {counted(size, 'image')} does not fit into memory ({free}), and several processes cannot try again "
                "by themselves; halve train.batch_size and double train.accumulate"
            )
        if self.number >= min(size, MOST):
            raise TrainingError(
                f"one image of the size of augment.crop does not fit into memory ({free}); take a smaller augment.crop or a "
                "smaller network, or close what else runs here"
            )
        self.number = min(2 * self.number, size)
        self.say(
            f"step {run.step + 1}: {counted(size, 'image')} did not fit into memory ({free}), so they go through the network in "
            f"{self.number} pieces from now on; the step stays one of {counted(size, 'image')}"
        )


def cut(batch: Batch, number: int) -> Iterator[Batch]:
    """Cut a batch into about equal pieces.

    Batch norm takes the mean of a piece: none is of one image where that can be avoided.
    """
    size = len(batch.names)
    count = min(number, size)
    bounds = [round(n * size / count) for n in range(count + 1)]
    for start, stop in pairwise(bounds):
        parts: dict[str, Any] = {
            name: None if part is None else part[start:stop] for name, part in batch._asdict().items()
        }
        yield batch if count == 1 else Batch(**parts)
