"""What Cheng et al. claim: queries beside a pixel decoder, a class or none for each, a loss at every layer."""

import pytest
import torch

from intarsia.errors import ModelError
from intarsia.models import build, count_parameters
from intarsia.models.masks.maskformer import positions
from intarsia.structures import MaskQueries

SMALL = {"encoder": "resnet18", "queries": 5, "channels": 16, "layers": 3, "heads": 2, "feedforward": 24}


def test_the_published_number_of_parameters() -> None:
    """41 M with a ResNet-50 for ADE20K's 150 classes (Table 1, quoted from memory)."""
    assert round(count_parameters("maskformer", 150) / 1e6) == 41


def test_the_papers_numbers_are_the_defaults() -> None:
    with torch.device("meta"):
        net = build("maskformer", 150)
    assert (net.queries, len(net.decode), net.decode[0].look.heads) == (100, 6, 8)
    assert (net.classify.out_features, net.decode[0].think[0].out_features) == (151, 2048)
    assert net.pyramid.embed.out_channels == 256 and type(net.pyramid.top.norm) is torch.nn.GroupNorm


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (31, 37), (97, 33)])
@torch.no_grad()
def test_any_size(size: tuple[int, int]) -> None:
    output = build("maskformer", 4, **SMALL).eval()(torch.randn(1, 3, *size))
    quarter = tuple(-(-side // 4) for side in size)
    assert type(output) is MaskQueries and output.size == size and output.auxiliary == ()
    assert output.classes.shape == (1, 5, 5) and output.masks.shape == (1, 5, *quarter)


def test_every_earlier_layer_answers_in_training() -> None:
    torch.manual_seed(0)
    output = build("maskformer", 4, **SMALL).train()(torch.randn(2, 3, 64, 96))
    assert type(output) is MaskQueries and len(output.auxiliary) == 2
    for layer in (output, *output.auxiliary):
        assert type(layer) is MaskQueries and layer.size == (64, 96)
        assert layer.classes.shape == (2, 5, 5) and layer.masks.shape == (2, 5, 16, 24)
    assert not torch.equal(output.classes, output.auxiliary[0].classes)


@torch.no_grad()
def test_the_order_of_the_queries_does_not_matter() -> None:
    torch.manual_seed(0)
    net = build("maskformer", 4, **SMALL).eval()
    image = torch.randn(1, 3, 64, 64)
    before, order = net(image), torch.tensor([3, 0, 4, 1, 2])
    net.ask.weight.copy_(net.ask.weight[order])
    after = net(image)
    torch.testing.assert_close(after.classes, before.classes[:, order])
    torch.testing.assert_close(after.masks, before.masks[:, order])


def test_positions_are_sines_and_cosines_of_one_turn() -> None:
    where = positions(torch.zeros(1, 8, 5, 10))
    assert where.shape == (8, 5, 10)
    turn = 2 * torch.pi * torch.arange(1, 6) / 5
    torch.testing.assert_close(where[0, :, 3], turn.sin(), atol=1e-5, rtol=0)
    torch.testing.assert_close(where[3, :, 3], (turn / 100).cos(), atol=1e-5, rtol=0)
    torch.testing.assert_close(where[4, 2, 4], torch.tensor(0.0), atol=1e-5, rtol=0)  # half a turn across


def test_errors() -> None:
    with pytest.raises(
        ModelError, match="channels is 30; the positions need a multiple of 4, and 8 heads a multiple of 8"
    ):
        build("maskformer", 2, encoder="resnet18", channels=30)
    with pytest.raises(ModelError, match="queries is 0 and layers is 6; each is 1 or more"):
        build("maskformer", 2, encoder="resnet18", queries=0)
