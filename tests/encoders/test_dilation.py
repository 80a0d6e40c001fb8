"""What of a dilated or cut encoder is ours rather than timm's."""

import pytest
import torch
from torch import nn

from intarsia.encoders import Encoder, cut_stage
from intarsia.errors import EncoderError


def rates(stage: nn.Module) -> list[int]:
    return [m.dilation[0] for m in stage.modules() if isinstance(m, nn.Conv2d) and m.kernel_size[0] > 1]


def test_the_first_block_keeps_the_rate_before_it_or_not() -> None:
    body = Encoder("resnet18", output_stride=8).body
    assert (rates(body.layer3), rates(body.layer4)) == ([1, 2, 2, 2], [2, 4, 4, 4])
    body = Encoder("resnet18", output_stride=8, dilate_first=True).body
    assert (rates(body.layer3), rates(body.layer4)) == ([2, 2, 2, 2], [4, 4, 4, 4])


@pytest.mark.parametrize("stride", [8, 16, 32])
@torch.no_grad()
def test_sizes_stay(stride: int) -> None:
    image = torch.randn(1, 3, 65, 97)
    for name in ("resnet18", "mobilenetv3_large_100"):
        usual = Encoder(name, output_stride=stride).eval()
        for norm in filter(lambda m: isinstance(m, nn.BatchNorm2d), usual.modules()):
            nn.init.ones_(norm.weight)  # a block that starts at zero would show nothing
        wide = Encoder(name, output_stride=stride, dilate_first=True).eval()
        wide.load_state_dict(usual.state_dict())
        for a, b in zip(usual(image), wide(image), strict=True):
            assert a.shape == b.shape
        assert torch.equal(a, b) == (stride == 32)


@torch.no_grad()
def test_a_cut_stage_gives_its_first_blocks_output_and_the_same_beyond() -> None:
    encoder = Encoder("mobilenetv3_large_100", levels=(3, 5), output_stride=16).eval()
    first: list[torch.Tensor] = []
    encoder.body.blocks[2][0].register_forward_hook(lambda module, given, output: first.append(output))
    image = torch.randn(1, 3, 65, 97)
    _, c5 = encoder(image)
    cut_stage(encoder.body, 3)
    fine, same = encoder(image)
    assert torch.equal(fine, first[0])
    assert torch.equal(same, c5)


def test_only_mobile_networks_are_cut() -> None:
    with pytest.raises(EncoderError, match="the first block of a stage gives c3 in MobileNets and EfficientNets only"):
        cut_stage(Encoder("resnet18").body, 3)
