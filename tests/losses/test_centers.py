"""The loss of Panoptic-DeepLab against its formulas, written out pixel by pixel."""

import math

import pytest
import torch
from torch import Tensor

from intarsia.errors import LabelError, ModelError, RecipeError
from intarsia.losses import LOSSES
from intarsia.losses.centers import Centers, targets_of
from intarsia.structures import Batch, PanopticLogits

H, W, K = 12, 16, 3


def scene(*, ignored: bool = True) -> tuple[Batch, PanopticLogits]:
    """Two objects of class 1 beside each other in the first picture, none in the second."""
    labels = torch.zeros(2, H, W, dtype=torch.uint8)
    labels[1, 6:] = 2
    objects = torch.zeros(2, H, W, dtype=torch.int32)
    objects[0, 2:5, 1:6], objects[0, 2:9, 6:12] = 3, 8
    labels[objects > 0] = 1
    if ignored:
        labels[0, :, 5:7] = 255
        labels[1, 0] = 255
    random = torch.Generator().manual_seed(5)
    made = [torch.randn(2, c, H, W, generator=random, dtype=torch.float64) for c in (K, 1, 2)]
    return Batch(torch.zeros(2, 3, H, W), labels, ("a", "b"), objects), PanopticLogits(*made)


def by_pixels(batch: Batch, output: PanopticLogits, sigma: float, small: int, hardest: float) -> dict[str, float]:
    assert batch.objects is not None
    crossed, missed, away, held = [], [], [], 0
    for b in range(2):
        places: dict[int, list[tuple[int, int]]] = {}
        for y in range(H):
            for x in range(W):
                if number := int(batch.objects[b, y, x]):
                    places.setdefault(number, []).append((y, x))
        middle = {n: [sum(axis) / len(axis) for axis in zip(*p, strict=True)] for n, p in places.items()}
        for y in range(H):
            for x in range(W):
                if (label := int(batch.labels[b, y, x])) == 255:
                    continue
                number = int(batch.objects[b, y, x])
                p = output.semantic[b, :, y, x].softmax(0)[label]
                crossed.append(-math.log(p) * (3 if number and len(places[number]) < small else 1))
                falls = [
                    math.exp(-((y - int(my)) ** 2 + (x - int(mx)) ** 2) / (2 * sigma**2))
                    for my, mx in middle.values()
                    if max(abs(y - int(my)), abs(x - int(mx))) <= int(3 * sigma) + 1
                ]
                missed.append((float(output.centers[b, 0, y, x]) - max(falls, default=0)) ** 2)
                if number:
                    my, mx = middle[number]
                    dy, dx = output.offsets[b, :, y, x].tolist()
                    away.append(abs(my - y - dy) + abs(mx - x - dx))
                    held += 1
    worst = sorted(crossed)[-int(hardest * len(crossed)) :]
    mean = {"semantic": worst, "center": missed, "offset": away}
    scale = {"semantic": 1, "center": 200, "offset": 0.01 / 2}
    return {name: scale[name] * sum(values) / len(values) for name, values in mean.items()}


@pytest.mark.parametrize("ignored", [False, True])
def test_equals_the_formulas(ignored: bool) -> None:
    batch, output = scene(ignored=ignored)
    terms = Centers(sigma=1.0, small_area=20, hardest=0.3)(output, batch)
    assert {k: float(v) for k, v in terms.items()} == pytest.approx(by_pixels(batch, output, 1.0, 20, 0.3), rel=1e-9)


def test_the_papers_numbers_are_the_defaults() -> None:
    loss = LOSSES["centers"]()
    assert (loss.sigma, loss.hardest, loss.small_area, loss.small_weight) == (8, 0.2, 64 * 64, 3)
    assert (loss.center, loss.offset) == (200, 0.01)


def test_targets_of_a_worked_example() -> None:
    objects = torch.zeros(9, 9, dtype=torch.int32)
    objects[1:4, 2:6] = 7  # its center is (2, 3.5); the pixel that holds it is (2, 3)
    heat, offsets, area = targets_of(objects, 2.0)
    assert heat[2, 3] == 1 and heat.max() == 1
    assert float(heat[2, 5]) == pytest.approx(math.exp(-0.5))
    assert offsets[:, 1, 2].tolist() == [1, 1.5] and offsets[:, 8, 8].tolist() == [0, 0]
    assert area[1:4, 2:6].unique().tolist() == [12] and area.sum() == 144


def perfect(batch: Batch, sigma: float = 8.0) -> PanopticLogits:
    assert batch.objects is not None
    heat, offsets, _ = zip(*(targets_of(one, sigma) for one in batch.objects), strict=True)
    shown = torch.where(batch.labels == 255, 0, batch.labels).long()
    semantic = 80.0 * torch.nn.functional.one_hot(shown, K).permute(0, 3, 1, 2)
    return PanopticLogits(semantic, torch.stack(heat)[:, None], torch.stack(offsets))


def test_the_truth_costs_nothing() -> None:
    batch, output = scene()
    assert sum(LOSSES["centers"]()(perfect(batch), batch).values()) < 1e-6
    assert sum(LOSSES["centers"]()(output, batch).values()) > 1


def test_ignored_pixels_have_no_say() -> None:
    batch, output = scene()
    output = PanopticLogits(*(part.requires_grad_() for part in output[:3]))
    loss = Centers(hardest=1.0)
    value = sum(loss(output, batch).values())
    value.backward()
    ignored = batch.labels == 255
    for part in output[:3]:
        assert part.grad is not None
        assert (part.grad.transpose(0, 1)[:, ignored] == 0).all()
        assert part.grad.any()
    other = PanopticLogits(*(torch.where(ignored[:, None], 1e3, part.detach()) for part in output[:3]))
    assert torch.equal(sum(loss(other, batch).values()), value.detach())


def test_images_without_objects_train() -> None:
    batch, output = scene()
    assert batch.objects is not None
    empty = batch._replace(
        objects=torch.zeros_like(batch.objects), labels=torch.where(batch.labels == 1, 0, batch.labels)
    )
    output = PanopticLogits(*(part.requires_grad_() for part in output[:3]))
    terms = Centers()(output, empty)
    sum(terms.values()).backward()
    assert terms["offset"] == 0 and terms["center"] > 0
    assert output.offsets.grad is not None and not output.offsets.grad.any()
    nothing = empty._replace(labels=torch.full_like(batch.labels, 255))
    terms = Centers()(output, nothing)
    sum(terms.values()).backward()
    assert [term.item() for term in terms.values()] == [0, 0, 0]


def test_a_crowd_says_nothing_about_centers() -> None:
    """Pixels of a thing without an object of their own, where the loss knows the things."""
    batch, output = scene(ignored=False)
    assert batch.objects is not None
    crowd = batch._replace(objects=torch.where(batch.objects == 8, 0, batch.objects))
    grown = output._replace(
        centers=torch.where((crowd.objects == 0) & (crowd.labels == 1), 9.0, output.centers[:, 0])[:, None]
    )
    blind, aware = Centers(), Centers(things=[1])
    assert aware(grown, crowd)["center"] == aware(output, crowd)["center"]
    assert blind(grown, crowd)["center"] > blind(output, crowd)["center"]
    assert aware(output, batch)["center"] == blind(output, batch)["center"]


def test_gradients_are_the_derivatives() -> None:
    batch, output = scene()
    batch = Batch(batch.image, batch.labels[:, 1:6, 3:8], batch.names, batch.objects[:, 1:6, 3:8])  # type: ignore[index]
    parts = tuple(part[:, :, 1:6, 3:8].clone().requires_grad_() for part in output[:3])

    def total(*parts: Tensor) -> Tensor:
        return sum(Centers(sigma=1.0, small_area=12)(PanopticLogits(*parts), batch).values(), start=torch.zeros(()))

    assert torch.autograd.gradcheck(total, parts)


def test_half_precision_is_computed_in_float32() -> None:
    batch, output = scene()
    half = PanopticLogits(*(part.bfloat16() for part in output[:3]))
    assert all(term.dtype == torch.float32 for term in Centers()(half, batch).values())


def test_bad_input() -> None:
    batch, output = scene()
    with pytest.raises(LabelError, match="learns objects, and these samples have none; use a data set with objects"):
        Centers()(output, batch._replace(objects=None))
    with pytest.raises(LabelError, match=r"the labels hold 1, 2 \(143 px\), but the network tells 1 classes apart"):
        Centers()(output._replace(semantic=output.semantic[:, :1]), batch)
    with pytest.raises(ModelError, match="has to return maps in the image's size"):
        Centers()(output, batch._replace(labels=batch.labels[:, 1:]))
    with pytest.raises(RecipeError, match="hardest is 0; it is a share of the pixels"):
        Centers(hardest=0)
    with pytest.raises(RecipeError, match="sigma is 0; it is a width in pixels"):
        Centers(sigma=0)
