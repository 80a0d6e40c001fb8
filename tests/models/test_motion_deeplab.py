"""What Weber et al. claim: seven channels, one more head of offsets, and otherwise Panoptic-DeepLab at output stride 32."""

import torch
from torch import nn

from intarsia.models import build

SMALL = {"encoder": "resnet10t", "channels": 16, "detail": (8, 8), "instance_channels": 8, "instance_detail": (8, 4), "head_channels": 4}  # fmt: skip


def test_the_papers_widths_and_what_seven_channels_and_a_head_cost() -> None:
    with torch.device("meta"):
        net, plain = build("motion_deeplab", 19, in_channels=7), build("panoptic_deeplab", 19, output_stride=32)
    assert net.encoder.body.conv1.weight.shape == (64, 7, 7, 7)
    assert [layer.depthwise.conv.dilation for layer in net.decode_objects.pyramid.look[1:]] == [(3, 3), (6, 6), (9, 9)]
    assert net.point_back.look.pointwise.conv.out_channels == 32 and net.point_back.classify.score.out_channels == 2
    own, others = ({key: p.shape for key, p in one.named_parameters()} for one in (net, plain))
    assert {key for key in own if key not in others} == {key for key in own if key.startswith("point_back")}
    more = sum(p.numel() for p in net.parameters()) - sum(p.numel() for p in plain.parameters())
    assert more == 4 * 64 * 49 + sum(p.numel() for p in net.point_back.parameters())


@torch.no_grad()
def test_motion_is_pixels_of_the_image_and_sees_the_frame_before_and_its_centers() -> None:
    torch.manual_seed(0)
    net = build("motion_deeplab", 3, in_channels=7, **SMALL).eval()
    image = torch.randn(1, 7, 50, 70)
    seen = net(image)
    for channels in (slice(3, 6), slice(6, 7)):
        other = image.clone()
        other[:, channels] = 0
        changed = net(other)
        assert all(not torch.equal(a, b) for a, b in ((seen.semantic, changed.semantic), (seen.motion, changed.motion)))
    nn.init.zeros_(net.point_back.classify.score.weight)
    net.point_back.classify.score.bias.copy_(torch.tensor([2.0, -0.5]))
    motion = net(image).motion
    torch.testing.assert_close(motion, torch.tensor([8.0, -2.0])[None, :, None, None].expand(1, 2, 50, 70))
