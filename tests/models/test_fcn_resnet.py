"""The plain network: a dilated ResNet, two convolutions, one enlargement."""

import pytest
import torch
from torch import nn

from intarsia.models import build


@pytest.mark.parametrize(("encoder", "published"), [("resnet50", 35_322_218), ("resnet101", 54_314_346)])
def test_it_has_as_many_parameters_as_torchvisions(encoder: str, published: int) -> None:
    with torch.device("meta"):
        net = build("fcn_resnet", 21, encoder=encoder)
    assert sum(p.numel() for p in net.parameters()) == published


def test_the_map_that_is_named_is_an_eighth_of_the_image() -> None:
    net = build("fcn_resnet", 3, encoder="resnet18").eval()
    sizes = []
    net.classify.register_forward_hook(lambda module, given, scores: sizes.append(scores.shape[-2:]))
    net(torch.randn(1, 3, 97, 64))
    assert sizes == [(13, 8)]
    rates = {
        m.dilation
        for stage in (net.encoder.body.layer3, net.encoder.body.layer4)
        for m in stage.modules()
        if isinstance(m, nn.Conv2d)
    }
    assert rates == {(1, 1), (2, 2), (4, 4)}


def test_without_the_second_head_its_stage_still_feeds_the_next() -> None:
    net = build("fcn_resnet", 3, encoder="resnet18", auxiliary=False, channels=16).train()
    image = torch.randn(2, 3, 32, 48)
    assert net(image).auxiliary == ()
    assert build("fcn_resnet", 3, encoder="resnet18", channels=16).train()(image).auxiliary[0].shape == (2, 3, 4, 6)
