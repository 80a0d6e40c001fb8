"""What Romera et al. claim: factorized residual layers, 2.1 million parameters, a wide view from an eighth."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.realtime.erfnet import Factorized


def test_it_has_the_published_size() -> None:
    """The released PyTorch code has biases before batch norm, and a second classifier on its encoder, for training."""
    with torch.device("meta"):
        net = build("erfnet", 20)
    ours = sum(p.numel() for p in net.parameters())
    before_norm = sum(
        m.out_channels for m in net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d) and m.bias is None
    )
    on_encoder = 128 * 20 + 20
    assert ours + before_norm + on_encoder == 2_066_836
    assert round(ours / 1e6, 1) == 2.1


def test_a_column_and_a_row_have_two_thirds_of_the_weights_and_see_as_far() -> None:
    block = Factorized(8, 4)
    kernels = [m for m in block.layers if isinstance(m, nn.Conv2d)]
    assert sum(m.weight.numel() for m in kernels) * 3 == 2 * (2 * 8 * 8 * 9)
    for m in kernels:
        nn.init.ones_(m.weight)
    x = torch.ones(1, 8, 21, 21, requires_grad=True)
    block.eval()(x)[..., 10, 10].sum().backward()
    rows = x.grad[0, 0].nonzero()
    assert rows.min() == 10 - 5 and rows.max() == 10 + 5  # 1 of the first pair, 4 of the dilated one
    assert len(rows) == 81  # nine columns and nine rows of taps


def test_dilations_are_the_tables() -> None:
    with torch.device("meta"):
        net = build("erfnet", 20)
    assert len(net.stage2) == 5 and len(net.stage3) == 8 and len(net.tidy2) == len(net.tidy1) == 2
    rates = [max(m.dilation[0] for m in block.layers if isinstance(m, nn.Conv2d)) for block in net.stage3]
    assert rates == [2, 4, 8, 16, 2, 4, 8, 16]
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout2d)] == [0.03] * 5 + [0.3] * 8 + [0.0] * 4


def test_widths_must_grow() -> None:
    with pytest.raises(ModelError, match="three widths that grow"):
        build("erfnet", 2, channels=(16, 16, 128))
