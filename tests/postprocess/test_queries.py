"""Answers of queries: worked examples, and the same answers as a loop over queries and pixels."""

import numpy as np
import pytest
import torch
from torch import Tensor

from intarsia.errors import ModelError
from intarsia.labels import LabelSpace
from intarsia.postprocess import decide, options_of, usual_task
from intarsia.structures import CroppedMask, Labels, MaskQueries, Objects, Segments

SPACE = LabelSpace(("road", "car", "sky"), things=("car",))


def logits(*probabilities: tuple[float, float, float, float]) -> Tensor:
    return torch.tensor(probabilities).clamp(min=1e-6).log()[None]


def masks(*rows: str) -> Tensor:
    """One row of pixels a query: digits are tenths of the mask's probability."""
    return torch.stack([torch.tensor([[int(d) / 10 for d in row]]) for row in rows]).clamp(1e-4, 1 - 1e-4).logit()[None]


def whole(mask: CroppedMask) -> np.ndarray:
    drawn = np.zeros(mask.size, bool)
    drawn[mask.box] = mask.inside
    return drawn


def worked() -> MaskQueries:
    """Eight pixels: two cars, road in two queries, one unsure car over the first, and one that is nothing."""
    return MaskQueries(
        logits(
            (0.02, 0.95, 0.02, 0.01),
            (0.0, 0.9, 0.0, 0.1),
            (0.97, 0.0, 0.01, 0.02),
            (0.92, 0.0, 0.0, 0.08),
            (0.2, 0.7, 0.0, 0.1),
            (0.0, 0.01, 0.0, 0.99),
        ),
        masks("99910000", "00099100", "00000990", "00000009", "99900000", "99999999"),
        (1, 8),
    )


def test_panoptic_of_a_worked_example() -> None:
    (answer,) = decide(worked(), SPACE)
    assert type(answer) is Segments
    assert answer.ids.tolist() == [[1, 1, 1, 2, 2, 3, 3, 3]], "both roads are one segment, cars are two"
    assert dict(answer.classes) == {1: 1, 2: 1, 3: 0}
    assert answer.scores == pytest.approx({1: 0.95, 2: 0.9, 3: 0.97}, abs=1e-3)


def test_a_query_that_lost_most_of_its_mask_is_left_out() -> None:
    output = MaskQueries(logits((0.0, 0.95, 0.0, 0.05), (0.9, 0.0, 0.0, 0.1)), masks("99990000", "88888888"), (1, 8))
    (kept,) = decide(output, SPACE, overlap=0.5)
    (gone,) = decide(output, SPACE)
    assert kept.ids.tolist() == [[1] * 4 + [2] * 4]
    assert gone.ids.tolist() == [[1] * 4 + [0] * 4] and dict(gone.classes) == {1: 1}, "half is below 0.8"


def test_semantic_sums_over_queries() -> None:
    """Two queries that are half sure of a car outvote one that is surer of road."""
    output = MaskQueries(
        logits((0.7, 0.1, 0.0, 0.2), (0.1, 0.5, 0.0, 0.4), (0.0, 0.5, 0.0, 0.5)), masks("99", "90", "90"), (1, 2)
    )
    (answer,) = decide(output, SPACE, "semantic")
    assert type(answer) is Labels and answer.classes.dtype == torch.uint8
    assert answer.classes.tolist() == [[1, 0]]


def test_instances_are_things_best_first() -> None:
    (answer,) = decide(worked(), SPACE, "instance")
    assert type(answer) is Objects
    assert answer.classes.tolist() == [1, 1, 1]
    assert [whole(mask)[0].astype(int).tolist() for mask in answer.shapes] == [
        [1, 1, 1, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
    ]
    assert answer.scores.tolist() == pytest.approx([0.95 * 0.9, 0.9 * 0.9, 0.7 * 0.9], abs=1e-3)
    (few,) = decide(worked(), SPACE, "instance", threshold=0.7)
    (one,) = decide(worked(), SPACE, "instance", top_k=3)
    assert len(few.shapes) == 2 and len(one.shapes) == 1, "the two best of all pairs are roads"


@pytest.mark.parametrize("seed", range(3))
def test_equals_a_loop_over_pixels(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    output = MaskQueries(
        2.5 * torch.randn(1, 9, 4, generator=random), torch.randn(1, 9, 5, 7, generator=random), (10, 13)
    )
    large = torch.nn.functional.interpolate(output.masks, (10, 13), mode="bilinear")[0].sigmoid()
    p = output.classes[0].softmax(1)
    (labels,) = decide(output, SPACE, "semantic")
    (segments,) = decide(output, SPACE, "panoptic", threshold=0.5, overlap=0.3)
    kept = [q for q in range(9) if int(p[q].argmax()) < 3 and p[q].max() > 0.5]
    winner = np.full((10, 13), -1)
    for y in range(10):
        for x in range(13):
            sums = [sum(float(p[q, k] * large[q, y, x]) for q in range(9)) for k in range(3)]
            assert int(labels.classes[y, x]) == sums.index(max(sums))
            fits = [float(p[q].max() * large[q, y, x]) for q in kept]
            winner[y, x] = kept[fits.index(max(fits))]
    ids, classes, stuff = np.zeros((10, 13), int), {}, {}
    for q in kept:
        own, left = int((large[q] >= 0.5).sum()), int((winner == q).sum())
        if own and left and left / own >= 0.3:
            kind = int(p[q].argmax())
            number = stuff.get(kind) or len(classes) + 1
            if kind != 1:
                stuff[kind] = number
            classes[number] = kind
            ids[winner == q] = number
    assert len(classes) > 1
    assert np.array_equal(segments.ids, ids) and dict(segments.classes) == classes


def test_pictures_without_any_sure_query_are_void() -> None:
    output = MaskQueries(torch.zeros(2, 3, 4), torch.zeros(2, 3, 2, 2), (5, 6))
    for answer in decide(output, SPACE):
        assert answer.ids.shape == (5, 6) and not answer.ids.any() and not answer.classes
    nothing = MaskQueries(logits((0.0, 0.0, 0.0, 1.0)), masks("99"), (3, 4))
    (objects,) = decide(nothing, SPACE, "instance")
    assert len(objects.shapes) == len(objects.classes) == len(objects.scores) == 0


def test_options_and_tasks() -> None:
    assert options_of("panoptic", MaskQueries) == {"threshold": 0.8, "overlap": 0.8}
    assert [usual_task(MaskQueries, LabelSpace(("a", "b"), things=t)) for t in ((), ("a",), ("a", "b"))] == [
        "semantic",
        "panoptic",
        "instance",
    ]
    half = MaskQueries(worked().classes.bfloat16(), worked().masks.bfloat16(), (1, 8))
    assert decide(half, SPACE)[0].ids.tolist() == decide(worked(), SPACE)[0].ids.tolist()


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        ("panoptic", {"threshold": 1.5}, "threshold is 1.5; it is a share, 0 to 1"),
        ("panoptic", {"overlap": -1}, "overlap is -1; it is a share, 0 to 1"),
        ("instance", {"top_k": 0}, "top_k is 0; it is a number of objects, 1 or more"),
        ("semantic", {"threshold": 0.5}, "takes no option 'threshold'"),
    ],
)
def test_options_that_cannot_be_are_refused(task: str, options: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        decide(worked(), SPACE, task, **options)


def test_objects_need_things() -> None:
    with pytest.raises(ModelError, match=r"name the classes that have under labels\.things"):
        decide(worked(), LabelSpace(SPACE.names), "instance")
