"""What Peng et al. claim: a kernel of k x k for the price of 2k, on every level, and a residual at the boundaries."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intarsia.blocks.large_kernel import BoundaryRefinement, LargeKernel
from intarsia.errors import ModelError
from intarsia.models import build


@pytest.mark.parametrize("kernel", [3, 7, 15])
def test_each_score_sees_the_full_square(kernel: int) -> None:
    look, x = LargeKernel(4, 3, kernel), torch.randn(1, 4, 31, 31, requires_grad=True)
    look(x)[0, 0, 15, 15].backward()
    seen = x.grad[0].abs().sum(0) > 0
    rows, columns = seen.nonzero().T
    low, high = 15 - kernel // 2, 15 + kernel // 2
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (low, high, low, high)
    assert seen.sum() == kernel**2


def weights(kernel: int, c: int = 2048, k: int = 21) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in LargeKernel(c, k, kernel).parameters() if p.dim() > 1)


def test_the_price_grows_with_k_and_not_with_its_square() -> None:
    assert weights(15) == 5 * weights(3)
    dense = 15 * 15 * 2048 * 21
    assert weights(15) / dense == pytest.approx(2 / 15, rel=0.02), "O(2 / k) of the dense kernel (section 3.1)"


@torch.no_grad()
def test_two_thin_kernels_are_one_dense_kernel() -> None:
    """No activation stands between: the sum of the two paths is one convolution, whose kernel its answer shows."""
    look, x = LargeKernel(3, 2, 7), torch.randn(1, 3, 12, 12)
    for module in look.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.zeros_(module.bias)
    dots = torch.eye(3)[:, :, None, None] * F.pad(torch.ones(1, 1, 1, 1), (6, 6, 6, 6))
    dense = look(dots)[:, :, 3:10, 3:10].flip(2, 3).transpose(0, 1)
    torch.testing.assert_close(look(x), F.conv2d(x, dense, padding=3), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_boundary_refinement_is_a_residual() -> None:
    refine, x = BoundaryRefinement(5), torch.randn(1, 5, 6, 6)
    assert not torch.equal(refine(x), x)
    for parameter in refine.parameters():
        parameter.zero_()
    assert torch.equal(refine(x), x)


def test_every_level_is_looked_at_with_k_15_and_refined_and_so_is_every_doubling() -> None:
    net = build("gcn", 21, encoder="resnet18")
    kernels = [conv.kernel_size for look in net.look for conv in (look.down_across[0], look.across_down[0])]
    assert kernels == [(15, 1), (1, 15)] * 4
    assert sum(isinstance(m, BoundaryRefinement) for m in net.modules()) == 9
    assert sum(isinstance(m, nn.ConvTranspose2d) for m in net.modules()) == 5


@torch.no_grad()
def test_at_first_the_scores_are_enlarged_bilinearly() -> None:
    net = build("gcn", 3, encoder="resnet18", kernel=7)
    x = torch.randn(1, 3, 6, 8)
    expected = F.interpolate(x, scale_factor=2, mode="bilinear")
    for climb in net.climb:
        torch.testing.assert_close(climb(x)[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])


@torch.no_grad()
def test_scores_of_all_levels_are_summed() -> None:
    """With refinement at zero, the answer to scores that are 1 everywhere is 1 for each level, inside."""
    net = build("gcn", 2, encoder="resnet18", kernel=3).eval()
    for module in net.modules():
        if isinstance(module, BoundaryRefinement):
            for parameter in module.parameters():
                parameter.zero_()
    for look in net.look:
        for name, parameter in look.named_parameters():
            parameter.fill_(0.5 if name.endswith("1.bias") else 0.0)
    inside = net(torch.randn(1, 3, 256, 256)).logits[..., 96:160, 96:160]
    torch.testing.assert_close(inside, torch.full_like(inside, 4.0))


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ModelError, match="kernel is 14; a large kernel has an odd side"):
        build("gcn", 3, encoder="resnet18", kernel=14)
