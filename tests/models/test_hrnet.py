"""What Wang et al. claim: high resolution throughout, four branches, all of them read."""

import pytest
import torch

from intarsia.models import build, count_flops, count_parameters


@torch.no_grad()
def test_the_finest_branch_keeps_a_quarter_of_the_image_in_every_stage() -> None:
    net = build("hrnet", 2, encoder="hrnet_w18_small").eval()
    seen: dict[str, list[tuple[int, ...]]] = {}
    for name in ("stage2", "stage3", "stage4"):
        for module in net.encoder.body.get_submodule(name):
            module.register_forward_hook(
                lambda _, given, maps, name=name: seen.setdefault(name, []).append(
                    tuple(tuple(m.shape[-2:]) for m in maps)
                )
            )
    net(torch.randn(1, 3, 64, 96))
    sizes = [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert {name: set(maps) for name, maps in seen.items()} == {
        "stage2": {tuple(sizes[:2])},
        "stage3": {tuple(sizes[:3])},
        "stage4": {tuple(sizes)},
    }


@pytest.mark.parametrize(
    ("encoder", "width"), [("hrnet_w18", 270), pytest.param("hrnet_w48", 720, marks=pytest.mark.slow)]
)
def test_four_branches_are_read_side_by_side(encoder: str, width: int) -> None:
    """Each is twice as wide as the next finer one: 15 times the finest in all."""
    with torch.device("meta"):
        net = build("hrnet", 2, encoder=encoder)
    finest = net.encoder.channels[0]
    assert net.encoder.channels == (finest, 2 * finest, 4 * finest, 8 * finest)
    assert net.encoder.strides == (4, 8, 16, 32)
    assert net.fuse.conv.in_channels == net.classify.score.in_channels == 15 * finest == width


@pytest.mark.slow
def test_the_published_cost_on_cityscapes() -> None:
    """65.9 M parameters and 747.3 G multiply-adds for 1024 x 2048 pixels (Table 3)."""
    assert round(count_parameters("hrnet", 19) / 1e6, 1) == 65.9
    with torch.device("meta"):
        net = build("hrnet", 19)
    assert abs(count_flops(net, 1024, 2048) / 2e9 - 747.3) < 1


@torch.no_grad()
def test_every_branch_is_heard() -> None:
    torch.manual_seed(0)
    net = build("hrnet", 2, encoder="hrnet_w18_small").eval()
    image = torch.randn(1, 3, 64, 64)
    features = net.encoder(image)
    whole = net(image).logits
    for n in range(4):
        net.encoder.forward = lambda image, n=n: [f * (m != n) for m, f in enumerate(features)]
        assert not torch.allclose(net(image).logits, whole)
