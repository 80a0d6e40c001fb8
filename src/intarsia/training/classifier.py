"""A run without steps: a classifier of pixels is fitted to features of the training set, in one pass, and scored.

recipe - material (data, labels, audit) - features of pixels - forest or machine - arrays - checkpoint - score
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from .. import checkpoint as files
from ..checkpoint import Checkpoint
from ..classical import LEARNED, fitted
from ..config import Recipe
from ..data.stream import Streamed
from ..errors import TrainingError
from ..evaluation import score
from ..evaluation.scoring import read_samples
from ..inference import Predictor
from .events import Event, Finished, Listener, Saved, Started, Validated
from .folder import write_whole
from .hardware import first_process
from .lock import locked
from .log import Log
from .material import Material, collect
from .own import Own

UNUSED = "augment, loss, optimizer, schedule and the budget are of networks, and are not used"


def fit(
    recipe: Recipe,
    out: Path,
    own: Own,
    *,
    resume: bool = False,
    start: str | Path | None = None,
    budget: str | None = None,
    profile: bool = False,
    quiet: bool = False,
    on_event: Listener | None = None,
) -> Path:
    """Fit what a recipe's `model` names to its training set.

    Args:
        recipe: whose model is a key of `classical.LEARNED`.
        out, resume, start, budget, profile, quiet, on_event: as for `train`; what only a network's steps have is refused.
        own: the user's data, and nothing else.

    Returns: the path of `last.safetensors`.

    Raises: TrainingError for what only a network takes; as `train` for the data.
    """
    assert recipe.model is not None
    name = recipe.model.name
    _refuse(name, own, {"resume": resume, "start": start, "budget": budget, "profile": profile})
    if not first_process():
        return out / "last.safetensors"  # one process fits
    if (out / "last.safetensors").exists():
        raise TrainingError(f"{out} holds a run already; choose another --out")
    tell: Callable[[Event], object] = on_event or (lambda event: None)
    method = LEARNED[name](**recipe.model.options)
    method.learner(recipe.seed)  # a library that is not installed is missed before anything is read
    with locked(out):
        material = collect(recipe, own.data)
        _check(name, recipe, material)
        write_whole(out / "recipe.yaml", yaml.safe_dump(recipe.to_dict(), sort_keys=False, allow_unicode=True))
        if material.audit:
            write_whole(out / "audit.json", json.dumps(material.audit.to_dict(), indent=1, ensure_ascii=False))
        with Log(out, quiet=quiet) as log:
            log.introduce(material, 1, [f"{name} learns from features in one pass; {UNUSED}"])
            began = time.perf_counter()
            count, best = len(material.train), None
            tell(Started(0, count, 1, out))
            stored, _ = fitted(method, read_samples(material.train, 1), count, material.labels, recipe.seed)
            seconds = time.perf_counter() - began
            last = _save(recipe, material, stored, seconds, out)
            log.write("train", step=1, epoch=1.0, seconds=seconds)
            tell(Saved(1, last))
            if material.val is not None:
                found = score(Predictor.load(last), material.val, protocol=recipe.evaluate.protocol)
                log.validated(1, 1.0, seconds, found)
                tell(Validated(1, 1.0, found, True))
                best = found.standing
            log.say(f"fitted in {seconds:.1f} s; the model is {last}")
            tell(Finished(1, seconds, last, best))
    return last


def _save(recipe: Recipe, material: Material, stored: Mapping[str, Any], seconds: float, out: Path) -> Path:
    assert recipe.model is not None
    made = Checkpoint(
        model=recipe.model.name,
        options=recipe.model.options,
        labels=material.labels,
        in_channels=material.channels,
        mean=(0.0,) * material.channels,
        std=(1.0,) * material.channels,
        weights=stored,
        recipe=recipe.to_dict(),
        protocol=recipe.evaluate.protocol,
        data_hash=material.audit.hash if material.audit else "",
        notes={"step": 1, "seconds": round(seconds, 1), "epoch": 1.0},
    )
    files.save(out / "best.safetensors", made)
    return files.save(out / "last.safetensors", made)


def _refuse(name: str, own: Own, given: Mapping[str, Any]) -> None:
    """Refuse what only a network takes.

    Raises: TrainingError naming it.
    """
    parts = {"model": own.model, "augment": own.augment, "loss": own.loss, "optimizer": own.optimizer}
    spelled = {"resume": "--resume", "start": "--from", "budget": "--budget", "profile": "--profile"}
    named = [f"{key}=" for key, value in parts.items() if value is not None]
    named += [spelled[key] for key, value in given.items() if value]
    if named:
        raise TrainingError(f"{name} is fitted in one pass and takes no {named[0]}, which is of networks; leave it out")


def _check(name: str, recipe: Recipe, material: Material) -> None:
    """See that there is one class a pixel to learn.

    Raises: TrainingError.
    """
    if recipe.task not in ("", "semantic"):
        raise TrainingError(f"{name} gives each pixel a class, and the recipe's task is {recipe.task!r}; leave it out")
    if material.labels.planes:
        raise TrainingError(f"{name} gives each pixel one class, and the label space has several (labels.planes)")
    if isinstance(material.train, Streamed):
        raise TrainingError(
            f"{name} takes some pixels of each picture, and nobody knows how many pictures a stream has"
        )
