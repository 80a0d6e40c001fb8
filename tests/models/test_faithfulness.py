"""The networks stay what they were when they were held against their authors' code (docs/faithfulness.md).

Weights, statistics and picture are written in closed form, so that no random generator decides; pinned are the sum of the
answer and of its absolute values, and how far a pixel reaches. A number that changes is a network that changed: compare it
with the authors' code again before writing the new one.
"""

import inspect
import math
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from intarsia.checkpoint import VARIANTS
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES

DOCUMENT = Path(__file__).parents[2] / "docs" / "faithfulness.md"
TABLE = re.compile(r"^\| (`.+?`) \|(.+)\|$", re.MULTILINE)

# name: (sum of the answer, sum of its absolute values), 3 classes, 64 x 96 pixels, the smallest encoder
PINNED: dict[str, tuple[float, float]] = {}


def wave(shape: torch.Size | tuple[int, ...], step: float, phase: float) -> Tensor:
    """sin(step * n + phase) for n = 0, 1, 2, ..., in double precision, as float32."""
    numbers = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.sin(numbers * step + phase).reshape(shape).float()


@torch.no_grad()
def filled(network: nn.Module) -> nn.Module:
    """The network with weights that follow from their place alone."""
    for n, (key, tensor) in enumerate(network.state_dict().items()):
        if not tensor.is_floating_point():
            continue
        if key.endswith("running_var"):
            tensor.copy_(1 + 0.3 * wave(tensor.shape, 0.7, n))
        elif tensor.dim() > 1:
            fan = tensor[0].numel() if tensor.shape[0] > 1 else tensor.numel()
            tensor.copy_(wave(tensor.shape, 1.3 + 0.01 * (n % 89), n) * (2.5 / max(1, fan)) ** 0.5)
        else:
            tensor.copy_((1 if key.endswith("weight") else 0) + 0.2 * wave(tensor.shape, 0.9, n))
    return network.eval()


def answered(name: str) -> Tensor:
    network = filled(build(name, 3, **ARCHITECTURES[name].smallest))
    with torch.no_grad():
        return network(wave((1, 3, 64, 96), 0.37, 0.1)).logits.double()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_answer_of_fixed_weights_is_the_pinned_one(name: str) -> None:
    logits = answered(name)
    total, size = PINNED[name]
    assert logits.abs().sum().item() == pytest.approx(size, rel=2e-4)
    assert logits.sum().item() == pytest.approx(total, abs=2e-4 * size)


def rows() -> dict[str, list[str]]:
    """Name -> the other cells of its row in the document."""
    found = {}
    for names, rest in TABLE.findall(DOCUMENT.read_text(encoding="utf-8")):
        for name in re.findall(r"`(.+?)`", names):
            found[name] = [cell.strip() for cell in rest.split("|")]
    return found


def test_every_row_of_the_catalogue_is_in_the_table() -> None:
    found = rows()
    assert set(found) == set(ARCHITECTURES)
    for name in ARCHITECTURES:
        reference, how, difference, departures = found[name]
        assert reference and how and difference and departures, name


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_header_ends_in_what_was_compared(name: str) -> None:
    module = inspect.getmodule(ARCHITECTURES[name].build)
    last = (inspect.getdoc(module) or "").split("\n\n")[-1].replace("\n", " ")
    assert re.match(r"(Compared with|Read beside|Not compared:) ", last), last
    assert last.endswith("(docs/faithfulness.md)."), last


def test_every_variant_is_listed() -> None:
    text = (DOCUMENT.parent / "networks.md").read_text(encoding="utf-8")
    for name, variant in VARIANTS.items():
        assert f"| `{name}` | `{variant.model}` | {variant.peer}" in text
