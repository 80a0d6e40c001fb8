"""Objects of detections: torchvision's pasting to the pixel, thresholds, boxes alone."""

import numpy as np
import pytest
import torch

from intarsia.errors import ModelError
from intarsia.labels import LabelSpace
from intarsia.metrics.average_precision import AveragePrecision
from intarsia.postprocess import decide
from intarsia.postprocess.objects import pasted
from intarsia.structures import CroppedMask, Detections, Objects

SPACE = LabelSpace(("a", "b", "c"))
H, W = 50, 70


def whole(mask: CroppedMask) -> np.ndarray:
    full = np.zeros(mask.size, bool)
    full[mask.box] = mask.inside
    return full


def detections(scores: list[float], masks: bool = True) -> Detections:
    n = len(scores)
    torch.manual_seed(1)
    corner = torch.rand(1, n, 2) * 30
    boxes = torch.cat([corner, corner + 4 + torch.rand(1, n, 2) * 20], dim=2)
    return Detections(
        torch.tensor([scores]), torch.arange(n)[None] % 3, boxes, torch.randn(1, n, 7, 7) if masks else None, (H, W)
    )


def test_masks_are_pasted_as_torchvision_does() -> None:
    paste = pytest.importorskip("torchvision").models.detection.roi_heads.paste_masks_in_image
    torch.manual_seed(0)
    corner = torch.rand(60, 2) * torch.tensor([W + 10.0, H + 10.0]) - 10
    side = torch.rand(60, 2) ** 2 * 60
    side[:5] = 0.3  # smaller than a pixel
    boxes = torch.cat([corner, corner + side], dim=1)
    boxes[:, 0::2], boxes[:, 1::2] = boxes[:, 0::2].clamp(0, W), boxes[:, 1::2].clamp(0, H)
    masks = torch.rand(60, 28, 28)
    wanted = paste(masks[:, None], boxes, (H, W))[:, 0] > 0.5
    found = pasted(masks, boxes, (H, W), 0.5)
    assert wanted.any() and len(found) == 60
    for mine, theirs in zip(found, wanted.numpy(), strict=True):
        assert np.array_equal(whole(mine), theirs)


def test_a_full_mask_fills_its_box_pixel_by_pixel() -> None:
    (mask,) = pasted(torch.ones(1, 14, 14), torch.tensor([[10.0, 20, 31, 41]]), (H, W), 0.5)
    full = whole(mask)
    assert full[21:40, 11:30].all() and full.sum() <= 23 * 23
    assert not full[:19].any() and not full[:, :9].any() and not full[43:].any() and not full[:, 33:].any()


def test_rows_below_the_score_and_padding_are_left_out() -> None:
    output = detections([0.9, 0.6, 0.3, 0.0, 0.0])
    (all_,) = decide(output, SPACE)
    assert isinstance(all_, Objects) and len(all_.shapes) == 3
    assert all_.scores.tolist() == pytest.approx([0.9, 0.6, 0.3]) and all_.classes.tolist() == [0, 1, 2]
    assert torch.equal(all_.boxes, output.boxes[0, :3])
    (few,) = decide(output, SPACE, "instance", threshold=0.5)
    assert len(few.shapes) == 2 and all(isinstance(shape, CroppedMask) for shape in few.shapes)
    (none,) = decide(output, SPACE, "instance", threshold=0.95)
    assert len(none.shapes) == len(none.classes) == 0
    (wide,) = decide(output, SPACE, "instance", mask_threshold=0.1)
    assert sum(m.inside.sum() for m in wide.shapes) > sum(m.inside.sum() for m in all_.shapes)


def test_boxes_alone_answer_with_boxes_and_so_does_detection() -> None:
    output = detections([0.9, 0.6, 0.0], masks=False)
    for answer in (decide(output, SPACE)[0], decide(detections([0.9, 0.6, 0.0]), SPACE, "detection")[0]):
        assert answer.shapes.shape == (2, 4)
        assert torch.equal(answer.shapes, output.boxes[0, :2])


def test_answers_can_be_scored_also_where_nothing_is_found() -> None:
    tally = AveragePrecision(3)
    for scores in ([0.9, 0.8], [0.0, 0.0]):
        (answer,) = decide(detections(scores), SPACE)
        truth = decide(detections([0.9, 0.8]), SPACE)[0]
        tally.update(answer, truth._replace(scores=None, boxes=None))
    assert tally.compute().ap50 == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("name", ["threshold", "mask_threshold"])
@pytest.mark.parametrize("value", [-0.1, 1.5, True])
def test_thresholds_outside_of_0_to_1_are_refused(name: str, value: float) -> None:
    with pytest.raises(ModelError, match=f"{name} is .*; give a number of 0 to 1"):
        decide(detections([0.5]), SPACE, "instance", **{name: value})
