"""What Chen et al. claim: holes at several rates, the image's mean, separable convolutions, a fine feature."""

import pytest
import torch
from torch import nn

from intarsia.blocks.atrous import AtrousPyramid, SeparableConv
from intarsia.errors import ModelError
from intarsia.models import build


def rates(net: nn.Module) -> list[int]:
    return [look.depthwise.conv.dilation[0] for look in net.pyramid.look[1:]]


def test_rates_double_at_output_stride_8() -> None:
    small = {"encoder": "resnet18", "channels": 16, "detail": 8}
    assert rates(build("deeplabv3plus", 2, **small)) == [6, 12, 18]
    assert rates(build("deeplabv3plus", 2, output_stride=8, **small)) == [12, 24, 36]
    assert rates(build("deeplabv3plus", 2, output_stride=8, rates=[3, 5], **small)) == [3, 5]
    assert build("deeplabv3plus", 2, output_stride=8, **small).encoder.strides == (4, 8)


@pytest.mark.parametrize(("stride", "third", "fourth"), [(8, 2, 4), (16, 1, 2), (32, 1, 1)])
def test_a_resnets_stages_are_dilated_from_their_first_block_on(stride: int, third: int, fourth: int) -> None:
    with torch.device("meta"):
        body = build("deeplabv3plus", 21, encoder="resnet50", output_stride=stride).encoder.body
    for stage, rate in ((body.layer3, third), (body.layer4, fourth)):
        assert {m.dilation[0] for m in stage.modules() if getattr(m, "kernel_size", 0) == (3, 3)} == {rate}


def test_the_papers_encoder_is_the_default() -> None:
    with torch.device("meta"):
        net = build("deeplabv3plus", 21)
    assert net.encoder.strides == (4, 16) and net.encoder.channels[1] == 2048
    assert net.reduce.conv.out_channels == 48


def test_a_separable_convolution_has_k_k_c_plus_c_c_weights() -> None:
    conv = SeparableConv(32, 24, dilation=3)
    assert sum(p.numel() for p in conv.parameters() if p.dim() == 4) == 3 * 3 * 32 + 32 * 24


@pytest.mark.parametrize("rate", [1, 2, 6])
@torch.no_grad()
def test_a_hole_of_rate_r_sees_r_pixels_away_and_nothing_between(rate: int) -> None:
    conv = SeparableConv(1, 1, dilation=rate, between=False).eval()
    nn.init.ones_(conv.depthwise.weight)
    nn.init.ones_(conv.pointwise.conv.weight)
    image = torch.zeros(1, 1, 21, 21)
    image[..., 10, 10] = 1.0
    seen = conv(image)[0, 0].nonzero() - 10
    assert {tuple(place) for place in seen.tolist()} == {(y, x) for y in (-rate, 0, rate) for x in (-rate, 0, rate)}


@torch.no_grad()
def test_the_mean_of_the_image_reaches_every_pixel() -> None:
    torch.manual_seed(0)
    pyramid = AtrousPyramid(4, 8, (1, 2, 3)).eval()
    for look in pyramid.look:  # silence all but the mean
        (look.pointwise if isinstance(look, SeparableConv) else look).norm.weight.zero_()
    x = torch.rand(1, 4, 30, 30)
    other = x.clone()
    other[..., 29, 29] += 100
    change = (pyramid(other) - pyramid(x)).abs().amax(1)[0]
    assert change.gt(0).all() and torch.allclose(change, change[0, 0].expand_as(change))


def test_a_batch_of_one_is_refused_in_training() -> None:
    net = build("deeplabv3plus", 2, encoder="resnet18", channels=16, detail=8).train()
    with pytest.raises(ModelError, match="mean feature of the image is a 1x1 map of a single image"):
        net(torch.randn(1, 3, 64, 64))


@torch.no_grad()
def test_the_fine_feature_sharpens() -> None:
    """Without it the answer is that of stride 16; cutting it changes pixels within one cell of the coarse map."""
    torch.manual_seed(0)
    net = build("deeplabv3plus", 2, encoder="resnet18", channels=16, detail=8).eval()
    image = torch.randn(1, 3, 64, 64)
    before = net(image).logits
    net.reduce.norm.weight.zero_()
    assert not torch.allclose(net(image).logits, before)


def test_errors() -> None:
    with pytest.raises(ModelError, match=r"name the distances between taps, such as \[6, 12, 18\]"):
        build("deeplabv3plus", 2, encoder="resnet18", rates=[0])
    with pytest.raises(ModelError, match="'vgg16' cannot be dilated to output_stride=16"):
        build("deeplabv3plus", 2, encoder="vgg16")
