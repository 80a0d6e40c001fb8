"""What RetinaMask's paper claims and code can check: anchors, the best match, the corner that moves, the loss."""

import pytest
import torch
from torch import Tensor, nn

from intarsia.blocks.anchors import anchors_at, sides_of
from intarsia.blocks.boxes import decode_boxes, suppress
from intarsia.blocks.dense_head import pick
from intarsia.blocks.matching import NOTHING, match
from intarsia.errors import ModelError
from intarsia.losses import Detection, RetinaMask
from intarsia.matched import RetinaMatches
from intarsia.models import build
from intarsia.structures import Batch, Detections

SMALL = {"encoder": "resnet10t", "channels": 16, "sizes": (8, 16, 32, 64, 128), "candidates": 60, "limit": 12}


def network(num_classes: int = 3, **options) -> nn.Module:
    torch.manual_seed(0)
    return build("retinamask", num_classes, **{**SMALL, **options})


def batch(objects: bool = True, h: int = 64, w: int = 96) -> Batch:
    numbers = torch.zeros(2, h, w, dtype=torch.int32)
    if objects:
        numbers[0, 8:30, 10:40], numbers[0, 20:50, 35:70], numbers[1, 4:60, 30:60] = 1, 2, 1
    image = torch.randn(2, 3, h, w, generator=torch.Generator().manual_seed(3))
    return Batch(image, (numbers % 3).to(torch.uint8), ("a", "b"), numbers)


def wave(*shape: int, step: float) -> Tensor:
    return torch.sin(torch.arange(torch.Size(shape).numel()) * step).view(shape)


def test_anchors_are_the_released_ones() -> None:
    """Of stride 8 and size 32: the released code writes (-18, -8, 25, 15), whose right and lower pixels are inside."""
    sides = sides_of(8, [32 * 2 ** (n / 3) for n in range(3)], (0.5, 1, 2))
    anchors = anchors_at(torch.zeros(1, 1, 2, 3), 8, sides)
    assert anchors.shape == (2 * 3 * 9, 4)
    assert anchors[0].tolist() == [-18, -8, 26, 16] and anchors[3].tolist() == [-12, -12, 20, 20]
    assert (anchors[9] - anchors[0]).tolist() == [8, 0, 8, 0]


def test_each_object_keeps_its_best_anchor_if_that_overlaps_enough() -> None:
    iou = torch.tensor([[0.1, 0.3, 0.0], [0.05, 0.1, 0.15]])
    assert match(iou, 0.4, 0.5, rescue=True).tolist() == [NOTHING, 0, 1]
    assert match(iou, 0.4, 0.5, rescue=True, least=0.2).tolist() == [NOTHING, 0, NOTHING]


def test_the_best_boxes_are_those_of_plain_suppression() -> None:
    anchors = [anchors_at(torch.zeros(1, 1, n, n), 64 // n, [(20.0, 20.0)]) for n in (8, 4)]
    generator = torch.Generator().manual_seed(0)
    logits = [2 * torch.randn(2, len(a), 3, generator=generator) for a in anchors]
    codes = [torch.randn(2, len(a), 4, generator=generator) for a in anchors]
    how = {"weights": (10, 10, 5, 5), "score": 0.3, "candidates": 30, "overlap": 0.4, "limit": 25}
    found = pick(logits, codes, anchors, (64, 64), **how)
    for n in range(2):
        boxes, scores, classes = [], [], []
        for logit, code, anchor in zip(logits, codes, anchors, strict=True):
            best = logit[n].sigmoid().flatten().sort(descending=True, stable=True)
            for value, at in list(zip(best.values, best.indices, strict=True))[:30]:
                if value > 0.3:
                    boxes.append(decode_boxes(code[n, at // 3], anchor[at // 3], (10, 10, 5, 5)).clamp(0, 64))
                    scores.append(value)
                    classes.append(at % 3)
        scores_, classes_ = torch.stack(scores), torch.stack(classes)
        kept = suppress(torch.stack(boxes), scores_, 0.4, groups=classes_)[:25]
        count = int((found.scores[n] > 0).sum())
        assert count == len(kept) > 5
        torch.testing.assert_close(found.scores[n, :count], scores_[kept])
        torch.testing.assert_close(found.boxes[n, :count], torch.stack(boxes)[kept])


def test_the_corner_follows_the_errors() -> None:
    """As AdjustSmoothL1Loss of the released code: means and variances of momentum 0.1, between 0.001 and 0.11."""
    net = network()
    errors = wave(7, 4, step=0.8).abs() * torch.tensor([0.01, 0.1, 1.0, 3.0])
    corner = net._corner(errors)
    mean, variance = 0.9 * 0.11 + 0.1 * errors.mean(0), 0.1 * errors.var(0)
    torch.testing.assert_close(corner, (mean - variance).clamp(1e-3, 0.11))
    assert torch.equal(net._corner(errors[:1]), corner), "one error has no variance"
    assert network(adjust=False)._corner(errors).tolist() == pytest.approx([0.11] * 4)
    assert {"error_mean", "error_variance"} <= set(net.state_dict())


def test_the_loss_is_the_papers() -> None:
    """Focal loss over the objects' anchors and the pictures; smooth L1 over four times the objects' anchors."""
    logits, classes = wave(2, 5, 3, step=0.7), torch.tensor([[0, 3, 3, -1, 2], [3, 3, 1, 3, 3]])
    codes, wanted, corner = wave(3, 4, step=0.3), wave(3, 4, step=0.5), torch.tensor([0.1, 0.05, 0.001, 0.11])
    masks, targets = wave(2, 4, 4, step=0.4), (wave(2, 4, 4, step=1.1) > 0).float()
    none = torch.zeros(2, 0)
    found = RetinaMatches(logits, classes, codes, wanted, corner, masks, targets)
    output = Detections(none, none.long(), torch.zeros(2, 0, 4), None, (64, 96), found)
    terms = RetinaMask()(output, batch())
    focal = 0.0
    for n in range(2):
        for a in range(5):
            for k in range(3):
                p, kind = float(logits[n, a, k].sigmoid()), int(classes[n, a])
                if kind >= 0:
                    p, weight = (p, 0.25) if kind == k else (1 - p, 0.75)
                    focal -= weight * (1 - p) ** 2 * float(torch.tensor(p).log())
    assert float(terms["class"]) == pytest.approx(focal / (3 + 2), rel=1e-5)
    box = sum(
        0.5 * d * d / float(corner[i % 4]) if d < corner[i % 4] else d - 0.5 * float(corner[i % 4])
        for i, d in enumerate((codes - wanted).abs().flatten().tolist())
    )
    assert float(terms["box"]) == pytest.approx(box / 12, rel=1e-5)
    assert float(terms["mask"]) == pytest.approx(
        float(nn.functional.binary_cross_entropy_with_logits(masks, targets)), rel=1e-5
    )


def test_best_boxes_and_true_boxes_are_drawn_in_training() -> None:
    net, data = network(), batch()
    output = net(data.image, data)
    found = output.found_by
    assert output.scores.shape == (2, 0) and output.masks.shape == (2, 0, 28, 28)
    assert len(found.masks) >= 3, "the true boxes at least"
    assert {int(k) for k in found.classes.unique()} <= {-1, 0, 1, 2, 3} and len(found.codes) >= 3
    terms = RetinaMask()(output, data)
    assert set(terms) == {"class", "box", "mask"} and all(term > 0 for term in terms.values())


def test_images_without_objects_train() -> None:
    net, data = network(), batch(objects=False)
    terms = RetinaMask()(net(data.image, data), data)
    assert terms["class"] > 0 and terms["box"] == terms["mask"] == 0
    sum(terms.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@torch.no_grad()
def test_any_size_in_and_a_fixed_number_of_rows_out() -> None:
    net = network().eval()
    nn.init.zeros_(net.judge.classify.bias)
    for size in [(1, 1), (97, 33)]:
        output = net(torch.randn(2, 3, *size))
        assert output.scores.shape == (2, 12) and output.masks.shape == (2, 12, 28, 28)
        assert (output.scores.diff(dim=1) <= 0).all() and (output.scores[:, 0] > 0).all()
        for part in output[:4]:
            assert part[output.scores == 0].eq(0).all(), "padding is zeros"


def test_detections_that_the_loss_cannot_read_are_refused() -> None:
    net, data = network(), batch()
    with pytest.raises(ModelError, match="the retinamask loss reads what the network retinamask compares"):
        RetinaMask()(net.eval()(data.image), data)
    with pytest.raises(ModelError, match="no loss"):
        Detection()(net.train()(data.image, data), data)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"sizes": (24, 48)}, "each of the 5 levels"), ({"ratios": ()}, "at least one ratio of height over width")],
)
def test_options_that_make_no_network_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        network(**options)
