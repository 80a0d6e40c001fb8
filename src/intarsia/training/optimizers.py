"""Optimizers, the groups of parameters they treat differently, and the course of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Course = Callable[[float], float]


def parameter_groups(model: nn.Module, lr: float, weight_decay: float, encoder_lr: float) -> list[dict[str, Any]]:
    """Parameters by learning rate and decay.

    Biases and the parameters of norms (all of one dimension) are not decayed; those under `model.encoder` learn at
    `encoder_lr` times the rate. Frozen ones are among them: they get no gradient, so that no step changes them.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((name.startswith("encoder."), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": params,
            "lr": lr * (encoder_lr if encoder else 1.0),
            "weight_decay": weight_decay if decayed else 0.0,
        }
        for (encoder, decayed), params in groups.items()
    ]


def adamw(
    model: nn.Module,
    *,
    lr: float = 1e-3,
    weight_decay: float = 1e-2,
    betas: tuple[float, float] = (0.9, 0.999),
    encoder_lr: float = 1.0,
) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).

    Args:
        encoder_lr: factor on the rate of the encoder's parameters; 0.1 is usual for a pretrained one.
    """
    return torch.optim.AdamW(parameter_groups(model, lr, weight_decay, encoder_lr), lr=lr, betas=betas, fused=True)


def sgd(
    model: nn.Module,
    *,
    lr: float = 1e-2,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    nesterov: bool = False,
    encoder_lr: float = 1.0,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum.

    Args:
        encoder_lr: factor on the rate of the encoder's parameters.
    """
    groups = parameter_groups(model, lr, weight_decay, encoder_lr)
    return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)


def poly(*, power: float = 0.9) -> Course:
    """(1 - progress) ** power, as in DeepLab v2 (Chen et al. 2017, section 4.1)."""
    return lambda progress: (1 - progress) ** power


def cosine(*, floor: float = 0.0) -> Course:
    """Half a cosine from 1 down to `floor`."""
    return lambda progress: floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2


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
    "onecycle": onecycle,
    "constant": constant,
}


def factor(course: Course, warmup: float, progress: float) -> float:
    """The learning rate at `progress` (0..1 of the budget), relative to its peak: a linear warm-up, then the course."""
    progress = min(max(progress, 0.0), 1.0)
    if progress < warmup:
        return progress / warmup
    return course((progress - warmup) / (1 - warmup))
