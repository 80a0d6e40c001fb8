"""Maps of uncertainty: worked values, bounds, and a network that is left as it was."""

import math

import pytest
import torch
from torch import Tensor, nn

from intarsia.errors import ModelError
from intarsia.inference import KINDS, Predictor, uncertainty
from intarsia.inference.uncertainty import entropy, margin, mc_dropout, spread, tta
from intarsia.labels import LabelSpace

SPACE = LabelSpace(("a", "b", "c"))


class Net(nn.Module):
    """One convolution behind a dropout."""

    def __init__(self, rate: float = 0.5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.drop, self.norm, self.classify = nn.Dropout2d(rate), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return 3 * self.classify(self.drop(self.norm(image)))


def predictor(rate: float = 0.5) -> Predictor:
    return Predictor.of_network(Net(rate), SPACE, (0.0,) * 3, (1.0,) * 3)


def image(height: int = 9, width: int = 13) -> Tensor:
    return torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_entropy_and_margin_by_hand() -> None:
    p = torch.tensor([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0], [0.7, 0.2, 0.1]]).T[None, :, :, None]
    assert entropy(p)[0, :, 0].tolist() == pytest.approx([0, 1, math.log(2) / math.log(3), 0.7298], abs=1e-4)
    assert margin(p)[0, :, 0].tolist() == pytest.approx([0, 1, 1, 0.5], abs=1e-6)


def test_passes_that_agree_have_no_spread_and_opposite_ones_have_half() -> None:
    sure, other = torch.tensor([1.0, 0]).view(1, 2, 1, 1), torch.tensor([0.0, 1]).view(1, 2, 1, 1)
    assert spread([sure, sure])[1].item() == 0
    mean, variance = spread([sure, other])
    assert mean.flatten().tolist() == [0.5, 0.5] and variance.item() == 0.5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "sets"])
def test_every_map_has_the_size_of_the_picture_and_lies_in_0_to_1(kind: str) -> None:
    found = uncertainty(predictor(), image(), kind)
    assert found.shape == (1, 9, 13) and found.dtype == torch.float32
    assert found.min() >= 0 and found.max() <= 1 and found.max() > 0


def test_dropout_repeats_with_its_seed_and_leaves_the_network_alone() -> None:
    model = predictor()
    before = model.logits(image())
    state = torch.random.get_rng_state()
    one, again, other = (mc_dropout(model, image(), 4, seed)[1] for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(module.training for module in model.model.modules())
    assert torch.equal(model.logits(image()), before)


def test_a_network_without_dropout_says_so() -> None:
    with pytest.raises(ModelError, match="Net has no dropout"):
        uncertainty(predictor(0.0), image(), "mc-dropout")
    with pytest.raises(ModelError, match="did you mean 'entropy'"):
        uncertainty(predictor(), image(), "entrpy")
    with pytest.raises(ModelError, match="has no label sets; fit them first"):
        uncertainty(predictor(), image(), "sets")
    with pytest.raises(ModelError, match="factors above 0"):
        tta(predictor(), image(), scales=(0.0,))


def test_a_network_that_sees_no_pose_has_no_spread_under_flips() -> None:
    model = predictor(0.0)
    model.model.classify = nn.Conv2d(3, 3, 1)
    mean, variance = tta(model, image(), scales=(1.0,))
    assert variance.max() < 1e-10
    assert torch.allclose(mean, model.probabilities(image()), atol=1e-6)


def test_temperature_moves_probabilities_and_no_class() -> None:
    model = predictor(0.0)
    labels, sure = model.run(image())[0].classes, model.probabilities(image())
    model.temperature = 4.0
    assert torch.equal(model.run(image())[0].classes, labels)
    assert torch.equal(model.probabilities(image()).argmax(1), sure.argmax(1))
    assert model.probabilities(image()).amax(1).mean() < sure.amax(1).mean()
