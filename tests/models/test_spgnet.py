"""What Cheng et al. claim: the scores of a first network weigh its feature, and a second one goes on from there."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.attention.spgnet import Guidance

SMALL = {"encoder": "resnet18", "channels": 8}


@torch.no_grad()
def test_guidance_weighs_each_place_and_channel_by_the_scores_there() -> None:
    torch.manual_seed(0)
    guide, x = Guidance(4, 3, 0.0), torch.randn(1, 4, 2, 5)
    nn.init.normal_(guide.classify.score.weight)
    y, scores = guide(x)
    for i in range(2):
        for j in range(5):
            told = guide.classify.score.weight[:, :, 0, 0] @ x[0, :, i, j] + guide.classify.score.bias
            weights = (guide.weigh.weight[:, :, 0, 0] @ told + guide.weigh.bias).sigmoid()
            torch.testing.assert_close(scores[0, :, i, j], told)
            torch.testing.assert_close(y[0, :, i, j], x[0, :, i, j] * (1 + weights))


def test_the_second_stage_gets_both_ways_of_the_first_size_by_size() -> None:
    """Cross-stage aggregation: without what comes from the guided feature, a stage still sees encoder and decoder."""
    net, seen = build("spgnet", 3, **SMALL).eval(), []
    for encoded, decoded in zip(net.encoded, net.decoded, strict=True):
        encoded.register_forward_hook(lambda _, given, y: seen.append((given[0].shape[1:], y.shape[1:])))
        decoded.register_forward_hook(lambda _, given, y: seen.append((given[0].shape[1:], y.shape[1:])))
    net(torch.randn(1, 3, 64, 96))
    widths, sizes = (64, 128, 256, 512), ((16, 24), (8, 12), (4, 6), (2, 3))
    wanted = [((c, *size), (w, *size)) for w, size in zip(widths, sizes, strict=True) for c in (w, 8)]
    assert [(tuple(a), tuple(b)) for a, b in seen] == wanted


def test_the_first_stage_has_a_loss_of_its_own() -> None:
    net, image = build("spgnet", 3, **SMALL), torch.randn(2, 3, 64, 96)
    assert [side.shape for side in net.train()(image).auxiliary] == [(2, 3, 16, 24)]
    assert net.eval()(image).auxiliary == ()


def test_two_resnets_without_holes_the_second_without_a_stem() -> None:
    with torch.device("meta"):
        net = build("spgnet", 19)
    body, again = net.encoder.body, net.stages
    for n, stage in enumerate(again, 1):
        assert [p.shape for p in stage.parameters()] == [p.shape for p in getattr(body, f"layer{n}").parameters()]
    assert {m.dilation for m in net.modules() if isinstance(m, nn.Conv2d)} == {(1, 1)}


def test_an_encoder_that_is_no_resnet_is_refused() -> None:
    with pytest.raises(ModelError, match="encoder 'regnetx_002' is none; choose one such as 'resnet50'"):
        build("spgnet", 3, encoder="regnetx_002")
