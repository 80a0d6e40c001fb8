"""A network whose batch norms are folded says what it said before, or is not folded at all."""

import pytest
import torch
from torch import Tensor, nn

from intarsia.inference.folded import folded, partners
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES


def seen(network: nn.Module) -> nn.Module:
    """A network in eval mode whose norms have statistics and weights of their own."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.2)
    return network.eval()


@pytest.mark.parametrize("name", ["unet", "fast_scnn", "lraspp", "bisenetv2", "fcn32s", "upernet"])
@torch.no_grad()
def test_it_says_the_same(name: str) -> None:
    network, image = seen(build(name, 5, **ARCHITECTURES[name].smallest)), torch.randn(1, 3, 64, 96)
    before, kept = network(image).logits, {key: value.clone() for key, value in network.state_dict().items()}
    made = folded(network, image)
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    if not norms:
        assert made is None
        return
    assert made is not None
    left = sum(isinstance(module, nn.BatchNorm2d) for module in made.modules())
    assert left < 0.2 * norms
    other = torch.randn(2, 3, 80, 64)
    assert (made(other).logits - network(other).logits).abs().max() < 1e-4 * network(other).logits.abs().max()
    assert torch.equal(network(image).logits, before)
    assert all(torch.equal(kept[key], value) for key, value in network.state_dict().items())


class Twice(nn.Module):
    """Another part reads what the convolution says before its norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.norm(x) + x


class Again(nn.Module):
    """One norm after two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.norm = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.other(self.norm(self.one(x))))


class Dropped(nn.Module):
    """Dropout between a convolution and its norm, which hands on the very tensor in eval mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.drop, self.norm = nn.Conv2d(3, 4, 1), nn.Dropout(0.5), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.drop(self.conv(x)))


class Normed(nn.Module):
    """A convolution whose weight is computed from others."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 1)), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


@pytest.mark.parametrize("kind", [Twice, Again, Dropped, Normed])
def test_what_would_say_something_else_stays_as_it_is(kind: type[nn.Module]) -> None:
    assert folded(seen(kind()), torch.randn(1, 3, 8, 8)) is None


def test_a_network_in_training_stays_as_it_is() -> None:
    assert folded(Twice().train(), torch.randn(1, 3, 8, 8)) is None


class Boxes(nn.Module):
    """Scores beside a list of boxes that may be empty, and their classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.norm(self.conv(x)), x.new_zeros(0, 4), torch.tensor([True])


def test_outputs_without_a_largest_value_are_compared() -> None:
    assert folded(seen(Boxes()), torch.randn(1, 3, 8, 8)) is not None


def test_the_rest_is_shared() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    made = folded(seen(network), torch.randn(1, 3, 8, 8))
    assert made is not None and partners(network, torch.randn(1, 3, 8, 8)) == [("0", "1")]
    assert made.get_submodule("3").weight is network[3].weight and made.get_submodule("0").bias is not None
