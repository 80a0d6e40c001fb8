"""Focal, OHEM, Tversky, Lovasz, boundary and region mutual information against their formulas, in numpy, pixel by pixel."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from intarsia.errors import LabelError, RecipeError
from intarsia.losses import (
    BinaryCrossEntropy,
    Boundary,
    CrossEntropy,
    Dice,
    Focal,
    HardCrossEntropy,
    LovaszHinge,
    LovaszSoftmax,
    RegionMutualInformation,
    Tversky,
)
from intarsia.losses.boundary import distances
from intarsia.losses.lovasz import extension
from intarsia.structures import SemanticLogits

out = SemanticLogits


@pytest.fixture
def scene() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 3, 4, 5, generator=random, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 4, 5), generator=random)
    labels[0, 0, :3] = 255
    return logits, labels


def planes_of(labels: Tensor) -> Tensor:
    """Labels [B, H, W] of 3 classes as three questions a pixel."""
    planes = torch.nn.functional.one_hot(labels.clamp(max=2), 3).permute(0, 3, 1, 2).clone()
    planes[(labels == 255)[:, None].expand_as(planes)] = 255
    return planes


def pixels(logits: Tensor, labels: Tensor) -> list[tuple[float, int]]:
    """(probability of the true class, class) of each pixel that counts."""
    p = logits.softmax(1)
    places = itertools.product(*map(range, labels.shape))
    return [(float(p[b, labels[b, y, x], y, x]), int(labels[b, y, x])) for b, y, x in places if labels[b, y, x] != 255]


def test_focal_is_its_formula(scene: tuple[Tensor, Tensor]) -> None:
    weights = (0.5, 2.0, 1.0)
    terms = [(weights[k], (1 - p) ** 1.5 * -math.log(p)) for p, k in pixels(*scene)]
    want = sum(w * loss for w, loss in terms) / sum(w for w, _ in terms)
    assert float(Focal(weights=weights, gamma=1.5)(out(scene[0]), scene[1])) == pytest.approx(want, rel=1e-10)


def test_focal_without_gamma_is_cross_entropy(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    for options in ({}, {"weights": (0.5, 2.0, 1.0)}):
        plain, maps = CrossEntropy(**options), BinaryCrossEntropy(**options)
        torch.testing.assert_close(Focal(gamma=0, **options)(out(logits), labels), plain(out(logits), labels))
        planes = planes_of(labels)
        torch.testing.assert_close(Focal(gamma=0, **options)(out(logits), planes), maps(out(logits), planes))
    labels = torch.where(labels == 2, 1, labels)
    plain, focal = CrossEntropy(weights=(0.3, 1.9)), Focal(gamma=0, weights=(0.3, 1.9))
    torch.testing.assert_close(focal(out(logits[:, :1]), labels), plain(out(logits[:, :1]), labels))


def test_focal_of_maps_is_torchvisions(scene: tuple[Tensor, Tensor]) -> None:
    from torchvision.ops import sigmoid_focal_loss

    logits, labels = scene
    labels = labels.clamp(max=2)
    target = torch.nn.functional.one_hot(labels, 3).permute(0, 3, 1, 2)
    want = sigmoid_focal_loss(logits, target.double(), alpha=0.25, gamma=2, reduction="mean")
    torch.testing.assert_close(Focal(alpha=0.25)(out(logits), target), want)
    with pytest.raises(LabelError, match=r"alpha weighs yes against no.*loss.class_weights"):
        Focal(alpha=0.25)(out(logits), labels)


def test_a_sure_pixel_counts_a_thousandth_at_gamma_2() -> None:
    """The paper's example: at p = 0.968 the loss is about a thousandth of the cross entropy."""
    logits = torch.tensor([math.log(0.968 / 0.032)], dtype=torch.float64).view(1, 1, 1, 1)
    labels = torch.ones(1, 1, 1, dtype=torch.int64)
    ratio = CrossEntropy()(out(logits), labels) / Focal()(out(logits), labels)
    assert float(ratio) == pytest.approx(1 / 0.032**2, rel=1e-9)


def test_focal_below_gamma_1_has_a_gradient_where_all_is_right() -> None:
    logits = torch.tensor([[80.0], [-80.0]], dtype=torch.float64).view(1, 2, 1, 1).requires_grad_()
    Focal(gamma=0.5)(out(logits), torch.zeros(1, 1, 1, dtype=torch.int64)).backward()
    assert logits.grad is not None and logits.grad.isfinite().all()


def test_ohem_is_the_mean_of_the_hard_pixels(scene: tuple[Tensor, Tensor]) -> None:
    weights = (0.5, 2.0, 1.0)
    known = sorted((-math.log(p), p, weights[k]) for p, k in pixels(*scene))
    few = [entry for entry in known if entry[1] <= 0.08]
    assert 0 < len(few) < 10
    for least, hard in ((0.0, few), (0.25, known[-10:])):  # a quarter of the 40 pixels are ten
        want = sum(loss * w for loss, _, w in hard) / sum(w for _, _, w in hard)
        found = HardCrossEntropy(weights=weights, threshold=0.08, least=least)(out(scene[0]), scene[1])
        assert float(found) == pytest.approx(want, rel=1e-10)


@pytest.mark.parametrize("options", [{"threshold": 1.0}, {"least": 1.0}])
def test_ohem_of_all_pixels_is_cross_entropy(scene: tuple[Tensor, Tensor], options: dict[str, float]) -> None:
    logits, labels = scene
    torch.testing.assert_close(HardCrossEntropy(**options)(out(logits), labels), CrossEntropy()(out(logits), labels))
    planes = planes_of(labels)
    plain = BinaryCrossEntropy(weights=(0.5, 2.0, 1.0))
    found = HardCrossEntropy(weights=(0.5, 2.0, 1.0), **options)(out(logits), planes)
    torch.testing.assert_close(found, plain(out(logits), planes))


def test_tversky_is_its_formula_and_dice_at_a_half(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    p, held = logits.softmax(1), labels != 255
    costs = []
    for k in range(3):
        true = (labels == k).double()
        tp = float((p[:, k] * true)[held].sum())
        fp = float((p[:, k] * (1 - true))[held].sum())
        fn = float(((1 - p[:, k]) * true)[held].sum())
        costs.append(1 - (tp + 0.5) / (tp + 0.2 * fp + 0.9 * fn + 0.5))
    assert float(Tversky(alpha=0.2, beta=0.9)(out(logits), labels)) == pytest.approx(sum(costs) / 3, rel=1e-6)
    for more in ({}, {"per_image": True}, {"weights": (1.0, 0.0, 3.0)}, {"activation": "sigmoid"}, {"smooth": 0.0}):
        half = Tversky(alpha=0.5, beta=0.5, **more)(out(logits), labels)
        torch.testing.assert_close(half, Dice(**more)(out(logits), labels), msg=str(more))


def jaccard_loss(wrong: set[int], true: set[int]) -> float:
    """1 - IoU of a class whose pixels `wrong` are wrong, as the paper's equation 4."""
    return len(wrong) / len(true | wrong) if true | wrong else 0.0


def choquet(errors: list[float], true: set[int]) -> float:
    """The Lovasz extension by its definition: the integral over t of the loss of {pixels whose error is t or more}."""
    levels = sorted({0.0, *errors})
    return sum(
        (high - low) * jaccard_loss({n for n, e in enumerate(errors) if e >= high}, true)
        for low, high in itertools.pairwise(levels)
    )


def test_lovasz_is_the_integral_of_its_definition(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    p = logits.softmax(1)
    of_softmax, of_hinge = [], []
    places = [place for place in itertools.product(range(2), range(4), range(5)) if labels[place] != 255]
    for k in range(3):
        true = {n for n, place in enumerate(places) if labels[place] == k}
        errors = [abs((n in true) - float(p[b, k, y, x])) for n, (b, y, x) in enumerate(places)]
        margins = [(1 if n in true else -1) * float(logits[b, k, y, x]) for n, (b, y, x) in enumerate(places)]
        of_softmax.append(choquet(errors, true))
        of_hinge.append(choquet([max(0.0, 1 - m) for m in margins], true))
    assert float(LovaszSoftmax()(out(logits), labels)) == pytest.approx(np.mean(of_softmax), rel=1e-9)
    assert float(LovaszHinge()(out(logits), labels)) == pytest.approx(np.mean(of_hinge), rel=1e-9)
    assert float(LovaszHinge()(out(logits), planes_of(labels))) == pytest.approx(np.mean(of_hinge), rel=1e-9)
    weighted = LovaszSoftmax(weights=(1.0, 0.0, 3.0))(out(logits), labels)
    assert float(weighted) == pytest.approx((of_softmax[0] + 3 * of_softmax[2]) / 4, rel=1e-9)


def test_lovasz_of_hard_masks_is_one_minus_iou(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    drawn = logits.argmax(1)
    sure = 200.0 * torch.nn.functional.one_hot(drawn, 3).permute(0, 3, 1, 2) - 100
    held = labels != 255
    ious = [
        float(((drawn == k) & (labels == k)).sum() / (((drawn == k) | (labels == k)) & held).sum()) for k in range(3)
    ]
    assert float(LovaszSoftmax()(out(sure), labels)) == pytest.approx(1 - np.mean(ious), rel=1e-6)
    assert float(extension(torch.zeros(5), torch.ones(5), torch.ones(5))) == 0


def test_lovasz_counts_present_classes_or_all_and_images_by_themselves(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    labels = torch.where(labels == 2, 1, labels)  # nothing of class 2
    present = LovaszSoftmax()(out(logits), labels)
    absent = logits.softmax(1)[:, 2][labels != 255].max()  # the loss of a class without a pixel is its largest error
    torch.testing.assert_close(LovaszSoftmax(classes="all")(out(logits), labels), (2 * present + absent) / 3)
    alone = [LovaszSoftmax()(out(logits[n : n + 1]), labels[n : n + 1]) for n in range(2)]
    torch.testing.assert_close(LovaszSoftmax(per_image=True)(out(logits), labels), (alone[0] + alone[1]) / 2)


def test_distances_to_a_border_are_those_of_brute_force() -> None:
    random = torch.Generator().manual_seed(1)
    target = (torch.rand(2, 2, 6, 7, generator=random) > 0.6).double()
    target[1, 1] = 0
    held = torch.ones_like(target)
    held[0, :, 2, 3:5], target[0, :, 2, 3:5] = 0, 0
    found = distances(target, held)
    assert (found[1, 1] == 0).all()
    places = list(itertools.product(range(6), range(7)))
    for b, k in ((0, 0), (0, 1), (1, 0)):
        inside = [p for p in places if target[(b, k, *p)] == 1]
        outside = [p for p in places if held[(b, k, *p)] == 1 and target[(b, k, *p)] == 0]
        for place in inside + outside:
            others = outside if place in inside else inside
            near = min(math.dist(place, other) for other in others)
            assert found[(b, k, *place)] == pytest.approx(1 - near if place in inside else near)


def test_the_boundary_term_is_the_way_of_the_wrong_pixels() -> None:
    """Truth is the left two of five columns; what is drawn in the last column is three pixels away from it."""
    labels = torch.zeros(1, 1, 5, dtype=torch.int64)
    labels[..., :2] = 1
    sure = torch.where(labels == 1, 60.0, -60.0)[:, None]
    assert float(sum(Boundary()(out(sure), labels).values())) == pytest.approx(0, abs=1e-6)
    sure[..., 4] = 60
    terms = Boundary(boundary=0.1, region="cross_entropy")(out(sure), labels)
    assert float(terms["boundary"]) == pytest.approx(0.1 * 3 / 5, rel=1e-6)
    torch.testing.assert_close(terms["region"], CrossEntropy()(out(sure), labels))


def test_region_mutual_information_is_its_formula() -> None:
    random = torch.Generator().manual_seed(2)
    logits = torch.randn(1, 2, 13, 14, generator=random, dtype=torch.float64)
    labels = torch.randint(0, 2, (1, 13, 14), generator=random)
    labels[0, :3, :4] = 255
    held = (labels[0] != 255).numpy()
    terms = []
    for k in range(2):
        y = np.where(held, labels[0].numpy() == k, 0).astype(float)
        p = (logits[0, k].sigmoid().numpy() + 1e-6) * held
        vectors = []
        for plane in (y, p):
            padded = np.pad(plane, 1)
            blocks = np.array([[padded[r : r + 3, c : c + 3].mean() for c in range(0, 14, 3)] for r in range(0, 13, 3)])
            places = itertools.product(range(len(blocks) - 2), range(blocks.shape[1] - 2))
            rows = np.array([blocks[r : r + 3, c : c + 3].ravel() for r, c in places])
            vectors.append(rows - rows.mean(axis=0))
        value = []
        for drawn in (vectors[1], vectors[0]):
            a, cov = 5e-4 * np.eye(9), vectors[0].T @ drawn
            rest = vectors[0].T @ vectors[0] - cov @ np.linalg.inv(drawn.T @ drawn + a) @ cov.T
            value.append(np.linalg.slogdet(rest + a)[1] / 18)
        terms.append(value[0] - value[1])
    found = RegionMutualInformation(region=0.25)(out(logits), labels)
    assert float(found["region"]) == pytest.approx(0.25 * np.mean(terms), rel=1e-8)
    torch.testing.assert_close(found["pixel"], 0.75 * BinaryCrossEntropy()(out(logits), labels))


def test_region_mutual_information_sees_a_shift_that_pixels_do_not() -> None:
    """Two drawings with the same probabilities of the truth, pixel by pixel; one of them keeps the stripes."""
    labels = (torch.arange(48) // 6 % 2).expand(1, 48, 48).contiguous()
    right = torch.where(labels == 1, 1.0, -1.0)
    flipped = torch.rand(1, 48, 48, generator=torch.Generator().manual_seed(0)) < 0.25
    noise = torch.where(flipped, -right, right)[:, None]
    whole = torch.where(torch.arange(48)[:, None] % 4 == 0, -right, right)[:, None]  # a quarter too, in lines
    one, other = (RegionMutualInformation()(out(x), labels) for x in (noise, whole))
    assert float(one["region"]) > 1.2 * float(other["region"])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Focal(gamma=-1.0), "gamma is -1.0; it is an exponent"),
        (lambda: Focal(alpha=2.0), "alpha is 2.0; it is a share"),
        (lambda: HardCrossEntropy(threshold=1.5), "threshold is 1.5; it is between 0 and 1"),
        (lambda: HardCrossEntropy(least=-0.1), "least is -0.1"),
        (lambda: Tversky(beta=-1.0), "beta is -1.0; it is a price"),
        (lambda: Boundary(boundary=-1.0), "boundary is -1.0; it is a weight"),
        (lambda: RegionMutualInformation(region=2.0), "region is 2.0; it is a share"),
        (lambda: RegionMutualInformation(pool=0), "pool is 0; it is a side"),
    ],
)
def test_options_that_cannot_be_are_refused(make: object, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        make()  # type: ignore[operator]
