"""Lin et al., figures 1 and 2: what each pyramid shares, sees and predicts."""

import pytest
import torch
from torch import Tensor, nn

from intarsia.blocks.resize import resize_like
from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.structures import SemanticLogits

K = 3
SMALL = {"encoder": "resnet18", "channels": 8}


def pyramid(kind: str, **options: int) -> nn.Module:
    torch.manual_seed(0)
    return build(f"feature_pyramids_{kind}", K, **SMALL, **options)


def size(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def trained(network: nn.Module, image: Tensor) -> SemanticLogits:
    """The output of training, with the norms' running statistics."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return network(image)


@torch.no_grad()
def test_the_image_pyramid_is_one_network_seen_at_several_scales() -> None:
    many, one = pyramid("image"), pyramid("single")
    assert size(many) == size(one)
    many.load_state_dict(one.state_dict())
    image = torch.randn(1, 3, 128, 192)
    output = trained(many, image)
    one.eval()
    for n, score in enumerate(output.auxiliary):
        smaller = nn.functional.avg_pool2d(image, 2**n)  # of an even size, halving is the mean of two by two
        alone = one.predict(one.encoder(smaller)[0])
        torch.testing.assert_close(score, alone, atol=1e-5, rtol=1e-4)
    assert [tuple(s.shape[-2:]) for s in output.auxiliary] == [(4, 6), (2, 3), (1, 2)]


@torch.no_grad()
def test_an_image_pyramid_of_one_scale_is_the_single_map() -> None:
    many, one = pyramid("image", scales=1).eval(), pyramid("single").eval()
    many.load_state_dict(one.state_dict())
    image = torch.randn(1, 3, 61, 45)
    torch.testing.assert_close(many(image).logits, one(image).logits)


@pytest.mark.parametrize("kind", ["image", "hierarchy"])
@torch.no_grad()
def test_the_answer_is_the_mean_of_the_levels(kind: str) -> None:
    image = torch.randn(2, 3, 64, 96)
    output = trained(pyramid(kind), image)
    finest, *others = output.auxiliary
    mean = sum((resize_like(s, finest) for s in others), finest) / (1 + len(others))
    torch.testing.assert_close(output.logits, resize_like(mean, image))


def test_each_level_of_the_hierarchy_predicts_from_its_own_map() -> None:
    """The finest map knows nothing of what the coarsest has seen, which is what the top-down way mends."""
    network = pyramid("hierarchy")
    output = trained(network, torch.randn(2, 3, 64, 96))
    assert [tuple(s.shape[-2:]) for s in output.auxiliary] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    output.auxiliary[0].sum().backward()
    deep = [p for key, p in network.encoder.named_parameters() if "layer4" in key or "layer3" in key]
    assert deep and all(p.grad is None or not p.grad.any() for p in deep)


def test_top_down_the_finest_map_alone_predicts_and_knows_what_the_coarsest_has_seen() -> None:
    network = pyramid("topdown")
    predicted: list[tuple[int, ...]] = []
    network.predict.register_forward_hook(lambda _, __, out: predicted.append(tuple(out.shape[-2:])))
    output = trained(network, torch.randn(2, 3, 64, 96))
    assert output.auxiliary == () and predicted == [(16, 24)]
    output.logits.sin().sum().backward()
    deep = [p for key, p in network.encoder.named_parameters() if "layer4.0.downsample" in key]
    assert deep and all(p.grad.any() for p in deep)


def test_a_pyramid_has_at_least_one_scale() -> None:
    with pytest.raises(ModelError, match="scales is 0"):
        pyramid("image", scales=0)
