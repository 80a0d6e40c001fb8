"""Errors of depth against their definitions, pixel by pixel, and what they owe by their meaning."""

import math

import numpy as np
import pytest
import torch

from intarsia.errors import DataError
from intarsia.metrics import DepthErrors

NAMES = ("abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "delta1", "delta2", "delta3")


def drawn(seed: int, size: tuple[int, int] = (7, 9)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.uniform(1, 40, size)
    predicted = truth * np.exp(random.normal(0.1, 0.3, size))
    truth[random.random(size) < 0.2] = random.choice([0.0, -1.0, math.nan, math.inf])
    return predicted, truth


def by_hand(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    pairs = [(p, t) for p, t in zip(predicted.flat, truth.flat, strict=True) if math.isfinite(t) and t > 0]
    n = len(pairs)
    logs = [math.log(p) - math.log(t) for p, t in pairs]
    ratios = [max(p / t, t / p) for p, t in pairs]
    middle = sum(logs) / n
    return {
        "abs_rel": sum(abs(p - t) / t for p, t in pairs) / n,
        "sq_rel": sum((p - t) ** 2 / t for p, t in pairs) / n,
        "rmse": math.sqrt(sum((p - t) ** 2 for p, t in pairs) / n),
        "rmse_log": math.sqrt(sum(d * d for d in logs) / n),
        "log10": sum(abs(math.log10(p) - math.log10(t)) for p, t in pairs) / n,
        "silog": math.sqrt(sum((d - middle) ** 2 for d in logs) / n),  # the deviation of d
        "delta1": sum(r < 1.25 for r in ratios) / n,
        "delta2": sum(r < 1.25**2 for r in ratios) / n,
        "delta3": sum(r < 1.25**3 for r in ratios) / n,
    }


def test_equals_the_definitions() -> None:
    images = [drawn(n) for n in range(4)]
    each, pooled = DepthErrors(), DepthErrors(average="pixels")
    for predicted, truth in images:
        own = each.update(torch.from_numpy(predicted), truth)
        pooled.update(predicted, truth)
        assert own is not None
        for name, value in by_hand(predicted, truth).items():
            assert getattr(own, name) == pytest.approx(value, rel=1e-9), name
    hands = [by_hand(*image) for image in images]
    everything = by_hand(*(np.concatenate([i[n].ravel() for i in images]) for n in (0, 1)))
    for name in NAMES:
        assert getattr(each.compute(), name) == pytest.approx(np.mean([h[name] for h in hands]), rel=1e-9), name
        assert getattr(pooled.compute(), name) == pytest.approx(everything[name], rel=1e-9), name


@pytest.mark.parametrize("average", ["images", "pixels"])
def test_parts_are_the_whole(average: str) -> None:
    whole, left, right = (DepthErrors(average=average) for _ in range(3))  # type: ignore[arg-type]
    for n in range(5):
        image = drawn(n, (3 + n, 4))
        whole.update(*image)
        (left if n % 2 else right).update(*image)
    left.merge(right)
    assert left.compute() == pytest.approx(whole.compute(), rel=1e-12)
    with pytest.raises(DataError, match="cannot merge: clip is False here and True there"):
        left.merge(DepthErrors(clip=True, average=average))  # type: ignore[arg-type]


def test_a_worked_example() -> None:
    """Two pixels: 2 m called 4 m, 8 m called 8 m."""
    found = DepthErrors()
    found.update(np.array([[4.0, 8.0, 3.0]]), np.array([[2.0, 8.0, 0.0]]))
    scores = found.compute()
    assert scores[:3] == pytest.approx((0.5, 1.0, math.sqrt(2.0)))
    assert scores.rmse_log == pytest.approx(math.log(2) / math.sqrt(2))
    assert scores.log10 == pytest.approx(math.log10(2) / 2)
    assert scores.silog == pytest.approx(math.log(2) / 2)
    assert scores[6:] == (0.5, 0.5, 0.5, 2, 1)


def test_scale() -> None:
    """SILog forgets the scale; the medians' ratio takes it away from all others."""
    predicted, truth = drawn(7)
    plain, scaled, three = DepthErrors(), DepthErrors(scale="median"), DepthErrors(scale="median")
    first, second = plain.update(predicted, truth), plain.update(3 * predicted, truth)
    assert first is not None and second is not None
    assert second.silog == pytest.approx(first.silog, rel=1e-9) and second.rmse != pytest.approx(first.rmse)
    assert three.update(3 * predicted, truth) == pytest.approx(scaled.update(predicted, truth), rel=1e-9)


def test_limits_and_clip() -> None:
    truth, predicted = np.array([[0.5, 5.0, 20.0]]), np.array([[0.5, 50.0, 20.0]])
    assert DepthErrors(limits=(1, 10)).update(predicted, truth)[9:] == (1, 1)  # type: ignore[index]
    clipped = DepthErrors(limits=(1, 10), clip=True).update(predicted, truth)
    assert clipped is not None and clipped.abs_rel == pytest.approx(1.0)  # 50 became 10


def test_no_known_depth_is_no_image() -> None:
    found = DepthErrors()
    assert found.update(np.ones((2, 2)), np.zeros((2, 2))) is None
    assert all(math.isnan(value) for value in found.compute()[:9]) and found.compute()[9:] == (0, 0)


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match=r"predicted depth \[2, 3\] and true depth \[3, 2\]"):
        DepthErrors().update(np.ones((2, 3)), np.ones((3, 2)))
    with pytest.raises(DataError, match=r"the predicted depth of 1 of 4 pixels is not a number above 0, such as 0\.0"):
        DepthErrors().update(np.array([[1.0, 0.0], [2.0, 3.0]]), np.ones((2, 2)))
    with pytest.raises(DataError, match="limits are"):
        DepthErrors(limits=(5, 1))
