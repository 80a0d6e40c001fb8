"""Objects and stuff merged into segments: a worked example, and the rule of panopticapi's script one pixel at a time."""

import numpy as np
import pytest
import torch
from torch import Tensor

from intarsia.errors import ModelError
from intarsia.inference.gather import gathered
from intarsia.inference.poses import View
from intarsia.inference.resized import restored
from intarsia.labels import LabelSpace
from intarsia.postprocess import decide, usual_task
from intarsia.postprocess.objects import pasted
from intarsia.structures import Detections, DetectionsAndStuff, Labels, Segments

SPACE = LabelSpace(("sky", "road", "car", "person"), things=("car", "person"))
H, W = 20, 30


def output(boxes: list[list[float]], scores: list[float], classes: list[int], semantic: Tensor) -> DetectionsAndStuff:
    masks = torch.full((1, len(boxes), 14, 14), 20.0)
    found = Detections(torch.tensor([scores]), torch.tensor([classes]), torch.tensor([boxes]), masks, (H, W))
    return DetectionsAndStuff(found, semantic)


def ground() -> Tensor:
    """Sky above, road below, and things in a stripe between them."""
    semantic = torch.zeros(1, 4, H, W)
    semantic[0, 0, :8], semantic[0, 1, 12:], semantic[0, 2:, 8:12] = 5, 5, 5
    return semantic


def test_a_worked_example() -> None:
    """The surest lies on top; what is mostly covered, unsure, or of stuff is left out; stuff fills the rest."""
    boxes = [[2.0, 2, 12, 12], [3, 3, 11, 11], [8, 2, 18, 12], [20, 2, 28, 12], [22, 14, 28, 18]]
    (found,) = decide(output(boxes, [0.9, 0.8, 0.7, 0.4, 0.95], [2, 3, 3, 2, 1], ground()), SPACE, stuff_area=30)
    assert isinstance(found, Segments) and found.classes == {1: 2, 2: 3, 3: 0, 4: 1}
    assert found.ids[5, 5] == 1 and found.ids[5, 10] == 1 and found.ids[5, 15] == 2
    assert found.ids[0, 0] == 3 and found.ids[19, 0] == 4 and found.ids[16, 25] == 4
    assert found.ids[10, 25] == 0, "some object, and none was found there"
    assert found.scores[1] == pytest.approx(0.9) and found.scores[3] == pytest.approx(float(torch.tensor([5.0, 0, 0, 0]).softmax(0)[0]))  # fmt: skip
    (small,) = decide(output(boxes, [0.9, 0.8, 0.7, 0.4, 0.95], [2, 3, 3, 2, 1], ground()), SPACE, stuff_area=200)
    assert 0 not in small.classes.values() and 1 in small.classes.values()
    (labels,) = decide(output(boxes, [0.9, 0.8, 0.7, 0.4, 0.95], [2, 3, 3, 2, 1], ground()), SPACE, "semantic")
    assert isinstance(labels, Labels)
    assert [int(labels.classes[place]) for place in ((5, 5), (5, 15), (0, 0), (19, 0))] == [2, 3, 0, 1]
    assert int(labels.classes[10, 25]) in (0, 1), "stuff where no object was found"


def by_rule(drawn: DetectionsAndStuff, overlap: float, least: int) -> tuple[np.ndarray, dict[int, int]]:
    """Section 3 of the paper, as panopticapi's script has it; compared with that script on 30 random maps."""
    ids, classes = np.zeros((H, W), int), {}
    objects = drawn.objects
    for n in sorted(range(objects.scores.shape[1]), key=lambda n: -float(objects.scores[0, n])):
        if objects.scores[0, n] < 0.5 or int(objects.classes[0, n]) not in (2, 3):
            continue
        assert objects.masks is not None
        (mask,) = pasted(objects.masks[0, n : n + 1].sigmoid(), objects.boxes[0, n : n + 1], (H, W), 0.5)
        full = np.zeros((H, W), bool)
        full[mask.box] = mask.inside
        if not full.sum() or (full & (ids > 0)).sum() / full.sum() > overlap:
            continue
        classes[len(classes) + 1] = int(objects.classes[0, n])
        ids[full & (ids == 0)] = len(classes)
    p = drawn.semantic[0].softmax(0).numpy()
    best = np.stack([p[0], p[1], p[2] + p[3]]).argmax(0)
    for kind in (0, 1):
        own = (best == kind) & (ids == 0)
        if own.sum() >= least:
            classes[len(classes) + 1] = kind
            ids[own] = len(classes)
    return ids, classes


@pytest.mark.parametrize("seed", range(4))
def test_random_maps_are_merged_as_the_script_does(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    corner = torch.rand(1, 9, 2, generator=random) * torch.tensor([20.0, 12.0])
    boxes = torch.cat([corner, corner + 3 + torch.rand(1, 9, 2, generator=random) * 9], dim=2)
    objects = Detections(
        torch.rand(1, 9, generator=random).sort(descending=True).values, torch.randint(0, 4, (1, 9), generator=random),
        boxes, 3 * torch.randn(1, 9, 14, 14, generator=random) + 1, (H, W),
    )  # fmt: skip
    drawn = DetectionsAndStuff(objects, 2 * torch.randn(1, 4, H, W, generator=random))
    (found,) = decide(drawn, SPACE, "panoptic", overlap=0.4, stuff_area=60)
    ids, classes = by_rule(drawn, 0.4, 60)
    assert np.array_equal(found.ids, ids) and found.classes == classes and len(classes) > 2


def test_what_is_asked_for_without_saying() -> None:
    assert usual_task(DetectionsAndStuff, SPACE) == "panoptic"
    assert usual_task(DetectionsAndStuff, LabelSpace(("a", "b"), things=("a", "b"))) == "instance"
    assert usual_task(DetectionsAndStuff, LabelSpace(("a", "b"))) == "semantic"


def test_views_and_resizing_treat_both_parts() -> None:
    drawn = output([[2.0, 2, 12, 12]], [0.9], [2], ground())
    mirrored = output([[18.0, 2, 28, 12]], [0.8], [2], ground().flip(3))
    both = gathered([(drawn, View((H, W)), 1.0), (mirrored, View((H, W), mirrored=True), 1.0)], (H, W))
    assert isinstance(both, DetectionsAndStuff)
    torch.testing.assert_close(both.objects.scores, torch.tensor([[0.9]]))
    torch.testing.assert_close(both.semantic.softmax(1), ground().softmax(1))
    large = restored(drawn, (2 * H, 3 * W))
    assert isinstance(large, DetectionsAndStuff) and large.semantic.shape == (1, 4, 2 * H, 3 * W)
    assert large.objects.size == (2 * H, 3 * W) and large.objects.boxes.tolist() == [[[6.0, 4, 36, 24]]]


def test_errors() -> None:
    drawn = output([[2.0, 2, 12, 12]], [0.9], [2], ground())
    with pytest.raises(ModelError, match="overlap is 1.5; it is a share, 0 to 1"):
        decide(drawn, SPACE, "panoptic", overlap=1.5)
    with pytest.raises(ModelError, match="segments are asked for, and this network draws boxes alone"):
        decide(drawn._replace(objects=drawn.objects._replace(masks=None)), SPACE, "panoptic")
