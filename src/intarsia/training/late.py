"""The losses of a run's batches, read from the device one batch late, so that a GPU never waits for them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from ..errors import NotANumber


class LateLosses:
    """Holds back the last batch's loss, and collects the numbers of those before it.

    `values` are the losses read since the last `take`, in the order of their batches.
    """

    def __init__(self) -> None:
        self.values: list[float] = []
        self._last: tuple[Tensor, Sequence[str], int] | None = None

    def add(self, loss: Tensor, names: Sequence[str], step: int) -> None:
        """Hold back a batch's loss, and read the one before it.

        Args:
            names: of the batch's samples.

        Raises: NotANumber as `read`.
        """
        self.read()
        self._last = (loss.detach(), names, step)

    def read(self) -> None:
        """Read the loss that is held back, so that every loss so far is known to be a number.

        Raises: NotANumber naming its batch, when it is none.
        """
        if self._last is not None:
            last, self._last = self._last, None
            self.values.append(finite(*last))

    def take(self) -> list[float]:
        """Return what was read since the last call, and begin a new list."""
        values, self.values = self.values, []
        return values


def finite(loss: Tensor, names: Sequence[str], step: int) -> float:
    """Read the value of a loss.

    Raises: NotANumber naming the batch, when it is no number or infinite.
    """
    value = float(loss)
    if not math.isfinite(value):
        raise NotANumber(
            f"the loss became {value} at step {step}, on the batch {', '.join(names)}; the last checkpoint is untouched; "
            "lower optimizer.lr, set train.clip=1.0, or look at these images",
            names=tuple(names),
        )
    return value
