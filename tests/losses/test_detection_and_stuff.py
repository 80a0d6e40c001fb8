"""The loss of Panoptic FPN: the detector's terms, and a cross entropy to which all things are one class."""

import math

import pytest
import torch

from intarsia.errors import LabelError, ModelError
from intarsia.losses import LOSSES
from intarsia.losses.detection import Detection
from intarsia.structures import Batch, Detections, DetectionsAndStuff, Matches


def matches() -> Matches:
    random = torch.Generator().manual_seed(0)
    r = lambda *shape: torch.randn(*shape, generator=random)  # noqa: E731
    return Matches(
        r(6), torch.tensor([1.0, 0, 0, 1, 0, 0]), r(2, 4), r(2, 4), r(5, 5), torch.tensor([2, 3, 4, 4, 4]), r(2, 4), r(2, 4),
        r(2, 7, 7), torch.rand(2, 7, 7, generator=random),
    )  # fmt: skip


def output(semantic: torch.Tensor) -> DetectionsAndStuff:
    size, none = (semantic.shape[2], semantic.shape[3]), torch.zeros(1, 0)
    return DetectionsAndStuff(Detections(none, none.long(), torch.zeros(1, 0, 4), None, size, matches()), semantic)


def batch(labels: torch.Tensor) -> Batch:
    return Batch(torch.zeros(1, 3, *labels.shape), labels[None], ("a",))


def test_things_are_one_class_beside_stuff() -> None:
    """Of four equal scores a pixel of stuff has 1/4, one of things 1/2, and an ignored one does not count."""
    semantic = torch.zeros(1, 4, 1, 4, requires_grad=True)
    labels = torch.tensor([[0, 2, 3, 255]])
    terms = LOSSES["detection_and_stuff"](things=(2, 3))(output(semantic), batch(labels))
    assert float(terms["semantic"].detach()) == pytest.approx(0.5 * (math.log(4) + 2 * math.log(2)) / 3)
    terms["semantic"].backward()
    assert semantic.grad is not None and not semantic.grad[..., 3].any() and semantic.grad[..., :3].all()
    assert semantic.grad[0, 2, 0, 1] == semantic.grad[0, 3, 0, 1], "which thing it is makes no difference"
    plain = LOSSES["detection_and_stuff"]()(output(semantic), batch(labels))
    assert float(plain["semantic"].detach()) == pytest.approx(0.5 * math.log(4))


def test_the_detectors_terms_are_those_of_mask_rcnn_weighed() -> None:
    drawn, true = output(torch.zeros(1, 4, 2, 3)), batch(torch.zeros(2, 3, dtype=torch.long))
    terms = LOSSES["detection_and_stuff"](objects=3.0)(drawn, true)
    own = Detection()(drawn.objects, true)
    assert set(terms) == {*own, "semantic"}
    assert all(float(terms[name]) == pytest.approx(3 * float(own[name])) for name in own)


def test_errors() -> None:
    loss, true = LOSSES["detection_and_stuff"](), batch(torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(
        ModelError, match="compares DetectionsAndStuff, and the network returned Detections; use the loss"
    ):
        loss(output(torch.zeros(1, 4, 2, 3)).objects, true)
    with pytest.raises(LabelError, match="the labels hold 7"):
        loss(output(torch.zeros(1, 4, 2, 3)), batch(torch.full((2, 3), 7)))
