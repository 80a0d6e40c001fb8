"""What CenterMask's paper claims and code can check, and its figures against the authors' code on the same weights."""

import pytest
import torch
from torch import nn

from intarsia.blocks.fcos import PointHead, Points
from intarsia.blocks.mask_scoring import overlaps_of, shares_inside
from intarsia.errors import ModelError
from intarsia.losses import CenterMaskLoss, Detection
from intarsia.losses.centermask import centerness_of, overlap_of_distances
from intarsia.losses.focal import focal_sum
from intarsia.models import build
from intarsia.models.instances.centermask import SpatialAttention, levels_of
from intarsia.structures import Batch

SMALL = {"encoder": "resnet10t", "channels": 16, "depth": 1, "width": 32, "limit": 12, "proposals": 12}


def network(**options) -> nn.Module:
    torch.manual_seed(0)
    return build("centermask", 3, **{**SMALL, **options})


def batch(objects: bool = True) -> Batch:
    numbers = torch.zeros(2, 64, 96, dtype=torch.int32)
    if objects:
        numbers[0, 8:30, 10:40], numbers[0, 20:50, 35:70], numbers[1, 4:60, 30:60] = 1, 2, 1
    image = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(3))
    return Batch(image, (numbers % 3).to(torch.uint8), ("a", "b"), numbers)


def points(places: list[tuple[float, float]], k: int = 2) -> Points:
    n = len(places)
    return Points(torch.zeros(1, n, k), torch.zeros(1, n, 4), torch.zeros(1, n), torch.tensor(places))


def test_a_point_stands_for_the_smallest_object_near_whose_middle_it_lies_and_of_its_levels_size() -> None:
    """Two levels of strides 8 and 16, objects of up to 10 pixels to an edge on the finer; radius of one stride."""
    head = PointHead(8, 2, strides=(8, 16), depth=0, ranges=(10,), radius=1)
    levels = [points([(4, 4), (12, 12), (20, 4), (40, 40), (60, 4)]), points([(8, 8), (24, 24)])]
    boxes = torch.tensor([[0.0, 0, 16, 16], [4, 4, 20, 20], [0, 0, 60, 60]])
    classes, ignored = torch.tensor([1, 0, 1]), torch.tensor([[56.0, 0, 64, 8]])
    found, reach = head.match(levels, boxes, classes, ignored, none=2)
    #  (4, 4): 12 pixels from an edge; (12, 12): on this level of the second alone; (60, 4): in what is ignored
    assert found.tolist() == [2, 0, 2, 2, -1, 0, 1]
    assert reach[1].tolist() == [1, 1, 1, 1]
    assert (reach[6] * 16).tolist() == [24, 24, 36, 36]
    none, _ = head.match(levels, boxes[:0], classes[:0], ignored[:0], none=2)
    assert none.tolist() == [2] * 7


def test_centerness_and_overlap_of_worked_examples() -> None:
    ways = torch.tensor([[1.0, 1, 1, 1], [1, 2, 3, 2], [1, 2, 4, 2]])
    assert centerness_of(ways).tolist() == pytest.approx([1, (1 / 3) ** 0.5, 0.5])
    a, b = torch.tensor([[1.0, 1, 1, 1], [2, 2, 2, 2]]), torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 1]])
    assert overlap_of_distances(a, b).tolist() == pytest.approx([1, 5 / 17])
    flat = overlap_of_distances(torch.tensor([[0.0, 0, 4, 0]]), torch.tensor([[0.0, 4, 0, 0]]))
    assert flat.tolist() == pytest.approx([1 - 1]), "two boxes without area, in a box of 16 that holds none of them"


def test_boxes_are_cut_out_of_the_level_of_their_share_of_the_image() -> None:
    """Equation 2: from the whole image to half of it the coarsest level, to a quarter the next, below that the finest."""
    boxes = torch.tensor(
        [[0.0, 0, 100, 80], [0, 0, 100, 41], [0, 0, 50, 80], [0, 0, 50, 39], [0, 0, 3, 3], [5, 5, 5, 5]]
    )
    assert levels_of(boxes, (80, 100)).tolist() == [2, 2, 1, 0, 0, 0]
    assert levels_of(boxes * 2, (160, 200)).tolist() == [2, 2, 1, 0, 0, 0], "whatever the size in pixels"


def test_attention_is_one_weight_a_pixel() -> None:
    attend, x = SpatialAttention(), torch.randn(2, 5, 4, 4)
    weight = attend(x) / x
    torch.testing.assert_close(weight, weight[:, :1].expand_as(weight))
    assert ((weight > 0) & (weight < 1)).all()


def test_the_overlap_of_a_mask_counts_what_the_box_has_missed() -> None:
    mask = torch.zeros(1, 8, 8, dtype=torch.bool)
    mask[0, :, 2:6] = True
    boxes = torch.tensor([[0.0, 0, 4, 8], [2, 0, 6, 8], [6, 0, 8, 8]])
    shares = shares_inside(mask, boxes, torch.zeros(3, dtype=torch.long))
    assert shares.tolist() == [0.5, 1, 0]
    wanted = torch.tensor([[[0.0, 1], [0, 1]], [[1, 1], [1, 1]]])
    drawn = torch.tensor([[[-1.0, 1], [-1, 1]], [[1, 1], [1, -1]]])
    assert overlaps_of(drawn, wanted, shares[:2]).tolist() == [0.5, 0.75]


def test_the_focal_loss_is_its_formula() -> None:
    logits = torch.tensor([[2.0, -1], [0, 0.5], [-3, 1]])
    p = logits.sigmoid()
    slow = sum(
        -(0.25 * (1 - p[i, k]) ** 2 * p[i, k].log() if right else 0.75 * p[i, k] ** 2 * (1 - p[i, k]).log())
        for i, k, right in [(0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 0), (2, 0, 0), (2, 1, 1)]
    )
    assert focal_sum(logits, torch.tensor([0, 2, 1]), 0.25, 2.0).item() == pytest.approx(float(slow))


def test_boxes_alone_are_fcos_and_pictures_without_objects_train() -> None:
    net, data = network(masks=False), batch(objects=False)
    terms = CenterMaskLoss()(net(data.image, data), data)
    assert set(terms) == {"class", "box", "centerness"} and terms["class"] > 0
    assert terms["box"] == terms["centerness"] == 0
    sum(terms.values()).backward()
    assert net.eval()(data.image).masks is None


def test_masks_train_without_scoring_and_one_image_is_answered_alike_in_company() -> None:
    net, data = network(scoring=False), batch()
    nn.init.constant_(net.find.classify.bias, 1.0)  # as sure as if it had learned
    assert set(CenterMaskLoss()(net(data.image, data), data)) == {"class", "box", "centerness", "mask"}
    net.eval()
    with torch.no_grad():
        both, one = net(data.image), net(data.image[1:])
    assert (both.scores > 0).all() and (both.scores.diff(dim=1) <= 0).all()
    torch.testing.assert_close(both.masks[1:], one.masks, atol=1e-4, rtol=1e-4)


def test_a_badly_drawn_mask_loses_its_place() -> None:
    net, data = network(), batch()
    nn.init.constant_(net.find.classify.bias, 1.0)
    nn.init.normal_(net.judge.guess.weight, std=5)
    output = net.eval()(data.image)
    assert (output.scores > 0).all() and (output.scores <= 1).all() and (output.scores.diff(dim=1) <= 0).all()


def test_another_networks_detections_and_sizes_that_make_no_levels_are_refused() -> None:
    net, data = network(), batch()
    with pytest.raises(ModelError, match="the loss centermask reads the points that CenterMask has compared"):
        CenterMaskLoss()(net.eval()(data.image), data)
    with pytest.raises(ModelError, match="compared nothing"):
        Detection()(net.train()(data.image, data), data)
    with pytest.raises(ModelError, match=r"ranges is \[64, 32, 16, 8\]; name 4 growing numbers of pixels"):
        network(ranges=(64, 32, 16, 8))
