"""What He et al. claim: each pixel weighs the cells of a grid by its own feature and the mean of the image."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.attention.apcnet import AdaptiveContext


@torch.no_grad()
def test_context_equals_a_slow_loop() -> None:
    torch.manual_seed(0)
    adapt, x = AdaptiveContext(6, 4, 2).eval().double(), torch.rand(2, 6, 5, 7, dtype=torch.float64)
    seen = []
    adapt.project.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    adapt(x)
    cells, own = adapt.reduce_cells(F.adaptive_avg_pool2d(x, 2)), adapt.reduce(x)
    scene = adapt.glance(own.mean(dim=(2, 3), keepdim=True))
    for b in range(2):
        for i in range(5):
            for j in range(7):
                asked = own[b, :, i, j] + scene[b, :, 0, 0]
                weights = (adapt.draw.weight[:, :, 0, 0] @ asked + adapt.draw.bias).sigmoid()
                wanted = sum(weights[n] * cells[b, :, n // 2, n % 2] for n in range(4))
                torch.testing.assert_close(seen[0][b, :, i, j], wanted)


@torch.no_grad()
def test_a_pixel_takes_from_cells_that_are_not_its_own() -> None:
    torch.manual_seed(0)
    adapt, x = AdaptiveContext(6, 4, 2).eval(), torch.rand(1, 6, 8, 8)
    for parameter in adapt.parameters():
        parameter.abs_()  # so that no ReLU hides a change
    other = x.clone()
    other[..., 7, 7] += 5
    assert (adapt(other) - adapt(x)).abs().amax(dim=1)[0, :4, :4].gt(0).all()


def test_a_batch_of_one_is_refused_in_training_and_answered_in_evaluation() -> None:
    net, image = build("apcnet", 4, encoder="resnet18", channels=8, bins=(2, 3)), torch.randn(1, 3, 64, 64)
    with pytest.raises(ModelError, match="mean feature of the image is a 1x1 map of a single image"):
        net.train()(image)
    assert net.eval()(image).logits.isfinite().all()
    with pytest.raises(ModelError, match=r"name the side of each grid, such as \[1, 2, 3, 6\]"):
        build("apcnet", 4, encoder="resnet18", bins=(0, 2))


def test_a_module_has_as_many_parameters_as_the_released_one() -> None:
    with torch.device("meta"):
        modules = build("apcnet", 21).adapt
    for side, adapt in zip((1, 2, 3, 6), modules, strict=True):
        inside = 2 * (2048 * 512 + 1024) + 3 * (512 * 512 + 1024) + (512 + 1) * side**2
        assert sum(p.numel() for p in adapt.parameters()) == inside


def test_the_auxiliary_head_speaks_in_training_only() -> None:
    net, image = build("apcnet", 4, encoder="resnet18", channels=8), torch.randn(2, 3, 40, 48)
    assert [side.shape for side in net.train()(image).auxiliary] == [(2, 4, 5, 6)]
    assert net.eval()(image).auxiliary == ()
