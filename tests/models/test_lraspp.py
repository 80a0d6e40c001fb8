"""What Howard et al. claim, and torchvision's network as a variant of it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.realtime.lraspp import Weigh

SMALL = {"encoder": "mobilenetv3_small_050", "channels": 8}


@pytest.mark.parametrize(
    ("size", "window", "strides"), [((64, 128), 49, (16, 20)), ((33, 50), 7, (2, 3)), ((9, 8), 8, (1, 1))]
)
@torch.no_grad()
def test_weights_are_averages_over_windows_enlarged(size: tuple, window: int, strides: tuple) -> None:
    """49x49, every 16 and every 20, on the 64x128 map of a Cityscapes image: one row of four weights."""
    torch.manual_seed(0)
    weigh, x = Weigh(3, 5, window, strides), 20 * torch.randn(2, 3, *size)
    pooled = F.avg_pool2d(x, window, stride=strides)
    assert window < 49 or pooled.shape == (2, 3, 1, 4)
    expected = F.interpolate(torch.sigmoid(weigh.conv(pooled)), size, mode="bilinear")
    assert expected.std() > 0.01
    torch.testing.assert_close(weigh(x), expected, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_a_map_smaller_than_the_window_is_averaged_as_a_whole() -> None:
    x, large, whole = torch.randn(1, 3, 20, 48), Weigh(3, 5, 49, (16, 20)), Weigh(3, 5, None, (16, 20))
    whole.load_state_dict(large.state_dict())
    torch.testing.assert_close(large(x), whole(x))
    torch.testing.assert_close(whole(x)[..., :1, :1], torch.sigmoid(large.conv(x.mean((2, 3), keepdim=True))))


def test_a_graph_of_a_small_image_answers_a_large_one() -> None:
    """One window when it was exported, several when it is used."""
    weigh, dynamic = Weigh(3, 5, 49, (16, 20)).eval(), torch.export.Dim.DYNAMIC
    program = torch.export.export(
        weigh, (torch.randn(2, 3, 32, 33),), dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},)
    )
    for size in [(64, 128), (65, 200), (20, 48)]:
        x = torch.randn(3, 3, *size)
        torch.testing.assert_close(program.module()(x), weigh(x))


@torch.no_grad()
def test_weights_lie_between_0_and_1_and_scale_the_coarse_scores_only() -> None:
    torch.manual_seed(0)
    net, image = build("lraspp", 3, **SMALL).eval(), torch.randn(1, 3, 64, 96)
    given = []
    net.weigh.register_forward_hook(lambda _, __, out: given.append(out))
    before = net(image).logits
    assert given[0].min() > 0 and given[0].max() < 1
    nn.init.zeros_(net.score_coarse.weight), nn.init.zeros_(net.score_coarse.bias)
    fine = net(image).logits
    nn.init.normal_(net.weigh.conv.weight)
    assert torch.equal(net(image).logits, fine) and not torch.equal(fine, before)


@torch.no_grad()
def test_torchvisions_network_with_its_weights_gives_its_answer() -> None:
    """Where the backbones differ: torchvision takes its fine feature two blocks earlier, dilates the block that would
    shrink as well, and has another epsilon; all three are undone here, so that weights and head are compared."""
    models = pytest.importorskip("torchvision", reason="the peer torchvision is not installed").models
    torch.manual_seed(0)
    theirs = models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21)
    ours = build("lraspp", 21, window=None)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters()) == 3_221_538
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2), nn.init.uniform_(module.running_var, 0.5, 2.0)
    mine, peers = ours.state_dict(), theirs.state_dict()
    assert [tuple(v.shape) for v in mine.values()] == [tuple(v.shape) for v in peers.values()]
    ours.load_state_dict(dict(zip(mine, peers.values(), strict=True)))
    for a, b in zip(batch_norms(ours), batch_norms(theirs), strict=True):
        a.eps = b.eps
    theirs.backbone.return_layers = {"6": "low", "16": "high"}
    first = next(
        m for m in ours.encoder.modules() if isinstance(m, nn.Conv2d) and m.groups == 672 and m.kernel_size == (5, 5)
    )
    first.dilation, first.padding = (2, 2), (4, 4)
    image = torch.randn(2, 3, 96, 128)
    expected = theirs.eval()(image)["out"]
    assert expected.abs().mean() > 1e-3
    torch.testing.assert_close(ours.eval()(image).logits, expected, atol=1e-4, rtol=1e-4)


def batch_norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.parametrize("options", [{"window": 0}, {"strides": (16,)}, {"strides": (0, 20)}])
def test_windows_must_make_sense(options: dict) -> None:
    with pytest.raises(ModelError, match="give a side, and a step down and across"):
        build("lraspp", 2, **SMALL, **options)
