"""What Chen et al. claim: multi-grid, rates doubled at stride 8, and kernels that degenerate as their rate grows."""

import pytest
import torch
from torch import nn

from intarsia.blocks.conv import ConvNormAct
from intarsia.errors import ModelError
from intarsia.models import build, count_parameters


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


@pytest.mark.parametrize(
    ("encoder", "auxiliary", "stride", "published"),
    [
        ("resnet50", 4, 8, 42_004_074),
        ("resnet101", 4, 8, 60_996_202),
        ("mobilenetv3_large_100", 3, 16, 11_029_328),
    ],
)
def test_keywords_give_torchvisions_networks(encoder: str, auxiliary: int, stride: int, published: int) -> None:
    """The parameters that torchvision states for its three networks, all of them with its auxiliary classifier."""
    options = {"encoder": encoder, "auxiliary": auxiliary, "output_stride": stride}
    assert count_parameters("deeplabv3", 21, **options, multi_grid=None, refine=True, rates=[12, 24, 36]) == published


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
    net = build("deeplabv3", 5, encoder="resnet18", channels=8, multi_grid=[1, 2], auxiliary=4)
    image = torch.randn(2, 3, 64, 96)
    assert [side.shape for side in net.train()(image).auxiliary] == [(2, 5, 4, 6)]
    assert net.eval()(image).auxiliary == ()
    assert build("deeplabv3", 5, encoder="resnet18", channels=8).train()(image).auxiliary == ()


def test_errors() -> None:
    with pytest.raises(ModelError, match="are for ResNets and their like"):
        build("deeplabv3", 2, encoder="mobilenetv3_small_100")
    with pytest.raises(ModelError, match=r"rates of blocks is \[0\]"):
        build("deeplabv3", 2, encoder="resnet18", multi_grid=[0])
