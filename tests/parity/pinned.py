"""Key lists that peers' released code wrote, compressed in `keys/`, and weights that follow from a tensor's place alone.

A section's lines are path, kind of module and shape of its weight, with a `b` where it has a bias; `raw` is a tensor of another
name, or a `scalar`; braces stand for each of what they hold. Weights and picture are written in closed form, so that no random generator decides.
"""

import math
import re
from functools import cache
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
WAVE = torch.sin(torch.arange(1009, dtype=torch.float64) * 0.9).float()


@cache
def sections(peer: str) -> dict[str, list[str]]:
    """Each section's lines, of that peer's file."""
    text = (Path(__file__).parent / "keys" / f"{peer}.txt").read_text(encoding="utf-8")
    return {part.splitlines()[0].strip("[]"): part.splitlines()[1:] for part in text.split("\n[")}


def shapes(peer: str, *names: str) -> Shapes:
    """Each tensor's name and shape, in alphabetical order of their modules."""
    lines = []
    for line in (line for name in names for line in sections(peer)[name]):
        path, rest = line.split(" ", 1)
        parts = re.split(r"\{([^}]*)\}", path)
        choices = [part.split(",") if n % 2 else [part] for n, part in enumerate(parts)]
        lines += [f"{''.join(chosen)} {rest}" for chosen in product(*choices)]
    found: Shapes = {}
    for line in sorted(lines):
        path, kind, shape = line.split(" ")
        if kind == "norm":
            names_ = ("weight", "bias", "running_mean", "running_var")
            found |= {**{f"{path}.{name}": (int(shape),) for name in names_}, f"{path}.num_batches_tracked": ()}
            continue
        if kind == "raw":
            found[path] = () if shape == "scalar" else tuple(map(int, shape.split("x")))
            continue
        found[f"{path}.weight"] = tuple(map(int, shape.rstrip("b").split("x")))
        if shape.endswith("b"):
            found[f"{path}.bias"] = found[f"{path}.weight"][:1]
    return found


def written(wanted: Shapes) -> dict[str, Tensor]:
    """Tensors that follow from their place alone."""
    state = {}
    for n, (key, shape) in enumerate(sorted(wanted.items())):
        size = math.prod(shape)
        wave = WAVE.roll(n).repeat(size // 1009 + 1)[:size].reshape(shape)
        if key.endswith("num_batches_tracked"):
            state[key] = torch.zeros((), dtype=torch.long)
        elif len(shape) > 1:
            state[key] = wave * (2.5 / math.prod(shape[1:])) ** 0.5
        elif key.endswith(("running_var", "_variance")):
            state[key] = 1 + 0.3 * wave
        else:
            state[key] = (1 if key.endswith("weight") else 0) + 0.2 * wave
    return state


def picture(height: int, width: int) -> Tensor:
    """A picture in closed form."""
    return (
        torch.sin(torch.arange(3 * height * width, dtype=torch.float64) * 0.37 + 0.1).float().view(1, 3, height, width)
    )
