"""What Zhang et al. claim: votes of neighbors, products with coarser features, channels rearranged into places."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intarsia.blocks.large_kernel import BoundaryRefinement, LargeKernel
from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.resolution.exfuse import Embed, Vote


@pytest.mark.parametrize("k", [1, 3, 5])
def test_each_pixel_is_the_mean_of_its_neighbors_votes(k: int) -> None:
    """Eq. 3: r[i, j] = 1/k^2 sum over l, m of the votes of group l*k + m at [i + l - k//2, j + m - k//2]."""
    classes, h, w = 2, 5, 6
    x = torch.randn(2, classes * k * k, h, w)
    expected = torch.zeros(2, classes, h, w)
    for c in range(classes):
        for i in range(h):
            for j in range(w):
                for l in range(k):
                    for m in range(k):
                        y, z = i + l - k // 2, j + m - k // 2
                        if 0 <= y < h and 0 <= z < w:
                            expected[:, c, i, j] += x[:, c * k * k + l * k + m, y, z] / k**2
    torch.testing.assert_close(Vote(classes, k)(x), expected)


def test_voting_has_no_weights() -> None:
    assert not list(Vote(3, 3).parameters()) and not Vote(3, 3).state_dict()


@torch.no_grad()
def test_embedding_multiplies_with_every_coarser_feature() -> None:
    torch.manual_seed(0)
    embed = Embed(4, (6, 8))
    c2, c3, c4 = torch.randn(1, 4, 8, 12), torch.randn(1, 6, 4, 6), torch.randn(1, 8, 2, 3)
    factors = [
        F.interpolate(narrow(c), (8, 12), mode="bilinear", align_corners=False)
        for narrow, c in zip(embed.narrow, (c3, c4), strict=True)
    ]
    torch.testing.assert_close(embed(c2, (c3, c4)), c2 * factors[0] * factors[1])
    assert not embed(c2, (c3, 0 * c4 - 1e-30)).equal(embed(c2, (c3, c4)))


@torch.no_grad()
def test_the_first_enlargement_only_rearranges_channels_and_is_supervised() -> None:
    torch.manual_seed(0)
    net = build("exfuse", 3, encoder="resnet18", kernel=3)
    for module in net.modules():  # so that the hook below sees what evaluation would
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    seen: list[torch.Tensor] = []
    net.look[3].register_forward_hook(lambda _, given, out: seen.append(out))
    first, *sides = net(torch.randn(1, 3, 64, 96)).auxiliary
    (x,) = seen
    assert x.shape == (1, 4 * 3, 2, 3) and first.shape == (1, 3, 4, 6)
    for k in range(3):
        for i in range(2):
            for j in range(2):
                assert torch.equal(first[:, k, i::2, j::2], x[:, 4 * k + 2 * i + j])
    assert [s.shape[-2:] for s in sides] == [(16, 24), (8, 12), (4, 6)], "early stages learn scores of their own"
    assert net.eval()(torch.randn(1, 3, 64, 96)).auxiliary == ()


def test_votes_widen_the_decoder_to_nine_times_the_classes() -> None:
    """189 channels for PASCAL VOC's 21."""
    with torch.device("meta"):
        net = build("exfuse", 21)
    assert [climb.out_channels for climb in net.climb] == [189] * 4
    assert [look[0].out_channels for look in (m.down_across for m in net.look)] == [189, 189, 21, 84]


def test_layers_move_to_the_early_stages() -> None:
    """3, 4, 23, 3 blocks become 8, 8, 9, 8: as many in all."""
    with torch.device("meta"):
        usual = build("exfuse", 21)
        moved = build("exfuse", 21, depths=(8, 8, 9, 8))
    blocks = [[len(getattr(net.encoder.body, f"layer{n}")) for n in (1, 2, 3, 4)] for net in (usual, moved)]
    assert blocks == [[3, 4, 23, 3], [8, 8, 9, 8]]
    assert sum(blocks[0]) == sum(blocks[1]) == 33


@torch.no_grad()
def test_added_blocks_have_weights_of_their_own() -> None:
    net = build("exfuse", 2, encoder="resnet18", kernel=3, depths=(3, 2, 1, 2)).eval()
    stage = net.encoder.body.layer1
    assert len(stage) == 3 and len(net.encoder.body.layer3) == 1
    assert not torch.equal(stage[1].conv1.weight, stage[2].conv1.weight)
    assert net(torch.randn(1, 3, 37, 50)).logits.shape == (1, 2, 37, 50)


@torch.no_grad()
def test_two_thin_paths_see_what_a_large_kernel_sees() -> None:
    """Each path is a convolution with the product of its column and its row."""
    torch.manual_seed(0)
    large = LargeKernel(1, 1, 7)
    for module in large.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.zeros_(module.bias)
    (a, b), (c, d) = large.down_across, large.across_down
    dense = a.weight * b.weight + c.weight * d.weight
    assert dense.shape == (1, 1, 7, 7)
    x = torch.randn(1, 1, 11, 9)
    torch.testing.assert_close(large(x), F.conv2d(x, dense, padding=3))


def test_large_kernels_are_cheap() -> None:
    weights = sum(m.weight.numel() for m in LargeKernel(8, 8, 15).modules() if isinstance(m, nn.Conv2d))
    assert weights == 4 * 15 * 8 * 8 < 15 * 15 * 8 * 8


@torch.no_grad()
def test_refinement_is_a_residual() -> None:
    refine, x = BoundaryRefinement(3), torch.randn(1, 3, 6, 6)
    nn.init.zeros_(refine.correct[2].weight)
    nn.init.zeros_(refine.correct[2].bias)
    assert torch.equal(refine(x), x)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kernel": 4}, "a large kernel has an odd side"),
        ({"window": 2}, "a neighborhood has an odd side"),
        ({"depths": (8, 8)}, "name the blocks of four stages"),
        ({"depths": (8, 8, 9, 8), "pretrained": True}, "no pretrained weights for rearranged stages"),
        ({"encoder": "mobilenetv2_100", "depths": (1, 1, 1, 1)}, "for a ResNet or ResNeXt"),
    ],
)
def test_errors(options: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        build("exfuse", 2, **{"encoder": "resnet18", **options})
