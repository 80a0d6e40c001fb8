"""What Zhao et al. claim: weights by distance and direction, collected and distributed, that reach all places."""

import pytest
import torch

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.attention.psanet import PointwiseAttention, by_place


@pytest.mark.parametrize("window", [(5, 7), (3, 3), (1, 1), (9, 11)], ids=str)
def test_scores_of_distances_become_scores_of_places(window: tuple[int, int]) -> None:
    (rows, columns), (h, w) = window, (3, 4)
    drawn = torch.randn(2, rows * columns, h * w)
    found, wanted = by_place(drawn, window, (h, w)), torch.zeros(2, h * w, h * w)
    for i in range(h * w):
        for j in range(h * w):
            y, x = j // w - i // w + rows // 2, j % w - i % w + columns // 2
            if 0 <= y < rows and 0 <= x < columns:
                wanted[:, j, i] = drawn[:, y * columns + x, i]
    assert torch.equal(found, wanted)


@torch.no_grad()
@pytest.mark.parametrize("distributes", [False, True], ids=["collect", "distribute"])
def test_what_a_place_gets_equals_a_slow_loop(distributes: bool) -> None:
    torch.manual_seed(0)
    attend, (h, w) = PointwiseAttention(4, (5, 7), distributes=distributes).eval().double(), (3, 4)
    x = torch.rand(1, 4, h, w, dtype=torch.float64)
    drawn, found = attend.draw(x)[0].unflatten(0, (5, 7)), attend(x)[0].flatten(1)
    for gets in range(h * w):
        scores = []
        for gives in range(h * w):
            drawer, other = (gives, gets) if distributes else (gets, gives)
            y, z = other // w - drawer // w + 2, other % w - drawer % w + 3
            scores.append(drawn[y, z, drawer // w, drawer % w])
        shares = torch.stack(scores).softmax(0)
        torch.testing.assert_close(found[:, gets], x[0].flatten(1) @ shares)


@torch.no_grad()
def test_a_window_of_twice_the_map_reaches_all_places_and_a_smaller_one_does_not() -> None:
    drawn = torch.ones(1, 5 * 7, 12)
    assert by_place(drawn, (5, 7), (3, 4)).all()
    assert not by_place(drawn[:, :15], (3, 5), (3, 4)).all()


def test_the_window_is_two_odd_numbers() -> None:
    for window in ((4, 5), (5,), (0, 3), (-1, 3)):
        with pytest.raises(ModelError, match="two odd numbers, rows and columns"):
            build("psanet", 4, encoder="resnet18", window=window)


def test_the_module_has_as_many_parameters_as_the_released_one() -> None:
    with torch.device("meta"):
        net = build("psanet", 21)
    branch = 2048 * 512 + 2 * 512 + 512 * 512 + 2 * 512 + 512 * 59 * 59
    parts = (net.reduce, net.attend, net.project)
    assert sum(p.numel() for part in parts for p in part.parameters()) == 2 * branch + 1024 * 2048 + 2 * 2048


def test_the_auxiliary_head_speaks_in_training_only() -> None:
    net, image = build("psanet", 4, encoder="resnet18", channels=8, window=(3, 5)), torch.randn(2, 3, 40, 48)
    assert [side.shape for side in net.train()(image).auxiliary] == [(2, 4, 5, 6)]
    assert net.eval()(image).auxiliary == ()
