"""What Yuan et al. claim: regions, the means of their pixels, and what each pixel takes from them."""

import pytest
import torch
from torch import Tensor, nn

from intarsia.blocks.object_context import ObjectContext, object_means, relation
from intarsia.errors import ModelError
from intarsia.models import build, count_parameters


def test_an_object_is_the_weighted_mean_of_its_pixels() -> None:
    x, regions = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.randn(2, 6, 4, 5, dtype=torch.float64)
    means = object_means(x, regions)
    for b in range(2):
        for n in range(6):
            total, mean = 0.0, torch.zeros(3, dtype=torch.float64)
            for i in range(4):
                for j in range(5):
                    weight = regions[b, n, i, j].exp()
                    total, mean = total + weight, mean + weight * x[b, :, i, j]
            torch.testing.assert_close(means[b, :, n, 0], mean / total)


def test_a_certain_region_is_the_plain_mean_over_it() -> None:
    x, inside = torch.rand(1, 2, 6, 6), torch.zeros(6, 6, dtype=torch.bool)
    inside[1:3, 2:5] = True
    regions = torch.where(inside, 100.0, -100.0)[None, None]
    torch.testing.assert_close(object_means(x, regions)[0, :, 0, 0], x[0][:, inside].mean(1))


def test_what_a_pixel_takes_from_the_objects_sums_to_one() -> None:
    weights = relation(torch.randn(2, 8, 35), torch.randn(2, 8, 5))
    assert weights.shape == (2, 35, 5)
    assert weights.ge(0).all()
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 35))


def slowly(context: ObjectContext, x: Tensor, regions: Tensor) -> Tensor:
    """Eq. 2 to 4, one pixel and one object at a time."""
    objects = object_means(x, regions)
    query, key, value = context.ask(x), context.answer(objects), context.tell(objects)
    seen = torch.zeros_like(query)
    b, width, h, w = query.shape
    for n in range(b):
        for i in range(h):
            for j in range(w):
                scores = torch.stack([query[n, :, i, j] @ key[n, :, k, 0] for k in range(regions.shape[1])])
                share = (scores / width**0.5).exp()
                share = share / share.sum()
                for k in range(regions.shape[1]):
                    seen[n, :, i, j] += share[k] * value[n, :, k, 0]
    return context.fuse(torch.cat([context.widen(seen), x], dim=1))


@torch.no_grad()
def test_context_equals_a_slow_loop() -> None:
    torch.manual_seed(0)
    context = ObjectContext(12, 6).eval()
    for parameter in context.parameters():
        parameter.uniform_(-1, 1)
    x, regions = torch.randn(2, 12, 4, 7), 3 * torch.randn(2, 5, 4, 7)
    torch.testing.assert_close(context(x, regions), slowly(context, x, regions))


def test_the_module_has_the_published_number_of_parameters() -> None:
    """10.5 M with the 3x3 convolution before it (Table 3), which counts one layer for a query and one for a key."""
    weights = []
    for depth in (1, 2):
        with torch.device("meta"):
            net = build("ocr", 19, depth=depth)
        convolutions = [m for part in (net.reduce, net.context) for m in part.modules() if isinstance(m, nn.Conv2d)]
        weights.append(sum(m.weight.numel() for m in convolutions))
    assert round(weights[0] / 1e6, 1) == 10.5
    assert weights[1] - weights[0] == 2 * 256 * 256


def test_on_hrnet_it_has_the_published_number_of_parameters() -> None:
    """70.37 M in the table of the released code, for Cityscapes."""
    assert abs(count_parameters("ocr", 19, encoder="hrnet_w48") - 70.37e6) < 0.01e6


@pytest.mark.parametrize(("encoder", "stride"), [("resnet18", 8), ("hrnet_w18_small", 4)])
def test_regions_are_shown_in_training_only(encoder: str, stride: int) -> None:
    net = build("ocr", 4, encoder=encoder, channels=16, width=8)
    image = torch.randn(2, 3, 64, 96)
    (regions,) = net.train()(image).auxiliary
    assert regions.shape == (2, 4, 64 // stride, 96 // stride)
    assert net.eval()(image).auxiliary == ()


@torch.no_grad()
def test_a_pixel_hears_of_the_whole_image_through_the_objects() -> None:
    torch.manual_seed(0)
    context = ObjectContext(4, 4).eval()
    x, regions = torch.rand(1, 4, 9, 9), torch.rand(1, 3, 9, 9)
    other = x.clone()
    other[..., 8, 8] += 10
    assert (context(other, regions) - context(x, regions)).abs().amax(1)[0, 0, 0] > 0


def test_a_single_object_of_a_single_image_is_refused_in_training() -> None:
    net, image = build("ocr", 1, encoder="resnet18", channels=16, width=8), torch.randn(1, 3, 64, 64)
    with pytest.raises(ModelError, match="mean feature of the only object is a 1x1 map of a single image"):
        net.train()(image)
    assert net.eval()(image).logits.isfinite().all()
