"""What ShapeMask's paper claims and code can check: shapes, frames, and masks that are refined."""

import pytest
import torch
from torch import nn

from intarsia.blocks.anchor_head import Anchored, AnchorHead
from intarsia.blocks.shape_priors import ShapePriors, grown, in_frame
from intarsia.errors import ModelError
from intarsia.losses import ShapeMaskLoss
from intarsia.models import build
from intarsia.structures import Batch

SMALL = {"encoder": "resnet10t", "channels": 16, "width": 8, "depth": 1, "clusters": 2, "enlarge": 1, "limit": 12}


def network(**options) -> nn.Module:
    torch.manual_seed(0)
    return build("shapemask", 3, **{**SMALL, **options})


def batch(objects: bool = True) -> Batch:
    numbers = torch.zeros(2, 64, 96, dtype=torch.int32)
    if objects:
        numbers[0, 8:30, 10:40], numbers[0, 20:50, 35:70], numbers[1, 4:60, 30:60] = 1, 2, 1
    image = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(3))
    return Batch(image, (numbers % 3).to(torch.uint8), ("a", "b"), numbers)


def test_shapes_are_the_means_of_the_masks_nearest_to_them() -> None:
    priors = ShapePriors(2, 2, 4)
    assert priors.shapes[0, 0].sum() == 12, "a disk, before anything was seen"
    full, left = torch.ones(4, 4), torch.zeros(4, 4)
    left[:, :2] = 1
    priors.learn(torch.stack([full, left, left, left]), torch.tensor([0, 0, 0, 1]))
    assert torch.equal(priors.shapes[0], torch.stack([full, left])) and priors.counts.tolist() == [[1, 2], [1, 0]]
    third = left.clone()
    third[0, 2] = 1
    priors.learn(third[None], torch.tensor([0]))
    torch.testing.assert_close(priors.shapes[0, 1], (2 * left + third) / 3)
    assert set(priors.state_dict()) == {"shapes", "counts"}, "a checkpoint keeps them"


def test_masks_move_between_a_box_and_a_larger_one() -> None:
    box = torch.tensor([[10.0, 20, 30, 40]])
    around = grown(box, 1.25, (100, 100))
    assert around.tolist() == [[7.5, 17.5, 32.5, 42.5]] and grown(box, 4, (50, 31)).tolist() == [[0, 0, 31, 50]]
    inside = in_frame(torch.ones(1, 32, 32), box, around, 20)[0]
    assert inside.sum() == pytest.approx((20 * 0.8) ** 2, abs=1) and inside[10, 10] == 1 and inside[0, 10] == 0
    back = in_frame(in_frame(torch.ones(1, 32, 32), box, around, 40), around, box, 8)
    assert back[0, 1:-1, 1:-1].eq(1).all()


def test_anchors_are_those_of_the_released_code() -> None:
    """Three sizes a level, a third of an octave apart, each square, wide and high, of one area; middles of the cells."""
    head = AnchorHead(8, 2, strides=(8,), depth=1)
    level = head([torch.zeros(1, 8, 1, 2)])[0]
    assert level.anchors.shape == (18, 4) and level.logits.shape == (1, 18, 2)
    assert level.anchors[0].tolist() == [-12, -12, 20, 20] and level.anchors[9].tolist() == [-4, -12, 28, 20]
    side = level.anchors[:, 2:] - level.anchors[:, :2]
    torch.testing.assert_close(
        side.prod(1)[:9].view(3, 3) / 32**2, (2 ** (torch.arange(3) * 2 / 3))[:, None].expand(3, 3)
    )
    assert side[1, 0] == pytest.approx(2 * float(side[1, 1])) and side[2, 1] == pytest.approx(2 * float(side[2, 0]))
    assert float(level.logits.detach().sigmoid().mean()) == pytest.approx(0.01, abs=1e-4)


def test_anchors_are_an_objects_from_half_on_and_each_object_keeps_its_best() -> None:
    head = AnchorHead(8, 2, strides=(8,), depth=0)
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 4], [50, 50, 60, 60], [20, 20, 30, 30]])
    level = Anchored(torch.zeros(1, 4, 2), torch.zeros(1, 4, 4), anchors)
    boxes = torch.tensor([[0.0, 0, 10, 8], [56, 56, 64, 64]])
    kinds, codes = head.match([level], boxes, torch.tensor([1, 0]), torch.tensor([[19.0, 19, 31, 31]]))
    assert kinds.tolist() == [1, 1, 0, -1]
    assert codes[0].tolist() == pytest.approx([0, -0.1, 0, -0.2231435], abs=1e-6) and codes[3].eq(0).all()


@pytest.mark.parametrize("by_class", [True, False])
def test_it_trains_with_and_without_classes_of_shapes(by_class: bool) -> None:
    net, data = network(by_class=by_class), batch()
    terms = ShapeMaskLoss()(net(data.image, data), data)
    assert set(terms) == {"class", "box", "prior", "coarse", "fine"} and all(term > 0 for term in terms.values())
    sum(terms.values()).backward()
    assert net.draw.choose.weight.grad.any() and net.draw.priors.counts.sum() == 3
    assert len(net.draw.priors.shapes) == (3 if by_class else 1)


def test_boxes_alone_are_retinanet_and_pictures_without_objects_train() -> None:
    net, data = network(), batch(objects=False)
    terms = ShapeMaskLoss()(net(data.image, data), data)
    assert terms["class"] > 0 and terms["box"] == terms["prior"] == terms["fine"] == 0
    sum(terms.values()).backward()
    net = network(masks=False)
    assert set(ShapeMaskLoss()(net(data.image, data), data)) == {"class", "box"}
    assert net.eval()(data.image).masks is None


def test_an_image_is_answered_alike_in_company_and_other_losses_are_refused() -> None:
    net, data = network(), batch()
    nn.init.constant_(net.find.classify.bias, 1.0)  # as sure as if it had learned
    nn.init.normal_(net.find.classify.weight, std=0.1)
    net.eval()
    with torch.no_grad():
        both, one = net(data.image), net(data.image[1:])
    assert (both.scores > 0).all() and both.masks.shape == (2, 12, 32, 32)
    torch.testing.assert_close(both.masks[1:], one.masks, atol=1e-4, rtol=1e-4)
    with pytest.raises(ModelError, match="the loss shapemask reads the anchors that ShapeMask has compared"):
        ShapeMaskLoss()(both, data)
    with pytest.raises(ModelError, match="the coarsest level of the pyramid is a 1x1 map of a single image"):
        network()(data.image[:1])
    with pytest.raises(ModelError, match="start is 1.5; give whole numbers from 1 on"):
        network(start=1.5)


def test_masks_begin_as_probable_as_they_are_asked_to() -> None:
    for start in (0.01, 0.5):
        head, data = network(start=start), batch()
        found = head(data.image, data).found_by
        for part in (found.coarse, found.fine):
            assert float(part.detach().sigmoid().mean()) == pytest.approx(start, rel=0.2)
