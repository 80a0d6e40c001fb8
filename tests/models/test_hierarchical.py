"""What Tao et al. claim: each scale says how far to trust it, and a chain longer than the trained one works."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from intarsia.errors import ModelError
from intarsia.models import build, count_parameters
from intarsia.models.attention.hierarchical import scaled

LEAN = {"encoder": "hrnet_w18_small", "channels": 16, "width": 8, "attention": 8}


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    net = build("hierarchical", 3, **LEAN).eval()
    nn.init.normal_(net.classify.score.weight)  # else scores and trust hardly differ from pixel to pixel
    nn.init.normal_(net.attend[2].score.weight, std=3)
    return net


def certain(network: nn.Module, trust: float) -> None:
    """Make the attention head answer 0 or 1 everywhere."""
    nn.init.zeros_(network.attend[2].score.weight)
    nn.init.constant_(network.attend[2].score.bias, 200 * trust - 100)


def alone(network: nn.Module, image: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Scores and trust of one scale, at a quarter of its image."""
    h, w = (scaled(side, scale) for side in image.shape[-2:])
    view = F.interpolate(image, (h, w), mode="bilinear", align_corners=False)
    features = network.encoder(F.pad(view, (0, max(0, 64 - w), 0, max(0, 64 - h)), mode="replicate"))
    x = torch.cat([F.interpolate(f, features[0].shape[-2:], mode="bilinear") for f in features], dim=1)
    x = x[..., : h // 4, : w // 4]
    x = network.context(network.reduce(x), network.find(x))
    return network.classify(x), network.attend(x)


def resized(x: Tensor, reference: Tensor) -> Tensor:
    return F.interpolate(x, reference.shape[-2:], mode="bilinear", align_corners=False)


@pytest.mark.parametrize(("trust", "scale"), [(1.0, 0.5), (0.0, 1.0)])
@torch.no_grad()
def test_full_trust_gives_the_lower_scale_and_none_the_higher(network: nn.Module, trust: float, scale: float) -> None:
    certain(network, trust)
    network.scales = (0.5, 1.0)
    image = torch.randn(1, 3, 64, 96)
    scores, _ = alone(network, image, scale)
    quarter = torch.empty(1, 1, 16, 24)
    torch.testing.assert_close(network(image).logits, resized(resized(scores, quarter), image))


@torch.no_grad()
def test_two_scales_are_the_equation_of_the_paper(network: nn.Module) -> None:
    """L = U(L_half * a_half) + (1 - U(a_half)) * L_whole."""
    network.scales = (1.0, 0.5)
    image = torch.randn(2, 3, 64, 64)
    (half, a), (whole, _) = alone(network, image, 0.5), alone(network, image, 1.0)
    expected = resized(half * a, whole) + (1 - resized(a, whole)) * whole
    torch.testing.assert_close(network(image).logits, resized(expected, image))


@torch.no_grad()
def test_the_chain_goes_on_to_three_scales(network: nn.Module) -> None:
    """The whole image decides against the doubled one first, then the halved one against both."""
    network.scales = (0.5, 1.0, 2.0)
    image = torch.randn(1, 3, 64, 96)
    (half, a), (whole, b), (double, _) = (alone(network, image, s) for s in (0.5, 1.0, 2.0))
    upper = b * whole + (1 - b) * resized(double, whole)
    expected = resized(half * a, whole) + (1 - resized(a, whole)) * upper
    answer = network(image).logits
    torch.testing.assert_close(answer, resized(expected, image))
    network.scales = (0.5, 1.0)
    assert not torch.allclose(network(image).logits, answer)


@torch.no_grad()
def test_a_quarter_joins_below(network: nn.Module) -> None:
    network.scales = (0.25, 0.5, 1.0)
    image = torch.randn(1, 3, 128, 64)
    (quarter, a), (half, b), (whole, _) = (alone(network, image, s) for s in (0.25, 0.5, 1.0))
    upper = resized(half * b, whole) + (1 - resized(b, whole)) * whole
    expected = resized(quarter * a, whole) + (1 - resized(a, whole)) * upper
    torch.testing.assert_close(network(image).logits, resized(expected, image))


def test_training_uses_two_scales_whatever_evaluation_does(network: nn.Module) -> None:
    sizes: list[tuple[int, ...]] = []
    network.encoder.register_forward_pre_hook(lambda _, given: sizes.append(tuple(given[0].shape[-2:])))
    image = torch.randn(2, 3, 128, 160)
    regions, whole, half = network.train()(image).auxiliary
    assert sizes == [(128, 160), (64, 80)]
    assert (regions.shape, whole.shape, half.shape) == ((2, 3, 32, 40), (2, 3, 32, 40), (2, 3, 16, 20))
    sizes.clear()
    network.eval()(image)
    assert sizes == [(256, 320), (128, 160), (64, 80)]


@torch.no_grad()
def test_one_scale_is_the_trunk_alone(network: nn.Module) -> None:
    network.scales = (1.0,)
    image = torch.randn(1, 3, 32, 64)
    torch.testing.assert_close(network(image).logits, resized(alone(network, image, 1.0)[0], image))


def test_an_image_of_one_pixel_has_a_half_of_one_pixel() -> None:
    assert [scaled(side, 0.5) for side in (1, 2, 3, 97)] == [1, 1, 2, 49]
    assert [scaled(side, s) for side in (10, 11) for s in (0.75, 1.0, 1.5, 2.0)] == [8, 10, 15, 20, 9, 11, 17, 22]


def test_attention_costs_two_3x3_layers_beside_ocr() -> None:
    with torch.device("meta"):
        net = build("hierarchical", 19, encoder="hrnet_w18_small")
    alone = sum(p.numel() for p in net.attend.parameters())
    assert alone == 9 * 512 * 256 + 9 * 256 * 256 + 2 * 2 * 256 + 256 + 1
    ocr = count_parameters("ocr", 19, encoder="hrnet_w18_small")
    assert sum(p.numel() for p in net.parameters()) == ocr + alone


@pytest.mark.parametrize("scales", [(0.5, 2.0), (1.0, 1.0), (0.0, 1.0)])
def test_scales_must_differ_and_hold_the_image_itself(scales: tuple[float, ...]) -> None:
    with pytest.raises(ModelError, match=r"list different sizes, 1 among them, such as \[0.5, 1.0, 2.0\]"):
        build("hierarchical", 3, **LEAN, scales=scales)
