"""What Zhou et al. claim: rows of nodes instead of copies, U-Nets of every depth inside, 9.04 M parameters."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build, count_parameters

TINY = (4, 6, 8, 10, 12)


def test_the_published_number_of_parameters() -> None:
    """9.04 M in the paper, 9,041,601 in its code: gray images, one class, the deepest head alone."""
    assert count_parameters("unetplusplus", 1, in_channels=1, deep_supervision=False) == 9_041_601


def test_each_node_sees_all_nodes_before_it_in_its_row_and_the_one_below() -> None:
    """x[i][j] has the inputs of (1): its row's j nodes of 32 * 2^i channels, and one enlarged node as wide."""
    with torch.device("meta"):
        net = build("unetplusplus", 2)
    seen = {
        (i, j + 1): node.convolve.layers[0].in_channels for j, c in enumerate(net.nodes) for i, node in enumerate(c)
    }
    assert seen == {(i, j): 32 * 2**i * (j + 1) for j in range(1, 5) for i in range(5 - j)}


@torch.no_grad()
def test_every_earlier_node_of_a_row_reaches_the_last_one() -> None:
    torch.manual_seed(0)
    net = build("unetplusplus", 2, channels=TINY).eval()
    last, kept = net.nodes[3][0], []
    last.register_forward_pre_hook(lambda _, given: kept.append((given[0], [x.clone() for x in given[2]])))
    net(torch.randn(1, 3, 48, 48))
    below, row = kept[0]
    assert len(row) == 4
    whole = last(below, row[0], row)
    for n in range(4):
        other = [torch.zeros_like(x) if m == n else x for m, x in enumerate(row)]
        assert not torch.allclose(last(below, row[0], other), whole)


def test_the_head_at_depth_j_needs_no_deeper_row() -> None:
    """So columns can be cut off (section 3.2): the gradient of the head on x[0][j] ends at row j."""
    net = build("unetplusplus", 2, channels=TINY).train()
    image = torch.randn(1, 3, 32, 32)
    for j in (1, 2, 3):
        net.zero_grad()
        net(image).auxiliary[j - 1].sum().backward()
        reached = [block.layers[0].weight.grad is not None for block in net.contract.blocks]
        assert reached == [n <= j for n in range(5)]


def test_heads_speak_in_training_only_and_at_full_size() -> None:
    net, image = build("unetplusplus", 3, channels=TINY), torch.randn(2, 3, 37, 50)
    assert [side.shape for side in net.train()(image).auxiliary] == [(2, 3, 37, 50)] * 3
    assert net.eval()(image).auxiliary == ()
    assert build("unetplusplus", 3, channels=TINY, deep_supervision=False).train()(image).auxiliary == ()


def test_two_rows_are_a_plain_unet() -> None:
    """Of depth 1 there is nothing to nest: one node, which sees the first map and the pooled one."""
    net = build("unetplusplus", 2, channels=(4, 8))
    assert [len(column) for column in net.nodes] == [1] and len(net.heads) == 0
    assert net(torch.randn(1, 3, 9, 9)).logits.shape == (1, 2, 9, 9)


def test_norm_adds_batch_norm_to_each_convolution() -> None:
    plain, normed = (build("unetplusplus", 2, channels=TINY, norm=norm) for norm in (False, True))
    count = lambda net, kind: sum(isinstance(m, kind) for m in net.modules())  # noqa: E731
    assert count(plain, nn.BatchNorm2d) == 0
    assert count(normed, nn.BatchNorm2d) == 2 * 15, "five nodes of the first column and ten others, two each"


@pytest.mark.parametrize(
    ("encoder", "channels", "rows"), [("resnet18", None, 5), ("convnext_atto", None, 4), ("resnet18", (4,) * 5, 5)]
)
@torch.no_grad()
def test_any_backbone_is_the_first_column(encoder: str, channels: tuple | None, rows: int) -> None:
    net = build("unetplusplus", 3, encoder=encoder, channels=channels).eval()
    assert [len(column) for column in net.nodes] == list(range(rows - 1, 0, -1))
    for size in [(1, 1), (37, 50)]:
        assert net(torch.randn(1, 3, *size)).logits.shape == (1, 3, *size)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pretrained": True}, "the plain unetplusplus has no pretrained weights"),
        ({"channels": (8,)}, "takes 2 or more widths"),
        ({"encoder": "resnet18", "channels": (8, 8)}, "one for each row"),
    ],
)
def test_errors(options: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        build("unetplusplus", 1, **options)
