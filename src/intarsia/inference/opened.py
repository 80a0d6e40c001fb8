"""Open checkpoints: one network, or several whose mean is taken, with the windows and views that recipe and user ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from .. import checkpoint as checkpoints
from .. import classical
from ..blocks.resize import Resize
from ..checkpoint import Checkpoint, Resizing
from ..config import Predict
from ..errors import CheckpointError, ModelError
from ..models.catalogue import ARCHITECTURES
from ..postprocess import decision, usual_task
from ..structures import Output, SemanticLogits
from .assemble import assembled, models_in, settings_of
from .engine import Engine, Torch, device_of, fastest
from .ensemble import check_alike
from .resized import Coarse, Resized
from .windows import WHOLE, Windowed


class Opened(NamedTuple):
    """What a predictor is made of.

    Args:
        engine: the networks, with windows and views around them.
        checkpoint: the first one, without tensors; without calibration where there are several.
        task: what is answered.
        decide: options of the decision.
        temperature: of the engine's scores.
    """

    engine: Engine
    checkpoint: Checkpoint
    task: str
    decide: dict[str, Any]
    temperature: float


def opened(
    path: str | Path | Sequence[str | Path],
    model: nn.Module | None,
    device: str | torch.device,
    precision: str | None,
    task: str,
    decide: Mapping[str, Any],
    settings: Mapping[str, Any] | Predict | None,
) -> Opened:
    """Build the networks of checkpoints; the arguments are those of `Predictor.load`.

    Raises: as `Predictor.load`.
    """
    paths = models_in(path)
    if model is not None and len(paths) > 1:
        raise ModelError(f"one network was given for {len(paths)} checkpoints; name one checkpoint")
    graphs = any(checkpoints.is_graph(one) for one in paths)
    place = torch.device("cpu") if device == "auto" and graphs else fastest() if device == "auto" else device_of(device)
    if graphs and place.type != "cpu":
        raise ModelError(f"exported files compute on the CPU, and {str(device)!r} was asked for; leave the device out")
    first = checkpoints.resolve(paths[0], graphs=True)
    wished = settings_of(first.recipe, settings)
    alone = len(paths) == 1  # thresholds that were fitted for one model say nothing of the mean of several
    task, options = task_of(first if alone else replace(first, calibration={}), task, decide)
    engines: list[Engine] = []
    temperatures: list[float] = []
    for one in paths:
        stored = first if not engines else checkpoints.resolve(one, graphs=True)
        if engines:
            check_alike(
                *((str(name), each.labels, each.in_channels) for name, each in ((paths[0], first), (one, stored)))
            )
            task_of(stored, task, {})
            _one_size(paths[0], first, one, stored)
        engines.append(_engine(one, stored, model, place, precision, wished.precision))
        stored, first = (replace(one, weights={}, state={}) for one in (stored, first))  # or they would be kept twice
        temperatures.append(float(options.get("temperature", stored.temperature)))
    engine, temperature = assembled(
        engines,
        first.labels,
        wished,
        temperatures=temperatures,
        network=first.model,
        fitted=crf_of(first) if alone else {},
    )
    if rule := checkpoints.resizing_of(first.resize):
        engine = Resized(_coarse(engine, rule) or engine, rule)
    if "temperature" in options:
        options["temperature"] = temperature
    return Opened(engine, first if alone else replace(first, calibration={}), task, options, temperature)


def _engine(
    path: str | Path, stored: Checkpoint, model: nn.Module | None, place: torch.device, asked: str | None, wished: str
) -> Engine:
    """What runs a checkpoint: its network in PyTorch, the runtime of an exported file, or its classical method."""
    if model is None and checkpoints.is_graph(path):
        from .runtime.engine import Exported

        return Exported(path, stored, asked or "float32")
    precision = asked or wished
    if model is None and stored.model is not None and classical.is_classical(stored.model):
        if precision != "float32":
            raise ModelError(f"{stored.model} is no network, and computes as it does; leave the precision out")
        return classical.engine_of(stored.model, stored.options, stored.weights, stored.labels)
    network = stored.build(model, share=True)
    if model is None and place.type == "cpu":
        network = network.to(memory_format=torch.channels_last)  # 1.1 to 1.7 times as fast there, equal to rounding
    return Torch(network, stored.mean, stored.std, device=place, precision=precision)


def returned(name: str | None) -> type[Output] | None:
    """The kind of output that a model of that name returns; None where nobody knows before it has run."""
    if name is not None and classical.is_classical(name):
        return SemanticLogits
    return ARCHITECTURES[name].output if name in ARCHITECTURES else None


def _coarse(engine: Engine, rule: Resizing) -> Engine | None:
    """The network alone, its maps as coarse as it makes them, where a rule wants these enlarged in one step; None where it
    does not, or the maps of windows or views must meet first."""
    if not rule.direct or not isinstance(engine, Windowed):
        return None
    height, width = rule.size or (0, 0)
    if engine.size != "whole" and (engine.size != "auto" or not 0 < height * width <= WHOLE):
        return None
    if not isinstance(engine.engine, Torch):
        found: Engine | None = getattr(engine.engine, "coarse", None)  # of an exported file
        return found
    part = getattr(engine.engine.model, "enlarge", None)
    return Coarse(engine.engine, part) if isinstance(part, Resize) else None


def _one_size(path: str | Path, first: Checkpoint, other: str | Path, stored: Checkpoint) -> None:
    """See that two models want their pictures in one size.

    Raises: ModelError where they do not.
    """
    if dict(first.resize) != dict(stored.resize):
        raise ModelError(
            f"{path} and {other} want their pictures in different sizes ({dict(first.resize) or 'their own'}, "
            f"{dict(stored.resize) or 'their own'}), so that no mean of them can be taken; predict with each"
        )


def crf_of(stored: Checkpoint) -> dict[str, Any]:
    """The options of a dense CRF that `intarsia crf fit` has kept in a checkpoint; none where it has not.

    Raises: CheckpointError where they are no mapping.
    """
    kept = stored.calibration.get("crf") or {}
    options = kept.get("options") if isinstance(kept, Mapping) else None
    if kept and not isinstance(options, Mapping):
        raise CheckpointError("the checkpoint's calibration has a crf without options; fit it again (intarsia crf fit)")
    return dict(options or {})


def task_of(stored: Checkpoint, task: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The task of a checkpoint and the options of its decision, checked against the output that its network returns."""
    own, options = stored.recipe.get("task") or "", stored.recipe.get("decide") or {}
    if not isinstance(own, str) or not isinstance(options, Mapping):
        raise CheckpointError("the checkpoint's recipe has a task that is no name, or a decide that is no mapping")
    fitted = stored.calibration.get("decide") or {}  # thresholds, which were fitted after the recipe was written
    if not isinstance(fitted, Mapping):
        raise CheckpointError("the checkpoint's calibration has a decide that is no mapping; calibrate it again")
    options = {**({**options, **fitted} if task in ("", own) else {}), **given}
    task = task or own
    if (kind := returned(stored.model)) is not None:
        decision(kind, stored.labels, task, options)
        task = task or usual_task(kind, stored.labels)
    return task, options
