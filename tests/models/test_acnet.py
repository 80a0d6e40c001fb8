"""What Fu et al. claim: the scene for pixels that resemble it, the surroundings for those that do not, coarse to fine."""

import torch

from intarsia.models import build
from intarsia.models.attention.acnet import AdaptiveBlock, likeness


def test_likeness_of_a_worked_example() -> None:
    """Squared distances of 0 and 8 over two channels."""
    x = torch.tensor([[1.0, 3.0], [2.0, 4.0]]).reshape(1, 2, 1, 2)
    alike = likeness(x, torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1))
    torch.testing.assert_close(alike, torch.tensor([1.0, -4.0]).sub(torch.tensor([1.0, 0.0])).exp().reshape(1, 1, 1, 2))


@torch.no_grad()
def test_a_pixel_like_the_mean_gets_the_scene_and_one_far_from_it_its_surroundings() -> None:
    torch.manual_seed(0)
    block, x = AdaptiveBlock(4, 2).eval(), torch.rand(1, 4, 1, 5)
    x[..., 0], x[..., 1] = -30, 30  # their mean is 0
    x[..., 2] = 0
    x[..., 3], x[..., 4] = 0.5, -0.5
    first = block.look[0](x)
    second = block.look[1](first)
    y = block(x)
    torch.testing.assert_close(y[..., 2], (x + block.glance(torch.zeros(1, 4, 1, 1)))[..., 2])
    torch.testing.assert_close(y[..., :2], (x + first + second)[..., :2])
    half = torch.tensor(-0.25).exp()
    wanted = x + half * block.glance(torch.zeros(1, 4, 1, 1)) + (1 - half) * (first + second)
    torch.testing.assert_close(y[..., 3:], wanted[..., 3:])


def test_blocks_stand_on_three_sizes_and_c4_speaks_in_training_only() -> None:
    net, image = build("acnet", 4, encoder="resnet18", channels=8), torch.randn(2, 3, 64, 96)
    sizes = []
    for block in net.adapt:
        block.register_forward_hook(lambda _, __, x: sizes.append(tuple(x.shape[2:])))
    (side,) = net.train()(image).auxiliary
    assert sizes == [(4, 6), (8, 12), (16, 24)]
    assert side.shape == (2, 4, 4, 6)
    assert net.eval()(image).auxiliary == ()
