"""Before the first step: a run put together from its recipe, and what its folder says of it.

recipe - hardware - material (data, labels, audit) - engine - network - loader - loss - optimizer - Run
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml
from torch import nn

from .. import checkpoint as files
from ..checkpoint import Checkpoint, Resizing
from ..classical import is_classical
from ..config import Recipe
from ..data.augment.foreign import borrowed
from ..data.augment.pipeline import Augmentation
from ..data.augment.sizes import BatchSizes
from ..data.cache import Cached
from ..data.joined import Joined
from ..data.loader import Loader
from ..data.stream import Streamed
from ..errors import IntarsiaError, TrainingError, counted
from ..inference import Predictor
from ..inference.engine import Torch
from ..inference.resized import Resized
from ..inference.windows import Windowed
from ..labels import LabelSpace
from ..output import cache_folder
from ..postprocess.decide import decision
from ..structures import SemanticLogits
from . import recipe as recipes
from . import resume as states
from .class_weights import class_weights
from .compiled import Compiled, checkpointing, wished
from .criterion import criterion, own_loss, with_loss
from .ema import MovingAverage
from .events import Listener
from .folder import write_whole
from .freeze import Frozen
from .hardware import engine, hardware, processes
from .material import Material, collect
from .memory import keep_freed_memory
from .needs import check_needs
from .network import Network, check_choice, network
from .objective import Objective, takes_truth
from .optimizers import OPTIMIZERS
from .own import Own, optimizer_of, refuse_other
from .run import Run
from .stopwatch import stopwatch
from .teacher import teacher_of

if TYPE_CHECKING:
    from lightning.fabric import Fabric

MAY_DIFFER = {  # keys of a recipe that a resumed run may change without becoming another run
    "train.steps", "train.epochs", "train.minutes", "train.until", "train.workers", "train.cache", "train.cache_dir",
    "train.log_every", "train.checkpoint_every", "train.on_fault", "train.page", "train.compile", "train.recompute", "train.tensorboard", "train.freeze", "train.unfreeze_at", "train.patience", "evaluate.every",
    "evaluate.batch_size",
}  # fmt: skip


def prepared(
    recipe: Recipe,
    out: Path,
    old: Checkpoint | None,
    own: Own,
    start: str | Path | None,
    on_event: Listener | None = None,
    profile: bool = False,
) -> Run:
    """Make a run at its first step: data opened and examined, network built, engine running.

    Args:
        old: the run to go on with; its state is not taken yet.
        own: what the user handed over to `train`.
        start, on_event, profile: as for `train`.

    Raises: RecipeError, DataError, EncoderError, ModelError, CheckpointError or TrainingError; nothing is written yet.
    """
    check_choice(recipe, own.model)
    remarks = own.remarks(recipe)
    chosen = hardware(recipe)
    if chosen.accelerator == "cpu":
        keep_freed_memory()
    donor = files.resolve(start, part=True) if start is not None and old is None else None
    if donor is not None and donor.model is not None and is_classical(donor.model):
        raise TrainingError(
            f"{start} is {donor.model}, which has no weights that a network could start from; start from a network, or leave --from out"
        )
    began = processes(recipe) if old is None else old.progress.get("processes", processes(recipe))
    material = collect(recipe, own.data, began)
    fabric = engine(recipe, chosen)
    torch.manual_seed(recipe.seed)
    net = network(recipe, material, own.model, donor)
    recipe = recipe if own.loss is not None else with_loss(recipe, net.output, material.labels)
    decision(net.output, material.labels, recipe.task, recipe.decide)
    if old is not None:
        refuse_other(out, old.progress.get("own", {}), own.names())
        refuse_another(out, old, recipe)
    remarks += check_needs(net.output, material)
    batches, of_loader = loader(recipe, material, own.augment, fabric, began, profile)
    remarks += of_loader
    if own.loss is None:
        weights = class_weights(recipe.loss, material.labels, material.audit)
        loss = criterion(recipe, net.output, material.labels, weights)
    else:
        loss = own_loss(own.loss, net.output)
    teacher = teacher_of(recipe.train, material.labels, material.channels, net.output, fabric.device, chosen.precision)
    if teacher is not None:
        remarks.append(f"the teacher is {recipe.train.teacher}")
    frozen = Frozen(net.model, recipe.train.freeze, recipe.train.unfreeze_at, fabric.world_size > 1)
    if (recipe.train.freeze or own.model is not None) and (frozen_parts := str(frozen)):
        remarks.append(frozen_parts)
    trained = net.model
    if chosen.channels_last:
        trained = trained.to(memory_format=torch.channels_last)  # in place
    if (
        fabric.world_size > 1 and chosen.accelerator == "cuda"
    ):  # on CPUs torch has none: each process norms its own part
        trained = nn.SyncBatchNorm.convert_sync_batchnorm(trained)
    if own.optimizer is None:
        optimizer = OPTIMIZERS[recipe.optimizer.name](trained, **recipe.optimizer.options)
    else:
        optimizer, of_optimizer = optimizer_of(own.optimizer, trained)
        remarks += of_optimizer
    if recipe.train.recompute and not checkpointing(trained):
        raise TrainingError(
            "train.recompute is true, and no part of this network can compute its activations again; set it to "
            "false, and lower train.batch_size or augment.crop where memory is short"
        )
    compiled = Compiled(trained) if net.whole is None and wished(recipe, chosen.accelerator) else None
    runs = compiled or (trained if net.whole is None else net.whole)
    wrapped, stepper = fabric.setup(runs, optimizer, _reapply_compile=False)
    return Run(
        recipe=recipe,
        out=out,
        fabric=fabric,
        material=material,
        loader=batches,
        model=trained,
        net=wrapped,
        optimizer=stepper.optimizer,
        stepper=stepper,
        ema=MovingAverage(trained, recipe.train.ema, recipe.train.swa)
        if recipe.train.ema or recipe.train.swa
        else None,
        frozen=frozen,
        objective=Objective(
            wrapped, loss.to(fabric.device), net.mean, net.std, material.labels, takes_truth(trained), teacher
        ),
        predictor=predictor(recipe, material, net, trained, fabric.device),
        shipped=shipped(recipe, material, net),
        remarks=[f"on {fabric.world_size} x {chosen}", *net.remarks, *remarks],
        own=own.names(),
        compiled=compiled,
        watch=stopwatch(profile, fabric.device),
        on_event=on_event,
    )


def predictor(recipe: Recipe, material: Material, net: Network, model: nn.Module, device: torch.device) -> Predictor:
    """Make what answers the validation pictures: whole, or in windows where they are large or memory does not suffice."""
    engine: Any = Torch(model, net.mean, net.std, device=device)
    if net.output is SemanticLogits:
        engine = Windowed(engine, classes=material.labels.num_classes)
    if (rule := resizing(recipe)) is not None:
        engine = Resized(engine, rule)
    return Predictor(engine, material.labels, task=recipe.task, in_channels=material.channels, decide=recipe.decide)


def loader(
    recipe: Recipe, material: Material, own: Any, fabric: Fabric, began: int, timed: bool = False
) -> tuple[Loader, list[str]]:
    """Make the loader of the training set, augmented and cached as the recipe says, and remarks about it.

    Args:
        own: a function of the user's that changes each sample before the recipe's augmentation does, or None.
        began: processes that the run began with, for which the recipe's batch size is meant.
        timed: whether the loader measures how long reading and augmenting take.
    """
    remarks = []
    if began * recipe.train.batch_size < fabric.world_size:
        raise TrainingError(
            f"the run began with steps of {counted(began * recipe.train.batch_size, 'image')}, which {fabric.world_size} processes "
            f"cannot share; go on with at most {began * recipe.train.batch_size}"
        )
    change = augmentation(recipe, material.labels, own)
    train: Any = material.train
    if recipe.train.cache == "disk":
        train = Cached(train, cache_folder(recipe.train.cache_dir))
        size = f"{train.bytes / 1e9:.1f} GB" if train.bytes >= 1e8 else f"{train.bytes / 1e6:.1f} MB"
        remarks.append(f"cache of {size} {'written to' if train.built else 'found in'} {train.folder}")
    batches = Loader(
        train,
        batch_size=recipe.train.batch_size,
        change=change,
        of_batch=batch_sizes(recipe, change, len(material.train) // began),
        mix=change.mix if change.mixes else None,
        presence=material.audit.presence if material.audit else None,
        balance=recipe.train.balance,
        shares=material.train.shares if isinstance(material.train, Joined) else None,
        ignore_index=material.labels.ignore_index,
        seed=recipe.seed,
        workers=0 if isinstance(train, Streamed) else recipe.train.workers,
        cache=recipe.train.cache is True,
        rank=fabric.global_rank,
        world=fabric.world_size,
        processes=began,
        skip=recipe.train.on_fault == "skip",
        in_order=isinstance(train, Streamed),
        timed=timed,
    )
    if isinstance(train, Streamed):
        remarks.append(
            "the training set is read in its own order, by this process, and the label doctor does not look at it"
        )
    if left := len(train) - batches.order.places:
        of_one = "a last batch of one cannot train batch norm"
        shared = f"{began} processes have equal shares"
        why = " and ".join([of_one] * batches.order.dropped + [shared] * (began > 1))
        remarks.append(f"each epoch leaves out {counted(left, 'sample')}, because {why}")
    return batches, remarks


def augmentation(recipe: Recipe, labels: LabelSpace, own: Any = None) -> Augmentation:
    """Make the recipe's augmentation; a user's own function, where there is one, sees each sample first."""
    change = None if own is None else borrowed(own, labels.ignore_index)
    keys = recipe.augment.model_dump(exclude={"sizes", "grow_from"})
    rule = resizing(recipe)
    return Augmentation(ignore_index=labels.ignore_index, own=change, shown=rule and rule.of, **keys)


def resizing(recipe: Recipe) -> Resizing | None:
    """The recipe's rule for the size in which the network sees a picture; None for its own."""
    return None if recipe.resize is None else Resizing(**recipe.resize.model_dump())


def batch_sizes(recipe: Recipe, change: Augmentation, samples: int) -> BatchSizes | None:
    """Make the sizes of the batches' crops, where the recipe has more than one.

    Args:
        samples: of this process, in an epoch.
    """
    wish, budget = recipe.augment, recipe.train
    if not wish.sizes and wish.grow_from is None:
        return None
    steps = budget.steps or 0
    batches = steps * budget.accumulate or math.ceil((budget.epochs or 0) * samples / budget.batch_size)
    return BatchSizes(change, wish.sizes or (), wish.grow_from, batches // 2, recipe.seed)


def shipped(recipe: Recipe, material: Material, net: Network) -> Checkpoint:
    """Make what every checkpoint of a run says of itself, without tensors."""
    return Checkpoint(
        model=net.name,
        options={key: value for key, value in net.options.items() if key != "pretrained"},
        labels=material.labels,
        in_channels=material.channels,
        mean=net.mean,
        std=net.std,
        weights={},
        resize={} if (rule := resizing(recipe)) is None else rule.to_dict(),
        recipe=recipe.to_dict(),
        protocol=recipe.evaluate.protocol,
        data_hash=material.audit.hash if material.audit else "",
    )


def found(out: Path, recipe: Recipe, resume: bool) -> Checkpoint | None:
    """Find the run in a folder to go on with, if there is one and it is the same run.

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
    refuse_another(out, old, recipe)
    return old


def refuse_another(out: Path, old: Checkpoint, recipe: Recipe) -> None:
    """See that a recipe is that of the run to go on with; a loss that it does not name is not compared.

    Raises: TrainingError naming a key that differs.
    """
    unnamed = set() if recipe.loss.name else {"loss.name"}
    differing = states.differing(_completed(old.recipe), recipe.to_dict())
    kept = [key for key in differing if key.split(".")[0] != "predict"]
    changed = [key for key in kept if key not in MAY_DIFFER | unnamed]
    if changed:
        raise TrainingError(
            f"the run in {out} was started with another {changed[0]}; resume it with its own recipe "
            f"({out / 'recipe.yaml'}), or start a new run with --from"
        )


def _completed(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored recipe with the keys that it does not have, because an earlier version wrote it, at their defaults."""
    try:
        return recipes.load(tree).to_dict()
    except IntarsiaError:  # of something that is not here any more; then it is compared as it is
        return tree


def write_down(run: Run) -> None:
    """Put into the run's folder what is known before the first step."""
    if run.fabric.is_global_zero:
        text = yaml.safe_dump(run.recipe.to_dict(), sort_keys=False, allow_unicode=True)
        write_whole(run.out / "recipe.yaml", text)
        if run.chosen:
            table = [choice._asdict() for choice in run.chosen]
            write_whole(run.out / "defaults.json", json.dumps(table, indent=1, ensure_ascii=False))
        if run.material.audit:
            report = json.dumps(run.material.audit.to_dict(), indent=1, ensure_ascii=False)
            write_whole(run.out / "audit.json", report)
    run.fabric.barrier()
