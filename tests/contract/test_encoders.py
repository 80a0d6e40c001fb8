"""What every encoder promises, tried on one of each family that does something of its own."""

import pytest
import torch
from torch import nn

from intarsia.encoders import Encoder

FAMILIES = [
    "resnet18",
    "mobilenetv3_small_100",  # later blocks stay in timm's extractor
    "vgg11",  # begins at stride 1, drops odd rows, fails below 32 pixels
    "convnext_atto",  # begins at stride 4
    "swin_tiny_patch4_window7_224",  # channels last, patches of 4
    "hrnet_w18_small",  # four branches
    "pvt_v2_b0",  # fails below 32 pixels only
]


@pytest.fixture(scope="module", params=FAMILIES)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    torch.manual_seed(0)
    return Encoder(request.param).eval()


@pytest.mark.parametrize("size", [(1, 1), (3, 35), (37, 53), (64, 64)], ids=str)
@torch.no_grad()
def test_a_feature_has_the_size_of_the_image_over_its_stride_rounded_up(
    encoder: Encoder, size: tuple[int, int]
) -> None:
    features = encoder(torch.randn(2, 3, *size))
    assert encoder.strides == (4, 8, 16, 32)
    for feature, channels, stride in zip(features, encoder.channels, encoder.strides, strict=True):
        assert feature.shape == (2, channels, -(-size[0] // stride), -(-size[1] // stride))
        assert feature.isfinite().all()


def test_statistics_have_one_number_a_channel(encoder: Encoder) -> None:
    assert len(encoder.mean) == len(encoder.std) == 3
    assert all(0 < value < 1 for value in encoder.mean + encoder.std)


@pytest.mark.parametrize("name", FAMILIES)
def test_stages_that_nobody_asked_for_cost_nothing(name: str) -> None:
    torch.manual_seed(0)
    encoder, whole = Encoder(name, levels=(2, 3), in_channels=4), Encoder(name)
    for module in encoder.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.ones_(module.weight)
    sum(feature.sin().sum() for feature in encoder.eval()(torch.randn(2, 4, 70, 45))).backward()
    waiting = [key for key, p in encoder.named_parameters() if p.requires_grad and p.grad is None]
    assert waiting == []
    count = lambda network: sum(p.numel() for p in network.parameters() if p.requires_grad)  # noqa: E731
    assert count(encoder) < count(whole)
