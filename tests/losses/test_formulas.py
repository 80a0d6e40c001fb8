"""Each loss against its formula, written out pixel by pixel."""

import math

import pytest
import torch
from torch import Tensor

from intarsia.errors import LabelError, RecipeError
from intarsia.losses import (
    Auxiliary,
    BinaryCrossEntropy,
    CrossEntropy,
    Dice,
    DiceBinaryCrossEntropy,
    DiceCrossEntropy,
    soft_dice,
)
from intarsia.losses.presence import classes_in, presence_loss
from intarsia.structures import SemanticLogits


def out(logits: Tensor) -> SemanticLogits:
    return SemanticLogits(logits)


@pytest.fixture
def scene() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 3, 4, 5, generator=random, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 4, 5), generator=random)
    labels[0, 0, :3] = 255
    return logits, labels


def test_cross_entropy_is_the_weighted_mean_of_minus_log_p(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    weights = (0.5, 2.0, 1.0)
    top = bottom = 0.0
    for b in range(2):
        for y in range(4):
            for x in range(5):
                if (k := int(labels[b, y, x])) != 255:
                    exps = [math.exp(v) for v in logits[b, :, y, x].tolist()]
                    top -= weights[k] * math.log(exps[k] / sum(exps))
                    bottom += weights[k]
    assert float(CrossEntropy(weights=weights)(out(logits), labels)) == pytest.approx(top / bottom, rel=1e-12)


def test_cross_entropy_of_one_map_is_that_of_two_maps_with_a_zero(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    labels = torch.where(labels == 2, 1, labels)
    one = logits[:, :1]
    two = torch.cat([torch.zeros_like(one), one], dim=1)
    for options in ({}, {"weights": (0.3, 1.9)}, {"smoothing": 0.2}, {"weights": (0.3, 1.9), "smoothing": 0.2}):
        loss = CrossEntropy(**options)
        torch.testing.assert_close(loss(out(one), labels), loss(out(two), labels), msg=str(options))


def test_a_smoothing_beyond_one_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"smoothing is 1.5; it is a share"):
        CrossEntropy(smoothing=1.5)


def test_cross_entropy_wants_one_label_a_pixel(scene: tuple[Tensor, Tensor]) -> None:
    logits, _ = scene
    with pytest.raises(LabelError, match="one label a pixel"):
        CrossEntropy()(out(logits), torch.zeros(2, 3, 4, 5, dtype=torch.int64))


def test_binary_cross_entropy_is_deck_4s_formula() -> None:
    """l = -w (p y log s(x) + (1 - y) log(1 - s(x))), the mean over pixels, with w = 0.7 and p = 3."""
    values, truth = [-2.0, -0.5, 0.0, 0.5, 3.0], [0, 1, 1, 0, 255]
    logits = torch.tensor(values, dtype=torch.float64).view(1, 1, 1, 5)
    terms = []
    for x, y in zip(values, truth, strict=True):
        if y != 255:
            p = 1 / (1 + math.exp(-x))
            terms.append(-0.7 * (3 * y * math.log(p) + (1 - y) * math.log(1 - p)))
    loss = BinaryCrossEntropy(weight=0.7, pos_weight=3.0)(out(logits), torch.tensor(truth).view(1, 1, 5))
    assert float(loss) == pytest.approx(sum(terms) / 4, rel=1e-12)


@pytest.mark.parametrize(
    ("logit", "label", "expected"), [(1000.0, 1, 0.0), (1000.0, 0, 1000.0), (-1000.0, 0, 0.0), (-1000.0, 1, 1000.0)]
)
def test_binary_cross_entropy_at_a_thousand(logit: float, label: int, expected: float) -> None:
    value = BinaryCrossEntropy()(out(torch.full((1, 1, 2, 2), logit)), torch.full((1, 2, 2), label))
    assert float(value) == pytest.approx(expected, abs=1e-6)


def test_bce_takes_several_labels_a_pixel(scene: tuple[Tensor, Tensor]) -> None:
    logits, _ = scene
    truth = torch.randint(0, 2, logits.shape, generator=torch.Generator().manual_seed(5))
    truth[:, 1, :2] = 255  # one question may be open where the others are answered
    loss = BinaryCrossEntropy(pos_weight=[1.0, 2.0, 0.5], weight=[1.0, 1.0, 3.0])(out(logits), truth)
    p = logits.sigmoid()
    positive, factor = torch.tensor([1.0, 2.0, 0.5])[:, None, None], torch.tensor([1.0, 1.0, 3.0])[:, None, None]
    each = -factor * (positive * truth * p.log() + (1 - truth) * (1 - p).log())
    torch.testing.assert_close(loss, each[truth != 255].mean())


def test_bce_of_class_numbers_is_one_question_a_class(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    truth = torch.nn.functional.one_hot(labels.clamp(max=2), 3).permute(0, 3, 1, 2).clone()
    truth[(labels == 255)[:, None].expand_as(truth)] = 255
    torch.testing.assert_close(BinaryCrossEntropy()(out(logits), labels), BinaryCrossEntropy()(out(logits), truth))


def test_bce_weights_two_classes_of_one_map() -> None:
    logits, labels = torch.zeros(1, 1, 1, 4), torch.tensor([[[0, 1, 1, 1]]])
    value = BinaryCrossEntropy(weights=(4.0, 1.0))(out(logits), labels)
    assert float(value) == pytest.approx(math.log(2) * (4 + 1 + 1 + 1) / 4)


def test_bce_refuses_factors_for_other_maps(scene: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(LabelError, match="pos_weight: 2 numbers for 3 maps"):
        BinaryCrossEntropy(pos_weight=[1.0, 2.0])(out(scene[0]), scene[1])


@pytest.mark.parametrize(("loss", "power"), [(Dice, 1), (soft_dice, 2)])
@pytest.mark.parametrize("per_image", [False, True])
@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_dice_is_its_formula(
    scene: tuple[Tensor, Tensor], loss: type, power: int, per_image: bool, smooth: float
) -> None:
    logits, labels = scene
    p = logits.softmax(1)
    images = [[0], [1]] if per_image else [[0, 1]]
    costs = []
    for group in images:
        for k in range(3):
            overlap = drawn = true = 0.0
            for b in group:
                held = labels[b] != 255
                overlap += float(p[b, k][labels[b] == k].sum())
                drawn += float((p[b, k][held] ** power).sum())
                true += int((labels[b] == k).sum())
            costs.append(1 - (2 * overlap + smooth) / (drawn + true + smooth))
    value = loss(smooth=smooth, per_image=per_image)(out(logits), labels)
    assert float(value) == pytest.approx(sum(costs) / len(costs), rel=1e-6)


def test_dice_of_the_decks_masks() -> None:
    """Two masks of 2 pixels that share 1: Dice 1/2, so the loss is 1/2."""
    sure = torch.tensor([[[[50.0, 50.0, -50.0, -50.0]]]])
    assert float(Dice(smooth=0)(out(sure), torch.tensor([[[1, 0, 1, 0]]]))) == pytest.approx(0.5, abs=1e-6)


def test_dice_weighs_classes(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    alone = [float(Dice(weights=[float(k == n) for n in range(3)])(out(logits), labels)) for k in range(3)]
    both = float(Dice(weights=[1.0, 0.0, 3.0])(out(logits), labels))
    assert both == pytest.approx((alone[0] + 3 * alone[2]) / 4)


def test_a_class_that_occurs_nowhere_costs_only_what_is_drawn_of_it() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    sure = torch.stack([torch.full((8, 8), 40.0), torch.full((8, 8), -40.0)])[None]
    assert float(Dice()(out(sure), labels)) < 1e-6
    sure[0, 0, 0], sure[0, 1, 0] = -40.0, 40.0
    assert float(Dice()(out(sure), labels)) == pytest.approx((1 - 113 / 121 + 1 - 1 / 9) / 2, rel=1e-4)


def test_an_ignored_image_does_not_dilute_the_others(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    labels = torch.stack([labels[1], torch.full_like(labels[1], 255)])
    for per_image in (False, True):
        loss = Dice(per_image=per_image)
        torch.testing.assert_close(loss(out(logits.flip(0)), labels), loss(out(logits[1:]), labels[:1]))


def test_mixes_name_their_terms_and_weigh_them(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    terms = DiceCrossEntropy(dice=0.25, cross_entropy=2.0)(out(logits), labels)
    torch.testing.assert_close(terms["dice"], 0.25 * Dice()(out(logits), labels))
    torch.testing.assert_close(terms["cross_entropy"], 2 * CrossEntropy()(out(logits), labels))
    terms = DiceBinaryCrossEntropy(bce=0.5)(out(logits), labels)
    torch.testing.assert_close(terms["dice"], Dice(activation="sigmoid")(out(logits), labels))
    torch.testing.assert_close(terms["bce"], 0.5 * BinaryCrossEntropy()(out(logits), labels))


def test_auxiliary_heads_are_resized_to_the_labels(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    heads = (torch.randn(2, 3, 2, 3, dtype=torch.float64), torch.randn(2, 3, 1, 1, dtype=torch.float64))
    terms = Auxiliary(CrossEntropy(), 0.4)(SemanticLogits(logits, heads), labels)
    larger = torch.nn.functional.interpolate(heads[0], (4, 5), mode="bilinear", align_corners=False)
    flat = heads[1].expand(2, 3, 4, 5)
    want = 0.4 * (CrossEntropy()(out(larger), labels) + CrossEntropy()(out(flat), labels))
    assert set(terms) == {"main", "auxiliary"}
    torch.testing.assert_close(terms["main"], CrossEntropy()(out(logits), labels))
    torch.testing.assert_close(terms["auxiliary"], want)


def test_presence_is_asked_of_the_whole_image() -> None:
    labels = torch.tensor([[[0, 0, 255]], [[2, 1, 2]], [[255, 255, 255]]])  # the last image says nothing
    presence = torch.tensor([[2.0, -1.0, 0.0], [0.5, 3.0, -2.0], [9.0, 9.0, 9.0]], dtype=torch.float64)
    occurs = torch.tensor([[1, 0, 0], [0, 1, 1]], dtype=torch.float64)
    p = presence[:2].sigmoid()
    want = -(occurs * p.log() + (1 - occurs) * (1 - p).log()).mean()
    torch.testing.assert_close(presence_loss(presence, labels), want)
    logits = torch.zeros(3, 3, 1, 3, dtype=torch.float64)
    terms = Auxiliary(CrossEntropy(), presence=0.2)(SemanticLogits(logits, presence=presence), labels)
    assert set(terms) == {"main", "presence"}
    torch.testing.assert_close(terms["presence"], 0.2 * want)
    assert set(Auxiliary(CrossEntropy(), presence=0.0)(SemanticLogits(logits, presence=presence), labels)) == {"main"}


@pytest.mark.parametrize("maps", [1, 2], ids=["one sigmoid map", "several labels a pixel"])
def test_presence_of_maps_that_are_questions_of_their_own(maps: int) -> None:
    labels = torch.tensor([[0, 1, 255], [0, 0, 255]])[:, None, None].expand(2, maps, 1, 3)
    occurs, known = classes_in(labels[:, 0] if maps == 1 else labels, maps, 255)
    assert occurs.tolist() == [[True] * maps, [False] * maps]
    assert known.all()


def test_without_auxiliary_heads_there_is_no_auxiliary_term(scene: tuple[Tensor, Tensor]) -> None:
    logits, labels = scene
    assert set(Auxiliary(CrossEntropy())(out(logits), labels)) == {"main"}
    assert set(Auxiliary(DiceCrossEntropy())(SemanticLogits(logits, (logits,)), labels)) == {
        "dice",
        "cross_entropy",
        "auxiliary",
    }
