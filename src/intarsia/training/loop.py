"""The loop: from a recipe to a checkpoint, top to bottom.

    recipe - data, labels, audit - network - [ batch - loss - gradient - step - average ]... - validate - save
                                             ^                                          |
                                             `------- until the budget is spent --------'

The engine under it is Lightning Fabric: devices, precision, and several processes started by torchrun or SLURM.
A run's folder holds `last.safetensors` (the weights to ship, and everything that `resume` needs), `best.safetensors`
(best on the validation set, see `Score.standing`), `recipe.yaml` (resolved), `audit.json` and `log.jsonl`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..classical import LEARNED
from ..config import Recipe
from ..errors import NotANumber, TrainingError, counted
from . import changes
from . import recipe as recipes
from . import resume as states
from .advice import advice, sizes_of
from .budget import parsed, spoken
from .classifier import fit
from .deterministic import deterministic
from .events import Finished, Listener, Started, Stepped
from .folder import check_folder
from .hardware import first_process
from .interrupt import Asked, Stopped, interruptible
from .late import LateLosses
from .live import Live
from .lock import locked
from .log import Log
from .optimizers import SCHEDULES, Course, factor
from .own import Own
from .pieces import Pieces
from .post_mortem import Recent, explained
from .prepare import found, prepared, write_down
from .reading import read
from .restart import job, restarted
from .run import Run
from .sam import climbed
from .spread import another_ended


def train(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *overrides: str,
    out: str | Path,
    model: nn.Module | None = None,
    data: Any = None,
    augment: Any = None,
    loss: Callable[..., Any] | None = None,
    optimizer: Callable[..., Any] | None = None,
    on_event: Listener | None = None,
    resume: bool = False,
    start: str | Path | None = None,
    budget: str | None = None,
    profile: bool = False,
    quiet: bool = False,
) -> Path:
    """Train a network, or fit a classifier of pixels: `model.name` random_forest or linear_svm.

    Args:
        recipe: a file, a packaged recipe's name ("camvid"), plain data, or a Recipe; or a folder or an export to train on, for
            which one is chosen: what was chosen, and why, is printed and stored in `defaults.json`.
        overrides: "train.steps=100" and its like; they win over the recipe.
        out: the run's folder; it must not hold another run, unless `resume` continues it.
        model: a network of your own instead of the recipe's: `forward(image)` returns one of the outputs of
            `intarsia.structures`, a tensor of logits, or a mapping or tuple that holds it, as torchvision's do. Which one is
            found by running it once. Where `forward` has a parameter `truth`, it gets the batch in training. Parameters
            whose `requires_grad` is False are frozen.
        data: a data set of your own, or a pair (train, val) of them, instead of the recipe's.
        augment: a function (sample, generator) -> sample of your own, or an albumentations `Compose`; it sees each training
            sample before the recipe's augmentation does.
        loss: a loss of your own instead of the recipe's: (output, batch) -> one number as a tensor, or a dict of them whose
            sum is minimized. The output is the network's, the batch an `intarsia.structures.Batch`.
        optimizer: a function of the network's parameters that returns a torch optimizer, instead of the recipe's; the
            recipe's schedule scales its learning rate.
        on_event: is called with each event of `intarsia.training.events` as it happens: Started, Stepped, Validated, Saved,
            Finished.
        resume: go on where the run in `out` stopped; with nothing there, start from the beginning and say so. Another
            budget, other frozen parts and another number of processes are allowed: the schedule is laid over the whole of a
            new budget. A loss or an optimizer of your own has to be handed over again. A launcher that starts the processes
            of a run again (torchrun --max-restarts, SLURM) needs no `resume`.
        start: a checkpoint whose weights to start from, also when it knows other classes.
        budget: "15m", "2h", "30ep" or "500steps", instead of the recipe's.
        profile: say at the end where a step's time went, and write `profile.json`.
        quiet: print nothing.

    Returns: the path of `last.safetensors`: the average of the weights if the recipe keeps one, else the last ones.

    Raises: RecipeError, DataError, ModelError or TrainingError, before the first step wherever that is possible;
        KeyboardInterrupt when interrupted by Ctrl-C or SIGTERM, once everything is saved.
    """
    out = Path(out)
    check_folder(out)
    again = not resume and restarted(out)
    resume = resume or again
    plan, chosen = recipes.planned(recipe, overrides, parsed(budget) if budget else None, out if resume else None)
    if plan.model is not None and plan.model.name in LEARNED:
        own = Own(model, data, augment, loss, optimizer)
        return fit(
            plan, out, own, resume=resume, start=start, budget=budget, profile=profile, quiet=quiet, on_event=on_event
        )
    with (
        locked(out) if first_process() else nullcontext(),
        deterministic(plan.train.deterministic),
        interruptible() as asked,
    ):
        try:
            with asked.at_once():
                old = found(out, plan, resume)
                own = Own(model, data, augment, loss, optimizer)
                run = prepared(plan, out, old, own, start, on_event, profile)
        except Stopped:
            raise KeyboardInterrupt("stopped before the first step; nothing has changed") from None
        if old is not None:
            run.restore(old)
            run.remarks += changes.remarks(run, old, _course(plan))
        run.chosen = chosen
        write_down(run)
        quiet = quiet or not run.fabric.is_global_zero
        writes = run.fabric.is_global_zero
        board = plan.train.tensorboard and writes
        with Log(out, since=run.step, validated=run.validated, quiet=quiet, tensorboard=board, writes=writes) as log:
            log.explain(chosen)
            log.introduce(run.material, len(run.loader), run.remarks)
            if resume:
                why = f", because {job()} was started again" if again else ""
                log.say(f"resumed at step {run.step}{why}" if run.step else "nothing to resume: a new run")
                if run.progress >= 1:
                    log.say(f"the budget of {spoken(plan.to_dict()['train'])} is spent; a larger one trains on")
            run.tell(Started(run.step, len(run.material.train), len(run.loader), out))
            run.pieces = Pieces(run.pieces.number, partial(log.note, "adapted", run), run.fabric.world_size == 1)
            run.loader.on_skip = lambda told, count: log.note("skipped", run, f"skipped: {told}", count=count)
            recent, live = Recent(), Live(run, plan.train.page)
            live.write()
            try:
                _steps(run, log, asked, recent, live)
                _end(run, log, asked, live)
            except NotANumber as error:
                precision = (
                    run.recipe.train.precision if run.recipe.train.precision != "auto" else run.predictor.precision
                )
                raise TrainingError(f"{error}{explained(out, recent.of(error.names), run.model, precision)}") from None
            except RuntimeError as error:
                if run.fabric.world_size == 1 or not another_ended(error):
                    raise
                raise TrainingError(
                    f"another process of this run has ended, which says why itself unless it was killed; {out} goes on from its last "
                    "checkpoint with --resume, and by itself under torchrun --max-restarts=3"
                ) from None
            log.profile(run)
    return out / "last.safetensors"


def _end(run: Run, log: Log, asked: Asked, live: Live) -> None:
    """Validate once more when the budget is spent, and save, whether it is, or the goal is reached, or somebody asked to stop.

    Raises: KeyboardInterrupt in the last case, once everything is saved.
    """
    last = run.out / "last.safetensors"
    if run.progress >= 1 and run.validated < run.step:
        _validate(run, log, asked, live)
    early = run.progress < 1 and (run.reached or run.exhausted)
    if early:
        why = (
            f"train.until={run.recipe.train.until:g} is reached"
            if run.reached
            else f"{run.since_best} validations without a better one (train.patience)"
        )
        log.say(f"{why}: stopped before the budget was spent")
    done = (run.progress >= 1 or early) and run.validated == run.step
    if done and run.best < 0:  # nothing to choose by
        run.save("best.safetensors", with_state=False)
        if run.material.val is not None:
            log.say("no pixel of the validation set has a label; best.safetensors is the last")
    run.save("last.safetensors", with_state=True)
    live.write(running=False)
    run.fabric.barrier()
    if not done:
        raise KeyboardInterrupt(f"stopped at step {run.step}; {last} is good, and --resume goes on from it")
    run.tell(Finished(run.step, run.seconds, last, run.best if run.best >= 0 else None))
    if line := sizes_of(run.out):
        log.say(line)
    if run.loader.skipped:
        log.say(
            f"{counted(len(run.loader.skipped), 'sample')} could not be read and were skipped: {', '.join(run.loader.skipped)}"
        )
    log.say(f"{run.step} steps in {run.seconds / 60:.1f} min of training; the model is {last}")


def _steps(run: Run, log: Log, asked: Asked, recent: Recent, live: Live) -> None:
    """Step until the budget is spent, a validation says that it is enough, or somebody asks to stop."""
    wish = run.recipe.train
    peaks = [group["lr"] for group in run.optimizer.param_groups]
    batches = run.loader.stream(run.step * wish.accumulate)
    losses = LateLosses()
    logged, clock = run.seconds, time.perf_counter()
    run.frozen.move_on(run.progress)
    run.frozen.train()
    if run.validation_due:  # the run was stopped before it was made
        _validate(run, log, asked, live)
        clock = time.perf_counter()
    while run.progress < 1 and not (run.reached or run.exhausted) and not _together(run, asked()):
        _follow_plan(run, log, peaks)
        try:
            with run.watch("waiting"):
                parts = read(batches, wish.accumulate, asked, alone=run.fabric.world_size == 1)
        except Stopped:
            break
        recent.add(run.step + 1, parts)
        seen, terms = run.pieces.gradient(run, parts, run.watch)
        for loss, part in zip(seen, parts, strict=True):
            losses.add(loss, part.names, run.step + 1)
        if wish.sam is not None:
            run.frozen.drop_gradients()
            with climbed(run.model, wish.sam):
                run.pieces.gradient(run, parts, run.watch)
        if run.objective.remark and not run.told:
            log.say(run.objective.remark)
            run.told = True
        with run.watch("optimizer"):
            _update(run)
        run.watch.steps += 1
        run.seconds += time.perf_counter() - clock
        clock = time.perf_counter()
        run.measure()
        if run.on_event is not None or run.own:  # not on the clock
            _report(run, log, seen, terms)
            clock = time.perf_counter()

        over = run.progress >= 1
        logging = over or run.step % wish.log_every == 0
        saving = run.step % wish.checkpoint_every == 0 and not over  # the end saves by itself
        validating = run.validation_due
        if logging or saving or validating:
            losses.read()  # nothing is logged or saved before every loss so far is known to be a number
        if logging and losses.values:
            rate = len(losses.values) * run.loader.order.size / max(run.seconds - logged, 1e-9)
            values, known = run.together(losses.take(), terms)
            log.trained(run.step, run.epoch, run.seconds, values, known, run.optimizer.param_groups[0]["lr"], rate)
            log.progress(min(run.progress, 1.0), run.step, values, rate, run.seconds)
            logged = run.seconds
            paused = time.perf_counter()
            live.write(at_once=False)
            clock += time.perf_counter() - paused  # not on the clock
        if saving:
            run.save("last.safetensors", with_state=True)
            run.seconds += time.perf_counter() - clock
            run.measure()
        if validating:  # not on the clock
            _validate(run, log, asked, live)
        clock = time.perf_counter()
    losses.read()
    batches.close()


def _validate(run: Run, log: Log, asked: Asked, live: Live) -> None:
    """Score what would be shipped now, log it, and say what its numbers say besides."""
    score = run.validate(asked)
    lines = advice(score, run.recipe) if run.progress >= 0.5 else []  # a young run has yet to find its rare classes
    log.validated(run.step, run.epoch, run.seconds, score, lines)
    live.told = lines
    live.measure = live.measure if score is None else score.measure
    if run.validated == run.step:
        live.validated()


def _follow_plan(run: Run, log: Log, peaks: Sequence[float]) -> None:
    """Set what the share of the budget that is spent decides: which parts are frozen, and the learning rate.

    Args:
        peaks: the learning rate of each group of parameters where the schedule is at its highest.
    """
    if run.frozen.move_on(run.progress):
        run.frozen.train()
        parts = ", ".join(run.recipe.train.freeze)
        log.say(f"step {run.step}: {parts} {'is frozen' if run.frozen.held else 'is trained as well'}")
    share = factor(_course(run.recipe), run.recipe.schedule.warmup, run.progress)
    for group, peak in zip(run.optimizer.param_groups, peaks, strict=True):
        group["lr"] = peak * share


def _report(run: Run, log: Log, losses: Sequence[Tensor], terms: Mapping[str, Tensor]) -> None:
    """Tell the user's function of a step, and the user of an optimizer whose state no checkpoint can hold."""
    if run.on_event is not None:
        rate = run.optimizer.param_groups[0]["lr"]
        known = {name: term.detach() for name, term in terms.items()}
        mean = torch.stack(list(losses)).mean()
        run.tell(Stepped(run.step, run.epoch, run.seconds, run.progress, mean, known, float(rate)))
    if "optimizer" in run.own and run.step == 1 and (lost := states.beside(run.optimizer)["lost"]):
        log.say(f"this run cannot be resumed: its optimizer keeps {', '.join(lost)}, which no checkpoint can hold")


def _update(run: Run) -> None:
    """Make one step of the optimizer and of the moving average."""
    run.frozen.drop_gradients()
    if run.recipe.train.clip:
        run.fabric.clip_gradients(run.net, run.stepper, max_norm=run.recipe.train.clip, error_if_nonfinite=False)
    run.stepper.step()
    run.stepper.zero_grad()
    if run.ema:
        run.ema.update(run.progress)
    run.step += 1


def _course(recipe: Recipe) -> Course:
    """The course of the recipe's learning rate, at shares of the budget without the warm-up."""
    return SCHEDULES[recipe.schedule.name](**recipe.schedule.options)


def _together(run: Run, asked: bool) -> bool:
    """Whether to stop: all processes after the same step."""
    return bool(run.fabric.broadcast(asked)) if run.fabric.world_size > 1 else asked
