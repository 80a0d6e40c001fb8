"""A run: everything that changes while a network is trained, saved to a file and taken back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .. import checkpoint as files
from ..checkpoint import Checkpoint
from ..config import Recipe
from ..data.loader import Loader
from ..errors import IntarsiaError
from ..evaluation import Score, score
from ..inference import Predictor
from ..inference.resized import Resized
from ..inference.windows import Windowed
from . import budget
from . import resume as states
from .compiled import Compiled
from .defaults import Chosen
from .ema import MovingAverage
from .events import Event, Listener, Saved, Validated
from .freeze import Frozen
from .interrupt import Asked, Stopped
from .material import Material
from .objective import Objective
from .pieces import Pieces
from .restart import job
from .spread import averaged, gathered, share, shareable
from .stopwatch import Stopwatch

if TYPE_CHECKING:
    from lightning.fabric import Fabric


@dataclass
class Run:
    """What a run consists of, and where it stands."""

    recipe: Recipe
    out: Path
    fabric: Fabric
    material: Material
    loader: Loader
    model: nn.Module  # as it is saved
    net: nn.Module  # the same, as the engine wraps it
    optimizer: torch.optim.Optimizer
    stepper: Any  # the optimizer, as the engine wraps it
    ema: MovingAverage | None
    frozen: Frozen
    objective: Objective
    predictor: Predictor
    shipped: Checkpoint  # what every checkpoint says, without tensors
    remarks: list[str]  # what a person should know before the first step
    step: int = 0
    seconds: float = 0.0  # of training and loading
    best: float = -1.0  # the standing on the validation set that best.safetensors has
    validated: int = 0  # the step of the last validation
    since_best: int = 0  # validations after the best one
    kept: list[tuple[float, int]] = field(default_factory=list)  # (standing, step) of the best checkpoints, best first
    progress: float = 0.0  # share of the budget that is spent, 0..1 and a little beyond, as `measure` last found it
    told: bool = False  # how the network's output is read
    compiled: Compiled | None = None  # the network, where torch.compile runs it
    watch: Stopwatch = field(default_factory=Stopwatch)
    pieces: Pieces = field(default_factory=Pieces)  # that a batch is cut into where memory is short
    window: int | None = None  # pixels of the windows that the last validation picture was predicted in
    chosen: Sequence[Chosen] = ()  # what nobody chose, with the reasons
    own: Mapping[str, str] = field(default_factory=dict)  # the user's "loss" and "optimizer", by their names
    on_event: Listener | None = None

    @property
    def epoch(self) -> float:
        """Passes over the training set so far."""
        return self.step * self.recipe.train.accumulate / len(self.loader)

    @property
    def validation_due(self) -> bool:
        """Whether this step ends with a validation that has not been made."""
        every = self.recipe.evaluate.every
        return every is not None and self.step > self.validated and self.step % every == 0 and self.progress < 1

    @property
    def reached(self) -> bool:
        """Whether a validation has come to `train.until`."""
        goal = self.recipe.train.until
        return goal is not None and self.best >= goal

    @property
    def exhausted(self) -> bool:
        """Whether `train.patience` validations in a row were no better than the best one."""
        patience = self.recipe.train.patience
        return patience is not None and self.since_best >= patience

    def measure(self) -> None:
        """Measure how much of the budget is spent, which `progress` holds from now on.

        All processes of a run call this after the same step, and take the clock of the first one.
        """
        wish, seconds = self.recipe.train, self.seconds
        if wish.minutes is not None:
            seconds = self._of_first(seconds)
        self.progress = budget.spent(wish.model_dump(), len(self.loader), self.step, seconds)

    def together(self, losses: Sequence[float], terms: Mapping[str, Tensor]) -> tuple[list[float], Mapping[str, Any]]:
        """The losses of the last batches, and the terms of the very last, of the parts that all processes have of them."""
        if self.fabric.world_size == 1:
            return list(losses), {name: term.detach() for name, term in terms.items()}
        end = self.step * self.recipe.train.accumulate
        weights = [self.loader.order.weight(number) for number in range(end - len(losses), end)]
        return averaged(
            losses, weights, {name: float(term.detach()) for name, term in terms.items()}, self.fabric.world_size
        )

    def save(self, name: str, with_state: bool) -> None:
        """Write a checkpoint of the average's weights, or the network's where there is no average."""
        if not self.fabric.is_global_zero:
            return
        average = self.ema.average if self.ema else {}
        tensors = {n: t.detach() if isinstance(t, Tensor) else t for n, t in files.state_of(self.model).items()}
        weights = {name: average.get(name, tensor) for name, tensor in tensors.items()}
        notes = {"step": self.step, "seconds": round(self.seconds, 1), "epoch": round(self.epoch, 2)}
        stored = dataclasses.replace(self.shipped, weights=weights, notes=notes)
        if with_state:
            scaler = getattr(self.fabric.strategy.precision, "state_dict", dict[str, Any])()
            where: dict[str, Any] = {
                "step": self.step,
                "seconds": self.seconds,
                "best": self.best,
                "validated": self.validated,
            }
            where |= {"pieces": self.pieces.number} if self.pieces.number > 1 else {}
            where |= {"processes": self.loader.processes, "world": self.fabric.world_size}
            where |= {"job": known} if (known := job()) else {}
            progress = {**where, "scaler": scaler, "since_best": self.since_best, "kept": self.kept}
            progress["averaged"] = self.ema.averaged if self.ema else 0
            if self.own:
                progress["own"] = dict(self.own)
            if "optimizer" in self.own:
                progress["optimizer"] = states.beside(self.optimizer)
            stored = dataclasses.replace(
                stored, state=states.pack(self.model, self.optimizer, self.ema), progress=progress
            )
        files.save(self.out / name, stored)
        self.tell(Saved(self.step, self.out / name))

    def tell(self, event: Event) -> None:
        """Hand an event to the user's function, where there is one; in the first process."""
        if self.on_event is not None and self.fabric.is_global_zero:
            self.on_event(event)

    def restore(self, old: Checkpoint) -> None:
        """Take back what `save` wrote, to the bit.

        Raises: TrainingError when it belongs to another network or optimizer, or a part of it could not be kept.
        """
        self.step, self.seconds, self.best = (old.progress[key] for key in ("step", "seconds", "best"))
        self.validated = old.progress.get("validated", self.step)
        before = old.progress.get("world", self.fabric.world_size)  # pieces of about the same size as they had then
        self.pieces.number = math.ceil(old.progress.get("pieces", 1) * before / self.fabric.world_size)
        self.since_best = old.progress.get("since_best", 0)
        self.kept = [(float(standing), int(step)) for standing, step in old.progress.get("kept", ())]
        beside = old.progress.get("optimizer")
        states.unpack(old.weights, old.state, self.step, self.model, self.optimizer, self.ema, beside)
        if self.ema:
            self.ema.averaged = old.progress.get("averaged", 0)
        if scaler := old.progress.get("scaler"):
            self.fabric.strategy.precision.load_state_dict(scaler)
        self.measure()

    def validate(self, asked: Asked) -> Score | None:
        """Score what would be shipped now on the validation set, and keep it if it is the best so far.

        All processes of a run call this after the same step. Maps of classes are scored by all of them, each its share of
        the images; any other answer by the first one, and the others learn whether it did.

        Returns: None where there is no validation set, in all processes but the first, and when somebody asked to stop:
        then it has not been made.
        """
        result, best = None, False
        val, world = self.material.val, self.fabric.world_size
        together = val is not None and len(val) >= world > 1 and shareable(self.predictor.task, self.material.labels)
        if val is not None and (together or self.fabric.is_global_zero):
            try:
                with suppress(Stopped), self.ema.applied() if self.ema else nullcontext(), asked.at_once(not together):
                    result = self._scored_together(val) if together else self._scored(val)
            except Exception as error:  # a broken file among them must not cost the steps so far
                self.save("last.safetensors", with_state=True)
                kept = f"the {self.step} steps so far are saved, and --resume goes on with this validation"
                if isinstance(error, IntarsiaError):
                    raise type(error)(f"{error}; {kept}") from error
                error.add_note(kept)
                raise
            if result is not None and self.fabric.is_global_zero and (reached := result.standing) > self.best:
                self.best, best = reached, True
                self.save("best.safetensors", with_state=False)
            if result is not None and self.fabric.is_global_zero:
                self.since_best = 0 if best else self.since_best + 1
                self._keep(result.standing)
        if result is not None or self.material.val is None:
            self.validated = self.step
        state = self._of_first((self.best, self.validated, self.since_best))
        self.best, self.validated, self.since_best = state
        self.frozen.train()
        result = result if self.fabric.is_global_zero else None
        if result is not None:
            self.tell(Validated(self.step, self.epoch, result, best))
        return result

    def _scored(self, images: Any) -> Score:
        """The score of some images."""
        wish, engine = self.recipe.evaluate, self.predictor.engine
        found: Score = score(self.predictor, images, protocol=wish.protocol, batch_size=wish.batch_size)
        engine = engine.engine if isinstance(engine, Resized) else engine
        if isinstance(engine, Windowed) and engine.used is not None:
            self._windows(engine.used)
        return found

    def _windows(self, side: int) -> None:
        """Say once that validation pictures are predicted in windows of that side."""
        if side != self.window:
            self.window = side
            self.pieces.say(
                f"validation pictures are predicted in windows of {side}x{side} pixels, as memory and their size allow"
            )

    def _scored_together(self, val: Any) -> Score:
        """The score of all images, of which this process scores its share."""
        own: Any
        try:
            own = self._scored(share(val, self.fabric.global_rank, self.fabric.world_size))
        except Exception as error:  # the others must hear of it, or they would wait
            own = error
        return gathered(own, self.fabric.world_size)

    def _keep(self, standing: float) -> None:
        """Keep this step's weights among the best `train.keep`, as best-STEP.safetensors; the one that falls out is removed."""
        count = self.recipe.train.keep
        if count < 2:
            return
        here = (standing, self.step)
        ranked = sorted([*self.kept, here], key=lambda entry: (-entry[0], entry[1]))
        self.kept, out = ranked[:count], ranked[count:]
        if here in self.kept:
            self.save(_kept(self.step), with_state=False)
        for _, step in out:
            (self.out / _kept(step)).unlink(missing_ok=True)

    def _of_first(self, value: Any) -> Any:
        """The first process's value, in all of them; each waits for the others here."""
        return self.fabric.broadcast(value) if self.fabric.world_size > 1 else value


def _kept(step: int) -> str:
    """The file of a step's weights that are among the best."""
    return f"best-{step}.safetensors"
