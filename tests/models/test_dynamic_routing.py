"""What Li et al. claim: gates choose routes through a lattice, closed cells cost nothing, and a budget prices the rest."""

import pytest
import torch
from torch import Tensor, nn

from intarsia.blocks.resize import resize_like
from intarsia.errors import ModelError
from intarsia.losses import Auxiliary, CrossEntropy
from intarsia.models import build, count_flops, count_parameters


def lattice(**options: float) -> nn.Module:
    torch.manual_seed(0)
    return build("dynamic_routing", 3, layers=4, channels=8, **options).eval()


def set_gates(net: nn.Module, wanted: dict[tuple[int, int], tuple[int, ...]]) -> None:
    """Open the named ways of the named cells (layer, scale), and close all others."""
    for n, row in enumerate(net.cells):
        for s, cell in enumerate(row):
            nn.init.zeros_(cell.score.weight)
            bias = [50.0 if step in wanted.get((n, s), ()) else -50.0 for step in cell.outside]
            cell.score.bias.data = torch.tensor(bias)


def transformed(cell: nn.Module, x: Tensor) -> Tensor:
    return (cell.transform(x) + x).relu()


@torch.no_grad()
def test_an_encoder_and_decoder_are_one_route_of_the_lattice() -> None:
    net, image = lattice(), torch.randn(1, 3, 64, 96)
    set_gates(net, {(0, 0): (1,), (1, 1): (1,), (2, 2): (-1,), (3, 1): (-1,)})
    x = net.stem(image)
    y = net.cells[0][0].down(transformed(net.cells[0][0], x))
    z = net.cells[1][1].down(transformed(net.cells[1][1], y))
    y = resize_like(net.cells[2][2].up(transformed(net.cells[2][2], z)), y)
    fine = resize_like(net.cells[3][1].up(transformed(net.cells[3][1], y)), x)
    (found, *coarser), _ = net.route(image)
    torch.testing.assert_close(found, fine)
    assert not any(part.any() for part in coarser)


@torch.no_grad()
def test_a_closed_cell_hands_on_what_came_in_and_is_not_computed() -> None:
    net, image = lattice(), torch.randn(2, 3, 64, 96)
    set_gates(net, {(n, 0): (0,) for n in range(4)})
    calls: list[nn.Module] = []
    for row in net.cells:
        for cell in row:
            cell.transform.register_forward_hook(lambda module, *_: calls.append(module))
    (fine, *_), _ = net.route(image)
    x = net.stem(image)
    for row in net.cells[:4]:
        x = transformed(row[0], x)
    torch.testing.assert_close(fine, x)
    assert net.cells[3][0].transform in calls
    assert not any(cell.transform in calls for cell in [*net.cells[3][1:], *net.cells[4]])


@torch.no_grad()
def test_gates_differ_from_image_to_image() -> None:
    net = lattice()
    for row in net.cells:
        for cell in row:
            nn.init.normal_(cell.score.weight, std=3.0)
    _, gates = net.route(torch.randn(2, 3, 64, 96) * torch.tensor([0.1, 5.0]).view(2, 1, 1, 1))
    first, second = torch.cat([gate for row in gates for gate in row], dim=1)
    assert ((first > 0) != (second > 0)).any()
    assert first.min() >= 0 and first.max() <= 1


def test_the_chosen_gflops_are_those_of_the_open_part() -> None:
    """All open: what the network costs; with one cell closed, less by its convolutions and its ways."""
    net, image = lattice(), torch.randn(2, 3, 61, 100)
    whole = {(n, s): tuple(cell.outside) for n, row in enumerate(net.cells) for s, cell in enumerate(row)}
    set_gates(net, whole)
    full = count_flops(net, 61, 100) / 1e9
    torch.testing.assert_close(net.chosen_gflops(image), torch.tensor([full, full]))
    del whole[3, 1]
    set_gates(net, whole)
    (h, w), c = (8, 13), 16  # of the second scale: an eighth of the image, rounded up
    closed = h * w * (2 * (9 * c + c * c) + c * c // 2) + 4 * 7 * c * 2 * c
    torch.testing.assert_close(net.chosen_gflops(image), torch.tensor([full - 2e-9 * closed] * 2), rtol=1e-4, atol=0)


def test_the_budget_is_a_term_of_the_loss_that_makes_routes_cheaper() -> None:
    net, image = lattice(budget=0.2, weight=0.8).train(), torch.randn(2, 3, 64, 96)
    optimizer = torch.optim.SGD([p for row in net.cells for cell in row for p in cell.score.parameters()], 1.0)
    loss, labels, seen = Auxiliary(CrossEntropy()), torch.zeros(2, 64, 96, dtype=torch.long), []
    for _ in range(4):
        output = net(image)
        _, gates = net.route(image)
        share = net.cost(gates, image, expected=True) / net.cost(
            [[torch.ones_like(g) for g in row] for row in gates], image
        )
        torch.testing.assert_close(output.penalty, 0.8 * (share - 0.2) ** 2)
        terms = loss(output, labels)
        torch.testing.assert_close(terms["penalty"], output.penalty.mean())
        seen.append(terms["penalty"].item())
        optimizer.zero_grad()
        terms["penalty"].backward()
        optimizer.step()
    assert seen == sorted(seen, reverse=True) and seen[-1] < seen[0]
    assert net.eval()(image).penalty is None
    assert lattice().train()(image).penalty is None


def test_the_code_s_number_of_parameters() -> None:
    """Those of the released Layer16 for Cityscapes, whose lattice costs 26.3 G multiply-adds at 768x768."""
    assert count_parameters("dynamic_routing", 19) == 17_784_968
    with torch.device("meta"):
        net = build("dynamic_routing", 19)
    gates = [[torch.ones(1, len(cell.outside)) for cell in row] for row in net.cells]
    assert net.cost(gates, torch.empty(1, 3, 768, 768)).item() == pytest.approx(26.3e9, rel=0.02)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_costs_are_counted_in_single_precision_whatever_the_gates_are_in(dtype: torch.dtype) -> None:
    """Mixed precision made infinity of them in 16 bits, and the penalty no number."""
    with torch.device("meta"):
        net = build("dynamic_routing", 19)
    one = [[torch.ones(1, len(cell.outside)) for cell in row] for row in net.cells]
    half = [[gate.to(dtype) for gate in row] for row in one]
    image = torch.empty(1, 3, 512, 512)
    for expected in (True, False):
        with torch.autocast("cpu", torch.bfloat16):
            found = net.cost(half, image, expected=expected)
        assert torch.equal(found, net.cost(one, image, expected=expected))


def test_layers_and_budget_are_checked() -> None:
    with pytest.raises(ModelError, match="the lattice reaches its coarsest scale after 3 layers"):
        build("dynamic_routing", 3, layers=2)
    with pytest.raises(ModelError, match="budget is 40; give a share"):
        build("dynamic_routing", 3, budget=40)
