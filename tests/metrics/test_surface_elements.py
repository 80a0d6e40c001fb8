"""Areas of surface elements against triangles drawn by hand, and numbers that DeepMind's surface-distance gave."""

import itertools

import numpy as np
import pytest

from intarsia.metrics import SurfaceDistances
from intarsia.metrics.surface_elements import CORNERS, areas, table

SPACING = (3.0, 0.7, 0.5)
# Voxels inside, and the triangles between middles of the cube's edges that part them from the others.
SHAPES = {
    "one": (("000",), (("100", "010", "001"),)),
    "two": (("000", "001"), (("100", "010", "102"), ("010", "012", "102"))),
    "three": (("000", "001", "010"), (("100", "102", "120"), ("102", "012", "120"), ("012", "021", "120"))),
    "square": (("000", "001", "010", "011"), (("100", "102", "120"), ("102", "122", "120"))),
    "hexagon": (
        ("000", "001", "010", "100"),
        (("012", "021", "120"), ("120", "210", "201"), ("201", "102", "012"), ("012", "120", "201")),
    ),
    "path": (
        ("001", "000", "010", "110"),
        (("100", "102", "210"), ("021", "221", "012"), ("102", "210", "012"), ("210", "221", "012")),
    ),
}


def area(triangles: tuple[tuple[str, str, str], ...], spacing: np.ndarray) -> float:
    """Of triangles whose points are in halves of an edge, 102 being (1, 0, 2) / 2."""
    points = np.array([[[int(n) for n in p] for p in t] for t in triangles]) / 2 * spacing
    sides = points[:, 1:] - points[:, :1]
    return float(np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1).sum() / 2)


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_has_the_area_of_its_triangles_whichever_way_it_lies(name: str) -> None:
    voxels, triangles = SHAPES[name]
    for order in itertools.permutations(range(3)):
        for mirrored in CORNERS:
            moved = [tuple(int(v[a]) ^ mirrored[n] for n, a in enumerate(order)) for v in voxels]
            code = sum(1 << CORNERS.index(v) for v in moved)
            spacing = np.array([SPACING[order.index(a)] for a in range(3)])
            assert table(SPACING)[code] == pytest.approx(area(triangles, spacing), rel=1e-12)
            assert table(SPACING)[255 - code] == table(SPACING)[code]


def test_all_256_cases_are_those_of_surface_distance() -> None:
    assert table(SPACING) @ np.arange(1, 257) == pytest.approx(45322.743610391575, rel=1e-12)
    assert table(SPACING).sum() == pytest.approx(352.70617595635474, rel=1e-12)


def test_a_box_is_a_box_with_its_edges_cut() -> None:
    found = areas(np.ones((2, 3, 4), bool), (1, 1, 1))
    inner, edges, corners = 2 * (1 * 2 + 1 * 3 + 2 * 3), 4 * (1 + 2 + 3), 8
    assert found.sum() == pytest.approx(inner + edges * 2**0.5 / 2 + corners * 3**0.5 / 8)
    assert np.count_nonzero(found) == 3 * 4 * 5 - 1 * 2 * 3


def test_distances_of_volumes_are_those_of_surface_distance() -> None:
    z, y, x = np.indices((9, 11, 10))
    truth = (z - 4) ** 2 * 2 + (y - 5) ** 2 + (x - 4) ** 2 < 22
    called = (((z - 5) ** 2 * 2 + (y - 4) ** 2 + (x - 5) ** 2) < 19) | (((x + y + z) % 7 == 0) & (z < 3))
    metric = SurfaceDistances(2, spacing=SPACING, tolerance=0.9, rule="deepmind")
    metric.update(called.astype(int), truth.astype(int))
    found = metric.compute()
    numbers = found.hausdorff[1], found.to_truth[1], found.to_prediction[1], found.surface_dice[1]
    wanted = 3.0, 0.6316970383223091, 0.29434216480094044, 0.8718241213576895
    assert numbers == pytest.approx(wanted, abs=1e-12)
