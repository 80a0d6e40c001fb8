"""What Xiao et al. claim: pyramid pooling on top of a feature pyramid, and all levels fused at stride 4."""

import pytest
import torch
from torch import nn

from intarsia.models import build, count_parameters
from intarsia.models.context.upernet import ChannelNorm

LEAN = {"encoder": "resnet18", "channels": 16}


def test_the_published_number_of_parameters() -> None:
    """86 M for ADE20K's 150 classes (Liu et al., "Swin Transformer", Table 3), on the ResNet with three 3x3 first."""
    assert round(count_parameters("upernet", 150, encoder="resnet101d") / 1e6) == 86


def test_the_papers_widths() -> None:
    with torch.device("meta"):
        net = build("upernet", 150)
    pool, shrink = net.scene
    assert pool.bins == (1, 2, 3, 6)
    assert [squeeze.conv.out_channels for squeeze in pool.squeeze] == [512] * 4
    assert (shrink.conv.in_channels, shrink.conv.out_channels) == (2048 + 4 * 512, 512)
    assert net.fuse.conv.in_channels == 4 * 512


@torch.no_grad()
def test_every_pixel_hears_of_the_scene() -> None:
    """With c5 changed in one corner, and only there, the answer changes in the opposite corner."""
    torch.manual_seed(0)
    net = build("upernet", 3, **LEAN).eval()
    image = torch.randn(1, 3, 256, 256)
    features = net.encoder(image)
    before = net(image).logits
    other = features[3].clone()
    other[..., 7, 7] += 100
    net.encoder.forward = lambda image: [*features[:3], other]
    assert (net(image).logits - before)[..., 0, 0].abs().amax() > 1e-4


@torch.no_grad()
def test_every_level_is_fused() -> None:
    torch.manual_seed(0)
    net = build("upernet", 3, **LEAN).eval()
    image = torch.randn(1, 3, 64, 64)
    before = net(image).logits
    for last in (*net.smooth, net.scene[1]):
        kept = last.norm.weight.clone()
        last.norm.weight.zero_()
        assert not torch.allclose(net(image).logits, before)
        last.norm.weight.copy_(kept)


@torch.no_grad()
def test_the_pyramid_hands_down_sums_before_they_are_smoothed() -> None:
    torch.manual_seed(0)
    net = build("upernet", 3, **LEAN).eval()
    image = torch.randn(1, 3, 64, 64)
    given: list[torch.Tensor] = []
    for smooth in net.smooth:
        smooth.register_forward_pre_hook(lambda _, x: given.append(x[0]))
    net(image)
    p2, p3, p4 = given
    features = net.encoder(image)
    for fine, coarse, lateral, c in ((p3, p4, net.lateral[1], features[1]), (p2, p3, net.lateral[0], features[0])):
        enlarged = nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        torch.testing.assert_close(fine, lateral(c) + enlarged)


def test_the_norm_is_over_the_channels_of_each_pixel() -> None:
    x = ChannelNorm(7)(torch.randn(2, 7, 3, 5) * 4 + 1)
    torch.testing.assert_close(x.mean(1), torch.zeros(2, 3, 5), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.var(1, correction=0), torch.ones(2, 3, 5), atol=1e-5, rtol=0)


def test_what_a_peer_adds_has_a_name() -> None:
    plain, normed = build("upernet", 3, **LEAN), build("upernet", 3, **LEAN, feature_norm=True)
    assert [type(n) for n in plain.norm] == [nn.Identity] * 4
    assert [type(n) for n in normed.norm] == [ChannelNorm] * 4
    assert normed.eval()(torch.randn(1, 3, 33, 47)).logits.shape == (1, 3, 33, 47)


def test_the_auxiliary_head_speaks_in_training_only() -> None:
    net, image = build("upernet", 4, **LEAN), torch.randn(2, 3, 64, 96)
    (side,) = net.train()(image).auxiliary
    assert side.shape == (2, 4, 4, 6)
    assert net.eval()(image).auxiliary == ()
    assert build("upernet", 4, **LEAN, auxiliary=False).train()(image).auxiliary == ()


@pytest.mark.parametrize("align_corners", [False, True])
@torch.no_grad()
def test_only_the_last_enlargement_aligns_corners(align_corners: bool) -> None:
    torch.manual_seed(0)
    net = build("upernet", 2, **LEAN, align_corners=align_corners).eval()
    scores: list[torch.Tensor] = []
    net.classify.register_forward_hook(lambda _, given, out: scores.append(out))
    logits = net(torch.randn(1, 3, 64, 64)).logits
    expected = nn.functional.interpolate(scores[0], size=(64, 64), mode="bilinear", align_corners=align_corners)
    assert torch.equal(logits, expected)
