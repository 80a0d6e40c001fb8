"""What Chen et al. claim: multi-grid, rates doubled at stride 8, and kernels that degenerate as their rate grows."""

import pytest
import torch
from torch import nn

from intarsia.blocks.conv import ConvNormAct
from intarsia.checkpoint import build as variant
from intarsia.errors import ModelError
from intarsia.models import build


def rates_of(module: nn.Module) -> list[int]:
    return [m.dilation[0] for m in module.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]


@pytest.mark.parametrize(
    ("stride", "grid", "looks"), [(16, [2, 4, 8], [6, 12, 18]), (8, [4, 8, 16], [12, 24, 36])], ids=str
)
def test_multi_grid_multiplies_the_stages_rate(stride: int, grid: list[int], looks: list[int]) -> None:
    """Section 3.2.1: at output stride 16 and (1, 2, 4), the three convolutions of block4 have rates 2 * (1, 2, 4)."""
    with torch.device("meta"):
        net = build("deeplabv3", 21, encoder="resnet50", output_stride=stride)
        assert rates_of(net.encoder.body.layer4) == grid
        assert rates_of(net.pyramid) == looks
        assert net.encoder(torch.empty(1, 3, 64, 64))[0].shape[-1] == 64 // stride


def test_a_dilated_stage_is_dilated_from_its_first_block_on() -> None:
    with torch.device("meta"):
        net = build("deeplabv3", 21, encoder="resnet50", output_stride=8)
    assert rates_of(net.encoder.body.layer3) == [2] * 6


@pytest.mark.parametrize(
    ("encoder", "published"),
    [("resnet50", 42_004_074), ("resnet101", 60_996_202), ("mobilenetv3_large_100", 11_029_328)],
)
def test_the_variant_is_torchvisions_network(encoder: str, published: int) -> None:
    """The parameters that torchvision states for its three networks, all of them with its auxiliary classifier.

    On MobileNet v3 that one sees a feature of 40 channels, ours of 112.
    """
    with torch.device("meta"):
        net = variant("torchvision_deeplabv3", 21, encoder=encoder, auxiliary="resnet" in encoder)
    auxiliary = 0 if "resnet" in encoder else 40 * 10 * 9 + 2 * 10 + 10 * 21 + 21
    assert sum(p.numel() for p in net.parameters()) + auxiliary == published


@torch.no_grad()
def test_a_rate_as_large_as_the_map_leaves_a_1x1_kernel() -> None:
    """Section 3.3: the reason for the 1x1 branch and the mean of the image."""
    torch.manual_seed(0)
    wide, narrow = ConvNormAct(4, 6, dilation=9).eval(), ConvNormAct(4, 6, 1).eval()
    narrow.conv.weight.copy_(wide.conv.weight[:, :, 1:2, 1:2])
    x = torch.randn(1, 4, 9, 9)
    torch.testing.assert_close(wide(x), narrow(x))
    x = torch.randn(1, 4, 9, 10)
    assert not torch.allclose(wide(x), narrow(x)), "one pixel wider, and two columns see each other"


def test_the_second_classifier_speaks_in_training_only() -> None:
    net = variant("torchvision_deeplabv3", 5, encoder="resnet18", channels=8, auxiliary=True)
    image = torch.randn(2, 3, 64, 96)
    assert [side.shape for side in net.train()(image).auxiliary] == [(2, 5, 8, 12)]
    assert net.eval()(image).auxiliary == ()
    assert build("deeplabv3", 5, encoder="resnet18", channels=8).train()(image).auxiliary == ()


def test_errors() -> None:
    with pytest.raises(ModelError, match="are for ResNets and their like"):
        build("deeplabv3", 2, encoder="mobilenetv3_small_100")
    with pytest.raises(ModelError, match=r"rates of blocks is \[0\]"):
        build("deeplabv3", 2, encoder="resnet18", multi_grid=[0])
