"""What Yu et al. claim: each pixel goes to one query, each query adds up its own pixels, and every layer answers."""

import math

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES
from intarsia.models.masks.kmax_deeplab import KMeansLayer
from intarsia.structures import CompetingMasks

SMALL = dict(ARCHITECTURES["kmax_deeplab"].smallest)


def test_the_papers_numbers_are_the_defaults() -> None:
    with torch.device("meta"):
        net = build("kmax_deeplab", 133)
    assert net.ask.weight.shape == (128, 256) and len(net.cluster) == 6
    assert [len(stage) for stage in net.stages] == [1, 5, 1, 1]
    assert [stage[-1].channels for stage in net.stages] == [2048, 1024, 512, 256]
    assert (net.cluster[0].keys, net.cluster[0].heads, net.cluster[0].think[0][0].out_channels) == (128, 8, 2048)
    assert (net.say.embed.out_channels, net.say.classify.out_channels) == (128, 134)


@torch.no_grad()
def test_a_query_is_moved_by_the_sum_of_its_own_pixels() -> None:
    """With all but the k-means step at rest: its norms pass through, its last layer is the unit."""
    torch.manual_seed(0)
    layer = KMeansLayer(6, 8, 3, 2, 12, 0.0).eval()
    nn.init.ones_(layer.mean[1][1].weight)
    layer.mean[1][0].weight.copy_(torch.eye(8)[:, :, None])
    for norm in (layer.mean[0], layer.mean[1][1]):
        norm.eps = 0.0
    pixels, queries = torch.randn(1, 6, 4, 5), torch.randn(1, 8, 3)
    after, said = layer(pixels, queries)
    value, nearest = layer.value(layer.enter(pixels)).flatten(2)[0], said.masks[0].flatten(1).argmax(0)
    moved = queries[0].clone()
    for pixel, query in enumerate(nearest.tolist()):
        moved[:, query] += value[:, pixel]
    # the other two parts end in norms whose scale is 0 at first, and each part is activated
    torch.testing.assert_close(after[0], nn.functional.gelu(nn.functional.gelu(moved)), atol=1e-4, rtol=1e-4)
    assert len(nearest.unique()) > 1


def test_every_layer_answers_in_training() -> None:
    torch.manual_seed(0)
    net = build("kmax_deeplab", 4, **SMALL).train()
    output = net(torch.randn(2, 3, 64, 96))
    assert type(output) is CompetingMasks and len(output.auxiliary) == 3
    assert [layer.masks.shape[2:] for layer in output.auxiliary] == [(2, 3), (4, 6), (8, 12)]
    assert output.masks.shape == (2, 6, 16, 24) and output.semantic.shape == (2, 4, 16, 24)
    for layer in (output, *output.auxiliary):
        torch.testing.assert_close(layer.pixels.norm(dim=1), torch.ones(2, *layer.masks.shape[2:]))
    first = output.classes.softmax(2)[..., -1]
    assert first.mean() > 0.8, "a query says 'no object' until it has learned otherwise"
    assert float(net.say.classify.bias[-1].detach()) == pytest.approx(math.log(4 * 0.9 / 0.1))


def test_errors() -> None:
    with pytest.raises(ModelError, match=r"decoder is \[8, 8\] and blocks is \[1, 5, 1, 1\]; each names four stages"):
        build("kmax_deeplab", 3, encoder="resnet18", decoder=[8, 8])
    with pytest.raises(ModelError, match="channels is 20; half of it has to divide among 8 heads"):
        build("kmax_deeplab", 3, encoder="resnet18", channels=20)
    with pytest.raises(ModelError, match="queries is 0 and layers is 2; each is 1 or more"):
        build("kmax_deeplab", 3, encoder="resnet18", queries=0)
