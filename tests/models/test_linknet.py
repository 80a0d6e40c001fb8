"""What Chaurasia and Culurciello claim: the encoder's inputs are added on the way up, at 11.5 M parameters."""

import pytest
import torch
from torch import nn

from intarsia.checkpoint import build as variant
from intarsia.models import build, count_flops, count_parameters
from intarsia.models.resolution.linknet import Decoder, FullConv


@torch.no_grad()
def test_what_enters_each_encoder_stage_is_added_to_what_leaves_its_decoder() -> None:
    """With the decoders' last norms at zero, each decoder passes on its link alone: the input of the timm stage."""
    torch.manual_seed(0)
    net = build("linknet", 3, channels=8).eval()
    entered, received = {}, {}
    body = net.encoder.body
    for n, stage in enumerate((body.layer1, body.layer2, body.layer3, body.layer4)):
        stage.register_forward_pre_hook(lambda _, given, n=n: entered.update({n: given[0]}))
    followers = (*net.decode[1:], net.enlarge)
    for n, (decode, follower) in enumerate(zip(net.decode, followers, strict=True)):
        nn.init.zeros_(decode.widen.norm.weight)
        follower.register_forward_pre_hook(lambda _, given, n=n: received.update({3 - n: given[0]}))
    net(torch.randn(1, 3, 70, 101))
    for n in range(4):
        torch.testing.assert_close(received[n], entered[n])


def test_11_5_million_parameters() -> None:
    assert round(count_parameters("linknet", 20) / 1e6, 1) == 11.5


def test_a_link_costs_no_parameter_and_each_block_works_at_a_quarter_of_its_width() -> None:
    block = Decoder(512, 256, 3, 2)
    assert sum(p.numel() for m in block.modules() if isinstance(m, nn.Conv2d) for p in m.parameters()) == 128 * 768
    assert block.enlarge.conv.weight.shape == (128, 128, 3, 3)
    with torch.device("meta"):
        net = build("linknet", 20)
    widths = [(d.shrink.conv.in_channels, d.widen.conv.out_channels) for d in net.decode]
    assert widths == [(512, 256), (256, 128), (128, 64), (64, 64)]  # Table 1, from the coarsest


def test_about_21_gflops_at_640_by_360() -> None:
    """19.5 with full convolutions counted at each pixel of their input, 22.6 at their output; the paper prints 21.2."""
    with torch.device("meta"):
        net = build("linknet", 20)
    ours, more = count_flops(net, 360, 640), 0

    def note(conv: nn.ConvTranspose2d, given: tuple, x: torch.Tensor) -> None:
        nonlocal more
        more += 2 * conv.weight.numel() * (x[0, 0].numel() - given[0][0, 0].numel())

    for module in net.modules():
        if isinstance(module, nn.ConvTranspose2d):
            module.register_forward_hook(note)
    net.eval()(torch.empty(1, 3, 360, 640, device="meta"))
    assert [round(n / 1e9, 1) for n in (ours, ours + more)] == [19.5, 22.6]


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 1), (3, 2), (4, 2)])
def test_a_full_convolution_multiplies_the_size_by_its_stride(kernel: int, stride: int) -> None:
    assert FullConv(4, 4, kernel, stride)(torch.randn(1, 4, 5, 7)).shape == (1, 4, 5 * stride, 7 * stride)


@torch.no_grad()
def test_the_peers_network_links_the_outputs_down_to_stride_2() -> None:
    net = variant("smp_linknet", 3, encoder="resnet18").eval()
    assert [d.enlarge.conv.kernel_size for d in (*net.decode, net.refine)] == [(4, 4)] * 5
    assert net.classify.kernel_size == (1, 1)
    for size in [(1, 1), (37, 50), (64, 96)]:
        assert net(torch.randn(1, 3, *size)).logits.shape == (1, 3, *size)
