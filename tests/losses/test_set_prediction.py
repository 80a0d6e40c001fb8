"""The loss of queries: the cheapest matching of all, the formulas, and what counts as a segment."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from intarsia.errors import LabelError, ModelError
from intarsia.losses import LOSSES
from intarsia.losses.set_prediction import SetPrediction, segments_of
from intarsia.structures import Batch, MaskQueries

H, W, K, Q = 8, 12, 4, 5


def scene(*, ignored: bool = True) -> Batch:
    """Two objects of class 1 that touch, on road 0 under sky 2; the second picture is road alone."""
    labels = torch.zeros(2, H, W, dtype=torch.uint8)
    labels[0, :2] = 2
    objects = torch.zeros(2, H, W, dtype=torch.int32)
    objects[0, 3:7, 1:5], objects[0, 3:7, 5:9] = 4, 6
    labels[objects > 0] = 1
    if ignored:
        labels[0, 5] = 255
    return Batch(torch.zeros(2, 3, H, W), labels, ("a", "b"), objects)


def output(seed: int = 0, layers: int = 0, dtype: torch.dtype = torch.float64) -> MaskQueries:
    random = torch.Generator().manual_seed(seed)

    def one(auxiliary: tuple[MaskQueries, ...] = ()) -> MaskQueries:
        parts = [torch.randn(2, *shape, generator=random, dtype=torch.float64) for shape in ((Q, K + 1), (Q, 4, 6))]
        return MaskQueries(parts[0].to(dtype), 2 * parts[1].to(dtype), (H, W), auxiliary)

    return one(tuple(one() for _ in range(layers)))


def terms_of(drawn: MaskQueries, batch: Batch, pairs: list[list[tuple[int, int]]]) -> dict[str, float]:
    """The formulas, one pixel at a time, for a given matching."""
    crossed = weights = focal = dice = 0.0
    count = 0
    for n in range(2):
        target = segments_of(batch.sample(n), 255)
        count += len(target.classes)
        wanted = [K] * Q
        large = torch.nn.functional.interpolate(drawn.masks[n][None], (H, W), mode="bilinear")[0]
        for q, m in pairs[n]:
            wanted[q] = int(target.classes[m])
            values = [
                (float(large[q, y, x].sigmoid()), bool(target.masks[m, y, x]))
                for y, x in target.counted.nonzero().tolist()
            ]
            each = [(0.25 * (1 - p) ** 2 * -math.log(p)) if t else (0.75 * p**2 * -math.log(1 - p)) for p, t in values]
            focal += sum(each) / len(each)
            both = sum(p for p, t in values if t)
            dice += 1 - (2 * both + 1) / (sum(p for p, _ in values) + sum(t for _, t in values) + 1)
        for q in range(Q):
            weight = 0.1 if wanted[q] == K else 1.0
            crossed -= weight * float(drawn.classes[n, q].log_softmax(0)[wanted[q]])
            weights += weight
    return {"class": crossed / weights, "focal": 20 * focal / count, "dice": dice / count}


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_formulas(seed: int) -> None:
    batch, drawn, loss = scene(), output(seed), SetPrediction()
    pairs = []
    for n in range(2):
        query, row = loss.match(drawn.classes[n], drawn.masks[n], segments_of(batch.sample(n), 255))
        pairs.append(list(zip(query.tolist(), row.tolist(), strict=True)))
    found = {name: float(term) for name, term in loss(drawn, batch).items()}
    assert found == pytest.approx(terms_of(drawn, batch, pairs), rel=1e-9)


def cost(drawn: MaskQueries, n: int, q: int, kind: int, true: Tensor, counted: Tensor) -> float:
    p = drawn.masks[n, q].sigmoid()[counted]
    t = true[counted].double()
    focal = (torch.where(t > 0, -0.25 * (1 - p) ** 2 * p.log(), -0.75 * p**2 * (1 - p).log())).mean()
    dice = 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    return float(20 * focal + dice - drawn.classes[n, q].softmax(0)[kind])


@pytest.mark.parametrize("seed", range(3))
def test_no_matching_is_cheaper(seed: int) -> None:
    batch, drawn = scene(), output(seed)
    target = segments_of(batch.sample(0), 255)
    counted = target.counted[::2, ::2]  # the nearest pixels of a map of half the size
    costs = [
        [cost(drawn, 0, q, int(kind), mask[::2, ::2], counted) for kind, mask in zip(*target[:2], strict=True)]
        for q in range(Q)
    ]
    best = min(itertools.permutations(range(Q), 4), key=lambda chosen: sum(costs[q][m] for m, q in enumerate(chosen)))
    query, row = SetPrediction().match(drawn.classes[0], drawn.masks[0], target)
    assert dict(zip(row.tolist(), query.tolist(), strict=True)) == dict(enumerate(best))


def test_objects_and_classes_of_stuff_are_segments() -> None:
    batch = scene()
    classes, masks, counted = segments_of(batch.sample(0), 255)
    assert classes.tolist() == [1, 1, 0, 2]
    assert [int(mask.sum()) for mask in masks] == [16, 16, 96 - 24 - 12 - 24, 24]
    assert int(counted.sum()) == 96 - 12
    assert segments_of(batch.sample(1), 255).classes.tolist() == [0]


def test_without_objects_each_class_is_a_segment() -> None:
    batch = scene(ignored=False)._replace(objects=None)
    classes, masks, _ = segments_of(batch.sample(0), 255, things=[1])
    assert classes.tolist() == [0, 1, 2] and int(masks[1].sum()) == 32
    assert set(SetPrediction(things=[1])(output(), batch)) == {"class", "focal", "dice"}


def test_a_crowd_does_not_count_where_things_are_known() -> None:
    batch = scene(ignored=False)
    assert batch.objects is not None
    crowd = batch._replace(objects=torch.where(batch.objects == 6, 0, batch.objects))
    blind, aware = segments_of(crowd.sample(0), 255), segments_of(crowd.sample(0), 255, things=[1])
    assert blind.classes.tolist() == [1, 0, 1, 2] and blind.counted.all()
    assert aware.classes.tolist() == [1, 0, 2] and int((~aware.counted).sum()) == 16
    other = segments_of(batch.sample(0), 255, things=[3])
    assert other.classes.tolist() == [0, 1, 2], "objects of no thing are stuff"


def test_masks_that_overlap_are_kept_whole() -> None:
    batch = scene(ignored=False)
    whole = torch.zeros(2, H, W, dtype=torch.bool)
    whole[0, 3:7, 1:7], whole[1, 3:7, 5:9] = True, True
    kinds = torch.tensor([1, 3])
    sample = batch.sample(0)._replace(masks=whole, classes=kinds)
    classes, masks, _ = segments_of(sample, 255)
    assert classes.tolist() == [1, 3, 0, 2] and [int(mask.sum()) for mask in masks[:2]] == [24, 16]


def test_the_truth_costs_next_to_nothing() -> None:
    batch = scene(ignored=False)
    classes, masks = torch.full((2, Q, K + 1), -30.0), torch.full((2, Q, H, W), -30.0)
    classes[..., K] = 0.0
    for n in range(2):
        target = segments_of(batch.sample(n), 255)
        for q, (kind, mask) in enumerate(zip(*target[:2], strict=True)):
            classes[n, Q - 1 - q, kind], classes[n, Q - 1 - q, K] = 30.0, -30.0
            masks[n, Q - 1 - q][mask] = 30.0
    found = SetPrediction()(MaskQueries(classes, masks, (H, W)), batch)
    assert sum(found.values()) < 1e-5
    assert sum(SetPrediction()(output(), batch).values()) > 1


def test_earlier_layers_are_matched_by_themselves() -> None:
    batch, drawn = scene(), output(layers=2)
    loss = SetPrediction(earlier=0.5)
    alone = [sum(loss(layer, batch).values()) for layer in drawn.auxiliary]
    torch.testing.assert_close(loss(drawn, batch)["earlier"], 0.5 * sum(alone))
    assert "earlier" not in SetPrediction(earlier=0.0)(drawn, batch)


def test_ignored_pixels_have_no_say() -> None:
    batch = scene()
    drawn = output()._replace(masks=torch.randn(2, Q, H, W, dtype=torch.float64).requires_grad_())
    value = sum(SetPrediction()(drawn, batch).values())
    (gradient,) = torch.autograd.grad(value, drawn.masks)
    assert not gradient[0, :, 5].any() and gradient[0, :, 4].any()
    other = drawn.masks.detach().clone()
    other[0, :, 5] += 50
    assert torch.equal(sum(SetPrediction()(drawn._replace(masks=other), batch).values()), value.detach())


def test_images_without_anything_train() -> None:
    batch = scene()
    nothing = batch._replace(labels=torch.full_like(batch.labels, 255), objects=torch.zeros_like(batch.labels).int())
    drawn = MaskQueries(*(part.requires_grad_() for part in output()[:2]), (H, W))
    found = SetPrediction()(drawn, nothing)
    gradients = torch.autograd.grad(sum(found.values()), drawn[:2])
    assert found["focal"] == found["dice"] == 0 and found["class"] > 0
    assert gradients[0].all() and not gradients[1].any()


def test_gradients_are_the_derivatives() -> None:
    batch, drawn = scene(), output()

    def total(classes: Tensor, masks: Tensor) -> Tensor:
        return sum(SetPrediction()(MaskQueries(classes, masks, (H, W)), batch).values(), start=torch.zeros(()))

    assert torch.autograd.gradcheck(total, tuple(part.requires_grad_() for part in drawn[:2]))


def test_half_precision_is_computed_in_float32_and_the_defaults_are_the_papers() -> None:
    loss = LOSSES["set_prediction"]()
    assert all(term.dtype == torch.float32 for term in loss(output(dtype=torch.bfloat16, layers=1), scene()).values())
    assert (loss.no_object, loss.classes, loss.focal, loss.dice, loss.earlier) == (0.1, 1, 20, 1, 1)


def test_bad_input() -> None:
    batch, drawn = scene(), output()
    with pytest.raises(
        LabelError, match=r"a picture has 4 segments and the network 2 queries.*set model\.queries to 4"
    ):
        SetPrediction()(drawn._replace(classes=drawn.classes[:, :2], masks=drawn.masks[:, :2]), batch)
    with pytest.raises(LabelError, match="but the network tells 2 classes apart"):
        SetPrediction()(drawn._replace(classes=drawn.classes[..., :3]), batch)
    with pytest.raises(ModelError, match=r"the network drew 2 pictures of \[8, 11\] and the labels are \[2, 8, 12\]"):
        SetPrediction()(drawn._replace(size=(8, 11)), batch)
