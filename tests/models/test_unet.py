"""Deck 4's U-Net, row by row of its printed table; and U-Net on a backbone."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import Summary, build, summarize

DECKS = {
    "ConvBlock": "conv_block",
    "EncoderBlock": "encoder_block",
    "DecoderBlock": "decoder_block",
    "UNet": "build_unet",
}

# The first printing of the table; the second shifts parameters at rows 9, 10, 18 and 19.
PRINTED = """
Conv2d-1 64,224 1792
BatchNorm2d-2 64,224 128
ReLU-3 64,224 0
Conv2d-4 64,224 36928
BatchNorm2d-5 64,224 128
ReLU-6 64,224 0
conv_block-7 64,224 0
MaxPool2d-8 64,112 0
encoder_block-9 64,224;64,112 0
Conv2d-10 128,112 73856
BatchNorm2d-11 128,112 256
ReLU-12 128,112 0
Conv2d-13 128,112 147584
BatchNorm2d-14 128,112 256
ReLU-15 128,112 0
conv_block-16 128,112 0
MaxPool2d-17 128,56 0
encoder_block-18 128,112;128,56 0
Conv2d-19 256,56 295168
BatchNorm2d-20 256,56 512
ReLU-21 256,56 0
Conv2d-22 256,56 590080
BatchNorm2d-23 256,56 512
ReLU-24 256,56 0
conv_block-25 256,56 0
MaxPool2d-26 256,28 0
encoder_block-27 256,56;256,28 0
ConvTranspose2d-62 128,112 131200
Conv2d-63 128,112 295040
BatchNorm2d-64 128,112 256
ReLU-65 128,112 0
Conv2d-66 128,112 147584
BatchNorm2d-67 128,112 256
ReLU-68 128,112 0
conv_block-69 128,112 0
decoder_block-70 128,112 0
ConvTranspose2d-71 64,224 32832
Conv2d-72 64,224 73792
BatchNorm2d-73 64,224 128
ReLU-74 64,224 0
Conv2d-75 64,224 36928
BatchNorm2d-76 64,224 128
ReLU-77 64,224 0
conv_block-78 64,224 0
decoder_block-79 64,224 0
Conv2d-80 1,224 65
build_unet-81 1,224 0
""".split("\n")[1:-1]

# Rows that the table elides, and their parameters, from the code printed beside it.
ELIDED = {28: 1_180_160, 31: 2_359_808, 37: 4_719_616, 40: 9_438_208, 44: 2_097_664, 45: 4_719_104, 48: 2_359_808}
ELIDED |= {53: 524_544, 54: 1_179_904, 57: 590_080}


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarize(build("unet", 1), 224, 224)


def row(summary: Summary, number: int) -> tuple[str, list[tuple[int, ...]], int]:
    layer = summary.layers[number - 1]
    kind, _, place = layer.name.partition("-")
    assert int(place) == number
    return DECKS.get(kind, kind), list(layer.shapes), layer.parameters


def test_there_are_81_rows_and_31_043_521_parameters(summary: Summary) -> None:
    assert len(summary.layers) == 81
    assert sum(layer.parameters for layer in summary.layers) == 31_043_521
    assert summary.parameters == summary.trainable == 31_043_521
    assert summary.idle == ()
    assert round(summary.parameters_mb, 2) == 118.42


@pytest.mark.parametrize("line", PRINTED)
def test_each_printed_row(summary: Summary, line: str) -> None:
    name, shapes, parameters = line.split()
    kind, number = name.split("-")
    expected = [(1, c, s, s) for c, s in (map(int, shape.split(",")) for shape in shapes.split(";"))]
    assert row(summary, int(number)) == (kind, expected, int(parameters))


@pytest.mark.parametrize("number", ELIDED)
def test_each_elided_row(summary: Summary, number: int) -> None:
    kind, _, parameters = row(summary, number)
    assert (kind, parameters) == ("ConvTranspose2d" if number in (44, 53) else "Conv2d", ELIDED[number])


def test_the_activations_that_the_table_sums_wrongly(summary: Summary) -> None:
    """It prints 26,122,122 MB; all maps of all rows, forward and backward, are 815.39."""
    assert round(summary.passes_mb, 2) == 815.39
    assert round(summary.input_mb, 2) == 0.57
    assert summary.total_mb == summary.input_mb + summary.passes_mb + summary.parameters_mb


@torch.no_grad()
def test_each_skip_reaches_the_decoder() -> None:
    """Cutting any one of the four copies changes the answer: none is lost on the way."""
    torch.manual_seed(0)
    net = build("unet", 2, channels=(4, 8, 16, 24, 32)).eval()
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):  # else the signal has faded before the last skip
            nn.init.kaiming_normal_(module.weight)
    image = torch.randn(1, 3, 48, 48)
    whole = net(image).logits
    for decode in net.decode:
        handle = decode.register_forward_pre_hook(lambda _, given: (given[0], torch.zeros_like(given[1])))
        assert not torch.allclose(net(image).logits, whole)
        handle.remove()
    assert torch.equal(net(image).logits, whole)


@pytest.mark.parametrize(
    ("encoder", "levels"), [("resnet18", 5), ("convnext_atto", 4), ("mobilenetv2_100", 5), ("vgg11", 5)]
)
@torch.no_grad()
def test_any_backbone_goes_down(encoder: str, levels: int) -> None:
    net = build("unet", 3, encoder=encoder).eval()
    assert len(net.decode) == len(net.encoder.channels) == levels
    assert net(torch.randn(1, 3, 37, 50)).logits.shape == (1, 3, 37, 50)


def test_only_the_network_on_a_backbone_has_an_encoder() -> None:
    assert not hasattr(build("unet", 1, channels=(4, 8)), "encoder")
    assert build("unet", 1, encoder="resnet18").encoder.mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pretrained": True}, "the plain unet has no pretrained weights; name an encoder"),
        ({"upsample": "bilinear"}, "the plain unet learns how to enlarge"),
        ({"channels": (8,)}, "at least two widths"),
        ({"encoder": "resnet18", "channels": (8, 8)}, "takes 5 decoder widths"),
    ],
)
def test_errors(options: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        build("unet", 1, **options)
