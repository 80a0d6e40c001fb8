"""What Yu and Koltun claim: a module that starts as the identity, table 1's receptive fields, 64 C^2 parameters."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.context.dilation10 import context

VOC, KITTI, CITYSCAPES = (1, 1, 2, 4, 8, 16, 1), (1, 1, 2, 4, 8, 1), (1, 1, 2, 4, 8, 16, 32, 64, 1)
LARGE = (2, 2, 4, 8, 16, 32, 32)
TINY = (4, 4, 8, 8, 8, 16)


@pytest.mark.parametrize("rates", [VOC, KITTI, CITYSCAPES], ids=len)
@torch.no_grad()
def test_a_new_context_module_returns_its_input_exactly(rates: tuple[int, ...]) -> None:
    """Equation 4; what is below 0 is cut off, as after every layer."""
    x = torch.randn(2, 5, 33, 40)
    assert torch.equal(context(5, rates, (1,) * len(rates))(x), x.relu())


@torch.no_grad()
def test_a_new_large_module_returns_its_input_but_for_the_noise() -> None:
    """Equation 5: several maps stand for one and are added up again, through 2C, 2C, 4C, ..., 32C, 32C maps and back."""
    torch.manual_seed(0)
    x = torch.rand(1, 3, 20, 24)
    module = context(3, VOC, LARGE)
    assert [conv.out_channels for conv in module if isinstance(conv, nn.Conv2d)] == [6, 6, 12, 24, 48, 96, 96, 3]
    given = module(x)
    assert not torch.equal(given, x)
    inner = (slice(None), slice(None), slice(6, 14), slice(6, 18))
    torch.testing.assert_close(given[inner], x[inner], atol=0.2, rtol=0)


def test_table_1_receptive_fields() -> None:
    """3, 5, 9, 17, 33, 65, 67 and 67 for the module of PASCAL VOC; every pixel of these squares is seen."""
    module, fields = context(1, VOC, (1,) * 7), []
    for n, layer in enumerate(module):
        if isinstance(layer, nn.Conv2d):
            nn.init.ones_(layer.weight)
            x = torch.ones(1, 1, 91, 91, requires_grad=True)
            module[: n + 1](x)[0, 0, 45, 45].backward()
            fields.append(int(x.grad.count_nonzero()) ** 0.5)
    assert fields == [3, 5, 9, 17, 33, 65, 67, 67]


def test_the_module_for_cityscapes_has_ten_layers_and_sees_259_cells() -> None:
    module = build("dilation10", 1, channels=TINY).context
    for layer in module[::2]:
        nn.init.ones_(layer.weight)
    x = torch.ones(1, 1, 1, 271, requires_grad=True)
    module(x)[0, 0, 0, 135].backward()
    assert len(module[::2]) == 10
    assert int(x.grad.count_nonzero()) == 259


def test_the_basic_module_has_64_c_squared_weights() -> None:
    weights = [p.numel() for p in context(21, VOC, (1,) * 7).parameters() if p.dim() == 4]
    assert sum(weights) == 64 * 21**2


@torch.no_grad()
def test_the_front_end_has_no_pool4_and_pool5_and_holes_of_2_and_4() -> None:
    net = build("dilation10", 3, channels=TINY)
    assert [isinstance(stage[-1], nn.MaxPool2d) for stage in net.encoder.stages] == [True, True, True, False, False]
    assert {c.dilation for c in net.encoder.stages[4] if isinstance(c, nn.Conv2d)} == {(2, 2)}
    assert (net.classify[0].kernel_size, net.classify[0].dilation) == ((7, 7), (4, 4))


def test_the_front_end_answers_by_itself_in_training() -> None:
    torch.manual_seed(0)
    net = build("dilation10", 3, channels=TINY, dropout=0.0).train()
    image = torch.randn(1, 3, 64, 64)
    output = net(image)
    torch.testing.assert_close(output.auxiliary[0], net.classify(net.encoder(image)[0]))
    assert net.eval()(image).auxiliary == ()


def test_a_width_for_each_rate() -> None:
    with pytest.raises(ModelError, match="a width for each of its rates"):
        build("dilation10", 2, channels=TINY, widths=(1, 2))
