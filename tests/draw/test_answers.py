"""Every kind of answer as a picture: the right color at the right pixel, names inside the picture, ids that keep their color."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia import draw
from intarsia.draw.depth import RAMP
from intarsia.draw.maps import HATCH
from intarsia.draw.objects import Named, write_names
from intarsia.errors import DataError, LabelError
from intarsia.labels import LabelSpace
from intarsia.structures import Answer, CroppedMask, Depth, Labels, Objects, Planes, Segments, Tags

SPACE = LabelSpace(("sky", "road", "car"), colors=((0, 0, 255), (128, 64, 128), (255, 0, 0)), things=("car",))
TWO = LabelSpace(("background", "disk"), colors=((0, 0, 0), (255, 0, 0)))
GRAY = np.full((60, 80, 3), 100, np.uint8)


def square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros((60, 80), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def test_background_stays_clear_where_there_are_two_classes_and_the_other_is_outlined_on_all_sides():
    disk = square(20, 30, 10)
    seen = pixels(draw.overlay(GRAY, disk.astype(np.uint8), TWO, boundary=1))
    assert (seen[~disk] == 100).all()
    edge = disk.copy()
    edge[21:29, 31:39] = False
    assert (seen[edge] == [255, 0, 0]).all()
    assert (abs(seen[21:29, 31:39] - [177, 50, 50]) <= 1).all()
    tinted = pixels(draw.overlay(GRAY, disk.astype(np.uint8), TWO, boundary=0, clear=""))
    assert (tinted[~disk] == 50).all(), "nothing is clear where that is asked for"


def test_a_class_is_left_clear_by_its_name():
    labels = np.zeros((60, 80), np.uint8)
    labels[30:] = 1
    seen = pixels(draw.overlay(GRAY, labels, SPACE, boundary=0, clear="road"))
    assert (seen[30:] == 100).all() and (abs(seen[:30] - [50, 50, 177]) <= 1).all()
    with pytest.raises(LabelError, match="no class 'raod' to leave clear; did you mean 'road'"):
        draw.overlay(GRAY, labels, SPACE, clear="raod")
    assert {row.name: row.color for row in draw.rows(SPACE, labels, "road")} == {
        "sky": (0, 0, 255),
        "road": (255, 255, 255),
    }


def test_an_object_keeps_its_color_from_picture_to_picture_and_neighbors_differ():
    assert draw.color_of(7) == draw.color_of(7)
    colors = [np.array(draw.color_of(n)) for n in range(1, 40)]
    assert all(np.abs(a - b).sum() > 120 for a, b in pairwise(colors))
    one = Segments(np.where(square(5, 5, 20), 9, 0), {9: 2})
    two = Segments(np.where(square(30, 40, 20), 9, np.where(square(0, 0, 9), 4, 0)), {9: 2, 4: 2})
    assert tuple(pixels(draw.colorize_segments(one, SPACE))[10, 10]) == draw.color_of(9)
    assert tuple(pixels(draw.colorize_segments(two, SPACE))[40, 50]) == draw.color_of(9)


@pytest.mark.parametrize("form", ["array", "list", "cropped", "tensor"])
def test_masks_of_every_form_are_tinted_and_outlined_the_best_on_top(form):
    masks = [square(10, 10, 20), square(20, 20, 20)]
    shapes = {
        "array": np.stack(masks),
        "list": masks,
        "cropped": [
            CroppedMask((slice(t, t + 20), slice(t, t + 20)), np.ones((20, 20), bool), (60, 80)) for t in (10, 20)
        ],
        "tensor": torch.from_numpy(np.stack(masks)),
    }[form]
    objects = Objects(shapes, [2, 2], [0.6, 0.9])
    seen = pixels(draw.colorize_objects(objects, (60, 80)))
    assert tuple(seen[12, 12]) == draw.color_of(1) and tuple(seen[25, 25]) == draw.color_of(2)
    assert (seen[50:, 50:] == 255).all()
    picture = draw.overlay_objects(GRAY, objects, SPACE)
    assert pixels(picture)[4 * 58, 4 * 78].tolist() == [100, 100, 100], "a small picture is enlarged four times"


def test_what_is_hardly_probable_is_counted_and_not_drawn() -> None:
    objects = Objects(np.stack([square(5, 5, 20), square(30, 40, 20)]), [2, 2], [0.9, 0.2])
    seen = pixels(draw.colorize_objects(objects, (60, 80)))
    assert tuple(seen[15, 15]) == draw.color_of(1) and (seen[40, 50] == 255).all()
    usual, all_ = draw.overlay_objects(GRAY, objects, SPACE), draw.overlay_objects(GRAY, objects, SPACE, min_score=0.2)
    assert (pixels(usual)[4 * 40, 4 * 50] == 100).all() and not (pixels(all_)[4 * 40, 4 * 50] == 100).all()
    first = draw.overlay_objects(GRAY, Objects(objects.shapes[:1], [2]), SPACE)
    assert usual.size != first.size or pixels(usual)[4 * 60 :].min() < 255, "the legend says that one is below"
    with pytest.raises(DataError, match="min_score is 1.5; give the score from which on"):
        draw.overlay_objects(GRAY, objects, SPACE, min_score=1.5)


def test_boxes_alone_are_framed_and_what_hangs_over_the_edge_is_cut_there():
    boxes = np.array([[-5.0, 10.0, 30.0, 70.0], [200.0, 200.0, 300.0, 300.0]])
    seen = pixels(draw.overlay_objects(GRAY, Objects(boxes, [2, 2], [0.9, 0.8]), SPACE))
    assert tuple(seen[4 * 30, 0]) == draw.color_of(1)
    assert seen[4 * 30, 4 * 15].tolist() == [100, 100, 100]


def test_names_lie_inside_the_picture_and_never_over_one_another():
    picture = Image.new("RGB", (300, 200), (9, 9, 9))
    colors = [draw.color_of(n) for n in range(1, 9)]
    boxes = [(280, 0, 299, 20), (-20, -9, 10, 30), (0, 190, 300, 250), *[(100, 100, 140, 130)] * 5]
    write_names(picture, [Named("car 0.97", c, box) for c, box in zip(colors, boxes, strict=True)])
    seen = pixels(picture)
    areas = []
    for color in colors:
        y, x = np.nonzero((seen == color).all(axis=2))
        if len(y):
            areas.append((x.min(), y.min(), x.max(), y.max()))
            assert x.max() - x.min() > 40 and y.max() - y.min() >= 10, "whole, not cut off at the edge"
    assert len(areas) >= 5
    for n, a in enumerate(areas):
        for b in areas[n + 1 :]:
            assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]


def test_panoptic_segments_have_the_color_of_their_class_or_of_their_number():
    ids = np.zeros((60, 80), np.int32)
    ids[:30] = 3
    ids[square(35, 10, 20)] = 300
    answer = Segments(ids, {3: 0, 300: 2, 77: 1}, scores={300: 0.8})
    seen = pixels(draw.colorize_segments(answer, SPACE))
    assert tuple(seen[0, 0]) == SPACE.colors[0] and tuple(seen[40, 15]) == draw.color_of(300)
    assert tuple(seen[59, 79]) in HATCH
    over = pixels(draw.overlay_segments(GRAY, answer, SPACE))
    assert over[4 * 58, 4 * 70].tolist() == [100, 100, 100]


def test_a_segment_that_fills_its_box_is_outlined_on_all_sides():
    block, inner = square(20, 30, 10), square(21, 31, 8)
    answer = Segments(np.where(block, 3, 0), {3: 0})
    seen = pixels(draw.overlay_segments(GRAY, answer, SPACE, alpha=0))[:240:4, :320:4]  # drawn four times as large
    assert (seen[block & ~inner] == SPACE.colors[0]).all() and (seen[~block | inner] == 100).all()


def test_where_planes_overlap_each_class_shows_in_its_own_color():
    planes = np.zeros((3, 60, 80), bool)
    planes[0, :40], planes[2, 20:] = True, True
    seen = pixels(draw.colorize_planes(planes, SPACE))
    assert (seen[:20] == SPACE.colors[0]).all() and (seen[40:] == SPACE.colors[2]).all()
    both = {tuple(color) for color in seen[20:40].reshape(-1, 3).tolist()}
    assert both == {SPACE.colors[0], SPACE.colors[2]}
    shares = [(seen[20:40] == SPACE.colors[n]).all(axis=2).mean() for n in (0, 2)]
    assert min(shares) > 0.4
    bare = pixels(draw.colorize_planes(np.zeros((3, 6, 8), bool), SPACE))
    assert (bare == 255).all()
    with pytest.raises(LabelError, match=r"give bool \[3, H, W\], one plane a class"):
        draw.colorize_planes(np.zeros((2, 6, 8), bool), SPACE)


def test_near_is_bright_far_is_dark_unknown_is_hatched():
    meters = np.array([[1.0, 10.0, 100.0], [np.nan, 0.0, np.inf]])
    seen = pixels(draw.colorize_depth(meters))
    assert seen[0].tolist() == [RAMP[0].tolist(), RAMP[3].tolist(), RAMP[-1].tolist()], "by the logarithm"
    assert all(tuple(color) in HATCH for color in seen[1].tolist())
    assert (np.diff(RAMP @ [0.299, 0.587, 0.114]) < 0).all(), "it reads in gray"


@pytest.mark.parametrize(
    "meters",
    [
        np.full((60, 80), 3.0),
        np.full((60, 80), np.nan),
        np.linspace(0.001, 9000, 4800).reshape(60, 80),
        np.full((1, 1), 2.0),
    ],
)
def test_ramps_of_any_range_are_drawn(meters):
    picture = draw.overlay_depth(np.full((*meters.shape, 3), 9, np.uint8), meters)
    assert picture.height > meters.shape[0] and picture.width >= meters.shape[1]


def answers() -> list[Answer]:
    labels = np.zeros((60, 80), np.uint8)
    ids = np.where(square(5, 5, 20), 9, 0)
    return [
        Tags(torch.tensor([2]), torch.tensor([0.1, 0.2, 0.7])),
        Labels(torch.from_numpy(labels)),
        Planes(torch.zeros(3, 60, 80, dtype=torch.bool)),
        Segments(ids, {9: 2}),
        Objects(np.stack([square(5, 5, 20)]), [2], [0.5]),
        Objects(np.zeros((0, 4)), [], []),
        Objects([], [], []),
        Depth(torch.full((60, 80), 2.0)),
    ]


@pytest.mark.parametrize("answer", answers(), ids=lambda a: type(a).__name__)
def test_every_answer_is_drawn_with_a_legend_that_covers_nothing(answer):
    drawn = draw.overlay_answer(GRAY, answer, SPACE)
    assert drawn.width >= 320 and drawn.height >= 240
    assert drawn.size != (320, 240), "a legend stands beside or below"
    assert draw.colorize_answer(answer, SPACE, (60, 80)).size == (80, 60)
    with pytest.raises(DataError, match="alpha is 2"):
        draw.overlay_answer(GRAY, answer, SPACE, alpha=2)
