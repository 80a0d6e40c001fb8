"""What every loss of the table owes: zero at the truth, silence about ignored pixels, a true gradient, no order."""

import inspect
import math

import pytest
import torch
from torch import Tensor

from intarsia.errors import LabelError, ModelError
from intarsia.losses import LOSSES
from intarsia.structures import SemanticLogits

HEADS = (1, 4)
SEMANTIC = [name for name in LOSSES if inspect.signature(LOSSES[name]().forward).parameters["output"].annotation is SemanticLogits]  # fmt: skip
OF_SOME = ("ohem", "lovasz_softmax", "lovasz_hinge")  # in which pixels that are right enough have no say either
CASES = [(name, maps) for name in SEMANTIC for maps in HEADS]


def total(value: Tensor | dict[str, Tensor]) -> Tensor:
    return value if isinstance(value, Tensor) else sum(value.values(), start=torch.zeros(()))


def example(maps: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits [3, maps, 5, 6] and labels [3, 5, 6] with every class and some ignored pixels."""
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, maps, 5, 6, generator=random, dtype=torch.float64).to(dtype)
    labels = torch.randint(0, max(2, maps), (3, 5, 6), generator=random)
    labels[0, :2] = 255
    labels[1, 0, :4] = torch.arange(4) % max(2, maps)
    return logits, labels


@pytest.mark.parametrize(("name", "maps"), CASES)
def test_zero_at_the_truth_and_more_elsewhere(name: str, maps: int) -> None:
    _, labels = example(maps)
    truth = labels.clamp(max=max(1, maps - 1))
    sure = (
        torch.where(truth[:, None] == 1, 40.0, -40.0)
        if maps == 1
        else 80.0 * torch.nn.functional.one_hot(truth, maps).permute(0, 3, 1, 2) - 40
    )
    loss = LOSSES[name]()
    assert total(loss(SemanticLogits(sure), labels)) < 1e-5
    assert total(loss(SemanticLogits(-sure), labels)) > 0.5
    middling = total(loss(SemanticLogits(0.02 * sure), labels))
    assert 1e-3 < middling < total(loss(SemanticLogits(-sure), labels))


@pytest.mark.parametrize(("name", "maps"), CASES)
def test_ignored_pixels_have_no_say(name: str, maps: int) -> None:
    logits, labels = example(maps)
    logits.requires_grad_()
    value = total(LOSSES[name]()(SemanticLogits(logits), labels))
    value.backward()
    ignored = (labels == 255)[:, None].expand_as(logits)
    assert logits.grad is not None
    assert (logits.grad[ignored] == 0).all()
    assert (logits.grad[~ignored] != 0).all() or name in OF_SOME
    other = torch.where(ignored, torch.randn_like(logits) * 50, logits.detach())
    assert torch.equal(total(LOSSES[name]()(SemanticLogits(other), labels)), value.detach())


@pytest.mark.parametrize(("name", "maps"), CASES)
def test_all_ignored_is_a_zero_that_can_be_propagated(name: str, maps: int) -> None:
    logits, labels = example(maps)
    logits.requires_grad_()
    for options in ({}, {"weights": [0.5] * max(2, maps)}):
        value = total(LOSSES[name](**options)(SemanticLogits(logits), torch.full_like(labels, 255)))
        value.backward()
        assert value == 0
        assert logits.grad is not None and (logits.grad == 0).all()


@pytest.mark.parametrize(("name", "maps"), CASES)
def test_gradient_is_the_derivative(name: str, maps: int) -> None:
    logits, labels = example(maps, torch.float64)
    logits, labels = logits[:2, :, :3, :3].clone().requires_grad_(), labels[:2, 1:4, :3]
    loss = LOSSES[name](weights=[0.3, 1.1, 2.0, 0.7][: max(2, maps)])
    assert torch.autograd.gradcheck(lambda x: total(loss(SemanticLogits(x), labels)), (logits,))


@pytest.mark.parametrize(("name", "maps"), CASES)
def test_order_of_the_batch_does_not_matter(name: str, maps: int) -> None:
    logits, labels = example(maps, torch.float64)
    order = torch.tensor([2, 0, 1])
    loss = LOSSES[name]()
    torch.testing.assert_close(
        total(loss(SemanticLogits(logits), labels)), total(loss(SemanticLogits(logits[order]), labels[order]))
    )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
@pytest.mark.parametrize(("name", "maps"), CASES)
def test_labels_of_any_integer_type(name: str, maps: int, dtype: torch.dtype) -> None:
    logits, labels = example(maps)
    loss = LOSSES[name]()
    assert torch.equal(
        total(loss(SemanticLogits(logits), labels.to(dtype))), total(loss(SemanticLogits(logits), labels))
    )


@pytest.mark.parametrize(("name", "maps"), CASES)
def test_half_precision_logits_are_computed_in_float32(name: str, maps: int) -> None:
    logits, labels = example(maps)
    half = logits.bfloat16().requires_grad_()
    value = total(LOSSES[name]()(SemanticLogits(half), labels))
    value.backward()
    assert value.dtype == torch.float32
    assert half.grad is not None and half.grad.dtype == torch.bfloat16
    torch.testing.assert_close(value.detach(), total(LOSSES[name]()(SemanticLogits(half.detach().float()), labels)))


@pytest.mark.parametrize(("name", "maps"), CASES)
def test_huge_logits_stay_finite(name: str, maps: int) -> None:
    logits, labels = example(maps)
    logits = (1000 * logits.sign()).requires_grad_()
    value = total(LOSSES[name]()(SemanticLogits(logits), labels))
    value.backward()
    assert math.isfinite(value.item())
    assert logits.grad is not None and logits.grad.isfinite().all()


@pytest.mark.parametrize(("name", "maps"), CASES)
def test_a_label_outside_the_classes_is_named(name: str, maps: int) -> None:
    logits, labels = example(maps)
    labels[2, 3, 3] = 37
    with pytest.raises(LabelError, match=rf"labels hold 37 \(1 px\).*{max(2, maps)} classes"):
        LOSSES[name]()(SemanticLogits(logits), labels)


@pytest.mark.parametrize("name", SEMANTIC)
def test_logits_of_another_size_are_refused(name: str) -> None:
    logits, labels = example(4)
    with pytest.raises(ModelError, match="3 x 4 x 5 x 6.*3 x 5 x 5"):
        LOSSES[name]()(SemanticLogits(logits), labels[:, :, :5])


@pytest.mark.parametrize("name", SEMANTIC)
def test_a_wrong_number_of_class_weights_is_refused(name: str) -> None:
    logits, labels = example(4)
    with pytest.raises(LabelError, match=r"(?s)3 .*4"):
        LOSSES[name](weights=[1.0, 1.0, 1.0])(SemanticLogits(logits), labels)


@pytest.mark.parametrize("name", SEMANTIC)
def test_other_ignore_indices_are_kept(name: str) -> None:
    logits, labels = example(4)
    wide = torch.where(labels == 255, 65535, labels)
    value = total(LOSSES[name](ignore_index=65535)(SemanticLogits(logits), wide))
    assert torch.equal(value, total(LOSSES[name]()(SemanticLogits(logits), labels)))
