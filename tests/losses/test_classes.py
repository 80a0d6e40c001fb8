"""Losses of whole pictures: cross entropy of one class, binary cross entropy of several, and pictures without a tag."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from intarsia.errors import DataError, LabelError, ModelError, RecipeError
from intarsia.losses import LOSSES, ClassBinaryCrossEntropy, ClassCrossEntropy
from intarsia.structures import Batch, ClassLogits


def batch(tags: Tensor | None) -> Batch:
    count = 4 if tags is None else len(tags)
    labels = torch.full((count, 2, 2), 255, dtype=torch.uint8)
    image = torch.zeros(count, 3, 2, 2, dtype=torch.uint8)
    return Batch(image, labels, tuple(f"p{n}" for n in range(count)), tags=tags)


def one_hot(*classes: int, count: int = 3) -> Tensor:
    return F.one_hot(torch.tensor(classes), count).bool()


LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0], [-1.0, 0.2, 0.3], [1.0, 1.0, 1.0]])


def test_one_class_a_picture_is_torchs_cross_entropy() -> None:
    tags, classes = one_hot(0, 2, 1, 1), torch.tensor([0, 2, 1, 1])
    given = ClassLogits(LOGITS)
    assert torch.allclose(ClassCrossEntropy()(given, batch(tags)), F.cross_entropy(LOGITS, classes))
    weights = [1.0, 2.0, 0.5]
    expected = F.cross_entropy(LOGITS, classes, torch.tensor(weights))
    assert torch.allclose(ClassCrossEntropy(weights=weights)(given, batch(tags)), expected)
    smooth = F.cross_entropy(LOGITS, classes, label_smoothing=0.1)
    assert torch.allclose(ClassCrossEntropy(smoothing=0.1)(given, batch(tags)), smooth)


def test_one_score_for_two_classes_is_a_sigmoid() -> None:
    logits, tags = LOGITS[:, :1], one_hot(0, 1, 1, 0, count=2)
    expected = F.binary_cross_entropy_with_logits(logits[:, 0], tags[:, 1].float())
    for loss in (ClassCrossEntropy(), ClassBinaryCrossEntropy()):
        assert torch.allclose(loss(ClassLogits(logits), batch(tags)), expected)


def test_several_classes_a_picture_are_questions_of_their_own() -> None:
    tags = torch.tensor([[1, 1, 0], [0, 0, 0], [1, 0, 1], [0, 1, 0]]).bool()
    expected = F.binary_cross_entropy_with_logits(LOGITS, tags.float())
    assert torch.allclose(ClassBinaryCrossEntropy()(ClassLogits(LOGITS), batch(tags)), expected)
    with pytest.raises(LabelError, match=r"p0 has 2 classes.*class_bce"):
        ClassCrossEntropy()(ClassLogits(LOGITS), batch(tags))


def test_a_picture_without_a_tag_has_no_say() -> None:
    tags = one_hot(0, 2, 1, 1)
    tags[3] = False
    logits = LOGITS.clone().requires_grad_()
    loss = ClassCrossEntropy()(ClassLogits(logits), batch(tags))
    assert torch.allclose(loss, F.cross_entropy(LOGITS[:3], torch.tensor([0, 2, 1])))
    loss.backward()
    assert (logits.grad[3] == 0).all() and (logits.grad[:3] != 0).all()
    nothing = ClassCrossEntropy(weights=[1.0, 1.0, 2.0])(ClassLogits(logits), batch(torch.zeros_like(tags)))
    nothing.backward()
    assert float(nothing.detach()) == 0


@pytest.mark.parametrize("name", ["class_cross_entropy", "class_bce"])
def test_what_every_loss_owes(name: str) -> None:
    """Zero at the truth, a true gradient, full precision for half precision, finite for huge scores."""
    tags = one_hot(0, 2, 1, 1)
    sure = torch.where(tags, 40.0, -40.0)
    loss = LOSSES[name]()
    assert float(loss(ClassLogits(sure), batch(tags))) < 1e-5 < 0.5 < float(loss(ClassLogits(-sure), batch(tags)))
    exact = LOGITS.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(ClassLogits(x), batch(tags)), (exact,))
    half = LOGITS.bfloat16().requires_grad_()
    value = loss(ClassLogits(half), batch(tags))
    value.backward()
    assert value.dtype == torch.float32 and half.grad.dtype == torch.bfloat16
    assert loss(ClassLogits(1e4 * LOGITS), batch(tags)).isfinite()


def test_errors_say_what_is_missing() -> None:
    for name in ("class_cross_entropy", "class_bce"):
        with pytest.raises(DataError, match="has no tags"):
            LOSSES[name]()(ClassLogits(LOGITS), batch(None))
        with pytest.raises(ModelError, match=r"\[4, 3\].*\[4, 5\]"):
            LOSSES[name]()(ClassLogits(LOGITS), batch(one_hot(0, 1, 2, 3, count=5)))
        with pytest.raises(LabelError, match="2 class weights for 3 classes"):
            LOSSES[name](weights=[1.0, 2.0])(ClassLogits(LOGITS), batch(one_hot(0, 2, 1, 1)))
    with pytest.raises(RecipeError, match="smoothing is 3"):
        ClassCrossEntropy(smoothing=3)
