"""Zoom, crop, flip and rotation: image and labels stay together to a fraction of a pixel."""

import itertools
import math

import numpy as np
import pytest
import torch

from intarsia.data.augment.geometry import _cut_map, place, resize_image
from intarsia.structures import Sample


def disk(height: int, width: int, y: float, x: float, radius: float) -> Sample:
    """A bright disk of class 1 on a dark ground of class 0; centers in pixels from the corner."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    inside = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
    image = torch.from_numpy(np.where(inside, 200, 40).astype(np.uint8))[None].repeat(3, 1, 1)
    return Sample(
        image.permute(1, 2, 0).contiguous().permute(2, 0, 1), torch.from_numpy(inside.astype(np.uint8)), "disk"
    )


def middle(weight: torch.Tensor) -> tuple[float, float]:
    """The center of mass of a map, in pixels from the corner."""
    w = weight.double()
    rows, columns = torch.arange(w.shape[0]) + 0.5, torch.arange(w.shape[1]) + 0.5
    return float((w.sum(1) * rows).sum() / w.sum()), float((w.sum(0) * columns).sum() / w.sum())


@pytest.mark.parametrize("options", [
    {"crop": (64, 64), "scale": (0.5, 0.5)},
    {"crop": (150, 170), "scale": (2.0, 2.0)},
    {"crop": (97, 61), "scale": (0.7, 1.4)},
    {"crop": (120, 120), "rotate": 45.0},
    {"crop": (200, 300), "flip": True, "rotate": 20.0, "scale": (0.8, 1.2)},
    {"flip": True},
])  # fmt: skip
@pytest.mark.parametrize("seed", range(4))
def test_image_and_labels_move_together(options: dict, seed: int) -> None:
    """Where the whole disk is still in the picture, its bright pixels and its label have one center of mass, to 0.3 px."""
    sample = disk(90, 110, 44.3, 57.8, 12)
    placed = place(sample, np.random.default_rng(seed), ignore_index=255, **options)
    assert placed.labels.shape == tuple(options.get("crop", (90, 110))) == tuple(placed.image.shape[1:])
    ones = placed.labels == 1
    border = torch.ones_like(ones)
    border[1:-1, 1:-1] = False
    if not ones.any() or (ones & border).any():
        return  # cut off by the crop: the two centers need not agree
    bright = (placed.image[0].double() - 40).clamp(min=0)
    bright[placed.labels == 255] = 0
    assert middle(bright) == pytest.approx(middle(ones), abs=0.3)


def test_at_scale_one_a_crop_is_a_slice() -> None:
    """No pixel is resampled when nothing is resized."""
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 256, (3, 40, 50), dtype=np.uint8))
    labels = torch.arange(2000, dtype=torch.int32).view(40, 50)
    placed = place(Sample(image, labels, "x"), rng, ignore_index=65535, crop=(16, 20))
    top, left = divmod(int(placed.labels[0, 0]), 50)
    assert torch.equal(placed.labels, labels[top : top + 16, left : left + 20])
    assert torch.equal(placed.image, image[:, top : top + 16, left : left + 20])


def test_crops_and_zoom_count_in_the_size_that_the_network_sees() -> None:
    sample = disk(90, 120, 45, 60, 20)
    whole = place(sample, np.random.default_rng(0), ignore_index=255, shown=(45, 60))
    assert torch.equal(whole.image, resize_image(sample.image, (45, 60)))
    assert whole.labels.shape == (45, 60)
    assert int((whole.labels == 1).sum()) == pytest.approx(math.pi * 10**2, rel=0.03)
    cut = place(sample, np.random.default_rng(0), ignore_index=255, shown=(45, 60), crop=(45, 60))
    assert torch.equal(cut.image, whole.image) and torch.equal(cut.labels, whole.labels)
    larger = place(sample, np.random.default_rng(0), ignore_index=255, shown=(45, 60), crop=(90, 120), scale=(2, 2))
    assert torch.equal(larger.image, sample.image)


def test_what_lies_outside_is_ignored_and_nothing_else() -> None:
    sample = disk(30, 40, 15, 20, 8)
    placed = place(sample, np.random.default_rng(1), ignore_index=255, crop=(64, 64))
    assert int((placed.labels != 255).sum()) == 30 * 40
    assert int((placed.labels == 1).sum()) == int((sample.labels == 1).sum())
    outside = placed.image[:, placed.labels == 255].unique()
    assert len(outside) == 1 and abs(int(outside) - float(sample.image.float().mean())) <= 1, "the picture's mean color"


def test_a_map_that_is_cut_is_the_nearest_pixel_and_a_copy() -> None:
    """By brute force, for boxes within, across and around the picture, with and without zoom."""
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.integers(0, 200, (9, 11), dtype=np.uint8))
    boxes = [(0, 0, 9, 11), (2, 3, 5, 6), (-2, 4, 6, 9), (1, 1, 4, 5), (-3, -2, 15, 14), (3, 2, 1, 2)]
    for (top, left, height, width), size in itertools.product(boxes, [(9, 11), (5, 6), (4, 13), (6, 9)]):
        cut = _cut_map(values, (top, left, height, width), size, 0.0, 255)
        expected = np.full(size, 255, np.uint8)
        for y, x in itertools.product(*map(range, size)):
            row = math.floor((y + 0.5) * (height / size[0]) + top)
            column = math.floor((x + 0.5) * (width / size[1]) + left)
            if 0 <= row < 9 and 0 <= column < 11:
                expected[y, x] = values[row, column]
        assert np.array_equal(cut.numpy(), expected)
        assert cut.untyped_storage().data_ptr() != values.untyped_storage().data_ptr()


def test_zoom_changes_the_area_by_its_square() -> None:
    sample = disk(100, 100, 50, 50, 20)
    placed = place(sample, np.random.default_rng(0), ignore_index=255, crop=(200, 200), scale=(2.0, 2.0))
    assert int((placed.labels == 1).sum()) == pytest.approx(4 * math.pi * 400, rel=0.03)


def test_flip_is_an_exact_mirror_half_of_the_time() -> None:
    sample = disk(20, 30, 10, 7, 5)
    mirrored = 0
    for seed in range(200):
        placed = place(sample, np.random.default_rng(seed), ignore_index=255, flip=True)
        if not torch.equal(placed.labels, sample.labels):
            assert torch.equal(placed.labels, sample.labels.flip(-1)) and torch.equal(
                placed.image, sample.image.flip(-1)
            )
            mirrored += 1
    assert 70 < mirrored < 130


def test_a_crop_of_one_class_is_drawn_again() -> None:
    """With max_share, crops that show almost only one class become rare."""
    labels = torch.zeros(200, 200, dtype=torch.uint8)
    labels[:, 150:] = 1
    sample = Sample(torch.zeros(3, 200, 200, dtype=torch.uint8), labels, "x")

    def uniform(share: float) -> int:
        crops = [
            place(sample, np.random.default_rng(s), ignore_index=255, crop=(40, 40), max_share=share)
            for s in range(100)
        ]
        return sum(len(crop.labels.unique()) == 1 for crop in crops)

    assert uniform(1.0) > 50
    assert uniform(0.75) < 30


def test_resize_agrees_with_an_independent_one() -> None:
    """Growing: bilinear by hand; shrinking by two: means of neighborhoods, as antialiasing says; 16 bit within one step."""
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 8, 10), dtype=np.uint8))
    expected = torch.nn.functional.interpolate(image[None].double(), (16, 20), mode="bilinear")[0]
    assert (resize_image(image, (16, 20)).double() - expected).abs().max() <= 1
    wide = image.int() * 257
    assert (resize_image(wide, (16, 20)).double() / 257 - expected).abs().max() < 0.01
    flat = torch.full((1, 12, 12), 77, dtype=torch.uint8)
    assert resize_image(flat, (5, 7)).unique().tolist() == [77]


def test_labels_beyond_255_classes_survive() -> None:
    labels = torch.full((20, 20), 299, dtype=torch.int32)
    placed = place(Sample(torch.zeros(1, 20, 20, dtype=torch.uint8), labels, "x"), np.random.default_rng(0),
                   ignore_index=65535, crop=(30, 30), scale=(0.5, 2.0), rotate=30.0)  # fmt: skip
    assert set(placed.labels.unique().tolist()) <= {299, 65535}
