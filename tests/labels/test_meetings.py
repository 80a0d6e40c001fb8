"""Counting two maps run by run says what counting them pixel by pixel says."""

import numpy as np
import pytest

from intarsia.labels.colors import pack_colors, pack_numbers
from intarsia.labels.meetings import meetings, occurring, runs

MAPS = {
    "blocks": np.kron(np.arange(12).reshape(3, 4) % 5, np.ones((7, 9), int)).astype(np.int32),
    "noise": np.random.default_rng(0).integers(-3, 4, (21, 36)),
    "large": np.where(np.random.default_rng(1).random((21, 36)) < 0.2, 1 << 40, 7),
    "bytes": np.random.default_rng(2).integers(0, 2, (21, 36)).astype(np.uint8) * 255,
    "one": np.full((21, 36), 3, np.int64),
}


@pytest.mark.parametrize("other", MAPS)
@pytest.mark.parametrize("name", MAPS)
def test_pairs_are_those_of_every_pixel(name: str, other: str) -> None:
    a, b = MAPS[name], MAPS[other]
    expected: dict[tuple[int, int], int] = {}
    for pair in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
        expected[pair] = expected.get(pair, 0) + 1
    pairs, counts = meetings(a, b)
    assert dict(zip(map(tuple, pairs.tolist()), counts.tolist(), strict=True)) == expected
    assert pairs.tolist() == sorted(pairs.tolist())


@pytest.mark.parametrize("name", MAPS)
def test_numbers_are_those_of_every_pixel(name: str) -> None:
    present, place, counts = occurring(MAPS[name])
    np.testing.assert_array_equal(present[place], MAPS[name].ravel())
    assert dict(zip(present.tolist(), counts.tolist(), strict=True)) == {
        n: int((MAPS[name] == n).sum()) for n in present.tolist()
    }


def test_a_run_ends_where_any_map_changes() -> None:
    starts, lengths = runs(np.array([[1, 1, 1], [2, 2, 2]]), np.array([[5, 5, 6], [6, 6, 6]]))
    assert starts.tolist() == [0, 2, 3] and lengths.tolist() == [2, 1, 3]


def test_maps_of_no_pixels() -> None:
    empty = np.zeros((0, 4), np.int32)
    assert meetings(empty, empty)[0].shape == (0, 2)
    assert [part.size for part in occurring(empty)] == [0, 0, 0]


@pytest.mark.parametrize("size", [(0, 3), (1, 1), (1, 2), (5, 7)])
def test_bytes_of_colors_are_joined_to_numbers(size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8)
    r, g, b = np.moveaxis(rgb.astype(np.int64), 2, 0)
    np.testing.assert_array_equal(pack_numbers(rgb), r + 256 * g + 65536 * b)
    np.testing.assert_array_equal(pack_colors(rgb), 65536 * r + 256 * g + b)
    np.testing.assert_array_equal(pack_colors(np.dstack([rgb, np.full(size, 255, np.uint8)])), 65536 * r + 256 * g + b)
    np.testing.assert_array_equal(pack_numbers(rgb[:, ::-1]), (r + 256 * g + 65536 * b)[:, ::-1])
