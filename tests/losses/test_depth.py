"""Losses of depth: Eigen's and Laina's formulas, worked by hand; unknown depth gives no gradient."""

import math

import pytest
import torch
from torch import Tensor

from intarsia.errors import DataError, ModelError, RecipeError
from intarsia.losses import LOSSES, BerHu, ScaleInvariantLog
from intarsia.structures import Batch, DepthMap

NAN = float("nan")


def batch(depth: Tensor) -> Batch:
    size = depth.shape
    image = torch.zeros(size[0], 3, *size[1:], dtype=torch.uint8)
    return Batch(image, torch.zeros(size, dtype=torch.uint8), tuple("abc"[: size[0]]), depth=depth)


def example(seed: int = 0, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Batch]:
    random = torch.Generator().manual_seed(seed)
    depth = 1 + 9 * torch.rand(2, 4, 5, generator=random)
    depth[0, :2] = NAN
    predicted = 1 + 9 * torch.rand(2, 1, 4, 5, generator=random, dtype=dtype)
    return predicted, batch(depth)


def test_silog_is_eigens_equation_four() -> None:
    predicted, truth = torch.tensor([[[[2.0, 4.0, 8.0]]]]), batch(torch.tensor([[[1.0, 1.0, 8.0]]]))
    d = [math.log(2), math.log(4), 0.0]
    mean, square = sum(d) / 3, sum(x * x for x in d) / 3
    loss = ScaleInvariantLog()(DepthMap(predicted), truth)
    assert float(loss) == pytest.approx(square - 0.5 * mean**2, rel=1e-5)
    assert float(ScaleInvariantLog(variance=1.0)(DepthMap(3 * predicted), truth)) == pytest.approx(
        square - mean**2, rel=1e-4
    )
    rooted = ScaleInvariantLog(root=True)(DepthMap(predicted), truth)
    assert float(rooted) == pytest.approx(math.sqrt(square - 0.5 * mean**2), abs=2e-3)


def test_silog_averages_images_not_pixels() -> None:
    depth = torch.tensor([[[1.0, 1.0, 1.0, 1.0]], [[1.0, NAN, NAN, NAN]]])
    predicted = torch.tensor([[[[1.0, 1.0, 1.0, 1.0]]], [[[math.e, 9.0, 9.0, 9.0]]]])
    assert float(ScaleInvariantLog()(DepthMap(predicted), batch(depth))) == pytest.approx((0 + 0.5) / 2, rel=1e-5)


def test_berhu_bends_at_a_fifth_of_the_largest_error() -> None:
    predicted, truth = torch.tensor([[[[1.5, 2.0, 11.0]]]]), batch(torch.ones(1, 1, 3))
    c = 0.2 * 10
    assert float(BerHu()(DepthMap(predicted), truth)) == pytest.approx(
        (0.5 + 1.0 + (100 + c * c) / (2 * c)) / 3, rel=1e-5
    )


@pytest.mark.parametrize("name", ["silog", "berhu"])
def test_zero_at_the_truth_and_silent_where_depth_is_unknown(name: str) -> None:
    predicted, truth = example()
    right = torch.nan_to_num(truth.depth, nan=3.0)[:, None]
    assert float(LOSSES[name]()(DepthMap(right), truth)) < 1e-6
    predicted.requires_grad_()
    loss = LOSSES[name]()(DepthMap(predicted), truth)
    loss.backward()
    unknown = truth.depth.isnan()[:, None]
    assert predicted.grad.isfinite().all()
    assert (predicted.grad[unknown] == 0).all() and (predicted.grad[~unknown] != 0).all()


@pytest.mark.parametrize("bad", [NAN, 0.0, -1.0, math.inf])
@pytest.mark.parametrize("name", ["silog", "berhu"])
def test_a_batch_of_unknown_depth_is_a_zero_that_can_be_propagated(name: str, bad: float) -> None:
    predicted, truth = example()
    predicted.requires_grad_()
    loss = LOSSES[name]()(DepthMap(predicted), truth._replace(depth=torch.full((2, 4, 5), bad)))
    loss.backward()
    assert float(loss.detach()) == 0 and (predicted.grad == 0).all()


@pytest.mark.parametrize("make", [ScaleInvariantLog, lambda: ScaleInvariantLog(root=True), BerHu])
def test_gradient_is_the_derivative(make) -> None:
    predicted, truth = example(dtype=torch.float64)
    if make is BerHu:  # whose bend follows the largest error and is no part of the derivative
        predicted[0, 0, 3, 4] = 60.0
        loss = make()
        fixed = [(n, 1e-6) for n in range(0, 30, 7)]
        predicted.requires_grad_()
        loss(DepthMap(predicted), truth).backward()
        for place, step in fixed:
            moved = predicted.detach().clone()
            moved.view(-1)[place] += step
            change = (loss(DepthMap(moved), truth) - loss(DepthMap(predicted.detach()), truth)) / step
            assert float(change) == pytest.approx(float(predicted.grad.view(-1)[place]), rel=1e-3, abs=1e-6)
        return
    predicted.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: make()(DepthMap(x), truth), (predicted,))


def test_errors_say_what_is_missing() -> None:
    predicted, truth = example()
    with pytest.raises(DataError, match="has no depth"):
        ScaleInvariantLog()(DepthMap(predicted), truth._replace(depth=None))
    with pytest.raises(ModelError, match=r"\[2, 1, 4, 4\].*\[2, 4, 5\]"):
        BerHu()(DepthMap(predicted[..., :4]), truth)
    with pytest.raises(RecipeError, match="variance is 2"):
        ScaleInvariantLog(variance=2)
    with pytest.raises(RecipeError, match="share is 0"):
        BerHu(share=0)
