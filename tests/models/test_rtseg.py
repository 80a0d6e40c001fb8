"""What Siam et al. claim: encoder and decoder can be taken apart, and the light pairs cost a fraction of SegNet."""

import pytest
import torch
from torch import nn

from intarsia.encoders import Encoder, ShuffleNet
from intarsia.errors import EncoderError
from intarsia.models import build, count_flops

K = 19
DECODERS = ("rtseg_skipnet", "rtseg_unet", "rtseg_dilation")
ENCODERS = ("vgg16", "resnet18", "mobilenetv1_100", "shufflenet")


def on_meta(decoder: str, encoder: str) -> nn.Module:
    with torch.device("meta"):
        return build(decoder, K, encoder=encoder).eval()


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_every_pair_of_the_grid_answers_at_any_size(decoder: str, encoder: str) -> None:
    network = on_meta(decoder, encoder)
    for size in [(64, 96), (37, 51)]:
        assert network(torch.empty(1, 3, *size, device="meta")).logits.shape == (1, K, *size)


@pytest.mark.parametrize("encoder", ["resnet18", "mobilenetv1_100", "shufflenet"])
def test_three_decoders_stand_on_the_same_weights(encoder: str) -> None:
    held = [
        {
            key.split("encoder.")[1]: tuple(p.shape)
            for key, p in on_meta(d, encoder).named_parameters()
            if "encoder." in key
        }
        for d in DECODERS
    ]
    assert held[0] == held[1] == held[2]


@pytest.mark.parametrize(("encoder", "printed"), [("shufflenet", 2.0), ("mobilenetv1_100", 6.2)])
def test_skipnet_costs_what_the_study_prints(encoder: str, printed: float) -> None:
    """GFLOPs of 360x640, a multiply-add as two."""
    assert count_flops(on_meta("rtseg_skipnet", encoder), 360, 640) / 1e9 == pytest.approx(printed, rel=0.1)


def test_skipnet_on_shufflenet_costs_a_143rd_of_segnet() -> None:
    with torch.device("meta"):
        segnet = build("segnet", K)
    segnets = count_flops(segnet, 360, 640)
    assert segnets / 1e9 == pytest.approx(286.03, rel=0.01)
    assert segnets / count_flops(on_meta("rtseg_skipnet", "shufflenet"), 360, 640) == pytest.approx(143, rel=0.1)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_skipping_costs_least_and_dilation_keeps_an_eighth(encoder: str) -> None:
    skip, unet, dilation = (count_flops(on_meta(d, encoder), 360, 640) for d in DECODERS)
    assert skip < dilation
    if encoder != "vgg16":  # VGG's SkipNet carries fc6 and fc7, its U-Net does not
        assert skip < unet
    assert on_meta("rtseg_dilation", encoder).encoder.strides == (8,)


@torch.no_grad()
def test_skipnet_adds_the_scores_of_three_levels() -> None:
    torch.manual_seed(0)
    network, image = build("rtseg_skipnet", 3).eval(), torch.randn(1, 3, 64, 96)
    for score in network.score:
        nn.init.normal_(score.score.weight)
    for enlarge in (*network.climb, network.enlarge):
        nn.init.zeros_(enlarge.bias)  # else each part would bring its own
    whole, parts = network(image).logits, []
    for n in range(3):
        silenced = [s.register_forward_hook(lambda _, __, x: 0 * x) for m, s in enumerate(network.score) if m != n]
        parts.append(network(image).logits)
        for hook in silenced:
            hook.remove()
    torch.testing.assert_close(sum(parts), whole, atol=1e-4, rtol=1e-4)
    assert all(part.std() > 0.01 for part in parts)


def test_unet_goes_up_through_every_level_of_each_encoder() -> None:
    levels = {e: on_meta("rtseg_unet", e).encoder.strides for e in ENCODERS}
    assert levels.pop("vgg16") == (1, 2, 4, 8, 16)  # conv1_2 to conv5_3
    assert set(levels.values()) == {(2, 4, 8, 16, 32)}
    assert isinstance(on_meta("rtseg_unet", "shufflenet").encoder, ShuffleNet)
    assert isinstance(on_meta("rtseg_unet", "mobilenetv1_100").encoder, Encoder)


def test_shufflenet_has_no_weights_to_start_from() -> None:
    with pytest.raises(EncoderError, match="no weights of ShuffleNet"):
        build("rtseg_unet", 3, pretrained=True)
