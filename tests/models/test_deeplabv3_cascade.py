"""What Chen et al. claim: figure 3's strides and rates, and that holes compute what strides would, only denser."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build

SMALL = {"encoder": "resnet18", "multi_grid": (1, 1, 1)}


def rates_of(block: nn.Module) -> list[int]:
    return [m.dilation[0] for m in block.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]


@pytest.mark.parametrize(
    ("stride", "rates", "sizes"),
    [
        (8, [4, 8, 16, 32], [128, 128, 128, 128]),
        (16, [2, 4, 8, 16], [64, 64, 64, 64]),
        (64, [1, 1, 2, 4], [32, 16, 16, 16]),
        (256, [1, 1, 1, 1], [32, 16, 8, 4]),
    ],
)
def test_figure_3(stride: int, rates: list[int], sizes: list[int]) -> None:
    """Block4 to block7 of an image of 1024 pixels: without holes (256), and with holes behind some block."""
    with torch.device("meta"):
        net = build("deeplabv3_cascade", 21, encoder="resnet50", output_stride=stride)
        (x,) = net.encoder(torch.empty(1, 3, 1024, 1024))
        widths = [x.shape[-1]]
        for block in net.blocks:
            x = block(x)
            widths.append(x.shape[-1])
    assert widths == sizes
    blocks = [net.encoder.body.layer4, *net.blocks]
    assert [rates_of(block) for block in blocks] == [[rate, 2 * rate, rate] for rate in rates]  # multi-grid (1, 2, 1)


@torch.no_grad()
def test_every_eighth_pixel_of_the_dense_answer_is_the_strided_answer() -> None:
    torch.manual_seed(0)
    strided = build("deeplabv3_cascade", 3, output_stride=256, **SMALL).eval()
    dense = build("deeplabv3_cascade", 3, output_stride=32, **SMALL).eval()
    dense.load_state_dict(strided.state_dict())
    x = torch.randn(1, 512, 17, 25)
    fine = coarse = x
    for far, near in zip(strided.blocks, dense.blocks, strict=True):
        coarse, fine = far(coarse), near(fine)
    assert coarse.shape[-2:] == (3, 4) and fine.shape[-2:] == (17, 25)
    torch.testing.assert_close(fine[..., ::8, ::8], coarse, atol=5e-5, rtol=1e-3)


@torch.no_grad()
def test_a_copy_is_a_block4_of_a_resnet_without_the_projection() -> None:
    with torch.device("meta"):
        net = build("deeplabv3_cascade", 21, encoder="resnet50")
    count = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    first, *others = net.encoder.body.layer4
    assert len(net.blocks) == 3
    assert all(count(unit) == count(others[0]) for block in net.blocks for unit in block[1:])
    assert count(first) > count(others[0])


def test_errors() -> None:
    with pytest.raises(ModelError, match="output_stride is 512; choose from 8, 16, 32, 64, 128, 256"):
        build("deeplabv3_cascade", 2, encoder="resnet18", output_stride=512)
    with pytest.raises(ModelError, match="copies is -1"):
        build("deeplabv3_cascade", 2, encoder="resnet18", copies=-1)


def test_the_third_block_is_dilated_from_its_first_unit_on() -> None:
    with torch.device("meta"):
        body = build("deeplabv3_cascade", 21, encoder="resnet50", output_stride=8).encoder.body
    assert {m.dilation[0] for m in body.layer3.modules() if getattr(m, "kernel_size", 0) == (3, 3)} == {2}
