"""Polygons, bitmaps and run lengths: exact to the pixel, against slow loops and independent code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from intarsia.annotations.project import Bitmap, Picture, Project, Region, draw, draw_objects, label_space, planes
from intarsia.annotations.regions import area, fill, mask_of, outline, packed, runs_of, unpacked
from intarsia.errors import DataError, LabelError

masks = arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def inside(rings, x: float, y: float) -> bool:
    """Even-odd rule by the book: how many edges does a ray to the left cross?"""
    odd = False
    for ring in rings:
        for (ax, ay), (bx, by) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if ay > by:  # each edge from its smaller y, so that there and back meet a row at one place
                ax, ay, bx, by = bx, by, ax, ay
            if ay <= y < by:
                odd ^= x >= ax + (y - ay) * (bx - ax) / (by - ay)
    return odd


@given(masks)
def test_an_outline_filled_again_is_the_mask(mask: np.ndarray) -> None:
    assert np.array_equal(fill(outline(mask), *mask.shape), mask)


@given(masks)
def test_each_piece_has_one_outline_and_its_holes(mask: np.ndarray) -> None:
    parts = outline(mask)
    assert len(parts) == ndimage.label(mask)[1]
    for outer, *holes in parts:
        assert area(outer) > 0
        assert all(area(hole) < 0 for hole in holes)
    assert sum(area(ring) for part in parts for ring in part) == mask.sum()


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.tuples(st.floats(-3, 12), st.floats(-3, 12)), min_size=3, max_size=7), min_size=1, max_size=3)
)
def test_a_pixel_belongs_to_a_polygon_when_its_middle_does(rings) -> None:
    rings = [np.array(ring) for ring in rings]
    expected = [[inside(rings, x + 0.5, y + 0.5) for x in range(9)] for y in range(8)]
    assert np.array_equal(fill([rings], 8, 9), expected)


def test_a_triangle_by_hand() -> None:
    drawn = fill([[np.array([(0, 0), (4, 0), (0, 4)])]], 4, 5)
    assert drawn.astype(int).tolist() == [[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]


@given(masks)
def test_run_lengths_there_and_back(mask: np.ndarray) -> None:
    runs = runs_of(mask)
    assert sum(runs) == mask.size
    assert np.array_equal(mask_of(runs, *mask.shape), mask)
    assert unpacked(packed(runs)) == runs


@given(masks)
def test_run_lengths_are_cocos(mask: np.ndarray) -> None:
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert packed(runs_of(mask)) == theirs["counts"].decode()
    assert np.array_equal(mask_of(unpacked(theirs["counts"].decode()), *mask.shape), mask)


def test_run_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="add up to 11 pixels, but the picture has 4x3 = 12"):
        mask_of([5, 6], 3, 4)
    with pytest.raises(DataError, match="end within a number"):
        unpacked("o")


def picture(*regions: Region) -> Picture:
    return Picture("a", None, 4, 6, regions)


def box(x0: int, y0: int, x1: int, y1: int) -> tuple:
    return ((np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float),),)


def test_later_regions_cover_earlier_ones_and_planes_keep_both() -> None:
    page = picture(Region("cat", box(0, 0, 4, 4)), Region("dog", box(2, 0, 6, 2)))
    assert draw(page, ("cat", "dog"))[0].tolist() == [1, 1, 2, 2, 2, 2]
    assert planes(page, ("cat", "dog"))[:, 0].astype(int).tolist() == [[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1]]


def test_objects_of_one_name_share_a_number() -> None:
    page = picture(
        Region("cat", box(0, 0, 1, 1), object="tom"), Region("cat", box(2, 0, 3, 1)), Region("cat", box(4, 0, 5, 1), object="tom")
    )  # fmt: skip
    assert draw_objects(page)[0].tolist() == [1, 0, 2, 0, 1, 0]


@pytest.mark.parametrize("corner", [(-1, -2), (3, 4), (2, 1), (9, 9), (-9, 0)])
def test_a_bitmap_that_reaches_beyond_the_picture_is_cut(corner: tuple[int, int]) -> None:
    bits = np.random.default_rng(0).random((3, 3)) > 0.4
    expected = np.zeros((4, 6), bool)
    for y, x in np.argwhere(bits):
        if 0 <= y + corner[0] < 4 and 0 <= x + corner[1] < 6:
            expected[y + corner[0], x + corner[1]] = True
    assert np.array_equal(Region("a", bitmap=Bitmap(*corner, bits)).mask(4, 6), expected)


def test_the_label_space_of_a_project() -> None:
    project = Project(("cat", "dog"), (), "labelme", {"cat": (1, 2, 3)})
    space = label_space(project)
    assert space.names == ("background", "cat", "dog")
    assert space.colors[1] == (1, 2, 3)
    assert space.encode(np.array([[0, 1, 2]])).tolist() == [[0, 1, 2]]
    assert label_space(project, "ignore").encode(np.array([[0, 1, 2]])).tolist() == [[255, 0, 1]]
    assert label_space(Project(("cat", "ignore"), (), "x")).encode(np.array([[0, 1, 2]])).tolist() == [[0, 1, 255]]


def test_a_label_outside_the_classes_is_an_error() -> None:
    with pytest.raises(LabelError, match="a: a region is labeled 'dgo'; did you mean 'dog'"):
        draw(picture(Region("dgo", box(0, 0, 1, 1))), ("dog",))
