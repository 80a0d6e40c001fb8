"""Which memory layout is faster in float32 on this machine: measured once, and remembered in the cache folder."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import nn

from ..config import Recipe
from ..inference.remembered import circumstances, recalled, remember

FILE = "layout.json"
LONG = {"minutes": 5.0, "steps": 1000, "epochs": 50.0}  # budgets from which the measurement, some seconds, pays
GAIN = 1.05  # times as fast that channels last has to be


def pays(recipe: Recipe) -> bool:
    """Whether a run is long enough to measure for."""
    return any((value := getattr(recipe.train, name)) is not None and value >= least for name, least in LONG.items())


def channels_last_faster(folder: Path | None = None) -> bool:
    """Whether convolutions in float32 are faster with channels last on this processor.

    Args:
        folder: where the answer is remembered; None: the user's cache folder.
    """
    known = recalled(FILE, circumstances(), folder)
    if not isinstance(known, int | float):
        known = measured()
        remember(FILE, circumstances(), round(known, 3), folder)
    return bool(known >= GAIN)


def measured() -> float:
    """How many times as fast a small encoder and decoder trains with channels last: the best of some passes of each."""
    with torch.random.fork_rng():
        net = nn.Sequential(
            nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Conv2d(64, 64, 3, 1, 1, groups=4, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Conv2d(64, 64, 1), nn.Upsample(scale_factor=4, mode="bilinear"), nn.Conv2d(64, 8, 1),
        )  # fmt: skip
        image = torch.rand(2, 3, 128, 128)
    best: dict[torch.memory_format, float] = {}
    for _ in range(4):  # in turn, so that other load meets both
        for layout in (torch.contiguous_format, torch.channels_last):
            net = net.to(memory_format=layout)
            given = image.contiguous(memory_format=layout)
            start = time.perf_counter()
            net(given).square().mean().backward()
            took = time.perf_counter() - start
            best[layout] = min(took, best.get(layout, took))
    return best[torch.contiguous_format] / max(best[torch.channels_last], 1e-9)
