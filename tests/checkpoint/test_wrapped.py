"""Networks inside torch.compile and DataParallel: stored, loaded and exchanged under the names of the bare network."""

from pathlib import Path

import pytest
import torch
from torch import nn

from intarsia.checkpoint import Checkpoint, bare, load, save, state_of
from intarsia.errors import CheckpointError
from intarsia.labels import LabelSpace


def net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))


def compiled(network: nn.Module) -> nn.Module:
    return torch.compile(network, backend="eager")  # type: ignore[return-value]


def inside(network: nn.Sequential) -> nn.Module:
    """A part of a network that is compiled, inside another wrapper."""
    return nn.DataParallel(nn.Sequential(compiled(network[:2]), network[2]))


def checkpoint_of(weights: dict[str, torch.Tensor]) -> Checkpoint:
    return Checkpoint(None, {}, LabelSpace(("a", "b")), 3, (0.5,) * 3, (0.5,) * 3, weights)


WRAPPED = {"plain": lambda n: n, "compiled": compiled, "parallel": nn.DataParallel, "both": lambda n: nn.DataParallel(compiled(n))}  # fmt: skip


@pytest.mark.parametrize("stored", WRAPPED)
@pytest.mark.parametrize("loaded", WRAPPED)
@pytest.mark.parametrize("by", ["state_of", "state_dict"])
def test_every_way_of_storing_fits_every_way_of_loading(tmp_path: Path, stored: str, loaded: str, by: str) -> None:
    """Also weights that were stored with the wrappers' names in them, as before."""
    source = WRAPPED[stored](net())
    weights = state_of(source) if by == "state_of" else source.state_dict()
    if by == "state_of":
        assert list(weights) == list(net().state_dict())
    target = WRAPPED[loaded](net(seed=1))
    load(save(tmp_path, checkpoint_of(weights))).build(target)
    expected = net().state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in bare(target).state_dict().items())


def test_a_compiled_part_inside_another_wrapper() -> None:
    wrapped = inside(net())
    assert sorted(state_of(wrapped)) == sorted(nn.Sequential(net()[:2], net()[2]).state_dict())
    target = nn.Sequential(net(1)[:2], net(1)[2])
    checkpoint_of(wrapped.state_dict()).build(target)
    assert torch.equal(target[1].weight, net()[2].weight)


def test_a_networks_own_part_called_module_keeps_its_name() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Conv2d(3, 2, 1)

    assert list(state_of(Own())) == ["module.weight", "module.bias"]
    checkpoint_of(Own().state_dict()).build(Own())
    with pytest.raises(CheckpointError, match=r"missing from it"):
        checkpoint_of(Own().state_dict()).build(net())
