"""What Mask R-CNN's paper claims and code can check, and what any picture of objects owes."""

import pytest
import torch
from torch import Tensor, nn

from intarsia.blocks.matching import BETWEEN, NOTHING, excused
from intarsia.blocks.true_objects import true_objects
from intarsia.errors import ModelError
from intarsia.losses.detection import Detection
from intarsia.models import build, count_parameters
from intarsia.structures import Batch, Detections

SMALL = {"encoder": "resnet10t", "channels": 16, "width": 32, "sizes": (8, 16, 32, 64, 128), "proposals": (60, 40)}


def network(num_classes: int = 3, **options) -> nn.Module:
    torch.manual_seed(0)
    net = build("maskrcnn", num_classes, **{**SMALL, "limit": 12, **options})
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.ones_(module.weight)
    return net


def batch(objects: bool = True, h: int = 64, w: int = 96) -> Batch:
    numbers = torch.zeros(2, h, w, dtype=torch.int32)
    if objects:
        numbers[0, 8:30, 10:40], numbers[0, 20:50, 35:70], numbers[1, 4:60, 30:60] = 1, 2, 1
    labels = (numbers % 3).to(torch.uint8)
    return Batch(torch.randn(2, 3, h, w, generator=torch.Generator().manual_seed(3)), labels, ("a", "b"), numbers)


def test_the_papers_network_is_torchvisions_less_what_no_object_never_needs() -> None:
    """44,401,393 with 91 classes and frozen norms, whose 53,120 weights are none there; a box and a mask of "no object" go."""
    assert count_parameters("maskrcnn", 90) == 44_401_393 + 53_120 - 4 * 1025 - 257


@pytest.mark.parametrize("size", [(1, 1), (1, 17), (31, 37), (64, 64), (97, 33)], ids=str)
@torch.no_grad()
def test_any_size_in_and_a_fixed_number_of_rows_out(size: tuple[int, int]) -> None:
    output = network().eval()(torch.randn(2, 3, *size))
    assert type(output) is Detections and output.size == size and output.found_by is None
    assert output.scores.shape == output.classes.shape == (2, 12)
    assert output.boxes.shape == (2, 12, 4) and output.masks.shape == (2, 12, 28, 28)
    assert (output.scores.diff(dim=1) <= 0).all(), "best first"
    x0, y0, x1, y1 = output.boxes.unbind(2)
    h, w = size
    assert (x0 >= 0).all() and (y0 >= 0).all() and (x1 <= w).all() and (y1 <= h).all()
    for part in output[:4]:
        assert part[output.scores == 0].eq(0).all(), "padding is zeros"


@torch.no_grad()
def test_an_image_is_answered_alike_alone_and_in_company() -> None:
    net, images = network().eval(), torch.randn(3, 3, 70, 50)
    together = net(images)
    for n in range(3):
        alone = net(images[n : n + 1])
        for one, all_ in zip(alone[:4], together[:4], strict=True):
            torch.testing.assert_close(one[0], all_[n], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("roi", ["align", "warp", "pool"])
def test_every_parameter_gets_a_gradient(roi: str) -> None:
    net, data = network(roi=roi), batch()
    terms = Detection()(net(data.image, data), data)
    assert set(terms) == {"objectness", "rpn_box", "class", "box", "mask"}
    sum(terms.values()).backward()
    assert [key for key, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_boxes_alone_are_faster_rcnn() -> None:
    net, data = network(masks=False), batch()
    assert set(Detection()(net(data.image, data), data)) == {"objectness", "rpn_box", "class", "box"}
    assert net.eval()(data.image).masks is None


def test_images_without_objects_train() -> None:
    net, data = network(), batch(objects=False)
    terms = Detection()(net(data.image, data), data)
    assert terms["objectness"] > 0 and terms["class"] > 0
    assert terms["rpn_box"] == terms["box"] == terms["mask"] == 0
    sum(terms.values()).backward()
    assert net.judge.classify.weight.grad.isfinite().all()
    assert net.draw.score.weight.grad is not None


def test_ignored_objects_are_no_objects() -> None:
    data = batch()
    data.labels[data.objects == 2] = 255
    true = true_objects(data, 0, 3)
    assert true.boxes.tolist() == [[10, 8, 40, 30]] and true.classes.tolist() == [1] and true.masks.shape == (1, 64, 96)
    assert true.ignored.tolist() == [[35, 20, 70, 50]]


def test_what_lies_in_an_ignored_object_is_no_background() -> None:
    """Of four boxes that hit no object one lies in an ignored one, one by half, one by less, and one elsewhere."""
    boxes = torch.tensor([[2.0, 2, 8, 8], [-5, 0, 5, 10], [-6, 0, 4, 10], [20, 20, 30, 30], [0, 0, 10, 10]])
    matched = torch.tensor([NOTHING, NOTHING, NOTHING, NOTHING, 0])
    ignored = torch.tensor([[0.0, 0, 10, 10]])
    assert excused(matched, boxes, ignored).tolist() == [BETWEEN, BETWEEN, NOTHING, NOTHING, 0]
    assert excused(matched, boxes, ignored[:0]) is matched
    data, net = batch(), network()
    data.labels[1], data.objects[1] = 255, 1  # one ignored object as a whole
    data = Batch(data.image[1:], data.labels[1:], data.names[1:], data.objects[1:])
    output = net(data.image, data)
    assert len(output.found_by.classes) == 0, "no proposal is drawn, neither as an object nor as background"
    assert sum(Detection()(output, data).values()).isfinite()


def test_a_class_that_the_network_does_not_know_is_refused() -> None:
    data = batch()
    data.labels[data.objects == 2] = 7
    with pytest.raises(
        ModelError, match=r"a: an object has class 7, but the network is built for 3 \(0 to 2\); .* 255"
    ):
        network()(data.image, data)


def test_a_truth_in_masks_that_overlap_is_taken_whole() -> None:
    data = batch()
    masks = torch.zeros(2, 64, 96, dtype=torch.bool)
    masks[0, 8:30, 10:40], masks[1, 20:50, 20:70] = True, True
    data = data._replace(masks=(masks, masks[:0]), classes=(torch.tensor([2, 0]), torch.zeros(0, dtype=torch.long)))
    true = true_objects(data, 0, 3)
    assert true.boxes.tolist() == [[10, 8, 40, 30], [20, 20, 70, 50]] and true.classes.tolist() == [2, 0]
    assert len(true_objects(data, 1, 3).boxes) == 0


def test_in_training_nothing_is_detected_and_without_the_truth_there_is_no_loss() -> None:
    net, data = network(), batch()
    output = net(data.image, data)
    assert output.scores.shape == (2, 0) and output.masks.shape == (2, 0, 28, 28)
    with pytest.raises(ModelError, match=r"call network\(image, truth\) in training mode"):
        Detection()(net(data.image), data)
    with pytest.raises(ModelError, match="no loss"):
        Detection()(net.eval()(data.image, data), data)


def test_masks_of_classes_do_not_compete() -> None:
    """Section 3: a sigmoid a pixel and the mask of the box's class alone; other classes' masks get no gradient."""
    net, data = network(), batch()
    Detection()(net(data.image, data), data)["mask"].backward()
    touched = net.draw.score.weight.grad.flatten(1).any(1).tolist()
    assert touched == [False, True, True]  # of the classes 1 and 2 there are objects
    more = net.eval()(data.image).masks.sigmoid()
    assert ((more.amax(0) <= 1) & (more.amin(0) >= 0)).all()


def test_frozen_norm_stays_as_it_is() -> None:
    net, data = network(frozen_norm=True), batch()
    norms = [m for m in net.encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [m.running_mean.clone() for m in norms]
    net.train()(data.image, data)
    assert not any(m.training for m in norms) and net.training
    assert all(torch.equal(m.running_mean, old) for m, old in zip(norms, before, strict=True))
    assert not any(p.requires_grad for m in norms for p in m.parameters())
    assert all(m.training for m in network().encoder.modules() if isinstance(m, nn.BatchNorm2d))


def test_it_learns_two_squares_by_heart() -> None:
    torch.manual_seed(0)
    net = network(2, limit=5)
    data = batch()
    data = data._replace(image=data.image * 0.1 + data.objects[:, None], labels=(data.objects > 0).to(torch.uint8))
    step, loss = torch.optim.Adam(net.parameters(), lr=3e-3), Detection()
    for _ in range(60):
        step.zero_grad()
        sum(loss(net(data.image, data), data).values()).backward()
        step.step()
    found = net.eval()(data.image)
    assert ((found.scores > 0.5).sum(1) == torch.tensor([2, 1])).all()
    box: Tensor = found.boxes[1, 0]
    assert (box - torch.tensor([30.0, 4, 60, 60])).abs().max() < 6
    assert found.masks[1, 0, 4:24, 4:24].sigmoid().mean() > 0.8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"roi": "alight"}, "roi is 'alight'; choose 'align', 'align_max', 'warp', 'warp_max' or 'pool'"),
        ({"sizes": (32, 64)}, "name the anchors' size on each of the 5 levels"),
        ({"ratios": ()}, "name at least one ratio"),
        ({"proposals": (0, 5)}, "name how many in training and how many in evaluation"),
    ],
)
def test_options_that_make_no_network_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        build("maskrcnn", 3, **{**SMALL, **options})


def test_bfloat16_trains_and_answers() -> None:
    net, data = network(), batch()
    with torch.autocast("cpu", torch.bfloat16):
        terms = Detection()(net(data.image.contiguous(memory_format=torch.channels_last), data), data)
        sum(terms.values()).backward()
        output = net.eval()(data.image)
    assert all(term.isfinite() and term.dtype == torch.float32 for term in terms.values())
    assert output.scores.dtype == output.boxes.dtype == output.masks.dtype == torch.float32
