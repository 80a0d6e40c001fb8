"""What Yu et al. claim: a spatial path at an eighth, a context path that sees the whole image, attention by means."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.realtime.bisenet import AttentionRefinement, FeatureFusion

SMALL = {"encoder": "resnet18", "spatial": 8, "channels": 16, "head": 16}


def test_the_spatial_path_keeps_an_eighth_with_three_strided_convolutions() -> None:
    with torch.device("meta"):
        net = build("bisenet", 19)
        assert net.spatial(torch.empty(1, 3, 128, 64)).shape == (1, 128, 16, 8)
    strides = [m.stride[0] for m in net.spatial.modules() if isinstance(m, nn.Conv2d)]
    assert sorted(strides) == [1, 2, 2, 2]


def test_the_spatial_path_is_blind_beyond_its_receptive_field_and_the_context_path_is_not() -> None:
    """7x7, 3x3, 3x3 at stride 2 each see 7 + 2*2 + 2*4 = 19 pixels."""
    torch.manual_seed(0)
    net = build("bisenet", 2, **SMALL).eval()
    image = torch.randn(1, 3, 96, 96, requires_grad=True)
    (seen,) = torch.autograd.grad(net.spatial(image)[0, :, 6, 6].sum(), image)
    rows = seen[0].abs().sum((0, 2)).nonzero()
    assert rows.max() - rows.min() + 1 == 19
    (seen,) = torch.autograd.grad(net(image).logits[0, :, 0, 0].abs().sum(), image)
    assert seen[..., -8:, -8:].abs().sum() > 0


@torch.no_grad()
def test_attention_weights_a_channel_alike_everywhere_between_0_and_1() -> None:
    torch.manual_seed(0)
    refine, x = AttentionRefinement(4, 6).eval(), torch.randn(2, 4, 5, 7)
    plain, weighted = refine.conv(x), refine(x)
    share = (weighted / plain)[plain > 0]
    assert share.min() > 0 and share.max() < 1
    ratio = torch.where(plain > 0, weighted / plain, torch.nan).flatten(2)
    assert (ratio.nan_to_num(-1).amax(2) - ratio.nan_to_num(2).amin(2)).abs().max() < 1e-5


@torch.no_grad()
def test_fusion_adds_at_most_the_feature_once_more() -> None:
    torch.manual_seed(0)
    fuse, x = FeatureFusion(8).eval(), torch.randn(1, 8, 4, 4)
    mixed, fused = fuse.mix(x), fuse(x)
    assert (fused >= mixed).all() and (fused <= 2 * mixed).all()


def test_two_side_outputs_and_none_in_evaluation() -> None:
    net = build("bisenet", 3, **SMALL).train()
    image = torch.randn(2, 3, 64, 96)
    assert [tuple(side.shape) for side in net(image).auxiliary] == [(2, 3, 8, 12), (2, 3, 4, 6)]
    assert net.eval()(image).auxiliary == ()


def test_a_batch_of_one_is_refused_in_training() -> None:
    with pytest.raises(ModelError, match="mean feature of the image is a 1x1 map of a single image"):
        build("bisenet", 2, **SMALL).train()(torch.randn(1, 3, 64, 64))


@pytest.mark.parametrize(("encoder", "head", "side"), [("resnet18", 64, 256), ("resnet101s", 256, 256)])
def test_the_authors_heads(encoder: str, head: int, side: int) -> None:
    with torch.device("meta"):
        net = build("bisenet", 19, encoder=encoder)
    assert net.classify[0].conv.out_channels == head
    assert [s[0].conv.out_channels for s in net.auxiliary] == [side, side]
    assert [m.bias for m in net.fuse.attend if hasattr(m, "bias")] == [None, None]
