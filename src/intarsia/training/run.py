"""A run: everything that changes while a network is trained, made from a recipe, saved to a file and taken back."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml
from torch import Tensor, nn

from .. import checkpoint as files
from ..checkpoint import Checkpoint, build
from ..checkpoint.wrapped import COMPILED
from ..config import Recipe
from ..data.loader import Loader
from ..errors import TrainingError
from ..evaluation import Score, score
from ..inference import Predictor
from ..models import check_trainable
from . import prepare
from . import resume as states
from .ema import MovingAverage
from .folder import write_whole
from .freeze import Frozen
from .interrupt import Asked, Stopped
from .memory import keep_freed_memory
from .objective import Objective, criterion
from .optimizers import OPTIMIZERS

if TYPE_CHECKING:
    from lightning.fabric import Fabric

MAY_DIFFER = {  # keys of a recipe that a resumed run may change without becoming another run
    "train.steps", "train.epochs", "train.minutes", "train.until", "train.workers", "train.cache", "train.cache_dir",
    "train.log_every", "train.checkpoint_every", "train.tensorboard", "train.freeze", "train.unfreeze_at", "evaluate.every",
    "evaluate.batch_size",
}  # fmt: skip


@dataclass
class Run:
    """What a run consists of, and where it stands."""

    recipe: Recipe
    out: Path
    fabric: Fabric
    material: prepare.Material
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
    told: bool = False  # how the network's output is read

    @property
    def epoch(self) -> float:
        """Passes over the training set so far."""
        return self.step * self.recipe.train.accumulate / len(self.loader)

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, 0..1 and a little beyond."""
        wish, seconds = self.recipe.train, self.seconds
        if wish.minutes is not None and self.fabric.world_size > 1:
            seconds = self.fabric.broadcast(seconds)
        return prepare.spent(wish.model_dump(), len(self.loader), self.step, seconds)

    @property
    def validation_due(self) -> bool:
        """Whether this step ends with a validation that has not been made."""
        every = self.recipe.evaluate.every
        return every is not None and self.step > self.validated and self.step % every == 0 and self.progress < 1

    @property
    def reached(self) -> bool:
        """Whether a validation has come to `train.until`, the same in all processes."""
        goal = self.recipe.train.until
        if goal is None:
            return False
        best = self.fabric.broadcast(self.best) if self.fabric.world_size > 1 else self.best
        return bool(best >= goal)

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
            where = {"step": self.step, "seconds": self.seconds, "best": self.best, "validated": self.validated}
            progress = {**where, "scaler": scaler}
            stored = dataclasses.replace(
                stored, state=states.pack(self.model, self.optimizer, self.ema), progress=progress
            )
        files.save(self.out / name, stored)

    def restore(self, old: Checkpoint) -> None:
        """Take back what `save` wrote, to the bit."""
        self.step, self.seconds, self.best = (old.progress[key] for key in ("step", "seconds", "best"))
        self.validated = old.progress.get("validated", self.step)
        states.unpack(old.weights, old.state, self.step, self.model, self.optimizer, self.ema)
        if scaler := old.progress.get("scaler"):
            self.fabric.strategy.precision.load_state_dict(scaler)

    def validate(self, asked: Asked) -> Score | None:
        """Score what would be shipped now on the validation set, and keep it if it is the best so far.

        None where there is no validation set, and when somebody asked to stop: then it has not been made.
        """
        result = None
        if self.material.val is not None and self.fabric.is_global_zero:
            wish = self.recipe.evaluate
            with suppress(Stopped), self.ema.applied() if self.ema else nullcontext(), asked.at_once():
                result = score(self.predictor, self.material.val, protocol=wish.protocol, batch_size=wish.batch_size)
            if result is not None and (reached := standing(result)) > self.best:
                self.best = reached
                self.save("best.safetensors", with_state=False)
        if result is not None or self.material.val is None:
            self.validated = self.step
        self.frozen.train()
        self.fabric.barrier()
        return result


def standing(score: Score) -> float:
    """What the best checkpoint is chosen by: the mIoU under the recipe's protocol, and where that is no number, because a
    class occurs neither in the truth nor in the prediction, the mean over the classes that do (protocol "dataset").

    Under the protocols that can be no number ("torchvision") the two means agree wherever both are numbers, so that
    validations stay comparable. NaN where no pixel has a label.
    """
    return score.under("dataset").miou if math.isnan(score.miou) else score.miou


def prepared(
    recipe: Recipe,
    out: Path,
    old: Checkpoint | None,
    model: nn.Module | None,
    data: Any,
    start: str | Path | None,
    augment: Any = None,
) -> Run:
    """A run at its first step: data opened and examined, network built, engine running.

    Args:
        old: the run to go on with; its state is not taken yet.
        model, data, start, augment: as for `train`.

    Raises: RecipeError, DataError, EncoderError, ModelError, CheckpointError or TrainingError; nothing is written yet.
    """
    if model is None and recipe.model is None:
        raise TrainingError("the recipe names no model; write model: {name: ...}, or pass model=")
    if model is not None and not isinstance(model, nn.Module):
        raise TrainingError(
            f"model= is {_called(model)}; give a network (an nn.Module), or name one in the recipe: model.name=fpn"
        )
    accelerator, precision, channels_last, told = prepare.hardware(recipe)
    if accelerator == "cpu":
        keep_freed_memory()
    donor = files.load(start) if start is not None and old is None else None
    material = prepare.gather(recipe, data)
    labels, remarks = material.labels, []
    if recipe.train.until is not None and material.val is None:
        raise TrainingError(
            f"train.until={recipe.train.until:g} is looked for on a validation set, and there is none; set data.val, or "
            "leave train.until out"
        )

    from lightning.fabric import Fabric

    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)  # its news are in the remarks
    devices, nodes = _devices(recipe)
    fabric = Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes, precision=precision)  # type: ignore[arg-type]
    fabric.launch()
    torch.manual_seed(recipe.seed)
    named, options, given = None, {}, model
    if model is None and recipe.model is not None:
        named, options = recipe.model.name, {**recipe.model.options, "in_channels": material.channels}
        model = build(named, labels.head_size, **options)
        height, width = recipe.augment.crop or tuple(prepare.first(material.train).labels.shape)
        check_trainable(model, min(recipe.train.batch_size, len(material.train)), material.channels, height, width)
    assert model is not None
    whole = model if given is not None and COMPILED in given._modules else None  # what runs; what it holds is saved
    model = files.bare(model)
    mean, std = prepare.statistics(model, material)
    if donor is not None:
        heads = prepare.head_tensors(partial(build, named), labels.head_size, options) if named else set()
        remarks.append(prepare.transplant(model, donor, labels, heads))
        mean, std = (donor.mean, donor.std) if donor.in_channels == material.channels else (mean, std)
    change = prepare.augmentation(recipe, labels, augment)
    train, told_of_cache = prepare.cached(recipe, material.train)
    if told_of_cache:
        remarks.append(told_of_cache)
    loader = Loader(
        train,
        batch_size=recipe.train.batch_size,
        change=change,
        mix=change.mix if change.mixes else None,
        presence=material.audit.presence if material.audit else None,
        balance=recipe.train.balance,
        ignore_index=labels.ignore_index,
        seed=recipe.seed,
        workers=recipe.train.workers,
        cache=recipe.train.cache is True,
        rank=fabric.global_rank,
        world=fabric.world_size,
    )
    if loader.dropped:
        remarks.append("each epoch leaves out one sample, because a last batch of one cannot train batch norm")
    weights = prepare.class_weights(recipe.loss, labels, material.audit)
    loss = criterion(recipe, weights, labels.ignore_index).to(fabric.device)

    if given is not None and given is not model and whole is None:
        remarks.append(f"{type(given).__name__} is taken off the network: train.devices says what it trains on")
    frozen = Frozen(model, recipe.train.freeze, recipe.train.unfreeze_at, fabric.world_size > 1)
    if (recipe.train.freeze or given is not None) and (told_of_frozen := str(frozen)):
        remarks.append(told_of_frozen)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    if fabric.world_size > 1 and accelerator == "cuda":  # on CPUs torch has none: each process norms its own part
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    optimizer = OPTIMIZERS[recipe.optimizer.name](model, **recipe.optimizer.options)
    net, stepper = fabric.setup(model if whole is None else whole, optimizer, _reapply_compile=False)
    shipped = Checkpoint(
        model=named,
        options={key: value for key, value in options.items() if key != "pretrained"},
        labels=labels,
        in_channels=material.channels,
        mean=mean,
        std=std,
        weights={},
        recipe=recipe.to_dict(),
        protocol=recipe.evaluate.protocol,
        data_hash=material.audit.hash if material.audit else "",
    )
    return Run(
        recipe=recipe,
        out=out,
        fabric=fabric,
        material=material,
        loader=loader,
        model=model,
        net=net,
        optimizer=stepper.optimizer,
        stepper=stepper,
        ema=MovingAverage(model, recipe.train.ema) if recipe.train.ema else None,
        frozen=frozen,
        objective=Objective(net, loss, mean, std, labels.head_size),
        predictor=Predictor(model, labels, mean, std, in_channels=material.channels, device=fabric.device),
        shipped=shipped,
        remarks=[f"on {fabric.world_size} x {told}", *remarks],
    )


def found(out: Path, recipe: Recipe, resume: bool) -> Checkpoint | None:
    """The run in a folder to go on with, if there is one and it is the same run.

    Raises: TrainingError when the folder holds a run and `resume` was not asked for, or another run than the recipe's.
    """
    last = out / "last.safetensors"
    if not last.exists():
        return None
    if not resume:
        raise TrainingError(f"{out} holds a run already; --resume goes on with it, or choose another --out")
    old = files.load(last, state=True)
    if not old.progress:
        raise TrainingError(f"{last} holds weights but no state to resume from; start from it with --from {last}")
    changed = [key for key in states.differing(old.recipe, recipe.to_dict()) if key not in MAY_DIFFER]
    if changed:
        raise TrainingError(
            f"the run in {out} was started with another {changed[0]}; resume it with its own recipe "
            f"({out / 'recipe.yaml'}), or start a new run with --from"
        )
    return old


def write_down(run: Run) -> None:
    """Put into the run's folder what is known before the first step."""
    if run.fabric.is_global_zero:
        text = yaml.safe_dump(run.recipe.to_dict(), sort_keys=False, allow_unicode=True)
        write_whole(run.out / "recipe.yaml", text)
        if run.material.audit:
            report = json.dumps(run.material.audit.to_dict(), indent=1, ensure_ascii=False)
            write_whole(run.out / "audit.json", report)
    run.fabric.barrier()


def _called(thing: Any) -> str:
    """What was given where a network was expected."""
    return f"the class {thing.__name__}, not one of its objects" if isinstance(thing, type) else repr(thing)[:80]


def first_process() -> bool:
    """Whether this is the process that writes, before the engine runs: what torchrun, SLURM or the engine itself say."""
    ranks = [os.environ.get(name) for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK")]
    return int(next((rank for rank in ranks if rank), 0)) == 0


def _devices(recipe: Recipe) -> tuple[int, int]:
    """(devices here, machines): what torchrun or SLURM started, else what the recipe asks for, else one."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("SLURM_NTASKS_PER_NODE") or 1)
    if recipe.train.devices != "auto":
        here = int(recipe.train.devices)
    world = int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or here)
    return here, max(world // here, 1)
