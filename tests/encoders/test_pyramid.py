"""The contract between timm and the architectures: levels, dilation, padding, statistics, errors."""

import logging

import onnxruntime
import pytest
import timm
import torch
from torch import nn

from intarsia.encoders import Encoder, dilate_stage, levels_of
from intarsia.errors import EncoderError


@torch.no_grad()
def test_a_resnet_is_timms_own_number_for_number() -> None:
    encoder = Encoder("resnet18", levels=(1, 2, 3, 4, 5)).eval()
    peer = timm.create_model("resnet18", features_only=True).eval()
    peer.load_state_dict(encoder.body.state_dict())
    image = torch.randn(1, 3, 57, 71)
    for ours, theirs in zip(encoder(image), peer(image), strict=True):
        assert torch.equal(ours, theirs)


@torch.no_grad()
def test_padding_happens_only_where_it_is_needed() -> None:
    encoder = Encoder("vgg11").eval()
    assert (encoder.minimum, encoder.multiple) == (32, 32)
    image = torch.randn(1, 3, 64, 96)
    for ours, theirs in zip(encoder(image), encoder.body(image), strict=True):
        assert torch.equal(ours, theirs)
    assert (Encoder("resnet18").minimum, Encoder("resnet18").multiple) == (1, 1)


@torch.no_grad()
def test_an_hrnet_is_not_padded_and_is_timms_where_32_divides_the_sides() -> None:
    encoder = Encoder("hrnet_w18_small").eval()
    assert (encoder.minimum, encoder.multiple) == (1, 1)
    peer = timm.create_model("hrnet_w18_small", features_only=True, feature_location="", out_indices=(1, 2, 3, 4))
    peer.load_state_dict(encoder.body.state_dict(), strict=False)  # theirs keeps the stem's feature apart
    image = torch.randn(1, 3, 64, 96)
    for ours, theirs in zip(encoder(image), peer.eval()(image), strict=True):
        assert torch.equal(ours, theirs)


@torch.no_grad()
def test_padding_repeats_the_border() -> None:
    encoder = Encoder("vgg11", levels=(2,)).eval()
    image = torch.randn(1, 3, 6, 4)
    by_hand = torch.cat([image, image[:, :, -1:].expand(-1, -1, 2, -1)], dim=2)
    assert torch.equal(encoder(image)[0], encoder.body(by_hand)[0])


@pytest.mark.parametrize(("stride", "strides"), [(32, (4, 8, 16, 32)), (16, (4, 8, 16, 16)), (8, (4, 8, 8, 8))])
@torch.no_grad()
def test_output_stride_dilates_the_last_stages(stride: int, strides: tuple[int, ...]) -> None:
    encoder = Encoder("resnet18", output_stride=stride).eval()
    assert encoder.strides == strides
    assert [f.shape[-1] for f in encoder(torch.randn(1, 3, 64, 64))] == [64 // s for s in strides]


def consistent(network: nn.Module, dense: nn.Module, image: torch.Tensor) -> bool:
    """Whether the dilated network's last feature, every second or fourth pixel of it, is the strided network's."""
    dense.load_state_dict(network.state_dict())
    coarse, fine = network.eval()(image)[-1], dense.eval()(image)[-1]
    step = 32 // dense.strides[-1]
    return torch.allclose(fine[..., ::step, ::step], coarse, atol=1e-4)


def with_every_norm_at_one(network: Encoder) -> Encoder:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.normal_(module.running_mean, std=0.1)
    return network


@pytest.mark.parametrize("stride", [16, 8])
@torch.no_grad()
def test_atrous_consistency(stride: int) -> None:
    """Dilated features, subsampled, are the strided features: the weights of a classifier can be kept."""
    torch.manual_seed(0)
    network = with_every_norm_at_one(Encoder("resnet18"))
    dense = Encoder("resnet18", output_stride=stride)
    assert consistent(network, dense, torch.randn(1, 3, 129, 129))


@torch.no_grad()
def test_atrous_consistency_can_fail() -> None:
    """A dilation that is off by one in the last block is seen, which it would not be with that block's norm at zero."""
    torch.manual_seed(0)
    image = torch.randn(1, 3, 129, 129)
    dense = Encoder("resnet18", output_stride=16)
    last = dense.body.layer4[1].conv2
    last.dilation = last.padding = (1, 1)
    network = with_every_norm_at_one(Encoder("resnet18"))
    assert not consistent(network, dense, image)
    nn.init.zeros_(network.body.layer4[1].bn2.weight)
    assert consistent(network, dense, image), "the test above would be empty without setting these norms to one"


@torch.no_grad()
def test_densenets_are_dilated_by_us() -> None:
    """With the mean that the left-out pooling took laid back at every pixel, every second pixel is the strided one's."""
    torch.manual_seed(0)
    network, dense = Encoder("densenet121").eval(), Encoder("densenet121", output_stride=16).eval()
    assert (dense.strides, dense.multiple) == ((4, 8, 16, 16), 16)
    dense.body.features_transition3.pool = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.AvgPool2d(2, 1))
    assert consistent(network, dense, torch.randn(1, 3, 128, 160))


def test_blocks_of_a_stage_take_rates_of_their_own() -> None:
    body = Encoder("resnet50", levels=(5,), output_stride=8).body
    dilate_stage(body, 4, (1, 2, 5, 9))
    assert [block.conv2.dilation[0] for block in body.layer3] == [1, 2, 5, 9, 1, 2]
    assert all(block.conv2.padding == block.conv2.dilation for block in body.layer3)
    assert all(block.conv1.kernel_size == (1, 1) and block.conv1.padding == (0, 0) for block in body.layer3)
    with pytest.raises(EncoderError, match="are for ResNets and their like"):
        dilate_stage(Encoder("convnext_atto", levels=(5,)).body, 5, (1, 2))


@torch.no_grad()
def test_padding_is_rounded_up_in_exported_graphs_too(tmp_path) -> None:
    """ONNX divides whole numbers towards zero, Python downwards; sizes that the padding must round tell."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    encoder, dynamic = Encoder("vgg11", levels=(3,)).eval(), torch.export.Dim.DYNAMIC
    shapes = ({0: dynamic, 2: dynamic, 3: dynamic},)
    program = torch.export.export(encoder, (torch.randn(2, 3, 64, 96),), dynamic_shapes=shapes)
    torch.onnx.export(program, dynamo=True, verbose=False).save(tmp_path / "encoder.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx", providers=["CPUExecutionProvider"])
    for h, w in [(45, 67), (3, 130)]:
        image = torch.randn(1, 3, h, w)
        (given,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
        torch.testing.assert_close(torch.from_numpy(given), encoder(image)[0], atol=1e-4, rtol=1e-3)


def test_the_first_convolution_fits_the_channels_and_so_do_the_statistics() -> None:
    assert Encoder("resnet18", levels=(2,), in_channels=1).mean == pytest.approx([(0.485 + 0.456 + 0.406) / 3])
    assert Encoder("resnet18", levels=(2,), in_channels=4).mean == (0.485, 0.456, 0.406, 0.485)


def test_asking_timm_about_shapes_spends_no_random_numbers() -> None:
    def weights() -> torch.Tensor:
        torch.manual_seed(7)
        return Encoder("regnety_002", levels=(2, 3)).state_dict()["body.s2.b1.conv1.conv.weight"]

    first, again = weights(), weights()  # the second time, the answers come from a cache
    assert torch.equal(first, again)


def test_levels_are_told_without_building() -> None:
    assert levels_of("resnet18") == (1, 2, 3, 4, 5)
    assert levels_of("convnext_atto") == (2, 3, 4, 5)
    assert levels_of("vgg11") == (0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "resnet5O"}, "timm has no encoder 'resnet5O'; did you mean 'resnet50'"),
        ({"name": "vit_tiny_patch16_224"}, "is no pyramid: its features have strides 16, 16, 16"),
        ({"name": "convnext_atto", "levels": (1, 2)}, "'convnext_atto' has no c1: it yields c2, c3, c4, c5"),
        ({"name": "resnet18", "levels": (5, 2)}, "list each once, finest first"),
        ({"name": "resnet18", "output_stride": 7}, "output_stride is 7; choose from 8, 16, 32"),
        ({"name": "vgg11", "output_stride": 8}, "'vgg11' cannot be dilated to output_stride=8; choose a ResNet-like"),
        ({"name": "hrnet_w18_small", "output_stride": 16}, "cannot be dilated to output_stride=16"),
        ({"name": "pvt_v2_b0", "output_stride": 16}, "cannot be dilated to output_stride=16"),
        ({"name": "resnet18", "in_channels": 0}, "an image has at least one channel"),
        ({"name": "efficientformer_l1"}, "works at no size up to"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_errors_say_what_to_do(arguments: dict, words: str) -> None:
    with pytest.raises(EncoderError, match=words.replace("(", r"\(")):
        Encoder(**arguments)


def test_weights_that_cannot_be_fetched_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    real = timm.create_model

    def offline(*args, pretrained=False, **options):
        if pretrained:
            raise OSError("no route to host")
        return real(*args, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(EncoderError, match="weights of encoder 'resnet18' cannot be loaded .* use pretrained=False"):
        Encoder("resnet18", pretrained=True)
