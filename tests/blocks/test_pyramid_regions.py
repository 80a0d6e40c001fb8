"""Regions of a feature pyramid: torchvision's, the level of each box, and the three ways to cut."""

import pytest
import torch

from intarsia.blocks import roi_align, roi_pool, roi_warp
from intarsia.blocks.feature_pyramid import FeaturePyramid, hand_down
from intarsia.blocks.pyramid_regions import PyramidRegions, cut_masks
from intarsia.blocks.resize import resize_like


def pyramid(channels: int = 3) -> list[torch.Tensor]:
    return [torch.randn(2, channels, 64 // 2**n, 96 // 2**n) for n in range(4)]


def boxes() -> tuple[torch.Tensor, torch.Tensor]:
    corner = torch.rand(40, 2) * torch.tensor([300.0, 200.0])
    side = torch.rand(40, 2) ** 3 * 900 + 1
    return torch.cat([corner, corner + side], dim=1), torch.randint(0, 2, (40,))


def test_multi_scale_regions_are_torchvisions() -> None:
    ops = pytest.importorskip("torchvision").ops
    maps, (where, images) = pyramid(), boxes()
    order = images.argsort(stable=True)  # theirs wants the boxes of each image in a list
    theirs = ops.MultiScaleRoIAlign(list("0123"), 7, 2)
    wanted = theirs(
        dict(zip("0123", maps, strict=True)), [where[images == 0], where[images == 1]], [(256, 384), (256, 384)]
    )
    ours = PyramidRegions(7, aligned=False)
    assert set(ours.levels(where).tolist()) == {0, 1, 2, 3}
    torch.testing.assert_close(ours(maps, where[order], images[order]), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("cut", "plain", "options"), [
    ("align", roi_align, {}), ("warp", roi_warp, {"reduce": "average"}), ("pool", roi_pool, {}),
    ("align_max", roi_align, {"reduce": "max"}), ("warp_max", roi_warp, {"reduce": "max"}),
])  # fmt: skip
def test_each_way_is_the_one_that_is_written_to_be_read(cut: str, plain, options: dict) -> None:
    maps, (where, images) = pyramid(), boxes()
    ours = PyramidRegions(4, cut=cut)
    level = ours.levels(where)
    found = ours(maps, where, images)
    for n, stride in enumerate((4, 8, 16, 32)):
        rows = level == n
        wanted = plain(maps[n], where[rows], 4, images=images[rows], scale=1 / stride, **options)
        torch.testing.assert_close(found[rows], wanted, atol=1e-4, rtol=1e-5)


def test_a_box_as_large_as_imagenets_images_lies_on_the_level_of_stride_16() -> None:
    side = torch.tensor([10.0, 111, 113, 223, 225, 447, 449, 2000])
    where = torch.stack([side * 0, side * 0, side, side], dim=1)
    assert PyramidRegions(7).levels(where).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_gradients_reach_every_level() -> None:
    maps = [torch.randn(1, 1, n, n + 1, dtype=torch.float64, requires_grad=True) for n in (6, 5, 4, 3)]
    side = torch.tensor([10.0, 130, 260, 500], dtype=torch.float64)
    where = torch.stack([side * 0, side * 0, side, side], dim=1) + 0.3
    for cut in ("align", "warp"):
        regions = PyramidRegions(2, cut=cut)
        assert torch.autograd.gradcheck(lambda *x: regions(x, where, torch.zeros(4)), maps)  # noqa: B023
    regions(maps, where, torch.zeros(4)).sum().backward()
    assert all(x.grad.any() for x in maps)


def test_roialign_moves_with_the_box_and_roipool_jumps() -> None:
    """Mask R-CNN, section 3: rounding a box to whole pixels of the map shifts what is under it."""
    ramp = torch.arange(64.0).expand(1, 1, 64, 64).contiguous()
    maps = [ramp, *pyramid(1)[1:]]
    shifts = torch.arange(0, 4, 0.5)
    where = torch.stack([20 + shifts, shifts * 0 + 20, 60 + shifts, shifts * 0 + 60], dim=1)
    images = torch.zeros(8, dtype=torch.long)
    aligned = PyramidRegions(7)(maps, where, images)[:, 0, 3, 3]
    torch.testing.assert_close(aligned.diff(), torch.full((7,), 0.125))  # half a pixel of the image is 1/8 of the map's
    for cut in ("pool", "warp"):
        steps = PyramidRegions(7, cut=cut)(maps, where, images)[:, 0, 3, 3].diff()
        assert (steps == 0).any() and (steps > 0.4).any()


def test_a_mask_is_cut_to_its_box() -> None:
    mask = torch.zeros(2, 40, 40, dtype=torch.bool)
    mask[1, 10:30, 8:24] = True
    box = torch.tensor([[8.0, 10, 24, 30], [0, 10, 16, 30], [8, 10, 24, 30]])
    found = cut_masks(mask, box, torch.tensor([1, 1, 0]), 4)
    assert (found[0] > 0.85).all() and (found[0, 1:3, 1:3] == 1).all()
    assert (found[1, 1:3, 3] == 1).all() and (found[1, :, 0] == 0).all()
    assert not found[2].any()


def test_what_is_handed_down_is_added_to_the_finer_map() -> None:
    maps = [torch.ones(1, 1, 5, 7), 10 * torch.ones(1, 1, 3, 4), 100 * torch.ones(1, 1, 2, 2)]
    sums = hand_down(maps, lambda x, finer: resize_like(x, finer, mode="nearest"))
    assert [x.unique().tolist() for x in sums] == [[111], [110], [100]]
    assert [x.shape for x in sums] == [x.shape for x in maps]


def test_the_pyramid_is_torchvisions() -> None:
    ops = pytest.importorskip("torchvision").ops
    from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

    theirs, ours = ops.FeaturePyramidNetwork([3, 4, 5], 6, LastLevelMaxPool()), FeaturePyramid([3, 4, 5], 6)
    mine, peers = ours.state_dict(), theirs.state_dict()
    ours.load_state_dict(dict(zip(mine, peers.values(), strict=True)))
    features = [torch.randn(2, 3, 13, 18), torch.randn(2, 4, 7, 9), torch.randn(2, 5, 4, 5)]
    wanted = theirs(dict(zip("abc", features, strict=True)))
    for a, b in zip(ours(features), wanted.values(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
