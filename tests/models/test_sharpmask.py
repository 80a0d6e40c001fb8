"""What DeepMask's and SharpMask's papers claim and code can check: windows, masks, and average recall."""

import pytest
import torch
from torch import nn

from intarsia.blocks.patches import draw_windows
from intarsia.blocks.windows import Seen, choose_windows, in_order, tight_boxes, windows_of
from intarsia.errors import ModelError
from intarsia.evaluation.tallies import ObjectTally, Wish
from intarsia.labels import LabelSpace
from intarsia.losses import SharpMaskLoss
from intarsia.models import build
from intarsia.models.instances.sharpmask import Refinement
from intarsia.structures import Batch, Objects, Sample

SMALL = {"encoder": "resnet10t", "window": 32, "hidden": 32, "scales": (0, 0.5), "limit": 12, "samples": 8}


def network(**options) -> nn.Module:
    torch.manual_seed(0)
    return build("sharpmask", 3, **{**SMALL, **options})


def batch(objects: bool = True) -> Batch:
    numbers = torch.zeros(2, 64, 96, dtype=torch.int32)
    if objects:
        numbers[0, 8:30, 10:40], numbers[0, 20:50, 35:70], numbers[1, 4:60, 30:60] = 1, 2, 1
    image = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(3))
    return Batch(image, (numbers % 3).to(torch.uint8), ("a", "b"), numbers)


def test_windows_of_objects_hold_them_in_the_right_size_and_others_are_far_from_it() -> None:
    """Section 3.2 of DeepMask: within 16 pixels and a quarter of an octave; else twice the shift or one octave away."""
    torch.manual_seed(0)
    boxes, none = torch.tensor([[40.0, 40, 86, 60], [300, 100, 392, 192]]), torch.zeros(0, 4)
    drawn = draw_windows(boxes, none, (400, 500), window=160, count=400, scales=(-2, 1))
    side = drawn.boxes[:, 2] - drawn.boxes[:, 0]
    middle = (drawn.boxes[:, :2] + drawn.boxes[:, 2:]) / 2
    hit = drawn.objects >= 0
    assert hit.sum() == 200 and set(drawn.objects.tolist()) == {-1, 0, 1}
    ideal = torch.tensor([80.0, 160]), torch.tensor([[63.0, 50], [346, 146]])  # an object of 92 pixels in one of 160
    octaves = (side[:, None] / ideal[0]).log2().abs()
    apart = (middle[:, None] - ideal[1]).abs() / side[:, None, None] * 160
    own = drawn.objects[hit]
    assert (octaves[hit, own] <= 0.251).all() and (apart[hit, own] <= 16.01).all()
    assert ((octaves[~hit] >= 0.999) | (apart[~hit].norm(dim=2) >= 31.9)).all()
    lone = draw_windows(none, torch.tensor([[0.0, 0, 8, 8]]), (8, 8), window=96, count=8, scales=(2, 2.1))
    assert lone.objects.tolist() == [-1] and (lone.boxes[0, 2:] < 0).all(), "beside the image, where nothing is"


def test_windows_are_cut_out_of_whole_maps_as_if_they_were_alone() -> None:
    maps = torch.arange(2 * 6 * 8.0).view(2, 1, 6, 8)
    found = windows_of(maps, torch.tensor([1, 0]), torch.tensor([2, 0]), torch.tensor([3, 5]), 3)
    assert torch.equal(found[0], maps[1, :, 2:5, 3:6]) and torch.equal(found[1], maps[0, :, 0:3, 5:8])


def test_the_best_windows_of_all_scales_are_chosen_and_filled_up() -> None:
    one = Seen(
        torch.tensor([[0.1, 0.9]]), torch.tensor([[[1.0], [2]]]), torch.eye(2, 4), torch.tensor([[0, 0], [1, 0]])
    )
    two = Seen(torch.tensor([[0.5]]), torch.tensor([[[3.0]]]), torch.ones(1, 4), torch.tensor([[4, 5]]))
    best = choose_windows([one, two], 4)
    assert best.scores.tolist()[0] == pytest.approx([0.9, 0.5, 0.1, 0])
    assert best.scales.tolist() == [0, 1, 0, -1] and best.codes[:, 0].tolist() == [2, 3, 1, 0]
    assert best.places.tolist() == [[1, 0], [4, 5], [0, 0], [0, 0]]


def test_a_box_ends_where_its_mask_does_and_the_mask_fills_it() -> None:
    masks = torch.full((3, 4, 4), -1.0)
    masks[0, 1:3, 2:4], masks[2, :, 0] = 1, 1
    where = torch.tensor([[0.0, 0, 8, 8], [0, 0, 8, 8], [-8, 0, 0, 8]])
    moved, boxes, drawn = tight_boxes(masks, where, (6, 20))
    assert drawn.tolist() == [True, False, False], "nothing is drawn, or outside of the image alone"
    assert boxes[0].tolist() == [4, 2, 8, 6]
    assert (moved[0] > 0).all()
    scores, _, kept = in_order(torch.tensor([[0.2, 0.9, 0.5]]), boxes, moved, drawn, 1.0)
    assert scores.tolist()[0] == pytest.approx([0.2, 0, 0]) and torch.equal(kept[0, 0], moved[0])


def test_each_refinement_doubles_the_mask_and_sees_one_more_feature() -> None:
    refine = Refinement((256, 128, 64, 64), 32, 20, 3)
    assert [side[-1].out_channels for side in refine.sides] == [16, 8, 4, 2]
    sides = refine.beside([torch.randn(2, c, 3 * 2**n, 3 * 2**n) for n, c in enumerate((256, 128, 64, 64))])
    masks = refine(torch.randn(2, 20), sides)
    assert masks.shape == (2, 48, 48)
    other = [side + (n == 3) for n, side in enumerate(sides)]
    assert not torch.equal(refine(torch.zeros(2, 20), other), refine(torch.zeros(2, 20), sides))


@pytest.mark.parametrize("refine", [True, False], ids=["sharpmask", "deepmask"])
def test_it_trains_and_proposes_objects_of_no_class(refine: bool) -> None:
    net, data = network(refine=refine), batch()
    terms = SharpMaskLoss()(net(data.image, data), data)
    assert set(terms) == {"mask", "score"} and all(term > 0 for term in terms.values())
    sum(terms.values()).backward()
    assert net.look[2].weight.grad.any()
    output = net.eval()(data.image)
    assert output.agnostic and output.classes.eq(0).all() and output.masks.shape[:2] == (2, 12)
    assert output.masks.shape[2] == (32 if refine else 56)
    assert (output.scores.diff(dim=1) <= 0).all()


def test_pictures_without_objects_train_and_odd_options_and_outputs_are_refused() -> None:
    net, data = network(), batch(objects=False)
    terms = SharpMaskLoss()(net(data.image, data), data)
    assert terms["mask"] == 0 and terms["score"] > 0
    with pytest.raises(ModelError, match="the loss sharpmask reads the windows that SharpMask has compared"):
        SharpMaskLoss()(net.eval()(data.image), data)
    with pytest.raises(ModelError, match="window is 100, channels is 32 and scales is"):
        network(window=100)
    with pytest.raises(ModelError, match="threshold is 20; give a probability between 0 and 1"):
        network(threshold=20)


def test_proposals_are_scored_as_objects_of_any_class() -> None:
    """Two true objects of two classes, both found by proposals of class 0: average recall is 1, of one class in all."""
    space = LabelSpace(("sky", "car", "dog"), things=("car", "dog"))
    masks = torch.zeros(2, 16, 16, dtype=torch.bool)
    masks[0, 2:8, 2:8], masks[1, 9:15, 5:12] = True, True
    labels = (masks[0] + 2 * masks[1]).to(torch.uint8)
    sample = Sample(torch.zeros(3, 16, 16, dtype=torch.uint8), labels, "a", masks=masks, classes=torch.tensor([1, 2]))
    for agnostic, recall in ((True, 1.0), (False, 0.0)):
        tally = ObjectTally(space, Wish())
        tally.update(sample, Objects(masks.numpy(), torch.zeros(2), torch.tensor([0.9, 0.8]), agnostic=agnostic))
        score = tally.compute()
        assert score.masks is not None and score.masks.ar100 == recall and score.ap50 == recall
        assert score.agnostic is agnostic and ("AR 100 100.00" in score.sentence) is agnostic
        assert list(score.to_dict()["masks"]["classes"]) == (["any object"] if agnostic else ["sky", "car", "dog"])
