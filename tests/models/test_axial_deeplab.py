"""What Wang et al. claim: no 3x3 convolution behind the stem, three sizes, and sight of whole rows and columns."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build, count_parameters

SMALL = {"width": 0.125, "blocks": (1, 1, 1, 1), "heads": 2, "span": 8, "channels": 16, "detail": (8, 8), "instance_channels": 8, "instance_detail": (8, 4), "head_channels": 4}  # fmt: skip


def test_attention_stands_where_a_resnet_has_convolutions() -> None:
    with torch.device("meta"):
        net = build("axial_deeplab", 19)
    assert [len(stage) for stage in net.stages] == [3, 4, 6, 3]
    kernels = {m.kernel_size for m in net.stages.modules() if isinstance(m, nn.Conv2d | nn.Conv1d)}
    assert kernels == {(1,), (1, 1)}
    looks = [stage[0].look for stage in net.stages]
    assert [look.down.keys for look in looks] == [64, 128, 256, 512]
    assert all(look.down.values == 2 * look.down.keys and look.down.heads == 8 for look in looks)
    assert [look.stride for look in looks] == [1, 2, 2, 1], "the last stage keeps output stride 16"


def test_sizes_are_widths() -> None:
    """S, M and L have half, three quarters and all of the channels."""
    small, medium, large = (count_parameters("axial_deeplab", 19, width=width) for width in (0.5, 0.75, 1.0))
    assert small < medium < large


@torch.no_grad()
def test_a_pixel_sees_its_whole_column_and_row_in_one_block() -> None:
    torch.manual_seed(0)
    block = build("axial_deeplab", 3, **SMALL).stages[0][0].eval()
    nn.init.ones_(block.expand[1].weight)
    x = torch.randn(1, 16, 6, 9)
    other = x.clone()
    other[0, :, 0, 0] += 1
    changed = (block(other) != block(x)).any(1)[0]
    assert changed.all(), "down its column, and from there along every row"


def test_errors() -> None:
    with pytest.raises(ModelError, match=r"blocks is \[3, 4\]; name how many each of the four stages has"):
        build("axial_deeplab", 3, blocks=[3, 4])
    with pytest.raises(ModelError, match="width is 0.3; 64 times it has to be a multiple of the 8 heads"):
        build("axial_deeplab", 3, width=0.3)
