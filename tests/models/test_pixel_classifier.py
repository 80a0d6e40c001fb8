"""What Giusti et al. claim: the dense pass gives the sliding classifier's answer at every pixel, for far less work."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from intarsia.blocks.sliding import classify_by_sliding
from intarsia.errors import ModelError
from intarsia.models import build, count_flops

K = 4


def classifier(context: int, channels: int = 6) -> torch.nn.Module:
    torch.manual_seed(context)
    network = build("pixel_classifier", K, context=context, channels=channels, hidden=16).eval()
    torch.nn.init.normal_(network.classify.score.weight)  # scores of the size of the features, so that errors show
    return network


@pytest.mark.parametrize("context", [1, 3, 5, 7, 11, 21, 35])
@torch.no_grad()
def test_the_dense_pass_equals_the_sliding_classifier_at_every_pixel(context: int) -> None:
    network, image = classifier(context), torch.randn(2, 3, 13, 10)
    sliding = classify_by_sliding(network.classify_patches, image, context)
    assert sliding.std() > 0.1
    torch.testing.assert_close(network(image).logits, sliding, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_stride_of_the_window_takes_every_so_many_pixels_of_the_dense_answer() -> None:
    network, image = classifier(11), torch.randn(1, 3, 17, 9)
    sliding = classify_by_sliding(network.classify_patches, image, 11, stride=4)
    torch.testing.assert_close(network(image).logits[..., ::4, ::4], sliding, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("context", [1, 3, 5, 9, 21])
def test_a_pixel_is_named_from_its_patch_and_from_all_of_it(context: int) -> None:
    network = classifier(context, channels=16)
    image = torch.randn(100, 3, 41, 41, requires_grad=True)  # many, because a maximum passes one gradient of four
    network(image).logits[:, :, 20, 20].sum().backward()
    reached = (image.grad != 0).any(dim=0).any(dim=0)
    patch = torch.zeros(41, 41, dtype=torch.bool)
    around = slice(20 - context // 2, 21 + context // 2)
    patch[around, around] = True
    assert torch.equal(reached, patch)


@torch.no_grad()
def test_without_context_each_pixel_is_named_by_itself() -> None:
    network, image = classifier(1), torch.randn(1, 3, 5, 8)
    order = torch.randperm(40)
    shuffled = image.flatten(2)[..., order].unflatten(2, (5, 8))
    torch.testing.assert_close(network(shuffled).logits.flatten(2), network(image).logits.flatten(2)[..., order])


def test_the_kernels_of_95_pixels_are_those_of_n4() -> None:
    """Ciresan et al., table of N4: maps of 92, 46, 42, 21, 18, 9, 6 and 3, then 200 units."""
    with torch.device("meta"):
        network, x, sides = build("pixel_classifier", 2, in_channels=1), torch.empty(1, 1, 95, 95), []
        for look in network.look:
            sides.append(x.shape[-1] - look.conv.kernel_size[0] + 1)
            x = look.shrink(x)
            sides.append(x.shape[-1])
    assert sides == [92, 46, 42, 21, 18, 9, 6, 3]
    assert network.gather.kernel_size == (3, 3) and network.gather.out_channels == 200
    assert [look.conv.out_channels for look in network.look] == [48] * 4
    assert sum(look.reach for look in network.look) + 2 * 16 == 94


def test_one_pass_does_hundreds_of_times_less_arithmetic_than_sliding() -> None:
    with torch.device("meta"):
        network = build("pixel_classifier", 21).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network.classify_patches(torch.empty(1, 3, 95, 95))
    assert counter.get_total_flops() * 512 * 512 > 400 * count_flops(network, 512, 512)


@pytest.mark.parametrize("context", [0, 4, -3])
def test_a_patch_needs_a_middle(context: int) -> None:
    with pytest.raises(ModelError, match="odd side of at least 1"):
        build("pixel_classifier", 2, context=context)
