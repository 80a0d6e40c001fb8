"""Encoders by the names that the lectures give them: timm's own code builds each, on the meta device, with its pyramid.

timm has no ResNeXt-131; ResNeXt-101 32x48d, which it no longer lists, is built of its parts here, without weights.
"""

import pytest
import torch

from intarsia.encoders import Encoder, PlainTransformer
from intarsia.errors import EncoderError

NAMED = {  # the lecture's name: timm's with the weights' tag, channels of the coarsest feature
    "ResNeXt-101 32x8d, Instagram": ("resnext101_32x8d.fb_wsl_ig1b_ft_in1k", 2048),
    "ResNeXt-101 32x16d, Instagram": ("resnext101_32x16d.fb_wsl_ig1b_ft_in1k", 2048),
    "ResNeXt-101 32x32d, Instagram": ("resnext101_32x32d.fb_wsl_ig1b_ft_in1k", 2048),
    "ResNeXt-50 32x4d": ("resnext50_32x4d.tv_in1k", 2048),
    "Xception-65": ("xception65.tf_in1k", 2048),
    "Xception-71": ("xception71.tf_in1k", 2048),
    "DenseNet-161": ("densenet161.tv_in1k", 2208),
    "DenseNet-169": ("densenet169.tv_in1k", 1664),
    "DPN-68": ("dpn68.mx_in1k", 832),
    "ResNeSt-50": ("resnest50d.in1k", 2048),
    "ResNeSt-101": ("resnest101e.in1k", 2048),
    "ResNeSt-200": ("resnest200e.in1k", 2048),
    "EfficientNet-B0": ("tf_efficientnet_b0.in1k", 320),
    "EfficientNet-L2": ("tf_efficientnet_l2.ns_jft_in1k_475", 1376),
    "MobileNet v1": ("mobilenetv1_100.ra4_e3600_r224_in1k", 1024),
    "MobileNet v2": ("mobilenetv2_100.ra_in1k", 320),
    "MobileNet v3": ("mobilenetv3_large_100.ra_in1k", 960),
    "Swin-L": ("swin_large_patch4_window12_384.ms_in22k_ft_in1k", 1536),
    "HRNet-W18": ("hrnet_w18.ms_in1k", 144),
    "HRNet-W48": ("hrnet_w48.ms_in1k", 384),
}


QUICK = ("Xception-65", "DPN-68", "MobileNet v2")


@pytest.mark.parametrize("lecture", NAMED)
def test_timm_has_weights_of_that_tag(lecture: str) -> None:
    import timm

    known = timm.get_pretrained_cfg(NAMED[lecture][0], allow_unregistered=False)
    assert known is not None and known.has_weights


@pytest.mark.parametrize("lecture", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMED])
def test_it_is_built_as_a_pyramid(lecture: str) -> None:
    name, channels = NAMED[lecture]
    with torch.device("meta"):
        encoder = Encoder(name, levels=(5,))
    assert encoder.channels == (channels,)


@pytest.mark.parametrize(
    ("name", "width", "blocks"),
    [("vit_giant_patch14_dinov2.lvd142m", 1536, 40), ("eva_giant_patch14_224.clip_ft_in1k", 1408, 40)],
)
def test_vit_giant_and_eva_are_no_pyramids_and_stand_under_dpt(name: str, width: int, blocks: int) -> None:
    import timm

    with torch.device("meta"):
        encoder = PlainTransformer(name)
        maps, tokens = encoder(torch.empty(1, 3, 75, 101))
    assert (encoder.patch, encoder.taken) == (14, (9, 19, 29, 39))
    assert [x.shape for x in maps] == [(1, width, 6, 8)] * 4
    assert len(encoder.body.blocks) == blocks and tokens[0].shape == (1, 1, width)
    known = timm.get_pretrained_cfg(name, allow_unregistered=False)
    assert known is not None and known.has_weights


def test_the_widest_resnext() -> None:
    with torch.device("meta"):
        encoder = Encoder("resnext101_32x48d", levels=(4, 5), output_stride=16)
    assert (encoder.channels, encoder.strides, len(encoder.mean)) == ((1024, 2048), (16, 16), 3)
    assert (
        sum(p.numel() for p in encoder.parameters()) + 1000 * 2049 == 828_411_176
    )  # as torchvision's and Facebook's, with a head
    with pytest.raises(EncoderError, match="there are no weights of encoder 'resnext101_32x48d' that timm knows"):
        Encoder("resnext101_32x48d", pretrained=True)
