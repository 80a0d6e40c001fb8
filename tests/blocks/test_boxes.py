"""Boxes, anchors, matching and suppression: torchvision's, a slow loop's, and numbers that can be followed by hand."""

import math

import pytest
import torch
from torch import Tensor

from intarsia.blocks.anchors import anchors_of
from intarsia.blocks.boxes import box_iou, boxes_around, clip_boxes, decode_boxes, encode_boxes, suppress
from intarsia.blocks.matching import BETWEEN, NOTHING, match, sampled


def some(count: int, side: float = 30) -> Tensor:
    corner = torch.rand(count, 2, 2) * side
    low, high = corner.amin(1), corner.amax(1)
    return torch.cat([low, high + 0.5], dim=1)


def slow_iou(a: list[float], b: list[float]) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def test_iou_is_a_slow_loops() -> None:
    a, b = some(9), some(7)
    wanted = torch.tensor([[slow_iou(p, q) for q in b.tolist()] for p in a.tolist()])
    assert (wanted > 0.1).any() and (wanted == 0).any()
    torch.testing.assert_close(box_iou(a, b), wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("overlap", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("grouped", [False, True])
def test_suppression_is_a_slow_loops_and_torchvisions(overlap: float, grouped: bool) -> None:
    boxes, scores = some(120).repeat(2, 1), torch.rand(240)
    boxes[120:] += torch.rand(120, 1)
    groups = torch.randint(0, 3, (240,)) if grouped else None
    left, wanted = scores.argsort(descending=True).tolist(), []
    while left:
        best = left.pop(0)
        wanted.append(best)
        left = [
            n
            for n in left
            if (groups is not None and groups[n] != groups[best])
            or slow_iou(boxes[n].tolist(), boxes[best].tolist()) <= overlap
        ]
    assert 1 < len(wanted) < 240
    assert suppress(boxes, scores, overlap, groups=groups).tolist() == wanted
    assert suppress(boxes, scores, overlap, groups=groups, fast=True).tolist() == wanted


@pytest.mark.parametrize("fast", [False, True])
def test_a_chain_of_boxes_keeps_every_other_one(fast: bool) -> None:
    """What is suppressed suppresses nothing itself, however long the chain."""
    start = torch.arange(40.0) * 4
    boxes = torch.stack([start, start * 0, start + 10, start * 0 + 10], dim=1)
    assert suppress(boxes, -start, 0.4, fast=fast).tolist() == list(range(0, 40, 2))
    assert suppress(boxes[:0], start[:0], 0.4, fast=fast).tolist() == []


def test_codes_are_torchvisions_and_turn_back() -> None:
    coder = pytest.importorskip("torchvision").models.detection._utils.BoxCoder((10.0, 10.0, 5.0, 5.0))
    boxes, anchors = some(20), some(20)
    codes = encode_boxes(boxes, anchors, (10, 10, 5, 5))
    torch.testing.assert_close(codes, coder.encode_single(boxes, anchors), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(decode_boxes(codes, anchors, (10, 10, 5, 5)), boxes, atol=1e-4, rtol=1e-5)
    wild = torch.randn(20, 4) * 40  # sides grow by 1000 / 16 at most
    torch.testing.assert_close(
        decode_boxes(wild, anchors, (10, 10, 5, 5)), coder.decode_single(wild, anchors), atol=1e-2, rtol=1e-5
    )


def test_clipping_moves_edges_to_the_border() -> None:
    boxes = torch.tensor([[-3.0, 2, 40, 30], [5, 6, 7, 8]])
    assert clip_boxes(boxes, (20, 32)).tolist() == [[0, 2, 32, 20], [5, 6, 7, 8]]


def test_boxes_around_masks_are_a_slow_loops() -> None:
    masks = torch.rand(6, 12, 17) > 0.97
    masks[2] = False
    wanted = []
    for mask in masks:
        y, x = mask.nonzero(as_tuple=True)
        wanted.append([x.min(), y.min(), x.max() + 1, y.max() + 1] if len(x) else [0, 0, 0, 0])
    assert torch.equal(boxes_around(masks), torch.tensor(wanted).float())
    assert boxes_around(masks[:0]).shape == (0, 4)


def test_anchors_are_torchvisions() -> None:
    anchors = pytest.importorskip("torchvision").models.detection.anchor_utils
    from torchvision.models.detection.image_list import ImageList

    theirs = anchors.AnchorGenerator(((32,), (64,)), ((0.5, 1.0, 2.0),) * 2)
    image, maps = torch.zeros(1, 3, 64, 96), [torch.zeros(1, 2, 16, 24), torch.zeros(1, 2, 8, 12)]
    (wanted,) = theirs(ImageList(image, [(64, 96)]), maps)
    ours = [anchors_of(x, stride, size, (0.5, 1, 2)) for x, stride, size in zip(maps, (4, 8), (32, 64), strict=True)]
    assert torch.equal(torch.cat(ours), wanted)


def test_matching_is_torchvisions_and_every_object_keeps_its_best_boxes() -> None:
    matcher = pytest.importorskip("torchvision").models.detection._utils.Matcher
    iou = box_iou(some(5), some(200))
    for rescue in (False, True):
        ours = match(iou, 0.3, 0.5, rescue=rescue)
        assert torch.equal(ours, matcher(0.5, 0.3, rescue)(iou))
        assert {NOTHING, BETWEEN} < set(ours.tolist())
    assert set(ours.tolist()) >= set(range(5))  # rescued
    assert match(iou[:0], 0.3, 0.7, rescue=True).tolist() == [NOTHING] * 200  # an image without objects


def test_no_more_are_drawn_than_asked_for_and_nothing_fills_up() -> None:
    matched = torch.full((1000,), NOTHING)
    matched[:200], matched[200:400] = 3, BETWEEN
    objects, nothing = sampled(matched, 256, 0.5)
    assert (len(objects), len(nothing)) == (128, 128)
    assert (matched[objects] >= 0).all() and (matched[nothing] == NOTHING).all()
    assert len(objects.unique()) == 128 and len(nothing.unique()) == 128
    matched[10:200] = NOTHING
    assert [len(part) for part in sampled(matched, 256, 0.5)] == [10, 246]
    assert [len(part) for part in sampled(matched[:12], 256, 0.5)] == [10, 2]


def test_a_side_grows_by_a_bounded_factor() -> None:
    anchor = torch.tensor([[0.0, 0, 16, 16]])
    (box,) = decode_boxes(torch.tensor([[0.0, 0, 99, math.log(2)]]), anchor).tolist()
    assert box == pytest.approx([8 - 500, 8 - 16, 8 + 500, 8 + 16], rel=1e-4)
