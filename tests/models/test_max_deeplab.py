"""What Wang et al. claim: pixels and queries see each other, and one softmax covers what queries look at."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES
from intarsia.models.masks.max_deeplab import DualPath
from intarsia.structures import CompetingMasks

SMALL = dict(ARCHITECTURES["max_deeplab"].smallest)


def test_the_papers_numbers_are_the_defaults() -> None:
    with torch.device("meta"):
        net = build("max_deeplab", 133)
    assert net.ask.weight.shape == (128, 256) and (len(net.stage4), len(net.stage5), len(net.exchange)) == (6, 4, 4)
    assert (net.stage4[0].channels, net.stage5[0].channels) == (1024, 2048)
    assert (net.refine3.channels, net.refine2.channels, net.say.embed.out_channels) == (512, 256, 128)
    assert isinstance(net.fuse3.adapt[1], nn.Identity), "c3 is as wide as the decoder and is added as it is"


def dual_path() -> DualPath:
    torch.manual_seed(0)
    net = DualPath(6, 8, 2, 12).double().eval()
    for part in (net.leave, net.leave_queries, net.think[1]):
        nn.init.ones_(part[1].weight)
    return net


@torch.no_grad()
def test_queries_look_at_pixels_and_queries_under_one_softmax() -> None:
    """Head by head and query by query, with norms that divide by the root of 1 + eps."""
    net = dual_path()
    pixels, queries = torch.randn(1, 6, 3, 4).double(), torch.randn(1, 8, 5).double()
    x = net.project(net.enter(pixels).flatten(2))[0]
    m = net.project_queries(net.enter_queries(queries))[0]
    unit = (1 + 1e-5) ** -0.5
    gathered = torch.zeros(8, 5).double()
    for head in range(2):
        keys, values = slice(4 + 2 * head, 6 + 2 * head), slice(8 + 4 * head, 12 + 4 * head)
        key, value = torch.cat([x[keys], m[keys]], 1), torch.cat([x[values], m[values]], 1)
        for n in range(5):
            weights = (m[2 * head : 2 * head + 2, n] @ key * unit).softmax(0)
            gathered[4 * head : 4 * head + 4, n] = (value @ weights * unit).relu()
    after = (queries + net.leave_queries(gathered[None])).relu()
    after = (after + net.think(after)).relu()
    torch.testing.assert_close(net(pixels, queries)[1], after)


@torch.no_grad()
def test_pixels_and_queries_learn_of_each_other() -> None:
    net = dual_path()
    pixels, queries = torch.randn(1, 6, 3, 4).double(), torch.randn(1, 8, 5).double()
    before = net(pixels, queries)
    assert not torch.equal(net(pixels, queries + 1)[0], before[0])
    assert not torch.equal(net(pixels + 1, queries)[1], before[1])


def test_what_training_has_beside() -> None:
    torch.manual_seed(0)
    net = build("max_deeplab", 4, **SMALL).train()
    output = net(torch.randn(2, 3, 64, 96))
    assert type(output) is CompetingMasks and output.auxiliary == ()
    assert output.masks.shape == (2, 6, 16, 24) and output.semantic.shape == (2, 4, 16, 24)
    assert output.classes.shape == (2, 6, 5) and output.pixels.shape == (2, 8, 16, 24)
    quiet = net.eval()(torch.randn(1, 3, 64, 96))
    assert quiet.pixels is None and quiet.semantic is None


def test_errors() -> None:
    with pytest.raises(ModelError, match=r"blocks is \[0, 1\] and queries is 128; blocks are those of stages 4 and 5"):
        build("max_deeplab", 3, encoder="resnet18", blocks=(0, 1))
    with pytest.raises(ModelError, match="channels is 20; half of it has to divide among 8 heads"):
        build("max_deeplab", 3, encoder="resnet18", channels=20)
