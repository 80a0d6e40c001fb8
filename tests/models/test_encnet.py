"""What Zhang et al. claim: residuals to codewords tell of the scene without telling places, and weigh channels."""

import torch
from torch import nn

from intarsia.models import build, count_parameters
from intarsia.models.attention.encnet import CodewordResiduals

SMALL = {"encoder": "resnet18", "channels": 16, "codewords": 4}


def test_residuals_equal_a_slow_loop() -> None:
    """Eq. 1: each place's residual to each codeword, by the softmax of the scaled squared distances."""
    torch.manual_seed(0)
    encode, x = CodewordResiduals(3, 5).double(), torch.randn(2, 3, 2, 4, dtype=torch.float64)
    nn.init.normal_(encode.codewords)
    found = encode(x)
    for b in range(2):
        wanted = torch.zeros(5, 3, dtype=torch.float64)
        for place in x[b].flatten(1).T:
            residuals = place - encode.codewords
            shares = (encode.scale * residuals.square().sum(1)).softmax(0)
            wanted += shares[:, None] * residuals
        torch.testing.assert_close(found[b], wanted)


def test_the_scene_does_not_depend_on_where_things_are() -> None:
    encode, x = CodewordResiduals(6, 4), torch.randn(1, 6, 5, 7)
    moved = x.flatten(2)[..., torch.randperm(35)].reshape(x.shape)
    torch.testing.assert_close(encode(moved), encode(x), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_scene_weighs_channels_alike_at_all_places() -> None:
    torch.manual_seed(0)
    net = build("encnet", 3, **SMALL).eval()
    seen = []
    net.classify.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    net.reduce.register_forward_hook(lambda _, __, x: seen.append(x))
    net(torch.randn(1, 3, 64, 96))
    x, weighed = seen
    ratio = (weighed / x)[0].flatten(1)
    for channel, on in zip(ratio, x[0].flatten(1) > 1e-3, strict=True):
        if on.any():
            assert channel[on].min() >= 1 and channel[on].max() <= 2
            torch.testing.assert_close(channel[on], channel[on].mean().expand(int(on.sum())))


def test_presence_and_the_auxiliary_head_speak_in_training_only() -> None:
    net, image = build("encnet", 4, **SMALL, lateral=True), torch.randn(2, 3, 40, 48)
    trained = net.train()(image)
    assert trained.presence.shape == (2, 4)
    assert [side.shape for side in trained.auxiliary] == [(2, 4, 5, 6)]
    evaluated = net.eval()(image)
    assert evaluated.presence is None and evaluated.auxiliary == ()
    assert build("encnet", 4, **SMALL, presence=False).train()(image).presence is None


def test_heads_have_as_many_parameters_as_the_released_ones() -> None:
    for lateral, heads in ((False, 12_349_301), (True, 20_216_693)):
        with torch.device("meta"):
            net = build("encnet", 7, encoder="resnet50s", lateral=lateral)
        encoder = sum(p.numel() for p in net.encoder.parameters())
        assert count_parameters("encnet", 7, encoder="resnet50s", lateral=lateral) - encoder == heads
