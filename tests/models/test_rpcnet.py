"""What Zhen et al. claim: two streams that ask each other's pooled contexts, and borders that hear of the class map."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.errors import ModelError
from intarsia.losses import DualTask
from intarsia.losses.auxiliary import total
from intarsia.models import build
from intarsia.models.attention.rpcnet import PyramidContext, spatial_gradient
from intarsia.models.catalogue import ARCHITECTURES

SMALL = ARCHITECTURES["rpcnet"].smallest


@torch.no_grad()
def test_context_equals_a_slow_loop() -> None:
    torch.manual_seed(0)
    module = PyramidContext(5, 3, (1, 2)).eval()
    x, other = torch.randn(2, 5, 4, 6), torch.randn(2, 5, 4, 6)
    pooled = torch.cat([F.adaptive_avg_pool2d(other, side).flatten(2) for side in (1, 2)], dim=2)  # [2, 5, 5]
    found = module(x, other)
    for b in range(2):
        key = module.key.weight[:, :, 0, 0] @ pooled[b] + module.key.bias[:, None]
        value = module.value.weight[:, :, 0, 0] @ pooled[b] + module.value.bias[:, None]
        for i in range(4):
            for j in range(6):
                query = module.query.weight[:, :, 0, 0] @ x[b, :, i, j] + module.query.bias
                share = (query @ key / 3**0.5).softmax(0)
                torch.testing.assert_close(found[b, :, i, j], x[b, :, i, j] + value @ share)


def test_the_gradient_of_a_class_map_is_at_its_border() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.long)
    labels[..., 4:] = 1
    slopes = spatial_gradient(80.0 * F.one_hot(labels, 3).permute(0, 3, 1, 2).float())
    assert slopes[0, :2, :, 3:5].allclose(torch.tensor(1 / 3))
    assert slopes[0, :, :, :3].max() < 1e-6 and slopes[0, :, :, 5:].max() < 1e-6 and slopes[0, 2].max() < 1e-6


@torch.no_grad()
def test_either_stream_hears_the_whole_other_one() -> None:
    torch.manual_seed(0)
    module = PyramidContext(5, 3, (1, 2)).eval()
    x, other = torch.randn(1, 5, 9, 9), torch.randn(1, 5, 9, 9)
    changed = other.clone()
    changed[..., 8, 8] += 10
    assert (module(x, changed) - module(x, other))[0, :, 0, 0].abs().max() > 0


def test_borders_of_each_class_are_trained() -> None:
    torch.manual_seed(0)
    net, image = build("rpcnet", 4, **SMALL), torch.randn(2, 3, 64, 96)
    output = net.train()(image)
    assert output.edges is not None and output.edges.shape == (2, 4, 8, 12)
    labels = torch.zeros(2, 64, 96, dtype=torch.long)
    labels[..., 40:] = 1
    terms = DualTask()(output, labels)
    assert set(terms) == {"main", "edges", "attention", "dual"}
    total(terms).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert net.eval()(image).edges is None


def test_rounds_share_their_weights() -> None:
    counts = [sum(p.numel() for p in build("rpcnet", 4, **{**SMALL, "rounds": n}).parameters()) for n in (1, 3)]
    assert counts[0] == counts[1]


def test_doors() -> None:
    for options, message in (({"bins": ()}, "name the side of each pooling grid"), ({"rounds": 0}, "rounds is 0")):
        with pytest.raises(ModelError, match=message):
            build("rpcnet", 4, **{**SMALL, **options})
