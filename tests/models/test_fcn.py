"""What Long et al. claim: bilinear enlargement, and a ladder that adds score layers and changes no answer at first."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.blocks.transposed import bilinear_kernel
from intarsia.errors import ModelError
from intarsia.models.resolution.fcn import Enlarge, fcn8s, fcn16s, fcn32s

WIDTHS = (4, 8, 8, 16, 16, 32)
K = 5


@pytest.mark.parametrize("factor", [2, 8, 16, 32])
@torch.no_grad()
def test_the_kernel_interpolates_away_from_the_border(factor: int) -> None:
    x = torch.randn(1, 1, 6, 7)
    plain = F.conv_transpose2d(x, bilinear_kernel(factor)[None, None], stride=factor, padding=factor // 2)
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    inner = slice(factor // 2, -(factor // 2))
    assert bilinear_kernel(factor).shape == (2 * factor, 2 * factor)
    torch.testing.assert_close(plain[..., inner, inner], expected[..., inner, inner])
    assert not torch.allclose(plain, expected), "at the border zeros creep in, which is why maps are padded first"


@pytest.mark.parametrize("learned", [True, False])
@torch.no_grad()
def test_enlarging_starts_as_interpolation_everywhere(learned: bool) -> None:
    x = torch.randn(2, K, 3, 4)
    enlarge = Enlarge(K, 8, learned=learned)
    torch.testing.assert_close(enlarge(x), F.interpolate(x, scale_factor=8, mode="bilinear", align_corners=False))
    assert len(list(enlarge.parameters())) == learned


def test_each_rung_adds_a_score_layer_and_an_enlargement() -> None:
    nets = [make(K, channels=WIDTHS) for make in (fcn32s, fcn16s, fcn8s)]
    held = [{key: tuple(p.shape) for key, p in net.named_parameters()} for net in nets]
    for less, more, pooled in zip(held, held[1:], (16, 8), strict=False):
        added = sorted(more[key] for key in more.keys() - less.keys())
        assert all(more[key] == shape for key, shape in less.items() if not key.startswith("score_skips"))
        assert added == [(K,), (K, K, 4, 4), (K, pooled, 1, 1)]
    assert [net.enlarge.factor for net in nets] == [32, 16, 8]


@torch.no_grad()
def test_a_new_rung_changes_no_answer_at_first() -> None:
    torch.manual_seed(0)
    coarse, fine = fcn32s(K, channels=WIDTHS).eval(), fcn8s(K, channels=WIDTHS).eval()
    torch.nn.init.normal_(coarse.score.weight)
    fine.load_state_dict(coarse.state_dict(), strict=False)
    image = torch.randn(1, 3, 64, 96)
    score = coarse.score(coarse.encoder(image)[-1])
    assert score.any()
    for factor in (2, 2, 8):  # the same three enlargements, without the skips' votes
        score = F.interpolate(score, scale_factor=factor, mode="bilinear", align_corners=False)
    torch.testing.assert_close(fine(image).logits, score)
    torch.nn.init.normal_(fine.score_skips[1].weight)
    assert not torch.allclose(fine(image).logits, score), "pool3 votes as soon as its score layer is not zero"


@torch.no_grad()
def test_the_skips_are_pool4_then_pool3() -> None:
    net = fcn8s(K, channels=WIDTHS)
    assert [s.in_channels for s in net.score_skips] == [16, 8]
    assert net.encoder.strides == (8, 16, 32)


def test_an_unknown_classifier_is_named() -> None:
    with pytest.raises(ModelError, match="no encoder 'vgg19'; did you mean 'vgg16'"):
        fcn32s(K, encoder="vgg19")
