"""A checkpoint of torchvision or segmentation-models-pytorch, loaded, gives their answer, in float32 to 1e-4.

With norms at random the scores of a deep network grow to thousands; there it is 1e-4 of their spread.

What a peer does differently from the paper stands in its variant, which load_foreign names.
"""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import intarsia
from intarsia.checkpoint import VARIANTS, Checkpoint, load, save
from intarsia.errors import CheckpointError, ModelError
from intarsia.labels import LabelSpace
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES
from intarsia.structures import SemanticLogits

SIZES = [(64, 96), (128, 32)]  # segmentation-models-pytorch takes multiples of 32 only
ODD = [(65, 97), (50, 131)]


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    assert theirs.std() > 1e-3
    torch.testing.assert_close(ours, theirs, atol=1e-4 * max(1.0, theirs.std().item()), rtol=1e-4)


def loaded(theirs: nn.Module, path: Path, **options: object) -> "intarsia.checkpoint.Foreign":
    torch.save(theirs.state_dict(), path)
    found = intarsia.load_foreign(path, **options)
    assert found.report.missing == ()
    assert len(found.report.taken) + len(found.report.left) == len(theirs.state_dict())
    assert not found.network.training
    return found


TORCHVISION = {
    "fcn_resnet50": ("fcn_resnet", "resnet50"),
    "fcn_resnet101": ("fcn_resnet", "resnet101"),
    "deeplabv3_resnet50": ("torchvision_deeplabv3", "resnet50"),
    "deeplabv3_resnet101": ("torchvision_deeplabv3", "resnet101"),
    "deeplabv3_mobilenet_v3_large": ("torchvision_deeplabv3", "mobilenetv3_large_100"),
    "lraspp_mobilenet_v3_large": ("torchvision_lraspp", "mobilenetv3_large_100"),
}


# As with 50 layers, and slow to build; as with its second head, below.
DEEP = {"fcn_resnet101", "deeplabv3_resnet101", "deeplabv3_resnet50"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in DEEP)) for n in TORCHVISION])
@torch.no_grad()
def test_torchvisions(torchvision, at_random, name: str, tmp_path: Path) -> None:
    more = {} if "lraspp" in name else {"aux_loss": "101" not in name}
    make = getattr(torchvision.models.segmentation, name)
    theirs = at_random(make(weights=None, weights_backbone=None, num_classes=7, **more))
    found = loaded(theirs, tmp_path / "peer.pth")
    assert (found.model, found.options["encoder"]) == TORCHVISION[name]
    assert (found.num_classes, found.in_channels) == (7, 3)
    left = {key.split(".")[0] for key in found.report.left}
    assert left == ({"aux_classifier"} if name == "deeplabv3_mobilenet_v3_large" else set())
    for size in ODD:
        image = torch.randn(2, 3, *size)
        assert_same(found.network(image).logits, theirs(image)["out"])


@pytest.mark.parametrize("name", ["fcn_resnet50", "deeplabv3_resnet50"])
@torch.no_grad()
def test_torchvisions_second_head(torchvision, at_random, name: str, tmp_path: Path) -> None:
    make = getattr(torchvision.models.segmentation, name)
    theirs = at_random(make(weights=None, weights_backbone=None, num_classes=3, aux_loss=True))
    network = loaded(theirs, tmp_path / "peer.pth").network
    image = torch.randn(1, 3, 65, 97)
    network.training = True  # the network itself alone: its norms stay with their running statistics
    output, true = network(image), theirs(image)
    (side,) = output.auxiliary
    side = nn.functional.interpolate(side, image.shape[-2:], mode="bilinear", align_corners=False)
    assert_same(side, true["aux"])
    assert_same(output.logits, true["out"])


SMP = {
    "Unet": ("unet", {}),
    "UnetPlusPlus": ("smp_unetplusplus", {}),
    "Linknet": ("smp_linknet", {}),
    "FPN": ("smp_fpn", {}),
    "PSPNet": ("smp_pspnet", {}),
    "UPerNet": ("smp_upernet", {}),
    "DeepLabV3": ("smp_deeplabv3", {}),
    "DeepLabV3Plus": ("smp_deeplabv3plus", {}),
    "MAnet": ("smp_manet", {}),
    "PAN": ("smp_pan", {}),
    "Segformer": ("smp_segformer", {}),
}
FURTHER = [
    ("Unet", {"decoder_channels": (64, 48, 32, 24, 12)}, {}),
    ("Unet", {"decoder_interpolation": "bilinear"}, {"upsample": "bilinear"}),
    ("FPN", {"decoder_pyramid_channels": 128, "decoder_segmentation_channels": 256}, {}),
    ("PSPNet", {"psp_out_channels": 96, "encoder_depth": 4, "upsampling": 16}, {}),
    ("PSPNet", {"encoder_depth": 5, "upsampling": 32}, {}),
    ("DeepLabV3", {"encoder_output_stride": 16, "decoder_channels": 64}, {"output_stride": 16}),
    ("DeepLabV3Plus", {"decoder_atrous_rates": (3, 6, 9), "decoder_channels": 96}, {"rates": (3, 6, 9)}),
    ("UPerNet", {"decoder_channels": 64}, {}),
    ("Unet", {"decoder_attention_type": "scse"}, {}),
    ("UnetPlusPlus", {"decoder_attention_type": "scse"}, {}),
    ("Unet", {"encoder_depth": 3, "decoder_channels": (16, 8, 8)}, {}),
    ("UnetPlusPlus", {"encoder_depth": 4, "decoder_channels": (16, 8, 8, 8)}, {}),
    ("MAnet", {"encoder_depth": 4, "decoder_channels": (16, 8, 8, 8), "decoder_pab_channels": 16}, {}),
    ("Linknet", {"encoder_depth": 4}, {}),
    ("FPN", {"decoder_merge_policy": "cat"}, {}),
    ("FPN", {"decoder_segmentation_channels": 96}, {}),  # norms 32 groups of three channels
    ("FPN", {"encoder_depth": 4, "upsampling": 2}, {}),
    ("DeepLabV3", {"encoder_depth": 4}, {}),
    ("Segformer", {"encoder_depth": 4, "decoder_segmentation_channels": 32}, {}),
]


def compare(found: "intarsia.checkpoint.Foreign", theirs: nn.Module) -> None:
    for size in [(256, 128)] if found.model == "smp_pan" else SIZES:  # which halves stride 16 three times
        image = torch.randn(2, found.in_channels, *size)
        with torch.no_grad():
            assert_same(found.network(image).logits, theirs(image))


@pytest.mark.parametrize("peer", SMP)
def test_segmentation_models_pytorchs(smp, at_random, peer: str, tmp_path: Path) -> None:
    model, options = SMP[peer]
    theirs = at_random(getattr(smp, peer)("resnet18", encoder_weights=None, classes=5))
    found = loaded(theirs, tmp_path / "peer.pt")
    assert (found.model, found.options["encoder"], found.num_classes) == (model, "resnet18", 5)
    left = {".".join(key.split(".")[:2]) for key in found.report.left}
    assert left == ({"encoder.layer3", "encoder.layer4"} if peer == "PSPNet" else set())
    compare(found, theirs)


@pytest.mark.parametrize(("peer", "given", "options"), FURTHER)
def test_widths_are_read_and_what_leaves_no_trace_is_told(
    smp, at_random, peer: str, given: dict, options: dict, tmp_path: Path
) -> None:
    theirs = at_random(getattr(smp, peer)("resnet18", encoder_weights=None, classes=3, in_channels=4, **given))
    found = loaded(theirs, tmp_path / "peer.pt", **options)
    assert found.in_channels == 4
    compare(found, theirs)


TINY = {
    "decoder_intermediate_channels": (4, 6, 8, 8),
    "decoder_fusion_channels": 12,
    "encoder_weights": None,
    "classes": 3,
}


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"img_size": 64}, {}),
        ({"dynamic_img_size": True, "decoder_readout": "add", "encoder_output_indices": [0, 2, 3, 9]},
         {"readout": "add", "blocks": (0, 2, 3, 9)}),
        ({"img_size": 32, "decoder_readout": "ignore", "encoder_depth": 3, "decoder_intermediate_channels": (4, 4, 4)}, {}),
    ],
)  # fmt: skip
def test_dpt(smp, at_random, given: dict, options: dict, tmp_path: Path) -> None:
    theirs = at_random(smp.DPT("tu-vit_tiny_patch16_224", **{**TINY, **given}))
    found = loaded(theirs, tmp_path / "peer.pt", **options)
    assert (found.model, found.options["encoder"]) == ("smp_dpt", "vit_tiny_patch16_224")
    assert ("encoder" in found.report.assumed, "readout" in found.report.assumed) == (
        True,
        given.get("decoder_readout") == "ignore",
    )
    side = given.get("img_size", 96)
    image = torch.randn(2, 3, side, side)
    with torch.no_grad():
        assert_same(found.network(image).logits, theirs(image))


@pytest.mark.parametrize(
    "peer",
    [*("Unet", "DeepLabV3Plus"), *(pytest.param(name, marks=pytest.mark.slow) for name in ("DeepLabV3", "PSPNet"))],
)
def test_on_a_bottleneck(smp, at_random, peer: str, tmp_path: Path) -> None:
    theirs = at_random(getattr(smp, peer)("resnet50", encoder_weights=None, classes=2))
    found = loaded(theirs, tmp_path / "peer.pt")
    assert found.options["encoder"] == "resnet50"
    compare(found, theirs)


@pytest.mark.parametrize(
    ("peer", "encoder"),
    [
        ("FPN", "regnetx_002"),
        ("DeepLabV3Plus", "resnet18"),
        ("Unet", "mobilenetv3_large_100"),
        ("UPerNet", "regnety_002"),
    ],
)
def test_encoders_of_timm(smp, at_random, peer: str, encoder: str, tmp_path: Path) -> None:
    theirs = at_random(getattr(smp, peer)(f"tu-{encoder}", encoder_weights=None, classes=3))
    compare(loaded(theirs, tmp_path / "peer.pt", encoder=encoder), theirs)


def test_a_folder_that_save_pretrained_wrote_tells_everything(smp, at_random, tmp_path: Path) -> None:
    given = {"encoder_output_stride": 8, "decoder_atrous_rates": (2, 4, 6)}
    theirs = at_random(smp.DeepLabV3Plus("tu-resnet10t", encoder_weights=None, classes=3, **given))
    theirs.save_pretrained(tmp_path / "peer")
    found = intarsia.load_foreign(tmp_path / "peer")
    assert found.options["encoder"] == "resnet10t"
    assert found.options["output_stride"] == 8 and found.options["rates"] == (2, 4, 6)
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        answer = found.network(image).logits
    assert answer.shape == (1, 3, 64, 96)


OWN = {  # encoder of segmentation-models-pytorch's own: ours
    "efficientnet-b1": "smp_efficientnet-b1",  # whose paddings are those of an odd map
    "timm-tf_efficientnet_lite0": "smp_timm-tf_efficientnet_lite0",
    "mobilenet_v2": "smp_mobilenet_v2",
    "vgg11_bn": "vgg11_bn",
    "densenet121": "smp_densenet121",
    "dpn68": "smp_dpn68",
    "se_resnet50": "smp_se_resnet50",
    "mobileone_s1": "mobileone_s1",
    "mit_b0": "mit_b0",
}
SLOW = {
    "efficientnet-b0": "smp_efficientnet-b0",
    "timm-efficientnet-b0": "smp_timm-efficientnet-b0",
    "timm-efficientnet-b3": "smp_timm-efficientnet-b3",
    "efficientnet-b4": "smp_efficientnet-b4",
    "mobileone_s0": "mobileone_s0",
    "mobileone_s4": "mobileone_s4",
    "mit_b2": "mit_b2",
    "se_resnext50_32x4d": "smp_se_resnext50_32x4d",
    "vgg13": "vgg13",
    "densenet161": "smp_densenet161",
    "dpn68b": "smp_dpn68b",
    "xception": "smp_xception",
    "inceptionresnetv2": "smp_inceptionresnetv2",
    "inceptionv4": "smp_inceptionv4",
}


@pytest.mark.parametrize(
    ("encoder", "ours"), [*OWN.items(), *(pytest.param(*row, marks=pytest.mark.slow) for row in SLOW.items())]
)
@pytest.mark.filterwarnings("ignore:`timm-` encoders are deprecated")
def test_its_own_encoders(smp, at_random, encoder: str, ours: str, tmp_path: Path) -> None:
    theirs = at_random(smp.Unet(encoder, encoder_weights=None, classes=2, decoder_channels=(8, 8, 8, 8, 8)))
    found = loaded(theirs, tmp_path / "peer.pt")
    assert found.options["encoder"] == ours
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert_same(found.network(image).logits, theirs(image))


@pytest.mark.parametrize("encoder", ["mobilenet_v2", pytest.param("se_resnet50", marks=pytest.mark.slow)])
def test_its_own_encoders_dilated(smp, at_random, encoder: str, tmp_path: Path) -> None:
    theirs = at_random(smp.DeepLabV3Plus(encoder, encoder_weights=None, classes=2, decoder_channels=16))
    compare(loaded(theirs, tmp_path / "peer.pt"), theirs)


@pytest.mark.parametrize(
    ("peer", "given"),
    [("Unet", {}), ("MAnet", {}), ("Linknet", {"stepped": True}), ("Segformer", {}), ("UPerNet", {})],
)
def test_an_encoder_of_timm_that_begins_at_stride_4(smp, at_random, peer: str, given: dict, tmp_path: Path) -> None:
    theirs = at_random(getattr(smp, peer)("tu-convnext_atto", encoder_weights=None, classes=3))
    compare(loaded(theirs, tmp_path / "peer.pt", encoder="convnext_atto", **given), theirs)


@pytest.mark.parametrize(
    ("peer", "encoder", "given", "words"),
    [
        ("Unet", "timm-skresnet18", {}, "on an encoder of its own that is not known here"),
        ("Unet", "resnet18", {"decoder_use_norm": False}, 'another decoder_use_norm than "batchnorm"'),
        ("UPerNet", "resnet18", {"encoder_depth": 4}, "UPerNet with encoder_depth=4, which is not known here; 5 is"),
    ],
)
@pytest.mark.filterwarnings("ignore:`timm-` encoders are deprecated")
def test_what_is_not_known_is_refused(smp, peer: str, encoder: str, given: dict, words: str, tmp_path: Path) -> None:
    theirs = getattr(smp, peer)(encoder, encoder_weights=None, **given)
    with pytest.raises(CheckpointError, match=words):
        loaded(theirs, tmp_path / "peer.pt")


def labels(logits: Tensor) -> Tensor:
    """The largest score of each pixel, every class as likely as the next: untrained networks favor one class."""
    return (logits - logits.mean((2, 3), keepdim=True)).argmax(1)


# What the peer was built with, what the library assumes, and how far the answers are apart then.
ASSUMED = [
    ("Unet", {"decoder_interpolation": "bilinear"}, {"upsample": "nearest"}, {"upsample": "bilinear"}),
    ("UnetPlusPlus", {}, {"upsample": "nearest"}, {}),
    ("FPN", {"decoder_interpolation": "bilinear"}, {"upsample": "nearest"}, {"upsample": "bilinear"}),
    (
        "DeepLabV3Plus",
        {"decoder_atrous_rates": (6, 12, 18)},
        {"output_stride": 16, "rates": (12, 24, 36)},
        {"rates": (6, 12, 18)},
    ),
    (
        "DeepLabV3",
        {"encoder_output_stride": 16, "decoder_atrous_rates": (6, 12, 18)},
        {"output_stride": 8, "rates": (12, 24, 36)},
        {"rates": (6, 12, 18), "output_stride": 16},
    ),
    ("Linknet", {}, {}, {}),
    ("UPerNet", {}, {}, {}),
]


@pytest.mark.parametrize(("peer", "given", "assumed", "right"), ASSUMED)
def test_what_no_tensor_tells_is_listed_as_assumed_and_can_be_given(
    smp, at_random, peer: str, given: dict, assumed: dict, right: dict, tmp_path: Path
) -> None:
    theirs = at_random(getattr(smp, peer)("resnet18", encoder_weights=None, classes=5, **given))
    found = loaded(theirs, tmp_path / "peer.pt")
    assert found.report.assumed == assumed
    for option, value in assumed.items():
        assert f"{option}={value!r}" in str(found.report)
    if right:
        image = torch.randn(1, 3, 256, 288)  # large enough for the pyramid's taps to lie within the map
        with torch.no_grad():
            wrong = labels(found.network(image).logits) != labels(theirs(image))
        assert wrong.float().mean() > 0.05  # what nobody notices unless the report says so
    told = loaded(theirs, tmp_path / "peer.pt", **right)
    assert told.report.assumed == {key: value for key, value in assumed.items() if key not in right}
    compare(told, theirs)


def test_a_folder_with_the_settings_leaves_nothing_to_assume(smp, tmp_path: Path) -> None:
    theirs = smp.Unet("resnet18", encoder_weights=None, classes=2, decoder_interpolation="bilinear").eval()
    theirs.save_pretrained(tmp_path / "peer")
    found = intarsia.load_foreign(tmp_path / "peer")
    assert found.options["upsample"] == "bilinear" and found.report.assumed == {}
    compare(found, theirs)


@torch.no_grad()
def test_the_variant_makes_the_difference(smp, at_random, tmp_path: Path) -> None:
    """With the catalogue's half-pixel centers, the same weights give another answer."""
    theirs = at_random(smp.FPN("resnet18", encoder_weights=None, classes=5))
    found = loaded(theirs, tmp_path / "peer.pt")
    papers = build("fpn", 5, encoder="resnet18", smooth=False).eval()
    papers.load_state_dict(found.network.state_dict())
    image = torch.randn(2, 3, 64, 96)
    assert not torch.allclose(papers(image).logits, theirs(image), atol=1e-3)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_built_by_name_saved_and_loaded(name: str, tmp_path: Path) -> None:
    encoder = {
        "torchvision_lraspp": "mobilenetv3_small_050",
        "hrnet_ocr": "hrnet_w18_small",
        "smp_dpt": "vit_tiny_patch16_224",
        "transformers_dpt": "vit_tiny_patch16_224",
    }.get(name, "resnet18")
    bare = (
        "coincheung_bisenetv2",
        "bare_ddrnet",
        "mmseg_bisenetv2",
        "mmseg_fast_scnn",
        "mmseg_erfnet",
        "tiramisu_fc_densenet",
    )
    options: dict[str, object] = {} if name in bare else {"encoder": encoder}
    if "maskrcnn" in name:
        options["limit"] = 5  # objects whose masks are drawn
    if name == "whole_windows_segnet":
        options = {"channels": (8, 8, 8), "depths": (2, 2, 2)}
    if name.removeprefix("mmseg_") in ("encnet", "psanet", "danet", "ccnet", "emanet", "apcnet") or "imgclsmob" in name:
        options |= {"channels": 16} | ({"window": (9, 9)} if name == "mmseg_psanet" else {})
    assert VARIANTS[name].model in ARCHITECTURES
    image = torch.randn(1, 1, 70, 49)
    labels = LabelSpace(("a", "b", "c"))
    network = intarsia.build(name, 3, in_channels=1, **options).eval()
    known = Checkpoint(name, options, labels, 1, (0.5,), (0.5,), network.state_dict())
    again = load(save(tmp_path / "a.safetensors", known)).build()
    with torch.no_grad():
        output, other = network(image), again(image)
    assert type(output) is type(other) is ARCHITECTURES[VARIANTS[name].model].output
    if isinstance(output, SemanticLogits):
        assert output.logits.shape == (1, 3, 70, 49)
    for part, same in zip(output, other, strict=True):
        assert torch.equal(part, same) if isinstance(part, Tensor) else part == same


def test_an_unknown_variant_is_told_with_the_nearest() -> None:
    with pytest.raises(ModelError, match="there is no architecture 'smp_pspne'; did you mean 'smp_pspnet'"):
        intarsia.build("smp_pspne", 2)
    with pytest.raises(ModelError, match="smp_pspnet takes no option 'levels'; did you mean 'level'"):
        intarsia.build("smp_pspnet", 2, levels=3)
