"""What Yu et al. claim: channels chosen by the mean of two stages, and borders drawn from fine to coarse."""

import pytest
import torch

from intarsia.errors import ModelError
from intarsia.losses import Auxiliary, CrossEntropy
from intarsia.losses.auxiliary import total
from intarsia.models import build
from intarsia.models.attention.dfn import Border, Refine, Smooth
from intarsia.models.catalogue import ARCHITECTURES

SMALL = ARCHITECTURES["dfn"].smallest


@torch.no_grad()
def test_a_stage_weighs_the_finer_channels_and_adds_the_coarser_feature() -> None:
    torch.manual_seed(0)
    stage = Smooth(6, 4).eval()
    fine, coarse = torch.randn(2, 6, 5, 7), torch.randn(2, 4, 5, 7)
    inside = stage.before(fine)
    means = torch.cat([inside.mean((2, 3)), coarse.mean((2, 3))], dim=1)  # [2, 8]
    first, second = stage.weigh[0], stage.weigh[2]
    hidden = (means @ first.weight[:, :, 0, 0].T + first.bias).relu()
    share = (hidden @ second.weight[:, :, 0, 0].T + second.bias).sigmoid()
    want = stage.after(inside * share[:, :, None, None] + coarse)
    torch.testing.assert_close(stage(fine, coarse), want)


@torch.no_grad()
def test_a_refinement_is_a_residual_behind_a_narrow_convolution() -> None:
    torch.manual_seed(0)
    refine = Refine(6, 4, activate=False).eval()
    refine.inside[1].weight.zero_()
    x = torch.randn(1, 6, 5, 7)
    torch.testing.assert_close(refine(x), refine.narrow(x))


@torch.no_grad()
def test_borders_know_all_stages() -> None:
    torch.manual_seed(0)
    border = Border((4, 6, 8), 3).eval()
    features = [torch.randn(1, c, n, n) for c, n in ((4, 16), (6, 8), (8, 4))]
    before = border(features)
    assert before.shape == (1, 1, 16, 16)
    for n in range(3):
        others = [feature + (m == n) for m, feature in enumerate(features)]
        assert not torch.equal(border(others), before)


def test_heads_speak_in_training_alone_and_borders_are_trained() -> None:
    torch.manual_seed(0)
    net, image = build("dfn", 4, **SMALL), torch.randn(2, 3, 64, 96)
    output = net.train()(image)
    assert [tuple(side.shape) for side in output.auxiliary] == [(2, 4, 2, 3), (2, 4, 4, 6), (2, 4, 8, 12)]
    assert output.edges is not None and output.edges.shape == (2, 1, 16, 24)
    labels = torch.zeros(2, 64, 96, dtype=torch.long)
    labels[..., 40:] = 1
    terms = Auxiliary(CrossEntropy(), 1.0, edges=0.1)(output, labels)
    assert set(terms) == {"main", "auxiliary", "edges"}
    total(terms).backward()
    assert all(p.grad is not None for p in net.parameters())
    assert net.eval()(image).edges is None and net(image).auxiliary == ()


def test_the_authors_network() -> None:
    """Widths of 512 and 21, heads of nine maps a class, on a ResNet-101 that begins with three convolutions."""
    with torch.device("meta"):
        net = build("dfn", 21)
    assert [head[0].narrow.out_channels for head in net.heads] == [189] * 4
    assert [smooth.before.narrow.in_channels for smooth in net.smooth] == [2048, 1024, 512, 256]
    assert net.border.draw[1].in_channels == 9 and net.border.before[0].narrow.out_channels == 21


def test_a_single_image_is_refused_in_training() -> None:
    with pytest.raises(ModelError, match="mean feature of the image is a 1x1 map of a single image"):
        build("dfn", 4, **SMALL).train()(torch.randn(1, 3, 64, 64))
