"""Masks of the whole picture, and masks in windows of their own, turn with the views and grow with the picture."""

import pytest
import torch
from torch import Tensor

from intarsia.errors import ModelError
from intarsia.inference.ensemble import Ensemble
from intarsia.inference.resized import restored
from intarsia.inference.views import Averaged
from intarsia.structures import Detections


def finder(image: Tensor) -> Detections:
    """Find the white rectangle, twice as fast as it is drawn: its mask of the whole picture, or in a window around it."""
    small = torch.nn.functional.avg_pool2d(image[:, :1].float() / 255, 2)
    y, x = (image[0, 0] == 255).nonzero(as_tuple=True)
    box = torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1]).float()[None, None]
    window = torch.tensor([[[0.0, 0, 2 * small.shape[3], 2 * small.shape[2]]]])
    size = (image.shape[2], image.shape[3])
    scores = torch.tensor([[0.9 - 0.001 * float(x.min())]])
    return Detections(scores, torch.tensor([[1]]), box, 20 * small - 10, size, windows=window, whole=small)


def test_masks_of_all_views_lie_where_the_object_is() -> None:
    image = torch.zeros(1, 3, 40, 60, dtype=torch.uint8)
    image[:, 0, 10:20, 6:26] = 255
    plain = finder(image)
    for options in ({"flip": True}, {"flip": True, "rotations": (90, 180)}):
        found = Averaged(finder, **options)(image)
        assert torch.equal(found.whole, plain.whole) and found.boxes[0, 0].tolist() == [6, 10, 26, 20]
        masks, (x0, y0, x1, y1) = found.masks[0, 0] > 0, found.windows[0, 0].tolist()
        cells = masks.nonzero().float() + 0.5
        down, across = (y1 - y0) / masks.shape[0], (x1 - x0) / masks.shape[1]
        assert (down, across) == (2, 2) and masks.sum() == 50
        assert (cells * 2 + torch.tensor([y0, x0])).aminmax(dim=0).min.tolist() == [11, 7]


def test_windows_grow_with_the_picture() -> None:
    image = torch.zeros(1, 3, 40, 60, dtype=torch.uint8)
    image[:, 0, 10:20, 6:26] = 255
    large = restored(finder(image), (80, 180))
    assert large.windows.tolist() == [[[0, 0, 180, 80]]] and large.boxes.tolist() == [[[18, 20, 78, 40]]]
    assert large.size == (80, 180) and torch.equal(large.whole, finder(image).whole)


def test_networks_that_draw_in_other_ways_are_not_averaged() -> None:
    image = torch.zeros(1, 3, 40, 60, dtype=torch.uint8)
    image[:, 0, 10:20, 6:26] = 255
    plain = finder(image)._replace(windows=None)
    cells = plain._replace(masks=torch.zeros(1, 1, 28, 28), whole=None)
    others = {
        "masks of the whole picture": plain._replace(masks=None),
        "boxes alone": plain._replace(masks=None, whole=None),
        "masks in windows of their own": finder(image)._replace(whole=None),
        "masks of 32x32 cells": cells._replace(masks=torch.zeros(1, 1, 32, 32)),
        "proposals of no class and masks of 28x28 cells": cells._replace(agnostic=True),
    }
    for words, other in others.items():
        with pytest.raises(ModelError, match=f"one network answers with masks of 28x28 cells and another with {words}"):
            Ensemble([lambda _: cells, lambda _, other=other: other])(image)
    assert (Ensemble([lambda _: cells] * 2)(image).scores > 0).sum() == 1
