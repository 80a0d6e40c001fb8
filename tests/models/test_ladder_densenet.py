"""What Kreso et al. claim: a DenseNet whose third block is halved, a stride of 64, and a lean way up."""

import pytest
import torch
from torch import nn

from intarsia.encoders import Encoder
from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.resolution.ladder_densenet import SplitDenseNet


def test_the_third_block_is_halved_and_the_map_ends_at_a_sixty_fourth() -> None:
    with torch.device("meta"):
        net = build("ladder_densenet", 19)
        features = net.encoder(torch.empty(1, 3, 256, 128))
    assert [f.shape[1] for f in features] == [256, 512, 256 + 16 * 32, 256 + 32 * 32, 640 + 32 * 32]
    assert [tuple(f.shape[-2:]) for f in features] == [(64, 32), (32, 16), (16, 8), (8, 4), (4, 2)]
    assert [len(block.layers) for block in net.encoder.body.blocks] == [6, 12, 16, 16, 32]


@torch.no_grad()
def test_without_the_additional_pooling_it_is_the_densenet_itself() -> None:
    torch.manual_seed(0)
    whole = Encoder("densenet121", levels=(2, 3, 4, 5)).eval()
    image = torch.randn(1, 3, 64, 96)
    c2, c3, c4, _ = whole(image)
    split = SplitDenseNet(whole.body, "densenet121").eval()
    assert isinstance(split.shrink[2], nn.AvgPool2d)
    split.shrink[2] = nn.Identity()
    s2, s3, _, s4, _ = split(image)
    for ours, theirs in ((s2, c2), (s3, c3), (s4, c4)):
        torch.testing.assert_close(ours, theirs)


def test_the_way_up_is_lean() -> None:
    with torch.device("meta"):
        net = build("ladder_densenet", 19)

    def count(module: nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    assert count(net.rungs) < count(net.encoder) / 6
    threes = [m for m in net.rungs.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert [(m.in_channels, m.out_channels) for m in threes] == [(128, 256), (128, 256), (128, 128), (128, 128)]


def test_a_score_map_stands_in_front_of_each_rung() -> None:
    with torch.device("meta"):
        net = build("ladder_densenet", 19, encoder="densenet121", context=16, channels=(8, 8, 8, 8)).train()
        output = net(torch.empty(2, 3, 128, 256))
    assert [tuple(side.shape) for side in output.auxiliary] == [(2, 19, 128 // s, 256 // s) for s in (64, 32, 16, 8)]


def test_mistakes_are_named() -> None:
    with pytest.raises(ModelError, match="halves a block of a DenseNet; 'resnet18' is none"):
        build("ladder_densenet", 2, encoder="resnet18")
    with pytest.raises(ModelError, match="has 4 rungs"):
        build("ladder_densenet", 2, encoder="densenet121", channels=(8, 8))
