"""What travels: objects and boxes of a sample, and samples out of a batch."""

import torch

from intarsia.data.loader import collate
from intarsia.structures import Batch, Sample, boxes_of, objects_in


def sample(**parts: torch.Tensor) -> Sample:
    labels = torch.tensor([[1, 1, 0, 2], [1, 0, 0, 2], [255, 255, 0, 0]], dtype=torch.uint8)
    return Sample(torch.zeros(3, 3, 4, dtype=torch.uint8), labels, "a", **parts)


OBJECTS = torch.tensor([[1, 1, 0, 5], [1, 0, 0, 5], [3, 3, 0, 0]], dtype=torch.int32)


def test_objects_have_the_class_below_them_and_ignored_ones_do_not_count() -> None:
    found = objects_in(sample(objects=OBJECTS), 255)
    assert found.classes.tolist() == [1, 2]
    assert found.shapes.flatten(1).sum(1).tolist() == [3, 2]
    assert torch.equal(found.shapes[0], OBJECTS == 1)


def test_whole_masks_keep_what_lies_below_others() -> None:
    masks = torch.zeros(3, 3, 4, dtype=torch.bool)
    masks[0, :, 0] = masks[1, :2, 3] = True
    found = objects_in(sample(objects=OBJECTS, masks=masks, classes=torch.tensor([2, 0, 1])), 255)
    assert found.classes.tolist() == [2, 0], "the third is out of view"
    assert found.shapes.flatten(1).sum(1).tolist() == [3, 2]


def test_a_sample_without_objects_has_none() -> None:
    for empty in (sample(), sample(objects=torch.zeros(3, 4, dtype=torch.int32))):
        found = objects_in(empty, 255)
        assert found.shapes.shape == (0, 3, 4) and found.classes.tolist() == []


def test_a_batch_gives_its_samples_back() -> None:
    whole = sample(objects=OBJECTS, tags=torch.tensor([True, False]), masks=torch.zeros(2, 3, 4, dtype=torch.bool))
    batch = collate([whole, whole._replace(name="b", tags=torch.tensor([False, True]))])
    assert isinstance(batch, Batch)
    for copy in (batch, batch.to(torch.device("cpu"))):
        again = copy.sample(1)
        assert again.name == "b" and again.tags.tolist() == [False, True] and again.masks.shape == (2, 3, 4)
        assert torch.equal(again.objects, OBJECTS) and again.depth is None


def test_boxes_reach_one_beyond_the_last_pixel() -> None:
    assert boxes_of(OBJECTS).tolist() == [[0, 0, 2, 2], [0, 0, 0, 0], [0, 2, 2, 3], [0, 0, 0, 0], [3, 0, 4, 2]]
