"""Classifiers made convolutional: the dense answer is the classifier's answer, position by position."""

import pytest
import timm
import torch
from torch import nn

from intarsia.encoders import VGG16, AlexNet, AtrousVGG16
from intarsia.encoders.classic import convolution_from_linear
from intarsia.errors import EncoderError

WIDTHS = (4, 4, 8, 8, 6, 16)


def classifier(channels: int, side: int, wide: int) -> nn.Sequential:
    """A classifier's fully connected head over a map of `side` x `side`."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(channels * side * side, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU()
    )


def operate(network: VGG16 | AlexNet, head: nn.Sequential) -> None:
    with torch.no_grad():
        for conv, linear in ((network.fc6, head[1]), (network.fc7, head[3])):
            conv.weight.copy_(convolution_from_linear(linear.weight, conv.weight.shape))
            conv.bias.copy_(linear.bias)


@torch.no_grad()
def test_vgg_answers_at_every_position_as_the_classifier_would() -> None:
    torch.manual_seed(0)
    network = VGG16(levels=(5,), channels=WIDTHS, same=False).eval()
    head = classifier(6, 7, 16)
    operate(network, head)
    image = torch.randn(1, 3, 288, 320)
    pool5 = image
    for stage in network.stages:
        pool5 = stage(pool5)
    (dense,) = network(image)
    assert dense.shape[-2:] == (3, 4)
    for y in range(3):
        for x in range(4):
            alone = head(pool5[:, :, y : y + 7, x : x + 7])
            torch.testing.assert_close(dense[:, :, y, x], alone, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_vgg_on_its_own_size_is_the_classifier_and_padding_keeps_that_answer_in_the_middle() -> None:
    torch.manual_seed(0)
    bare, padded = VGG16(levels=(5,), channels=WIDTHS, same=False).eval(), VGG16(levels=(5,), channels=WIDTHS).eval()
    padded.load_state_dict(bare.state_dict())
    image = torch.randn(1, 3, 224, 224)
    (one,), (many,) = bare(image), padded(image)
    assert one.shape[-2:] == (1, 1) and many.shape[-2:] == (7, 7)
    torch.testing.assert_close(many[:, :, 3:4, 3:4], one)


@torch.no_grad()
def test_alexnet_answers_at_every_position_as_the_classifier_would() -> None:
    torch.manual_seed(0)
    network = AlexNet(channels=WIDTHS, same=False).eval()
    head = classifier(6, 6, 16)
    operate(network, head)
    image = torch.randn(1, 3, 227 + 32, 227 + 64)
    pool5 = network.features(image)
    (dense,) = network(image)
    assert dense.shape[-2:] == (2, 3)
    for y in range(2):
        for x in range(3):
            torch.testing.assert_close(dense[:, :, y, x], head(pool5[:, :, y : y + 6, x : x + 6]), atol=1e-5, rtol=1e-4)
    assert network.minimum == 227


def test_alexnets_table() -> None:
    """Deck 1's sizes, from 227 (the printed 224 gives 54), and its parameters with the 1000-way score layer."""
    with torch.device("meta"):
        network, image = AlexNet(same=False), torch.empty(1, 3, 227, 227)
        score = 4096 * 1000 + 1000
        assert sum(p.numel() for p in network.parameters()) + score == 62_378_344
        assert sum(p.numel() for p in AlexNet(groups=2).parameters()) + score == 60_965_224
        sizes, x = [], image
        for layer in network.features:
            x = layer(x)
            if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
                sizes.append((x.shape[-1], x.shape[1]))
    # The table prints CONV2 after its pooling; it keeps 27.
    assert sizes == [(55, 96), (27, 96), (27, 256), (13, 256), (13, 384), (13, 384), (13, 256), (6, 256)]
    assert AlexNet(same=False, channels=WIDTHS).features[0](torch.zeros(1, 3, 224, 224)).shape[-1] == 54


def test_vgg_has_the_papers_parameters() -> None:
    with torch.device("meta"):
        network = VGG16()
    assert sum(p.numel() for p in network.parameters()) + 4096 * 1000 + 1000 == 138_357_544


def test_timms_pretrained_weights_fit_layer_by_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full-size shapes and names, without the numbers: what `pretrained=True` fetches fits all fifteen layers."""
    asked = []
    real = timm.create_model

    def offline(name: str, pretrained: bool = False, **options):
        asked.append((name, pretrained))
        return real(name, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    with torch.device("meta"):
        assert len(list(VGG16(pretrained=True, in_channels=1).parameters())) == 30
        assert len(list(AtrousVGG16(pretrained=True).parameters())) == 26
    assert asked == [("vgg16", True)] * 2


@torch.no_grad()
def test_the_atrous_vgg_is_vgg_up_to_its_fourth_pooling() -> None:
    torch.manual_seed(0)
    strided, atrous = VGG16(channels=WIDTHS).eval(), AtrousVGG16(channels=WIDTHS[:5], pooling=False).eval()
    atrous.stages.load_state_dict(strided.stages.state_dict())
    x = y = torch.randn(1, 3, 67, 96)
    for stage, other in list(zip(strided.stages, atrous.stages, strict=True))[:4]:
        x, y = stage[:-1](x), other[:-1](y)
        assert torch.equal(x, y)
        x, y = stage[-1](x), other[-1](y)
    assert [f.shape[-2:] for f in atrous(torch.zeros(1, 3, 67, 96))] == [(9, 12)]
    assert [f.shape[-2:] for f in AtrousVGG16(channels=WIDTHS[:5])(torch.zeros(1, 3, 1, 9))] == [(1, 2)]


@torch.no_grad()
def test_holes_of_2_behind_a_pooling_that_does_not_shrink_see_what_vgg_sees() -> None:
    """With the same 2x2 maxima at every pixel, every second pixel of the atrous conv5 is VGG-16's conv5."""
    torch.manual_seed(0)
    strided, atrous = VGG16(channels=WIDTHS).eval(), AtrousVGG16(channels=WIDTHS[:5]).eval()
    atrous.stages.load_state_dict(strided.stages.state_dict())
    x = torch.randn(1, WIDTHS[3], 24, 24)
    coarse = strided.stages[4][:-1](strided.stages[3][-1](x))
    fine = atrous.stages[4][:-1](nn.functional.max_pool2d(nn.functional.pad(x, (0, 1, 0, 1), value=-9), 2, stride=1))
    torch.testing.assert_close(fine[..., ::2, ::2], coarse)


@pytest.mark.parametrize("kind", [VGG16, AlexNet])
@torch.no_grad()
def test_alexnet_and_vgg_take_any_size(kind: type) -> None:
    network = kind(channels=WIDTHS).eval()
    for h, w in [(1, 1), (31, 65), (64, 96)]:
        assert network(torch.randn(1, 3, h, w))[-1].shape[-2:] == (-(-h // 32), -(-w // 32))


@torch.no_grad()
def test_alexnets_padding_keeps_positions_centered() -> None:
    """A bright pixel moves the dense map's center of mass to its own place, within half of the rounding."""
    torch.manual_seed(0)
    network = AlexNet(channels=WIDTHS).eval()
    for p in network.parameters():  # all weights equal: the response is symmetric around each layer's center
        nn.init.constant_(p, 1.0 / p[0].numel() if p.dim() > 1 else 0.0)
    image = torch.zeros(1, 3, 512, 512)
    image[:, :, 255:257, 255:257] = 1.0
    response = network(image)[0][0].sum(0)
    centers = torch.arange(16) * 32 + 15.5
    for axis in (0, 1):
        mass = response.sum(1 - axis)
        assert abs(float((mass * centers).sum() / mass.sum()) - 255.5) < 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: AlexNet(pretrained=True), "no weights of AlexNet; use pretrained=False"),
        (lambda: AlexNet(channels=(1, 2)), "AlexNet takes 6"),
        (lambda: VGG16(channels=(1, 2)), "VGG-16 takes 6"),
        (lambda: AtrousVGG16(channels=(1, 2)), "VGG-16 take 5"),
        (lambda: AtrousVGG16(channels=WIDTHS[:5], pretrained=True), "fit VGG-16's own widths only"),
        (lambda: VGG16(channels=WIDTHS, pretrained=True), "fit VGG-16's own widths only"),
        (lambda: VGG16(channels=WIDTHS).load_classifier({}), "hold no 'features.0'"),
        (
            lambda: convolution_from_linear(torch.zeros(4, 9), torch.Size((4, 1, 2, 2))),
            r"\[4, 9\] does not fit a kernel of shape",
        ),
    ],
)
def test_errors_say_what_is_allowed(make, words: str) -> None:
    with pytest.raises(EncoderError, match=words):
        make()
