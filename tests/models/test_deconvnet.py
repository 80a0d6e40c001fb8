"""What Noh et al. claim: switches put maxima back, and the deconvolution network mirrors the convolution network."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from intarsia.errors import ModelError
from intarsia.models import build, count_parameters

TINY = (4, 4, 4, 4, 4, 8)


@pytest.mark.parametrize("size", [(64, 96), (45, 67)])
@torch.no_grad()
def test_each_maximum_returns_to_the_place_that_its_switch_remembers(size: tuple[int, int]) -> None:
    """With nothing but the switches left on the way up, each stage gets the encoder's maxima in their own places."""
    torch.manual_seed(0)
    net = build("deconvnet", 3, channels=TINY).eval()
    for name in ("fc6", "fc7", "unfold"):
        setattr(net, name, nn.Identity())
    going_down: list[Tensor] = []
    coming_up: list[Tensor] = []
    for encode, decode in zip(net.encode, net.decode, strict=True):
        encode.register_forward_hook(lambda _, given, x: going_down.append(x))
        decode.layers = nn.Identity()
        decode.register_forward_pre_hook(lambda _, given: coming_up.append(given[0]))
    net(torch.randn(1, 3, *size))
    assert torch.equal(coming_up[0], torch.where(coming_up[0] > 0, going_down[4], 0.0)) and coming_up[0].any()
    value = F.max_pool2d(going_down[4], 2, ceil_mode=True)
    for encoded, unpooled in zip(reversed(going_down), coming_up, strict=True):
        height, width = encoded.shape[2:]
        maxima = F.interpolate(F.max_pool2d(encoded, 2, ceil_mode=True), scale_factor=2)[..., :height, :width]
        assert not unpooled[encoded < maxima].any(), "a value lies where no maximum was"
        assert torch.equal(F.max_pool2d(unpooled, 2, ceil_mode=True), value), "a value left its window"
        value = unpooled


def test_the_deconvolution_network_mirrors_the_convolution_network() -> None:
    with torch.device("meta"):
        net = build("deconvnet", 21)
    down = [m for part in (net.encode, net.fc6) for m in part.modules() if isinstance(m, nn.Conv2d)]
    up = [net.unfold[0]]
    up += [m for part in reversed(net.decode) for m in part.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert (len(down), len(up)) == (14, 14)
    mirrored = [(c.out_channels, c.in_channels, c.kernel_size) for c in reversed(down)]
    assert [(c.in_channels, c.out_channels, c.kernel_size) for c in up[:-1]] == mirrored[:-1]
    assert (up[-1].in_channels, up[-1].out_channels) == (64, 64)  # whose mirror is the image; the classifier follows
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 14 + 1 + 14, "every layer but the classifier has batch norm"


def test_about_252_million_parameters() -> None:
    assert round(count_parameters("deconvnet") / 1e6) == 252


def test_the_papers_sizes_at_224_pixels() -> None:
    """Table of the paper: 224, pooled to 7x7, one answer in fc6 and fc7, and the same sizes back."""
    with torch.device("meta"):
        net, image = build("deconvnet", 21, same=False).eval(), torch.empty(1, 3, 224, 224)
    sizes: list[tuple[int, int]] = []
    for part in (*net.encode, net.fc6, net.fc7, net.unfold, *net.decode):
        part.register_forward_hook(lambda _, given, x: sizes.append((x.shape[1], x.shape[2])))
    net(image)
    assert sizes[:8] == [(64, 224), (128, 112), (256, 56), (512, 28), (512, 14), (4096, 1), (4096, 1), (512, 7)]
    assert sizes[8:] == [(512, 14), (256, 28), (128, 56), (64, 112), (64, 224)]


@torch.no_grad()
def test_without_padding_any_size_from_193_works_and_smaller_ones_are_refused() -> None:
    net = build("deconvnet", 3, channels=TINY, same=False).eval()
    assert net(torch.randn(1, 3, 193, 230)).logits.shape == (1, 3, 193, 230)
    with pytest.raises(ModelError, match="needs 193 pixels a side, not \\(192, 230\\)"):
        net(torch.randn(1, 3, 192, 230))


def test_six_widths() -> None:
    with pytest.raises(ModelError, match="channels has 2 widths; deconvnet takes 6"):
        build("deconvnet", 3, channels=(4, 4))
