"""What Lin et al. claim: context flows both ways between two scales, and along regions of the picture."""

import pytest
import torch
from torch import Tensor

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.attention.msci import ChainStep, Intertwine, along, beside, gathering, regions
from intarsia.models.catalogue import ARCHITECTURES

SMALL = ARCHITECTURES["msci"].smallest


def halves(height: int = 12, width: int = 16) -> Tensor:
    """A picture whose left half is dark and whose right half is bright."""
    image = torch.full((1, 3, height, width), -20.0)
    image[..., width // 2 :] = 20.0
    return image


def test_regions_share_each_pixel_out_and_stay_on_one_color() -> None:
    shares = regions(halves(), 4)
    assert shares.shape == (1, 16, 12 * 16)
    torch.testing.assert_close(shares.sum(1), torch.ones(1, 192))
    left = shares.reshape(16, 12, 16)[..., :8].sum((1, 2)) / shares.reshape(16, -1).sum(1)
    assert ((left < 0.01) | (left > 0.99)).all()


def test_context_stays_inside_the_regions_of_a_color_but_for_their_neighbors() -> None:
    shares, x = regions(halves(24, 32), 8), torch.zeros(1, 1, 24, 32)
    x[..., :4] = 1.0  # the first of eight columns of regions, whose neighbor is the second
    found = along(x, gathering(shares) @ beside(8), shares)
    assert found[..., :4].min() > 0.3 and found[..., 16:].abs().max() < 1e-3


def test_a_place_gets_the_mean_of_its_regions_and_their_neighbors() -> None:
    shares = torch.eye(9)[None]  # each pixel of a 3x3 map is a region
    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    found = along(x, gathering(shares) @ beside(3), shares)[0, 0]
    assert found[1, 1] == x.mean()
    assert found[0, 0] == x[0, 0, :2, :2].mean()


@torch.no_grad()
def test_a_step_equals_the_equations_of_an_lstm() -> None:
    torch.manual_seed(0)
    step = ChainStep(3)
    step.gates.weight[..., [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0  # a 1x1 convolution
    read, heard, kept = (torch.randn(2, 3, 4, 5) for _ in range(3))
    shown, after = step(read, heard, kept)
    for i in range(4):
        for j in range(5):
            both = torch.cat([read[0, :, i, j], heard[0, :, i, j]])
            gates = step.gates.weight[:, :, 1, 1] @ both + step.gates.bias
            enter, forget, show, new = gates.split(3)
            want = forget.sigmoid() * kept[0, :, i, j] + enter.sigmoid() * new.tanh()
            torch.testing.assert_close(after[0, :, i, j], want)
            torch.testing.assert_close(shown[0, :, i, j], show.sigmoid() * want.tanh())


@torch.no_grad()
def test_context_flows_both_ways() -> None:
    torch.manual_seed(0)
    pair, flat = Intertwine(4, 2).eval(), [(torch.full((1, n, 1), 1 / n), torch.ones(1, 1, n)) for n in (64, 16)]
    fine, coarse = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 4, 4)
    before = pair(fine, coarse, *flat)
    assert before.shape == fine.shape
    assert not torch.equal(pair(fine + 1, coarse, *flat), before)
    assert not torch.equal(pair(fine, coarse + 1, *flat), before)


def test_neighbors_are_merged_until_one_map_is_left() -> None:
    with torch.device("meta"):
        net = build("msci", 21)
    assert [len(stage) for stage in net.merge] == [3, 2, 1]


def test_doors() -> None:
    with pytest.raises(ModelError, match="steps is 0 and side 4; chains read at least once"):
        build("msci", 4, **{**SMALL, "steps": 0})
