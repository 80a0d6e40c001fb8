"""Atrous convolution: torch's dilation, and receptive fields as gradients measure them."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intarsia.blocks import atrous_convolution, chained_field, receptive_field
from intarsia.errors import ModelError

RATES = (1, 2, 3, 6, 12, 18)


@pytest.mark.parametrize("rate", RATES)
def test_it_is_torchs_dilation(rate: int) -> None:
    x, w = torch.randn(2, 3, 40, 43), torch.randn(4, 3, 3, 3)
    torch.testing.assert_close(atrous_convolution(x, w, rate), F.conv2d(x, w, dilation=rate), atol=1e-5, rtol=1e-5)
    same = atrous_convolution(x, w, rate, same=True)
    torch.testing.assert_close(same, F.conv2d(x, w, dilation=rate, padding=rate), atol=1e-5, rtol=1e-5)
    assert same.shape[2:] == x.shape[2:]


def test_the_formula_by_hand() -> None:
    """y[i] = x[i] w[0] + x[i + r] w[1] + x[i + 2 r] w[2]."""
    x, w = [3.0, 1, 4, 1, 5, 9, 2, 6], [1.0, 10, 100]
    for rate in (1, 2, 3):
        y = atrous_convolution(torch.tensor([[x]]), torch.tensor([[w]]), rate)
        assert y[0, 0].tolist() == [sum(x[i + rate * k] * w[k] for k in range(3)) for i in range(8 - 2 * rate)]


def test_sides_of_a_kernel_may_differ() -> None:
    x, w = torch.randn(1, 2, 12, 15), torch.randn(3, 2, 2, 5)
    torch.testing.assert_close(atrous_convolution(x, w, 3), F.conv2d(x, w, dilation=3))
    w = torch.randn(3, 2, 3, 5)
    torch.testing.assert_close(atrous_convolution(x, w, 2, same=True), F.conv2d(x, w, dilation=2, padding=(2, 4)))


def test_receptive_fields_of_the_lectures() -> None:
    assert [receptive_field(3, rate) for rate in RATES] == [3, 5, 7, 13, 25, 37]
    assert receptive_field(5, 4) == 17
    assert receptive_field(1, 9) == 1


@pytest.mark.parametrize("rate", [1, 2, 6])
def test_the_receptive_field_is_what_gradients_reach(rate: int) -> None:
    x = torch.zeros(1, 1, 31, 31, requires_grad=True)
    atrous_convolution(x, torch.ones(1, 1, 3, 3), rate, same=True)[0, 0, 15, 15].backward()
    touched = x.grad[0, 0].any(0).nonzero().flatten()
    assert int(touched.max() - touched.min()) + 1 == receptive_field(3, rate)
    assert x.grad.count_nonzero() == 9, "nine weights at every rate"


def test_a_chain_of_layers_adds_up() -> None:
    vgg = [(3, 1, 1), (3, 1, 1), (2, 2, 1)] * 2 + [(3, 1, 1), (3, 1, 1), (3, 1, 1), (2, 2, 1)] * 3
    assert chained_field(vgg) == 212
    assert chained_field([*vgg, (7, 1, 1)]) == 404, "what fc6 of FCN-32s sees"
    alexnet = [(11, 4, 1), (3, 2, 1), (5, 1, 1), (3, 2, 1), (3, 1, 1), (3, 1, 1), (3, 1, 1), (3, 2, 1)]
    assert chained_field(alexnet) == 195
    assert chained_field([]) == 1


def test_a_chain_is_what_gradients_reach() -> None:
    layers = [(3, 2, 1), (3, 1, 2), (2, 2, 1), (3, 1, 4)]
    net = nn.Sequential(*(nn.Conv2d(1, 1, k, s, dilation=r, bias=False) for k, s, r in layers))
    for conv in net:
        nn.init.ones_(conv.weight)
    x = torch.zeros(1, 1, 80, 80, requires_grad=True)
    net(x)[0, 0, 1, 1].backward()
    touched = x.grad[0, 0].any(0).nonzero().flatten()
    assert int(touched.max() - touched.min()) + 1 == chained_field(layers)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: atrous_convolution(torch.zeros(1, 1, 9), torch.ones(1, 1, 3), 0), "rate is 0; it is the distance"),
        (lambda: atrous_convolution(torch.zeros(1, 1, 9), torch.ones(1, 1, 2), same=True), "no center tap"),
        (lambda: atrous_convolution(torch.zeros(1, 1, 9), torch.ones(1, 1, 3), 6), "covers .13. and the input has .9."),
        (lambda: atrous_convolution(torch.zeros(1, 2, 9), torch.ones(1, 1, 3)), r"these are \[1, 2, 9\]"),
        (lambda: atrous_convolution(torch.zeros(9), torch.ones(3)), "takes"),
        (lambda: receptive_field(0), "no taps"),
        (lambda: chained_field([(3, 0, 1)]), "stride is 0"),
    ],
)
def test_mistakes_are_sentences(call, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        call()
