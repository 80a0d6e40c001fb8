"""Optimizers, the groups of parameters they treat differently, and the course of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from ..errors import RecipeError, TrainingError, nearest

Course = Callable[[float], float]


def parameter_groups(
    model: nn.Module,
    lr: float,
    weight_decay: float,
    encoder_lr: float = 1.0,
    groups: Mapping[str, float] | None = None,
    decay_all: bool = False,
) -> list[dict[str, Any]]:
    """Parameters by learning rate and decay.

    Biases and the parameters of norms (all of one dimension) are not decayed, unless `decay_all` asks for it. Frozen ones
    are among them: they get no gradient, so that no step changes them.

    Args:
        encoder_lr: factor on the rate of what is under `model.encoder`.
        groups: factors on the rate by the beginning of a parameter's name, whole parts of it; the longest that fits holds.

    Raises: RecipeError for two factors of the encoder; TrainingError for a name that no parameter begins with.
    """
    factors = dict(groups or {})
    if encoder_lr != 1.0:
        if "encoder" in factors:
            raise RecipeError(
                "optimizer.groups and optimizer.encoder_lr both name the encoder's rate; keep one of them"
            )
        factors["encoder"] = encoder_lr
    for prefix, rate in factors.items():
        if rate < 0:
            raise RecipeError(
                f"optimizer.groups: {prefix} is {rate:g}; it is a factor on the learning rate, 0 and above"
            )
    names = [name for name, _ in model.named_parameters()]
    for prefix in groups or {}:
        if not any(_below(name, prefix) for name in names):
            tops = list(dict.fromkeys(name.split(".")[0] for name in names))
            raise TrainingError(
                f"optimizer.groups names {prefix!r}, and no parameter of the network begins so{nearest(prefix, tops)}"
            )
    found: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        fitting = [prefix for prefix in factors if _below(name, prefix)]
        rate = factors[max(fitting, key=len)] if fitting else 1.0
        found.setdefault((rate, decay_all or parameter.ndim > 1), []).append(parameter)
    return [
        {"params": params, "lr": lr * rate, "weight_decay": weight_decay if decayed else 0.0}
        for (rate, decayed), params in found.items()
    ]


def _below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def adamw(
    model: nn.Module,
    *,
    lr: float = 1e-3,
    weight_decay: float = 1e-2,
    betas: tuple[float, float] = (0.9, 0.999),
    encoder_lr: float = 1.0,
    groups: dict[str, float] | None = None,
    decay_all: bool = False,
) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).

    Args:
        encoder_lr: factor on the rate of the encoder's parameters; 0.1 is usual for a pretrained one.
        groups: factors on the rate by the beginning of parameters' names, such as {encoder.body.layer1: 0.1, classify: 10};
            the longest that fits holds.
        decay_all: decay biases and norms as well.
    """
    parameters = parameter_groups(model, lr, weight_decay, encoder_lr, groups, decay_all)
    return torch.optim.AdamW(parameters, lr=lr, betas=betas, fused=True)


def sgd(
    model: nn.Module,
    *,
    lr: float = 1e-2,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    nesterov: bool = False,
    encoder_lr: float = 1.0,
    groups: dict[str, float] | None = None,
    decay_all: bool = False,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum.

    Args:
        encoder_lr: factor on the rate of the encoder's parameters.
        groups: factors on the rate by the beginning of parameters' names, such as {encoder.body.layer1: 0.1, classify: 10};
            the longest that fits holds.
        decay_all: decay biases and norms as well.
    """
    parameters = parameter_groups(model, lr, weight_decay, encoder_lr, groups, decay_all)
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)


def poly(*, power: float = 0.9) -> Course:
    """(1 - progress) ** power, as in DeepLab v2 (Chen et al. 2017, section 4.1)."""
    return lambda progress: (1 - progress) ** power


def cosine(*, floor: float = 0.0) -> Course:
    """Half a cosine from 1 down to `floor`."""
    return lambda progress: floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2


def cosine_restarts(*, cycles: int = 3, growth: float = 1.0, floor: float = 0.0) -> Course:
    """Half a cosine from 1 down to `floor`, again and again (SGDR; Loshchilov and Hutter, ICLR 2017).

    Args:
        cycles: how many, 1 and above.
        growth: how much longer each is than the one before, above 0.
        floor: the factor at the end of each.
    """
    if cycles < 1:
        raise RecipeError(f"cycles is {cycles}; there is one at least")
    if growth <= 0:
        raise RecipeError(f"growth is {growth}; it is a factor, above 0")
    lengths = [growth**n for n in range(cycles)]
    ends = [sum(lengths[: n + 1]) / sum(lengths) for n in range(cycles)]
    fall = cosine(floor=floor)

    def course(progress: float) -> float:
        number = next((n for n, end in enumerate(ends[:-1]) if progress < end), cycles - 1)
        start = ends[number - 1] if number else 0.0
        return fall(min((progress - start) / (ends[number] - start), 1.0))

    return course


def onecycle(*, rise: float = 0.3, first: float = 0.04, last: float = 1e-4) -> Course:
    """One cycle (Smith and Topin 2018): a cosine up to 1, then one down.

    Args:
        rise: share of the budget that goes up.
        first, last: the factors at both ends.
    """

    def course(progress: float) -> float:
        start, end, t = (
            (first, 1.0, progress / rise) if progress < rise else (1.0, last, (progress - rise) / (1 - rise))
        )
        return end + (start - end) * (1 + math.cos(math.pi * t)) / 2

    return course


def constant() -> Course:
    """The same rate throughout."""
    return lambda progress: 1.0


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adamw": adamw, "sgd": sgd}
SCHEDULES: dict[str, Callable[..., Course]] = {
    "poly": poly,
    "cosine": cosine,
    "cosine_restarts": cosine_restarts,
    "onecycle": onecycle,
    "constant": constant,
}


def factor(course: Course, warmup: float, progress: float) -> float:
    """The learning rate at `progress` (0..1 of the budget), relative to its peak: a linear warm-up, then the course."""
    progress = min(max(progress, 0.0), 1.0)
    if progress < warmup:
        return progress / warmup
    return course((progress - warmup) / (1 - warmup))
