"""torch.compile where it is asked for, and the network as it is where that fails."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..config import Recipe

PAYS = 30.0  # minutes of training from which compiling, which itself takes minutes, pays on a GPU


def wished(recipe: Recipe, accelerator: str) -> bool:
    """Whether a run compiles its network."""
    wish = recipe.train
    if wish.compile == "auto":
        return accelerator == "cuda" and wish.minutes is not None and wish.minutes >= PAYS
    return bool(wish.compile)


class Compiled(nn.Module):
    """A network that runs compiled until that fails for the first time.

    Args:
        model: the network, whose parameters and names stay as they are.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._fast: list[Any] = [torch.compile(model)]  # in a list, or its parameters would count twice

    def forward(self, *given: Any, **named: Any) -> Any:
        return (self._fast[0] if self._fast else self.model)(*given, **named)

    def give_up(self, error: BaseException) -> str:
        """Run the network as it is from now on.

        Returns: a line about that; "" where it did so already, and the error has another cause.
        """
        if not self._fast:
            return ""
        self._fast.clear()
        lines = str(error).strip().splitlines()
        why = lines[0][:120] if lines else type(error).__name__
        return f"torch.compile failed ({why}), so the network runs as it is; train.compile=false does not try"


def checkpointing(model: nn.Module) -> bool:
    """Let encoders compute activations again in the backward pass instead of keeping them; whether any can."""
    able = [m for m in model.modules() if callable(getattr(m, "set_grad_checkpointing", None))]
    done = 0
    for module in able:
        try:
            module.set_grad_checkpointing(True)  # type: ignore[operator]
            done += 1
        except (AssertionError, NotImplementedError, TypeError):  # how timm says that it cannot
            continue
    return done > 0
