"""What Xiao et al. claim: pyramid pooling on top of a feature pyramid, and all levels fused at stride 4."""

import torch
from torch import nn

from intarsia.blocks.pooling import PyramidPooling
from intarsia.models import build, count_parameters

LEAN = {"encoder": "resnet18", "channels": 16}


def test_the_published_number_of_parameters() -> None:
    """86 M for ADE20K's 150 classes (Liu et al., "Swin Transformer", Table 3), on the ResNet with three 3x3 first."""
    assert round(count_parameters("upernet", 150, encoder="resnet101s") / 1e6) == 86


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


def test_the_auxiliary_head_speaks_in_training_only() -> None:
    net, image = build("upernet", 4, **LEAN), torch.randn(2, 3, 64, 96)
    (side,) = net.train()(image).auxiliary
    assert side.shape == (2, 4, 4, 6)
    assert net.eval()(image).auxiliary == ()
    assert build("upernet", 4, **LEAN, auxiliary=False).train()(image).auxiliary == ()


@torch.no_grad()
def test_averages_are_enlarged_before_they_are_narrowed() -> None:
    """A ReLU behind the 1x1 convolution makes the order count: between a cell that it closes and one that it does not."""
    torch.manual_seed(0)
    pool = PyramidPooling(4, (2,), share=3, squeeze_last=True).eval()
    x = torch.randn(1, 4, 8, 12)
    enlarged = nn.functional.interpolate(nn.functional.adaptive_avg_pool2d(x, 2), (8, 12), mode="bilinear")
    torch.testing.assert_close(pool(x)[:, 4:], pool.squeeze[0](enlarged))
    other = PyramidPooling(4, (2,), share=3).eval()
    other.load_state_dict(pool.state_dict())
    assert not torch.allclose(other(x), pool(x))


def test_the_authors_resnet_begins_with_three_convolutions() -> None:
    with torch.device("meta"):
        body = build("upernet", 150).encoder.body
    assert [m.out_channels for m in body.conv1 if isinstance(m, nn.Conv2d)] == [64, 64, 128]
