"""Pieces, holes, specks and smooth edges of label maps, and measures in real units."""

import numpy as np
import pytest

from intarsia.errors import ModelError
from intarsia.polygons import outline
from intarsia.postprocess.regions import components, measured, smooth, without_holes, without_specks

MAP = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 2, 0],
        [0, 1, 0, 1, 0, 0, 0],
        [0, 1, 1, 1, 0, 2, 2],
        [0, 0, 0, 0, 0, 2, 255],
    ],
    np.uint8,
)


def test_pieces_and_holes() -> None:
    numbers, count = components(MAP == 2)
    assert count == 2 and numbers[1, 5] != numbers[3, 5] == numbers[4, 5]
    assert without_holes(MAP == 1).sum() == 9 and without_holes(MAP == 1, most=0).sum() == 8
    wide = np.ones((6, 9), bool)
    wide[1:3, 1:3] = wide[4, 4] = False
    assert without_holes(wide, most=1).sum() == 50 and without_holes(wide, most=4).all()


def test_specks_go_to_what_surrounds_them() -> None:
    made = without_specks(MAP, 3, keep=(255,))
    assert made[1, 5] == 0 and made[2, 2] == 1 and made[4, 6] == 255 and (made[3:, 5] == 2).all()
    assert np.array_equal(without_specks(MAP, 0), MAP) and np.array_equal(without_specks(MAP, 1), MAP)
    assert not (without_specks(MAP, 4, keep=(255,)) == 2).any()
    with pytest.raises(ModelError, match="-1 pixels; give 0 or more"):
        without_specks(MAP, -1)


def test_smoothing_takes_the_most_frequent_class() -> None:
    rough = np.zeros((9, 12), np.uint8)
    rough[:, 6:] = 1
    rough[4, 3] = rough[2, 9] = 1
    rough[2, 9] = 0
    rough[8, 11] = 255
    made = smooth(rough, 1, 2)
    assert (made[:, :6] == 0).all() and made[8, 11] == 255 and (made[:8, 6:] == 1).all()
    assert np.array_equal(smooth(rough, 0, 2), rough)


def test_measures_in_real_units() -> None:
    (ring,) = measured(1, outline(MAP == 1), (0.5, 0.25))
    assert (ring.pixels, ring.area, ring.holes) == (8, 1.0, 1)
    assert ring.perimeter == 2 * (3 * 0.5 + 3 * 0.25) + 2 * (0.5 + 0.25)
    assert ring.box == (1, 1, 4, 4) and ring.center == pytest.approx((2.5, 2.5))
    small, corner = measured(2, outline(MAP == 2))
    assert small.center == pytest.approx((5.5, 1.5)) and corner.pixels == 3
    assert corner.center == pytest.approx((5 + (0.5 + 1.5 + 0.5) / 3, 3 + (0.5 + 0.5 + 1.5) / 3))
