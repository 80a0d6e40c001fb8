"""The loop: from a recipe to a checkpoint, top to bottom.

    recipe - data, labels, audit - network - [ batch - loss - gradient - step - average ]... - validate - save
                                             ^                                          |
                                             `------- until the budget is spent --------'

The engine under it is Lightning Fabric: devices, precision, and several processes started by torchrun or SLURM.
A run's folder holds `last.safetensors` (the weights to ship, and everything that `resume` needs), `best.safetensors`
(best on the validation set), `recipe.yaml` (resolved), `audit.json` and `log.jsonl`.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from .. import checkpoint as files
from ..checkpoint import Checkpoint
from ..config import Recipe
from ..data.color import normalize
from ..data.loader import Loader
from ..errors import TrainingError
from ..evaluation import score
from ..inference import Predictor
from ..losses import LOSSES
from ..losses.auxiliary import Auxiliary
from ..models import build, check_trainable
from ..models.catalogue import CONSTRUCTORS
from ..structures import Batch, SemanticLogits
from . import prepare, recipe as recipes, resume as states
from .ema import MovingAverage
from .log import Log
from .optimizers import OPTIMIZERS, SCHEDULES, factor

MAY_DIFFER = ("train.steps", "train.epochs", "train.minutes", "train.workers", "train.cache", "train.log_every",
              "train.checkpoint_every", "train.tensorboard", "evaluate.every", "evaluate.batch_size")  # fmt: skip


def train(
    recipe: str | Path | dict[str, Any] | Recipe,
    *overrides: str,
    out: str | Path,
    model: nn.Module | None = None,
    data: Any = None,
    resume: bool = False,
    start: str | Path | None = None,
    quiet: bool = False,
) -> Path:
    """Train a network.

    Args:
        recipe: a file, a packaged recipe's name ("camvid"), plain data, or a Recipe.
        overrides: "train.steps=100" and its like; they win over the recipe.
        out: the run's folder; it must not hold another run, unless `resume` continues it.
        model: a network of your own instead of the recipe's: `forward(image)` returns SemanticLogits or their tensor.
        data: a data set of your own, or a pair (train, val) of them, instead of the recipe's.
        resume: go on where the run in `out` stopped; with nothing there, start from the beginning and say so.
        start: a checkpoint whose weights to start from, also when it knows other classes.
        quiet: print nothing.

    Returns: the path of `last.safetensors`: the average of the weights if the recipe keeps one, else the last ones.

    Raises: RecipeError, DataError, TrainingError: before the first step wherever that is possible.
        KeyboardInterrupt when interrupted, once everything is saved.
    """
    out = Path(out)
    plan = recipes.load(recipe, overrides)
    old = _earlier(out, plan, resume)
    if model is None and plan.model is None:
        raise TrainingError("the recipe names no model; write model: {name: ...}, or pass model=")
    accelerator, precision, channels_last, told = prepare.hardware(plan)
    material = prepare.gather(plan, data)
    labels = material.labels

    from lightning.fabric import Fabric

    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)  # what it announces, `_introduce` says
    devices, nodes = _devices(plan)
    fabric = Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes, precision=precision)  # type: ignore[arg-type]
    fabric.launch()
    torch.manual_seed(plan.seed)
    options: dict[str, Any] = {}
    if model is None:
        assert plan.model is not None
        options = {**plan.model.options, "in_channels": material.channels}
        model = build(plan.model.name, labels.head_size, **options)
    mean, std = prepare.statistics(model, material)
    grafted = ""
    if start is not None and old is None:
        donor = files.load(start)
        heads = prepare.head_tensors(CONSTRUCTORS[plan.model.name], labels.head_size, options) if options and plan.model else set()
        grafted = prepare.transplant(model, donor, labels, heads)
        mean, std = (donor.mean, donor.std) if donor.in_channels == material.channels else (mean, std)
    loader = Loader(
        material.train, batch_size=plan.train.batch_size, change=prepare.augmentation(plan, labels), seed=plan.seed,
        workers=plan.train.workers, cache=plan.train.cache, rank=fabric.global_rank, world=fabric.world_size,
    )  # fmt: skip

    if options:  # a network of the catalogue, which runs on paper; another one is told at its first step
        height, width = plan.augment.crop or tuple(prepare.first(material.train).labels.shape)
        check_trainable(model, min(plan.train.batch_size, len(material.train)), material.channels, height, width)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if fabric.world_size > 1:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert model is not None
    optimizer = OPTIMIZERS[plan.optimizer.name](model, **plan.optimizer.options)
    net, stepper = fabric.setup(model, optimizer)
    optimizer = stepper.optimizer
    course = SCHEDULES[plan.schedule.name](**plan.schedule.options)
    peaks = [group["lr"] for group in optimizer.param_groups]
    ema = MovingAverage(model, plan.train.ema) if plan.train.ema else None
    weights = prepare.class_weights(plan.loss.class_weights, labels, material.audit)
    criterion = _criterion(plan, weights, labels.ignore_index).to(fabric.device)
    predictor = Predictor(model, labels, mean, std, in_channels=material.channels, device=fabric.device)
    shipped = Checkpoint(
        model=plan.model.name if options and plan.model else None,
        options={key: value for key, value in options.items() if key != "pretrained"},
        labels=labels, in_channels=material.channels, mean=mean, std=std, weights={}, recipe=plan.to_dict(),
        protocol=plan.evaluate.protocol, data_hash=material.audit.hash if material.audit else "",
    )  # fmt: skip

    step, seconds, best = 0, 0.0, -1.0
    if old is not None:
        step, seconds, best = old.progress["step"], old.progress["seconds"], old.progress["best"]
        states.unpack(old.weights, old.state, step, model, optimizer, ema)
        if scaler := old.progress.get("scaler"):
            fabric.strategy.precision.load_state_dict(scaler)
    total = prepare.total_steps(plan, len(loader))
    accumulate = plan.train.accumulate

    def progress() -> float:
        if total is not None:
            return step / total
        spent = fabric.broadcast(seconds) if fabric.world_size > 1 else seconds
        return spent / (60 * (plan.train.minutes or 1))

    def save(name: str, with_state: bool) -> None:
        if not fabric.is_global_zero:
            return
        average = ema.average if ema else {}
        tensors = {n: average.get(n, t.detach()) for n, t in model.state_dict().items()}
        scaler = getattr(fabric.strategy.precision, "state_dict", dict)()
        extra = {} if not with_state else {
            "state": states.pack(model, optimizer, ema),
            "progress": {"step": step, "seconds": seconds, "best": best, "batches": len(loader), "scaler": scaler},
        }  # fmt: skip
        notes = {"step": step, "seconds": round(seconds, 1), "epoch": round(step * accumulate / len(loader), 2)}
        files.save(out / name, dataclasses.replace(shipped, weights=tensors, notes=notes, **extra))

    def validate() -> None:
        nonlocal best
        if material.val is None:
            return
        if fabric.is_global_zero:
            with ema.applied() if ema else nullcontext():
                result = score(predictor, material.val, protocol=plan.evaluate.protocol, batch_size=plan.evaluate.batch_size)
            log.validated(step, step * accumulate / len(loader), seconds, result)
            if result.miou > best:
                best = result.miou
                save("best.safetensors", with_state=False)
        model.train()
        fabric.barrier()

    if fabric.is_global_zero:
        out.mkdir(parents=True, exist_ok=True)
        (out / "recipe.yaml").write_text(yaml.safe_dump(plan.to_dict(), sort_keys=False, allow_unicode=True), encoding="utf-8")
        if material.audit:
            (out / "audit.json").write_text(json.dumps(material.audit.to_dict(), indent=1), encoding="utf-8")
    fabric.barrier()
    quiet = quiet or not fabric.is_global_zero
    board = plan.train.tensorboard and fabric.is_global_zero
    with Log(out, since=step, quiet=quiet, tensorboard=board) as log, _interruptible() as asked:

        def stopped() -> bool:
            return bool(fabric.broadcast(asked())) if fabric.world_size > 1 else asked()

        _introduce(log, material, told, fabric.world_size, loader, grafted, step, resume)
        model.train()
        batches = loader.stream(step * accumulate)
        window, since, pending = [], seconds, None
        clock = time.perf_counter()
        while progress() < 1 and not stopped():
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor(course, plan.schedule.warmup, progress())
            for part in range(accumulate):
                batch = next(batches)
                with fabric.no_backward_sync(net, enabled=part < accumulate - 1):  # type: ignore[arg-type]
                    terms = _terms(net, criterion, batch, mean, std, fabric.device, labels.head_size)
                    loss = sum(terms.values()) / accumulate
                    fabric.backward(loss)
                if pending is not None:
                    window.append(_finite(*pending))  # one batch late, so that a GPU never waits for its loss to be read
                pending = (loss.detach() * accumulate, batch.names, step)
            if plan.train.clip:
                fabric.clip_gradients(net, stepper, max_norm=plan.train.clip, error_if_nonfinite=False)
            stepper.step()
            stepper.zero_grad()
            if ema:
                ema.update()
            step += 1
            seconds += time.perf_counter() - clock
            clock = time.perf_counter()

            due = [n for n in (plan.train.log_every, plan.train.checkpoint_every, plan.evaluate.every) if n and step % n == 0]
            if not due and progress() < 1 and not stopped():
                continue
            window.append(_finite(*pending))  # nothing is logged or saved before every loss so far was seen to be finite
            pending = None
            if step % plan.train.log_every == 0 or progress() >= 1:
                rate = len(window) * plan.train.batch_size * fabric.world_size / max(seconds - since, 1e-9)
                mean_loss = sum(window) / len(window)
                log.write("train", step=step, epoch=step * accumulate / len(loader), seconds=seconds, loss=mean_loss,
                          terms={k: float(v.detach()) for k, v in terms.items()}, lr=optimizer.param_groups[0]["lr"], images_per_second=rate)  # fmt: skip
                log.progress(min(progress(), 1.0), step, mean_loss, rate, seconds)
                window, since = [], seconds
            if step % plan.train.checkpoint_every == 0:
                save("last.safetensors", with_state=True)
            seconds += time.perf_counter() - clock
            if plan.evaluate.every and step % plan.evaluate.every == 0 and progress() < 1:
                validate()  # not on the clock
            clock = time.perf_counter()

        if pending is not None:
            _finite(*pending)
        if not stopped():
            validate()
            if material.val is None:
                save("best.safetensors", with_state=False)
        save("last.safetensors", with_state=True)
        fabric.barrier()
        if stopped():
            raise KeyboardInterrupt(f"stopped at step {step}; {out / 'last.safetensors'} is good, and --resume goes on from it")
        log.say(f"{step} steps in {seconds / 60:.1f} min of training; the model is {out / 'last.safetensors'}")
    return out / "last.safetensors"


def _terms(
    net: nn.Module, criterion: nn.Module, batch: Batch, mean: Any, std: Any, device: torch.device, head_size: int
) -> dict[str, Tensor]:
    """The named terms of the loss of one batch."""
    image = normalize(batch.image.to(device, non_blocking=True), mean, std)
    try:
        output = net(image)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        size = "x".join(map(str, batch.labels.shape[1:]))
        raise TrainingError(
            f"batch norm cannot train on a batch of {len(batch.names)} image of {size}: one of its maps is a single pixel, "
            "which has no spread; raise train.batch_size to 2 or more, or use a larger augment.crop"
        ) from None
    if isinstance(output, Tensor):
        output = SemanticLogits(output)
    if output.logits.shape[1] != head_size or output.logits.shape[2:] != batch.labels.shape[1:]:
        raise TrainingError(
            f"the network returns logits {list(output.logits.shape)}; "
            f"expected [{len(batch.names)}, {head_size}, {', '.join(map(str, batch.labels.shape[1:]))}]: one map for each class, at the image's size"
        )
    terms = criterion(output, batch.labels.to(device, non_blocking=True))
    return terms if isinstance(terms, dict) else {"loss": terms}


def _criterion(plan: Recipe, weights: list[float] | None, ignore_index: int) -> nn.Module:
    constructor = LOSSES[plan.loss.name]
    if weights is not None and not prepare.takes(constructor, "weights"):
        raise TrainingError(f"loss {plan.loss.name} takes no class weights; set loss.class_weights=none")
    given = {} if weights is None else {"weights": weights}
    return Auxiliary(constructor(**given, ignore_index=ignore_index, **plan.loss.options), plan.loss.auxiliary)


def _finite(loss: Tensor, names: tuple[str, ...], step: int) -> float:
    value = float(loss)
    if value - value != 0:  # NaN or infinite
        raise TrainingError(
            f"the loss became {value} at step {step + 1}, on the batch {', '.join(names)}; "
            "the last checkpoint is untouched; lower optimizer.lr, set train.clip=1.0, or look at these images"
        )
    return value


def _earlier(out: Path, plan: Recipe, resume: bool) -> Checkpoint | None:
    """The run to go on with, if there is one and it is the same run."""
    last = out / "last.safetensors"
    if not last.exists():
        return None
    if not resume:
        raise TrainingError(f"{out} holds a run already; --resume goes on with it, or choose another --out")
    old = files.load(last, state=True)
    if not old.progress:
        raise TrainingError(f"{last} holds weights but no state to resume from; start from it with --from {last}")
    differing = [key for key in states.differing(old.recipe, plan.to_dict()) if key not in MAY_DIFFER]
    if differing:
        raise TrainingError(
            f"the run in {out} was started with another {differing[0]}; resume with the same recipe ({out / 'recipe.yaml'}), "
            "or start a new run with --from"
        )
    return old


def _devices(plan: Recipe) -> tuple[int, int]:
    """(devices here, machines): what torchrun or SLURM started, else what the recipe asks for, else one."""
    here = int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("SLURM_NTASKS_PER_NODE") or 1)
    if plan.train.devices != "auto":
        here = int(plan.train.devices)
    world = int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or here)
    return here, max(world // here, 1)


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """While inside, a first Ctrl-C or SIGTERM only asks the run to stop after this step; a second one is not waited for."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: Any) -> None:
        asked.set()
        signal.signal(number, before[number])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _introduce(
    log: Log, material: prepare.Material, told: str, world: int, loader: Loader, grafted: str, step: int, resume: bool
) -> None:
    """What a person should know before the first step."""
    log.say(f"on {world} x {told}")
    for raw, number, name in material.labels.rows():
        log.say(f"  {raw:>12} -> {number:>3}  {name}")
    if inferred := getattr(material.train, "inferred", ""):
        log.say(inferred)
    if material.audit is None:
        log.say("the label doctor was switched off (train.audit=false)")
    else:
        for finding in (*material.audit.errors, *material.audit.warnings):
            log.say(f"{finding.severity}: {finding.message}")
    val = f", {len(material.val)} to validate on" if material.val is not None else ", none to validate on"
    log.say(f"{len(material.train)} samples to train on{val}; {len(loader)} batches an epoch")
    if loader.dropped:
        log.say("each epoch leaves out one sample, because a last batch of one cannot train batch norm")
    if grafted:
        log.say(grafted)
    if resume:
        log.say(f"resumed at step {step}" if step else "nothing to resume: a new run")
