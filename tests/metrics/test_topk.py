"""Top-k accuracy: ranks counted once, any k afterwards."""

import pytest
import torch

from intarsia.errors import DataError, LabelError
from intarsia.metrics import ConfusionMatrix, TopK


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, 7, 5, 6, generator=generator).round(decimals=1)  # some are equal
    labels = torch.randint(0, 7, (2, 5, 6), generator=generator)
    labels[:, 0, :2] = 255
    return scores, labels


def test_top_1_is_the_accuracy_of_argmax_and_top_k_of_k_classes_is_1() -> None:
    scores, labels = drawn(0)
    metric, confusion = TopK(7, k=(1, 3, 7)), ConfusionMatrix(7)
    metric.update(scores, labels)
    confusion.update(scores.argmax(dim=1), labels)
    found, plain = metric.compute(), confusion.compute()
    assert found.accuracy[1] == plain.accuracy and found.accuracy[7] == 1.0
    assert found.accuracy[1] < found.accuracy[3] < 1
    assert found.classes[1] == plain.recall
    assert (found.counted, found.ignored) == (56, 4)


def test_equals_sorting() -> None:
    scores, labels = drawn(1)
    metric = TopK(7, k=(2, 5))
    metric.update(scores, labels)
    order = scores.argsort(dim=1, descending=True, stable=True)
    held = labels != 255
    for k, share in metric.compute().accuracy.items():
        assert share == pytest.approx(float((order[:, :k] == labels[:, None]).any(dim=1)[held].double().mean()))


def test_images_alone_and_parts() -> None:
    scores, labels = torch.randn(40, 6), torch.randint(0, 6, (40,))
    whole, merged = TopK(6), TopK(6)
    whole.update(scores, labels)
    for n in (30, 10, 0):
        part = TopK(6)
        part.update(scores[n : n + (20 if n == 10 else 10)], labels[n : n + (20 if n == 10 else 10)])
        merged.merge(part)
    assert (merged.ranks == whole.ranks).all()
    assert set(whole.compute().accuracy) == {1, 5}
    assert set(TopK(3).compute().accuracy) == {1}  # there is no top-5 of three classes


def test_mistakes_are_named() -> None:
    scores, labels = drawn(2)
    with pytest.raises(DataError, match=r"1 scores are no numbers"):
        TopK(7).update(scores.index_put((torch.tensor(0),) * 4, torch.tensor(float("nan"))), labels)
    with pytest.raises(LabelError, match=r"the labels hold 7 \(1 px\)"):
        TopK(7).update(scores, labels.index_put((torch.tensor(1),) * 3, torch.tensor(7)))
    with pytest.raises(DataError, match="do not fit labels"):
        TopK(7).update(scores, labels[0])
    for k in ((0, 1), (1, 8), ()):
        with pytest.raises(LabelError, match="give numbers from 1 to 7, the number of classes"):
            TopK(7, k=k)
