"""Calibration: a network that knows how sure it is, one that is too sure, and sums done pixel by pixel."""

import math

import numpy as np
import pytest
import torch

from intarsia.errors import DataError, LabelError
from intarsia.metrics import Calibration


def drawn(seed: int, count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    probabilities = (3 * torch.randn(2, count, 5, 7, generator=generator)).softmax(dim=1)
    labels = torch.randint(0, count, (2, 5, 7), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.2] = 255
    return probabilities, labels


def test_equals_a_loop_over_pixels() -> None:
    probabilities, labels = drawn(0)
    metric = Calibration(4, bins=10)
    metric.update(probabilities, labels)
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(10)]
    brier = []
    for b, y, x in np.ndindex(*labels.shape):
        if (truth := int(labels[b, y, x])) != 255:
            p = probabilities[b, :, y, x].double().tolist()
            bins[min(9, int(max(p) * 10))].append((max(p), p.index(max(p)) == truth))
            brier.append(sum((v - (k == truth)) ** 2 for k, v in enumerate(p)))
    found, count = metric.compute(), len(brier)
    gaps = [abs(sum(c for c, _ in b) - sum(r for _, r in b)) for b in bins]
    assert found.ece == pytest.approx(sum(gaps) / count, abs=1e-12)
    assert found.mce == pytest.approx(max(g / len(b) for g, b in zip(gaps, bins, strict=True) if b), abs=1e-12)
    assert found.brier == pytest.approx(sum(brier) / count, abs=1e-12)
    assert [b.pixels for b in found.curve] == [len(b) for b in bins]
    assert found.accuracy == pytest.approx(sum(r for b in bins for _, r in b) / count)


def test_one_that_knows_how_sure_it_is() -> None:
    """Of 100 pixels said with 0.8, 80 are right."""
    probabilities = torch.tensor([0.8, 0.2], dtype=torch.float64).repeat(100, 1)
    labels = torch.tensor([0] * 80 + [1] * 20)
    metric = Calibration(2)
    metric.update(probabilities, labels)
    found = metric.compute()
    assert found.ece == pytest.approx(0, abs=1e-12)
    assert found.brier == pytest.approx(0.8 * 2 * 0.04 + 0.2 * 2 * 0.64)
    assert (found.curve[12].pixels, found.curve[12].accuracy) == (100, 0.8)
    assert math.isnan(found.curve[0].accuracy)
    sure = Calibration(2)
    sure.update(torch.eye(2)[torch.zeros(100, dtype=torch.long)], labels)
    assert sure.compute()[:2] == pytest.approx((0.2, 0.2))
    assert sure.compute().curve[-1].pixels == 100  # a probability of 1 lies in the last bin


def test_parts_are_the_whole_and_memory_is_the_bins() -> None:
    whole, merged = Calibration(4), Calibration(4)
    for seed in range(5):
        whole.update(*drawn(seed))
        part = Calibration(4)
        part.update(*drawn(4 - seed))
        merged.merge(part)
    assert merged.compute().ece == pytest.approx(whole.compute().ece, abs=1e-12)
    assert merged.compute().brier == pytest.approx(whole.compute().brier, abs=1e-12)
    assert whole.sums.shape == (3, 15)


def test_ignored_pixels_count_nowhere() -> None:
    probabilities, labels = drawn(1)
    broken = probabilities.clone()
    broken.movedim(1, -1)[labels == 255] = float("nan")
    one, other = Calibration(4), Calibration(4)
    one.update(probabilities, labels)
    other.update(broken, labels)
    assert (one.sums == other.sums).all()
    nothing = Calibration(4)
    nothing.update(probabilities, torch.full_like(labels, 255))
    assert math.isnan(nothing.compute().ece)


def test_mistakes_are_named() -> None:
    probabilities, labels = drawn(2)
    with pytest.raises(DataError, match="no probabilities.*take softmax of logits first"):
        Calibration(4).update(probabilities.log(), labels)
    with pytest.raises(DataError, match="of 4 classes where 5 are counted"):
        Calibration(5).update(probabilities, labels)
    with pytest.raises(DataError, match="do not fit labels"):
        Calibration(4).update(probabilities, labels[:, :-1])
    labels[0, 0, :3] = 9
    with pytest.raises(LabelError, match=r"the labels hold 9 \(3 px\)"):
        Calibration(4).update(probabilities, labels)
    with pytest.raises(LabelError, match="bins is 15 here and 10 there"):
        Calibration(4).merge(Calibration(4, bins=10))
