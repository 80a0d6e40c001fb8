"""Our bricks with a peer's random weights give the peer's answer, in float32 to 1e-4.

Where a peer does something else, the test names the keyword that says so. Whole networks are held in test_foreign.py.
"""

import torch
from torch import Tensor, nn

from intarsia.blocks.atrous import AtrousPyramid, SeparableConv
from intarsia.blocks.conv import ConvNormAct
from intarsia.blocks.pooling import PyramidPooling
from intarsia.blocks.resize import resize_like
from intarsia.encoders import VGG16
from intarsia.models.resolution.segnet import Stage


def in_order(ours: nn.Module, theirs: nn.Module) -> None:
    """Fill ours with theirs, weight after weight: both define their layers in the same order."""
    mine, peers = ours.state_dict(), theirs.state_dict()
    assert len(mine) == len(peers)
    ours.load_state_dict(dict(zip(mine, peers.values(), strict=True)))
    ours.eval()


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    assert theirs.abs().mean() > 1e-3
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_pyramid_pooling_is_smps(smp, at_random) -> None:
    from segmentation_models_pytorch.decoders.pspnet.decoder import PSPModule

    theirs = at_random(PSPModule(16, (1, 2, 3, 6)))
    ours = PyramidPooling(16, (1, 2, 3, 6), align_corners=True, lone_norm=False)
    in_order(ours, theirs)
    x = torch.randn(2, 16, 9, 13)
    # They lay the pooled maps first, the feature itself last.
    assert_same(torch.cat(ours(x).split([16, 16], dim=1)[::-1], dim=1), theirs(x))


@torch.no_grad()
def test_the_separable_atrous_pyramid_is_smps(smp, at_random) -> None:
    from segmentation_models_pytorch.decoders.deeplabv3.decoder import ASPP

    theirs = at_random(ASPP(12, 8, (2, 4, 6), separable=True, dropout=0.5))
    ours = AtrousPyramid(12, 8, (2, 4, 6), separable=True, between=False)
    in_order(ours, theirs)
    x = torch.randn(2, 12, 15, 20)
    assert_same(ours(x), theirs(x))


@torch.no_grad()
def test_the_full_atrous_pyramid_is_torchvisions(torchvision, at_random) -> None:
    from torchvision.models.segmentation.deeplabv3 import ASPP

    theirs = at_random(ASPP(12, [2, 4, 6], 8))
    ours = AtrousPyramid(12, 8, (2, 4, 6), separable=False)
    in_order(ours, theirs)
    x = torch.randn(2, 12, 15, 20)
    assert_same(ours(x), theirs(x))


@torch.no_grad()
def test_deeplabs_bricks_make_smps_decoder(smp, at_random) -> None:
    """They add a separable convolution after the pyramid, have one less at the end, and align corners."""
    from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder

    theirs = at_random(DeepLabV3PlusDecoder((3, 8, 8, 16, 24, 32), 5, 16, (2, 4, 6), 16, True, 0.5))
    pyramid, after = AtrousPyramid(32, 16, (2, 4, 6), between=False), SeparableConv(16, 16, between=False)
    reduce, refine = ConvNormAct(8, 48, 1), SeparableConv(16 + 48, 16, between=False)
    in_order(nn.Sequential(pyramid, after), theirs.aspp)
    in_order(reduce, theirs.block1)
    in_order(refine, theirs.block2)
    c2, c5 = torch.randn(2, 8, 16, 20), torch.randn(2, 32, 4, 5)
    x = resize_like(after(pyramid(c5)), c2, align_corners=True)
    x = refine(torch.cat([x, reduce(c2)], dim=1))
    unused = torch.empty(0)
    assert_same(x, theirs([unused, unused, c2, unused, unused, c5]))


@torch.no_grad()
def test_vgg16_is_timms_and_its_classifier_the_dense_one() -> None:
    from timm.models.vgg import VGG, ConvMlp

    widths = [4, 4, "M", 8, 8, "M", 8, 8, 8, "M", 16, 16, 16, "M", 16, 16, 16, "M"]
    theirs = VGG(cfg=widths, num_classes=7).eval()
    theirs.pre_logits, theirs.head.fc = ConvMlp(16, 32, 7).eval(), nn.Linear(32, 7)  # 4096 wide in VGG-16 itself
    ours = VGG16(levels=(1, 2, 3, 4, 5), channels=(4, 8, 8, 16, 16, 32), same=False).eval()
    ours.load_classifier(theirs.state_dict())
    image = torch.randn(2, 3, 224, 224)
    features = ours(image)
    score = theirs.head.fc(features[-1].flatten(1))
    torch.testing.assert_close(score, theirs(image), atol=1e-4, rtol=1e-4)
    peer = theirs.features(image)
    pooled = image
    for stage in ours.stages:
        pooled = stage(pooled)
    torch.testing.assert_close(pooled, peer, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_vgg16_takes_torchvisions_classifier(torchvision) -> None:
    widths = [4, 4, "M", 8, 8, "M", 8, 8, 8, "M", 16, 16, 16, "M", 16, 16, 16, "M"]
    with torch.device("meta"):  # its classifier is 4096 wide whatever the convolutions are
        theirs = torchvision.models.vgg.VGG(torchvision.models.vgg.make_layers(widths)).eval()
    theirs.features = torchvision.models.vgg.make_layers(widths)
    theirs.classifier[0], theirs.classifier[3] = nn.Linear(16 * 49, 32), nn.Linear(32, 32)
    theirs.classifier[6] = nn.Linear(32, 3)
    ours = VGG16(levels=(5,), channels=(4, 8, 8, 16, 16, 32), same=False).eval()
    ours.load_classifier(theirs.state_dict())
    image = torch.randn(1, 3, 224, 224)
    torch.testing.assert_close(theirs.classifier[6](ours(image)[0].flatten(1)), theirs(image), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_segnets_stages_undo_each_other_as_torchs_unpooling_would(at_random) -> None:
    from torch.nn.functional import max_unpool2d

    from intarsia.blocks.unpool import max_pool, max_unpool

    encode, decode = at_random(Stage((3, 8, 8))), at_random(Stage((8, 8, 4)))
    x = encode(torch.randn(2, 3, 16, 20))
    maxima, places = max_pool(x)
    assert torch.equal(decode(max_unpool(maxima, places, 16, 20)), decode(max_unpool2d(maxima, places, 2)))
