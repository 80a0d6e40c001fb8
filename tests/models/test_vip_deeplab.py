"""What Qiao et al. claim: one encoder for both frames, a branch of its own for motion, depth between 0 and 88 m."""

import pytest
import torch

from intarsia.errors import ModelError
from intarsia.models import build

SMALL = {"encoder": "resnet10t", "channels": 16, "detail": (8, 8), "instance_channels": 8, "instance_detail": (8, 4), "head_channels": 4, "depth_channels": 4}  # fmt: skip


@torch.no_grad()
def test_only_motion_sees_the_frame_before() -> None:
    torch.manual_seed(0)
    net = build("vip_deeplab", 3, in_channels=6, **SMALL).eval()
    image = torch.randn(1, 6, 50, 70)
    other = image.clone()
    other[:, 3:] = torch.randn(1, 3, 50, 70)
    seen, changed = net(image), net(other)
    for same in ("semantic", "centers", "offsets", "depth"):
        assert torch.equal(getattr(seen, same), getattr(changed, same)), same
    assert not torch.equal(seen.motion, changed.motion)
    alone = build("vip_deeplab", 3, **SMALL).eval()
    alone.load_state_dict(net.state_dict())  # one encoder: a single frame needs the same weights
    twice = net(torch.cat([image[:, :3]] * 2, dim=1))
    assert all(torch.equal(a, b) for a, b in zip(alone(image[:, :3]), twice, strict=True))


@torch.no_grad()
def test_depth_is_a_share_of_the_largest() -> None:
    net = build("vip_deeplab", 3, max_depth=30.0, **SMALL).eval()
    net.measure.classify.score.weight.zero_()
    for bias, meters in ((0.0, 15.0), (50.0, 30.0), (-50.0, 0.0)):
        net.measure.classify.score.bias.fill_(bias)
        depth = net(torch.randn(1, 3, 33, 50)).depth
        torch.testing.assert_close(depth, torch.full_like(depth, meters))
    with pytest.raises(ModelError, match="max_depth is 0; give the largest depth in meters"):
        build("vip_deeplab", 3, max_depth=0, **SMALL)


def test_the_authors_widths() -> None:
    with torch.device("meta"):
        net = build("vip_deeplab", 19, in_channels=6)
    assert net.encoder.body.conv1.weight.shape == (64, 3, 7, 7)
    assert net.decode_motion.pyramid.look[0].conv.in_channels == 2 * 2048
    heads = [(h.look.pointwise.conv.out_channels, h.classify.score.out_channels) for h in (net.point_back, net.measure)]
    assert heads == [(32, 2), (64, 1)]
