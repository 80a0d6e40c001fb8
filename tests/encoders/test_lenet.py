"""LeNet-5's numbers, layer by layer, and the lectures' worked network, which slides as well."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from intarsia.blocks.sliding import classify_by_sliding
from intarsia.encoders import LeNet5
from intarsia.encoders.classic import convolution_from_linear
from intarsia.encoders.lenet import SEES, squash
from intarsia.errors import EncoderError


def size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_it_has_the_papers_parameters_layer_by_layer() -> None:
    """LeCun et al., section II.B: 156, 12, 1,516, 32, 48,120 and 10,164: 60,000 in all."""
    network = LeNet5()
    layers = (network.c1, network.s2, network.c3, network.s4, network.c5, network.f6)
    assert [size(layer) for layer in layers] == [156, 12, 1516, 32, 48_120, 10_164]
    assert size(network) == 60_000


@torch.no_grad()
def test_a_digit_of_32_pixels_gives_one_answer_and_a_larger_image_a_map_of_them() -> None:
    network = LeNet5(same=False)
    fine, coarse = network(torch.randn(1, 1, 32, 32))
    assert fine.shape == (1, 6, 14, 14) and coarse.shape == (1, 84, 1, 1)
    image = torch.randn(1, 1, 40, 48)
    answers = network(image)[1]
    assert answers.shape == (1, 84, 3, 5)
    for y in range(3):
        for x in range(5):
            alone = network(image[..., 4 * y : 4 * y + 32, 4 * x : 4 * x + 32])[1]
            torch.testing.assert_close(answers[..., y : y + 1, x : x + 1], alone)


def test_table_one_breaks_the_symmetry() -> None:
    assert [len(maps) for maps in SEES] == 6 * [3] + 9 * [4] + [6]
    assert len(set(SEES)) == 16
    assert [sum(n in maps for maps in SEES) for n in range(6)] == 6 * [10]  # each map of S2 is seen ten times


def test_the_sigmoid_takes_one_to_one() -> None:
    x = torch.tensor([-1.0, 0.0, 1.0, 100.0])
    torch.testing.assert_close(squash(x), torch.tensor([-1.0, 0.0, 1.0, 1.7159]), atol=1e-4, rtol=0)


@torch.no_grad()
def test_any_size_with_padding() -> None:
    network = LeNet5(in_channels=3)
    assert network.channels == (6, 84) and network.strides == (2, 4) and network.minimum == 1
    for h, w in [(1, 1), (7, 30), (33, 18)]:
        fine, coarse = network(torch.randn(2, 3, h, w))
        assert fine.shape == (2, 6, -(-h // 2), -(-w // 2)) and coarse.shape == (2, 84, -(-h // 4), -(-w // 4))


class Worked(nn.Module):
    """Deck 4's network, as it is printed there."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, 16, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(16, 32, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2))
        self.out = nn.Linear(32 * 7 * 7, 10)

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(self.out(self.conv2(self.conv1(x)).flatten(1)), dim=1)


@torch.no_grad()
def test_deck_4s_worked_network() -> None:
    """28,938 parameters on 28x28: 416 + 12,832 + 15,690; log-probabilities of ten digits."""
    torch.manual_seed(0)
    network = Worked()
    assert [size(layer) for layer in (network.conv1, network.conv2, network.out)] == [416, 12_832, 15_690]
    assert size(network) == 28_938
    digit = torch.randn(2, 1, 28, 28)
    assert network.conv1(digit).shape == (2, 16, 14, 14)
    assert network.conv2(network.conv1(digit)).shape == (2, 32, 7, 7)
    torch.testing.assert_close(network(digit).exp().sum(1), torch.ones(2))


@torch.no_grad()
def test_deck_4s_linear_layer_is_a_7x7_convolution_that_slides() -> None:
    torch.manual_seed(0)
    network = Worked()
    kernel = convolution_from_linear(network.out.weight, torch.Size((10, 32, 7, 7)))
    features = network.conv2(network.conv1(torch.randn(1, 1, 44, 52)))
    dense = F.conv2d(F.pad(features, (3, 3, 3, 3), mode="replicate"), kernel, network.out.bias)
    sliding = classify_by_sliding(lambda patches: network.out(patches.flatten(1)), features, 7)
    assert dense.shape == (1, 10, 11, 13)
    torch.testing.assert_close(dense, sliding, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"), [({"pretrained": True}, "no weights of LeNet-5"), ({"levels": (3,)}, "yields c1 and c2")]
)
def test_errors_say_what_is_allowed(options: dict, words: str) -> None:
    with pytest.raises(EncoderError, match=words):
        LeNet5(**options)
