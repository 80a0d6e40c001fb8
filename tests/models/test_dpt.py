"""What Ranftl et al. claim: one map of patches that is never shrunken, and a class token that tells each place of the whole."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.encoders import PlainTransformer
from intarsia.errors import EncoderError, ModelError
from intarsia.models import build
from intarsia.models.attention.dpt import Reassemble

TINY = {"encoder": "vit_tiny_patch16_224", "channels": 4, "widths": (4, 4)}


@torch.no_grad()
def test_reassembly_equals_a_loop_over_places() -> None:
    torch.manual_seed(0)
    assemble = Reassemble(6, 1, 4, 3, 1, "project").double()
    x, before = torch.rand(2, 6, 2, 3, dtype=torch.float64), torch.rand(2, 1, 6, dtype=torch.float64)
    told = torch.empty_like(x)
    for b in range(2):
        for i in range(2):
            for j in range(3):
                both = torch.cat([x[b, :, i, j], before[b, 0]])
                told[b, :, i, j] = F.gelu(assemble.read[0].weight @ both + assemble.read[0].bias)
    want = assemble.project(assemble.resample(assemble.squeeze(told)))
    torch.testing.assert_close(assemble(x, before), want)
    assert want.shape == (2, 3, 4, 6)


@torch.no_grad()
def test_maps_are_those_of_timms_own_network() -> None:
    """At the size that the codes are for, and at another, where timm smooths as "bicubic" does."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    theirs = timm.create_model("vit_tiny_patch16_224", img_size=64, dynamic_img_size=True).eval()
    ours = PlainTransformer("vit_tiny_patch16_224", side=64, blocks=(1, 3), resample="bicubic").eval()
    ours.body.load_state_dict({key: theirs.state_dict()[key] for key in ours.body.state_dict()})
    for size in ((64, 64), (32, 80)):
        image = torch.randn(1, 3, *size)
        maps, tokens = ours(image)
        wanted = theirs.forward_intermediates(image, [1, 3], return_prefix_tokens=True, intermediates_only=True)
        for x, before, (want, token) in zip(maps, tokens, wanted, strict=True):
            torch.testing.assert_close(x, want, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(before, token, atol=1e-5, rtol=1e-4)


def test_the_largest_of_timm_on_paper() -> None:
    """ViT-Giant, whose patches of 14 pixels are no power of two, and ViT-Gigantic."""
    for name, width in (("vit_giant_patch14_224", 1408), ("vit_gigantic_patch14_224", 1664)):
        with torch.device("meta"):
            network = build("dpt", 3, encoder=name, channels=8, widths=(8, 8, 8, 8), blocks=(0, 1, 2, 3)).eval()
            assert network.encoder.channels == (width,) * 4
            assert network(torch.empty(1, 3, 75, 101)).logits.shape == (1, 3, 75, 101)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoder": "resnet18"}, "encoder 'resnet18' is no plain vision transformer with learned codes"),
        ({"encoder": "eva02_tiny_patch14_224"}, "is no plain vision transformer with learned codes"),
        ({"encoder": "vit_tinny_patch16_224"}, "did you mean 'vit_tiny_patch16_224'"),
        ({"blocks": (3, 1)}, "has 0 to 11: name each once, in order"),
        ({"blocks": (3, 12)}, "has 0 to 11: name each once, in order"),
        ({"side": 100, "blocks": (1, 3)}, "takes multiples of its patches of 16 pixels"),
    ],
)
def test_what_is_no_such_encoder_is_refused(options: dict, words: str) -> None:
    with pytest.raises((EncoderError, ModelError), match=words):
        build("dpt", 3, **{**TINY, **options})


def test_each_taken_block_needs_a_width() -> None:
    with pytest.raises(ModelError, match="dpt takes two blocks or more, and one of widths for each"):
        build("dpt", 3, **TINY)
