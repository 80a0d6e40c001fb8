"""What Cheng et al. claim: two pyramids, two decoders, three heads, and the parameters of their table."""

import pytest
import torch
from torch import Tensor, nn

from intarsia.errors import ModelError
from intarsia.models import build, count_parameters, summarize
from intarsia.structures import PanopticLogits

SMALL = {"encoder": "resnet18", "channels": 16, "detail": (8, 8), "instance_channels": 8, "instance_detail": (8, 4), "head_channels": 4}  # fmt: skip


def test_the_published_number_of_parameters_and_of_multiply_adds() -> None:
    """46.73 M and 547.49 G for Xception-71 on Cityscapes at 1025 x 2049 (Table 6, quoted from memory; a multiply-add counts once there)."""
    assert count_parameters("panoptic_deeplab", 19, encoder="xception71") == pytest.approx(46.73e6, rel=1e-3)
    with torch.device("meta"):
        net = build("panoptic_deeplab", 19, encoder="xception71")
    assert summarize(net, 1025, 2049).flops / 2 == pytest.approx(547.49e9, rel=5e-3)


def test_the_papers_widths() -> None:
    with torch.device("meta"):
        net = build("panoptic_deeplab", 19)
    for decode, widths, out in ((net.decode_classes, (64, 32), 256), (net.decode_objects, (32, 16), 128)):
        assert decode.pyramid.channels == 256
        assert [reduce.conv.out_channels for reduce in decode.reduce] == list(widths)
        assert [refine.depthwise.conv.kernel_size for refine in decode.refine] == [(5, 5)] * 2
        assert [refine.pointwise.conv.out_channels for refine in decode.refine] == [out] * 2
    heads = [
        (h.look.pointwise.conv.out_channels, h.classify.score.out_channels) for h in (net.name, net.center, net.point)
    ]
    assert heads == [(256, 19), (32, 1), (32, 2)]


@pytest.mark.parametrize(("stride", "rates"), [(8, [12, 24, 36]), (16, [6, 12, 18]), (32, [3, 6, 9])])
def test_rates_follow_the_output_stride(stride: int, rates: list[int]) -> None:
    net = build("panoptic_deeplab", 3, output_stride=stride, **SMALL)
    looks = net.decode_objects.pyramid.look[1:]
    assert [look.depthwise.conv.dilation[0] for look in looks] == rates
    full = build("panoptic_deeplab", 3, output_stride=stride, separable=False, **SMALL)
    assert [look.conv.dilation[0] for look in full.decode_classes.pyramid.look[1:]] == rates


@torch.no_grad()
def test_the_two_decoders_share_the_encoder_alone() -> None:
    torch.manual_seed(0)
    net = build("panoptic_deeplab", 3, **SMALL).eval()
    image = torch.randn(1, 3, 64, 64)
    before = net(image)
    for parameter in net.decode_objects.parameters():
        parameter.mul_(1.5)
    after = net(image)
    assert torch.equal(before.semantic, after.semantic)
    assert not torch.equal(before.centers, after.centers) and not torch.equal(before.offsets, after.offsets)


@torch.no_grad()
def test_offsets_are_pixels_of_the_image_and_not_of_the_map() -> None:
    net = build("panoptic_deeplab", 3, **SMALL).eval()
    nn.init.zeros_(net.point.classify.score.weight)
    net.point.classify.score.bias.copy_(torch.tensor([2.0, -0.5]))
    offsets = net(torch.randn(1, 3, 50, 70)).offsets
    torch.testing.assert_close(offsets, torch.tensor([8.0, -2.0])[None, :, None, None].expand(1, 2, 50, 70))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (31, 37), (97, 33)])
@torch.no_grad()
def test_any_size(size: tuple[int, int]) -> None:
    output = build("panoptic_deeplab", 5, **SMALL).eval()(torch.randn(1, 3, *size))
    assert type(output) is PanopticLogits and output.depth is None and output.motion is None
    assert [tuple(part.shape) for part in output[:3]] == [(1, 5, *size), (1, 1, *size), (1, 2, *size)]


def test_a_batch_of_one_is_refused_in_training() -> None:
    with pytest.raises(ModelError, match="mean feature of the image is a 1x1 map of a single image"):
        build("panoptic_deeplab", 2, **SMALL).train()(torch.randn(1, 3, 64, 64))


def _total(output: PanopticLogits) -> Tensor:
    return sum((part.sum() for part in output[:3]), start=torch.zeros(()))


def test_every_head_trains_its_decoder() -> None:
    net = build("panoptic_deeplab", 3, **SMALL).train()
    output = net(torch.randn(2, 3, 64, 64))
    output.semantic.sum().backward(retain_graph=True)
    assert all(p.grad is None for p in net.decode_objects.parameters())
    _total(output).backward()
    assert all(p.grad is not None for p in net.parameters())
