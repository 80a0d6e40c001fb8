"""Axial attention: what a loop over pixels gives, and how much memory all pairs of a row take."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from intarsia.blocks.axial import AxialAttention, AxialAttention2d, AxialBlock
from intarsia.errors import ModelError


def shaken(network: nn.Module) -> nn.Module:
    """Norms with statistics, scales and shifts of their own."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for part, low, high in ((module.weight, 0.5, 1.5), (module.bias, -0.3, 0.3), (module.running_mean, -0.3, 0.3), (module.running_var, 0.5, 1.5)):  # fmt: skip
                nn.init.uniform_(part, low, high)
    return network.double().eval()


def normed(norm: nn.modules.batchnorm._BatchNorm, channel: int, value: Tensor) -> Tensor:
    mean, var = norm.running_mean[channel], norm.running_var[channel]
    return (value - mean) / (var + norm.eps).sqrt() * norm.weight[channel] + norm.bias[channel]


def by_loops(net: AxialAttention, x: Tensor) -> Tensor:
    """Equation 4 of the paper for x [C, L], with a norm of each term: one head, query and key at a time."""
    length, width, depth = x.shape[1], net.keys // net.heads, net.values // net.heads
    parts = net.project.weight[:, :, 0] @ x
    parts = torch.stack([normed(net.norm, c, row) for c, row in enumerate(parts)])
    q, k, v = parts.split([net.keys, net.keys, net.values])
    of_query, of_key, of_value = (table.weight for table in net.places)
    out = x.new_zeros(net.values, length)
    for head in range(net.heads):
        mine, some = slice(head * width, (head + 1) * width), slice(head * depth, (head + 1) * depth)
        for at in range(length):
            fit = []
            for to in range(length):
                away = max(1 - net.span, min(net.span - 1, to - at)) + net.span - 1
                terms = (q[mine, at] @ k[mine, to], q[mine, at] @ of_query[away], k[mine, to] @ of_key[away])
                fit.append(sum(normed(net.norm_fit, n * net.heads + head, term) for n, term in enumerate(terms)))
            weights = torch.stack(fit).softmax(0)
            for n, channel in enumerate(range(some.start, some.stop)):
                place = [max(1 - net.span, min(net.span - 1, to - at)) + net.span - 1 for to in range(length)]
                seen, where = weights @ v[channel], weights @ of_value[place, n]
                out[channel, at] = normed(net.norm_out, channel, seen) + normed(
                    net.norm_out, net.values + channel, where
                )
    return out


@pytest.mark.parametrize("span", [6, 3])  # all distances of their own, and the far ones alike
@torch.no_grad()
def test_it_is_the_papers_formula(span: int) -> None:
    net = shaken(AxialAttention(3, 4, 8, heads=2, span=span))
    x = torch.randn(2, 3, 6, dtype=torch.float64)
    torch.testing.assert_close(net(x), torch.stack([by_loops(net, one) for one in x]))


@torch.no_grad()
def test_two_axes_are_columns_and_then_rows() -> None:
    net = shaken(AxialAttention2d(3, 4, 8, heads=2, span=5))
    x = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    down = torch.stack([by_loops(net.down, x[0, :, :, n]) for n in range(5)], dim=2)
    across = torch.stack([by_loops(net.across, down[:, n]) for n in range(4)], dim=1)
    torch.testing.assert_close(net(x)[0], across)
    net.stride = 2  # every second row is kept before rows are looked along, every second column behind
    strided = torch.stack([by_loops(net.across, down[:, n]) for n in (0, 2)], dim=1)[:, :, ::2]
    torch.testing.assert_close(net(x)[0], strided)


class Weights(TorchDispatchMode):
    """Counts the numbers that softmaxes return."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        if "softmax" in str(function):
            self.numbers += found.numel()
        return found


@pytest.mark.parametrize(("h", "w"), [(8, 12), (16, 24), (32, 8)])
def test_memory_grows_as_pixels_times_height_plus_width(h: int, w: int) -> None:
    with torch.device("meta"):
        net, x = AxialAttention2d(4, 4, 8, heads=2), torch.empty(3, 4, h, w)
    with Weights() as seen:
        net(x)
    assert seen.numbers == 3 * 2 * h * w * (h + w)  # images, heads


@torch.no_grad()
def test_a_block_starts_as_its_activated_input() -> None:
    """The last norm's scale is 0 at first, and nothing but the way around is left."""
    block, x = AxialBlock(32, 8, axial=True, heads=2).eval(), torch.randn(1, 32, 5, 6)
    assert torch.equal(block(x), x.relu())
    smooth = AxialBlock(32, 8, axial=False, act="gelu").eval()
    assert torch.equal(smooth(x), nn.functional.gelu(x))


def test_errors() -> None:
    with pytest.raises(ModelError, match="keys of 6 and values of 8 channels do not divide among 4 heads"):
        AxialAttention(3, 6, 8, heads=4)
    with pytest.raises(ModelError, match="span is 0; it is a number of pixels, 1 or more"):
        AxialAttention(3, 4, 8, heads=2, span=0)
