"""The networks of a benchmark, as they are named: MODEL [KEY=VALUE ...], and where they are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..checkpoint import NETWORKS, is_graph
from ..config import signature
from ..errors import ModelError, nearest
from ..inference.engine import device_of, fastest

SCORE = "score"  # the key under which a score that was published of a network is given


@dataclass(frozen=True)
class Contender:
    """A network to be measured.

    Args:
        model: an architecture's name, or a checkpoint, the folder of a run, a public model, an exported file (.onnx, .xml),
            which its own runtime computes.
        options: of an architecture's constructor; "score" among them: a score that was published of it, in percent.
    """

    model: str
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it is called in tables."""
        told = [f"{key}={value}" for key, value in self.options.items() if key != SCORE]
        return " ".join([self.model, *told])


def contenders(models: Sequence[Contender], encoders: Sequence[str] = ()) -> list[Contender]:
    """The networks to measure: every architecture that takes an encoder, and has none yet, with each of several.

    Raises: ModelError for an unknown name, options of a checkpoint, a network that is named twice, encoders for none.
    """
    found: list[Contender] = []
    used = not encoders
    for one in models:
        if Path(one.model).exists() or ":" in one.model:
            if left := [key for key in one.options if key != SCORE]:
                raise ModelError(f"{left[0]!r}: {one.model} has its options already; leave them out")
            found.append(one)
        elif one.model not in NETWORKS:
            raise ModelError(f"{one.model!r} is no file, and no architecture{nearest(one.model, NETWORKS)}")
        elif encoders and "encoder" not in one.options and "encoder" in signature(NETWORKS[one.model])[0]:
            used = True
            found += [Contender(one.model, {"encoder": encoder, **one.options}) for encoder in encoders]
        else:
            found.append(one)
    if not used:
        raise ModelError("no network here takes an encoder of its own; leave --encoder out")
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ModelError(f"{twice} is named twice; a benchmark measures each network once in each backend")
    return found


def place_of(models: Sequence[Contender], device: str, backends: Sequence[str]) -> torch.device:
    """Where networks are computed.

    Raises: ModelError for an unknown device, and for exported files elsewhere than on the CPU or in a backend of PyTorch's.
    """
    files = [one.model for one in models if is_file(one)]
    alone = len(files) == len(models)
    place = torch.device("cpu") if device == "auto" and alone else fastest() if device == "auto" else device_of(device)
    if files and place.type != "cpu":
        raise ModelError(
            f"{files[0]} is an exported file, which computes on the CPU; give --device cpu, or leave it out"
        )
    if files and alone and backends:
        raise ModelError(f"{files[0]} is an exported file, which its own runtime computes; leave the backend out")
    return place


def is_file(one: Contender) -> bool:
    """Whether a contender is an exported file."""
    return is_graph(one.model) and Path(one.model).exists()
