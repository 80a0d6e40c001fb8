"""Parts of a network that are not trained: their parameters do not change, and their norms keep the statistics they have.

What a recipe names in `train.freeze`, and what comes with `requires_grad=False`, is treated alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from ..errors import TrainingError, nearest


class Frozen:
    """What of a network is frozen, for the whole budget or for its first share.

    Parameters stay in the optimizer while they are frozen, so that its state has one form in every phase of a run.

    Args:
        model: parameters that are frozen already stay so.
        parts: names of its modules or parameters, such as "encoder" or "encoder.body.blocks.0".
        until: share of the budget after which `parts` are trained as well, 0..1; None: never.
        shared: whether several processes train one network. What they exchange is settled at the start, so parts that are
            trained later get their gradients from the start, and these are thrown away.

    Raises: TrainingError for a part that the network does not have, and when nothing is left to train.
    """

    def __init__(
        self, model: nn.Module, parts: Sequence[str] = (), until: float | None = None, shared: bool = False
    ) -> None:
        self.model, self.parts, self.until, self.thrown = model, tuple(parts), until, shared and until is not None
        known = [name for name, _ in (*model.named_modules(), *model.named_parameters()) if name]
        for part in parts:
            if part not in known:
                top = list(dict.fromkeys(name.split(".")[0] for name in known))
                raise TrainingError(
                    f"train.freeze names {part!r}, which the network does not have; name modules or parameters of it"
                    f"{nearest(part, top)}"
                )
        self.parameters = [p for name, p in model.named_parameters() if p.requires_grad and self._named(name)]
        total = sum(1 for _ in model.parameters())
        trained = sum(p.requires_grad for p in model.parameters())
        if not trained or (until is None and trained == len(self.parameters)):
            why = f"train.freeze={list(parts)} leaves none" if trained else "requires_grad is False for every one"
            raise TrainingError(
                f"none of the network's {total} parameters would be trained: {why}; unfreeze some, such as its head"
                if total
                else "the network has no parameters, so that there is nothing to train"
            )
        self.held = False
        self._hold(bool(self.parameters))

    def move_on(self, progress: float) -> bool:
        """Freeze or unfreeze what the recipe names, as `progress` (0..1 of the budget) asks; whether that is a change."""
        hold = bool(self.parameters) and (self.until is None or progress < self.until)
        change = hold != self.held
        if change:
            self._hold(hold)
        return change

    def train(self) -> None:
        """Put the network into training mode, all but the norms of what is frozen."""
        self.model.train()
        for norm in self.norms():
            norm.eval()

    def drop_gradients(self) -> None:
        """Throw away the gradients of what is frozen, where it has any."""
        if self.held and self.thrown:
            for parameter in self.parameters:
                parameter.grad = None

    def norms(self) -> list[nn.Module]:
        """The norms whose parameters are frozen, or, without parameters of their own, the module around them."""
        held = {id(p) for p in self.parameters} if self.held else set()
        found: list[nn.Module] = []

        def look(module: nn.Module, name: str, around: bool) -> None:
            parameters = list(module.parameters())
            frozen = all(not p.requires_grad or id(p) in held for p in parameters) if parameters else around
            frozen = frozen or (self.held and self._named(name))
            if isinstance(module, _NormBase) and frozen:
                found.append(module)
            for child, part in module.named_children():
                look(part, f"{name}.{child}" if name else child, frozen)

        look(self.model, "", False)
        return found

    def __str__(self) -> str:
        """One sentence for the person who waits; empty when nothing is frozen."""
        held = {id(p) for p in self.parameters} if self.held else set()
        frozen = sum(p.numel() for p in self.model.parameters() if not p.requires_grad or id(p) in held)
        if not frozen:
            return ""
        total = sum(p.numel() for p in self.model.parameters())
        what = f"{', '.join(self.parts)}: " if self.held else ""
        until = f" for the first {100 * self.until:g} % of the budget" if self.held and self.until is not None else ""
        return (
            f"{what}{frozen:,} of {total:,} parameters of the network are frozen{until}; "
            f"norms that keep the statistics they have: {len(self.norms())}"
        )

    def _named(self, name: str) -> bool:
        return any(name == part or name.startswith(f"{part}.") for part in self.parts)

    def _hold(self, hold: bool) -> None:
        self.held = hold
        if not self.thrown:
            for parameter in self.parameters:
                parameter.requires_grad_(not hold)
                if hold:
                    parameter.grad = None
