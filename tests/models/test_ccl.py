"""What Ding et al. claim: a local look minus its surroundings, and gates that share each pixel out among the scales."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.attention.ccl import Contrast, Gates
from intarsia.models.catalogue import ARCHITECTURES

SMALL = ARCHITECTURES["ccl"].smallest


@torch.no_grad()
def test_contrast_equals_a_slow_loop() -> None:
    torch.manual_seed(0)
    contrast = Contrast(2, 5).eval()
    contrast.norm.weight.data.fill_((1 + 1e-5) ** 0.5)
    x = torch.randn(1, 2, 9, 11)

    def at(i: int, j: int) -> Tensor:
        """The mean over 5x5 pixels, of those that the map has."""
        return x[0, :, max(0, i - 2) : i + 3, max(0, j - 2) : j + 3].mean((1, 2))

    found = contrast(x)
    for i in range(9):
        for j in range(11):
            total = contrast.local.bias.clone()
            for a in (-1, 0, 1):
                for b in (-1, 0, 1):
                    if 0 <= i + a < 9 and 0 <= j + b < 11:
                        total += contrast.local.weight[:, :, a + 1, b + 1] @ x[0, :, i + a, j + b]
                    if 0 <= i + 5 * a < 9 and 0 <= j + 5 * b < 11:
                        total -= contrast.around.weight[:, :, a + 1, b + 1] @ at(i + 5 * a, j + 5 * b)
            torch.testing.assert_close(found[0, :, i, j], F.relu(total), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_what_is_everywhere_alike_has_no_contrast_if_both_looks_agree() -> None:
    contrast, x = Contrast(3, 3).eval(), torch.ones(1, 3, 12, 12)
    contrast.around.weight.copy_(contrast.local.weight)
    contrast.local.bias.zero_()
    assert contrast(x)[..., 3:-3, 3:-3].abs().max() < 1e-6
    x[..., 6, 6] = 9
    assert contrast(x).max() > 0


@torch.no_grad()
def test_gates_share_each_pixel_out() -> None:
    torch.manual_seed(0)
    scales = [torch.randn(2, c, 5, 6) for c in (4, 6, 3)]
    shares, last = Gates([4, 6, 3], follows=False).eval()(scales, None)
    assert shares.shape == (2, 3, 5, 6) and shares.gt(0).all()
    torch.testing.assert_close(shares.sum(1), torch.full((2, 5, 6), 3.0))
    assert last.abs().max() < 1
    more, _ = Gates([4], follows=True).eval()(scales[:1], last)
    torch.testing.assert_close(more.sum(1), torch.full((2, 5, 6), 2.0))


@torch.no_grad()
def test_a_gate_hears_what_the_scales_before_have_seen() -> None:
    torch.manual_seed(0)
    gates, scales = Gates([4, 6], follows=False).eval(), [torch.randn(1, 4, 3, 3), torch.randn(1, 6, 3, 3)]
    _, last = gates(scales, None)
    _, other = gates([scales[0] + 3, scales[1]], None)
    assert not torch.equal(last, other)


def test_the_authors_network() -> None:
    """Six blocks of width 512 and rate 5 at stride 32, and one score map for each and for c5, c4 and c3."""
    with torch.device("meta"):
        net = build("ccl", 171)
    assert len(net.contrast) == 6 and net.contrast[0].around.dilation == (5, 5)
    assert [len(stage) for stage in net.scores] == [7, 1, 1]
    assert net.encoder.strides == (8, 16, 32)


def test_doors() -> None:
    for options in ({"blocks": 0}, {"rate": 4}):
        with pytest.raises(ModelError, match="use at least one block, and an odd rate"):
            build("ccl", 4, **{**SMALL, **options})
