"""What Hong et al. claim: a fine branch at an eighth to the end, fusions both ways, and how large the networks are."""

import pytest
import torch

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.realtime.ddrnet import DAPPM

SMALL = {"channels": 8, "context": 8, "head": 8}


@pytest.mark.parametrize(("name", "millions"), [("ddrnet23slim", 5.7), ("ddrnet23", 20.1), ("ddrnet39", 32.3)])
def test_parameters_are_the_papers(name: str, millions: float) -> None:
    """To a tenth of a million; 19 classes, without the head that only training has."""
    with torch.device("meta"):
        net = build(name, 19)
    total = sum(p.numel() for key, p in net.named_parameters() if not key.startswith("auxiliary."))
    assert abs(total / 1e6 - millions) < 0.1


@pytest.mark.parametrize(("name", "strides"), [("ddrnet23", [16, 32]), ("ddrnet39", [16, 16, 32])])
def test_the_fine_branch_keeps_an_eighth_while_the_coarse_one_shrinks(name: str, strides: list[int]) -> None:
    net = build(name, 2, **SMALL).eval()
    seen: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    for stage in net.stages:
        stage.register_forward_hook(lambda _, x, y: seen.append((tuple(y[0].shape), tuple(y[1].shape))))
    net.fine.register_forward_hook(lambda _, x, y: seen.append((tuple(y.shape), ())))
    with torch.no_grad():
        net(torch.randn(1, 3, 128, 192))
    *fused, (last, _) = seen
    assert [fine for fine, _ in fused] == [(1, 16, 16, 24)] * len(strides)
    assert [coarse[-2:] for _, coarse in fused] == [(128 // s, 192 // s) for s in strides]
    assert last == (1, 32, 16, 24)


def test_each_branch_hears_the_other() -> None:
    torch.manual_seed(0)
    stage = build("ddrnet23", 2, **SMALL).eval().stages[0]
    fine, coarse = (torch.randn(1, 16, 8, 8, requires_grad=True) for _ in range(2))
    new_fine, new_coarse = stage(fine, coarse)
    for output in (new_fine, new_coarse):
        for grad in torch.autograd.grad(output.square().sum(), (fine, coarse), retain_graph=True):
            assert grad.any()


@torch.no_grad()
def test_the_pyramid_sees_five_windows_the_last_of_which_is_the_map() -> None:
    torch.manual_seed(0)
    pool = DAPPM(8, 4, 6).eval()
    assert [(p.kernel_size, p.stride) for p in pool.pools] == [(5, 2), (9, 4), (17, 8)]
    x = torch.rand(1, 8, 40, 40) + 1
    other = x.clone()
    other[..., 39, 39] += 100
    change = (pool(other) - pool(x)).abs().amax(1)[0]
    assert (change > 0).all()


def test_the_side_output_is_the_fine_branch_after_the_first_fusions() -> None:
    net = build("ddrnet39", 3, **SMALL).train()
    image = torch.randn(2, 3, 64, 96)
    assert [tuple(side.shape) for side in net(image).auxiliary] == [(2, 3, 8, 12)]
    assert net.eval()(image).auxiliary == ()
    with pytest.raises(ModelError, match="1x1 map of a single image"):
        net.train()(image[:1])
