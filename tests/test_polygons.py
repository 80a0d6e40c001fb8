"""Polygons give back their pixels, have their holes, and are the same whether a map comes whole or row by row."""

import numpy as np
import pytest
from scipy import ndimage

from intarsia.annotations.regions import fill
from intarsia.polygons import Part, Tracer, area, length, outline, simplified, smoothed


def maps(seed: int) -> np.ndarray:
    """Three classes: noise of pixels, or of spots with pieces in holes of others."""
    dice = np.random.default_rng(seed)
    noise = dice.random((40, 55))
    if seed % 2:
        noise = ndimage.gaussian_filter(noise, 1.5)
    return np.digitize(noise, np.quantile(noise, [0.4, 0.7]))


def same(ours: list[Part], theirs: list[Part]) -> bool:
    return len(ours) == len(theirs) and all(
        len(a) == len(b) and all(np.array_equal(r, s) for r, s in zip(a, b, strict=True))
        for a, b in zip(ours, theirs, strict=True)
    )


@pytest.mark.parametrize("seed", range(6))
def test_each_polygon_is_one_piece_with_its_holes(seed: int) -> None:
    labels = maps(seed)
    for number in range(3):
        mask = labels == number
        pieces, count = ndimage.label(mask)
        parts = outline(mask)
        assert len(parts) == count
        for n, part in enumerate(parts, start=1):
            piece = pieces == n
            assert np.array_equal(fill([part], *mask.shape), piece)
            assert sum(area(ring) for ring in part) == piece.sum()
            assert area(part[0]) > 0 and all(area(hole) < 0 for hole in part[1:])
            outside, holes = ndimage.label(~np.pad(piece, 1), np.ones((3, 3)))
            assert len(part) - 1 == holes - 1 and outside[0, 0] == 1


@pytest.mark.parametrize("height", [1, 7, 16, 40])
def test_a_polygon_that_crosses_from_one_band_into_the_next_is_one(height: int) -> None:
    for seed in range(4):
        labels = maps(seed)
        tracer = Tracer(labels.shape[1], [0, 2])
        for top in range(0, len(labels), height):
            tracer.add(labels[top : top + height])
        for number in (0, 2):
            assert same(tracer.polygons(number), list(outline(labels == number)))
    assert tracer.count() > 0


def test_a_ring_in_a_hole_in_a_ring() -> None:
    mask = np.zeros((9, 9), bool)
    mask[1:8, 1:8] = True
    mask[2:7, 2:7] = False
    mask[3:6, 3:6] = True
    mask[4, 4] = False
    outer, inner = outline(mask)
    assert [abs(area(ring)) for ring in outer] == [49, 25] and [abs(area(ring)) for ring in inner] == [9, 1]
    assert outer[0].tolist() == [[1, 1], [8, 1], [8, 8], [1, 8]]
    assert outer[1].tolist() == [[2, 2], [2, 7], [7, 7], [7, 2]]
    assert length(outer[0]) == 28 and length(outer[0], (0.5, 2.0)) == 2 * 7 * 2.5


def test_pixels_that_touch_at_a_corner_are_two_polygons_and_their_holes_one() -> None:
    assert [len(part) for part in outline(np.eye(2, dtype=bool))] == [1, 1]
    assert [len(part) for part in outline(np.eye(2, dtype=bool)[::-1])] == [1, 1]
    mask = np.ones((4, 4), bool)
    mask[1, 1] = mask[2, 2] = False
    ((ring, hole),) = outline(mask)
    assert area(ring) == 16 and area(hole) == -2
    assert outline(np.zeros((3, 3), bool)) == ()


def test_simplified_and_smoothed_outlines_stay_near() -> None:
    y, x = np.mgrid[:80, :80]
    ((ring,),) = outline((x - 40) ** 2 + (y - 40) ** 2 < 900)
    few = simplified(ring, 1.0)
    assert len(few) < len(ring) / 4 and abs(area(few) / area(ring) - 1) < 0.03
    gaps = np.abs(np.hypot(*(few - 40).T) - 30)
    assert gaps.max() < 1.5
    assert np.array_equal(simplified(ring, 0), ring)
    assert abs(area(smoothed(ring)) / area(ring) - 1) < 0.01
    square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
    assert len(simplified(square, 10)) >= 3
    assert smoothed(square, 1)[:3].tolist() == [[1, 0], [3, 0], [4, 1]]
