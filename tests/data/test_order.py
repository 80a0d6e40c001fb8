"""The batches of a run are the same in however many processes it trains, and weights make the mean of their parts exact."""

import itertools

import numpy as np
import pytest

from intarsia.data.order import Order


def batches(order: Order, start: int, count: int) -> list[tuple[int, int, list[int]]]:
    return [(n, e, own.tolist()) for n, e, own in itertools.islice(order.batches_from(start), count)]


@pytest.mark.parametrize(
    ("samples", "size", "began"), [(16, 4, 2), (17, 4, 2), (19, 4, 2), (22, 2, 3), (9, 1, 4), (5, 8, 1)]
)
def test_another_number_of_processes_has_the_same_batches(samples: int, size: int, began: int) -> None:
    def parts(world: int, start: int) -> list[list[tuple[int, int, list[int]]]]:
        orders = [Order(samples, size, seed=3, rank=r, world=world, processes=began) for r in range(world)]
        return [batches(order, start, 7) for order in orders]

    for world, start in itertools.product((1, 2, 3), (0, 4)):
        before, here = parts(began, start), parts(world, start)
        for step in range(7):
            was = [i for part in before for i in part[step][2]]
            owns = [part[step][2] for part in here]
            weights = [
                Order(samples, size, rank=r, world=world, processes=began).weight(start + step) for r in range(world)
            ]
            now = [i for own, weight in zip(owns, weights, strict=True) for i in own if weight]
            assert sorted(now) == sorted(was)
            assert {(part[step][0], part[step][1]) for part in here} == {before[0][step][:2]}
            # the mean over processes of weighted means of parts is the mean of the batch
            values = np.arange(samples) ** 1.7
            mean = np.mean([weight * np.mean(values[own]) for own, weight in zip(owns, weights, strict=True)])
            assert mean == pytest.approx(np.mean(values[now]), rel=1e-12)


def test_one_process_reads_a_batch_in_the_order_that_two_share() -> None:
    alone = batches(Order(10, 2, seed=1, processes=2), 0, 5)
    shared = [batches(Order(10, 2, seed=1, rank=r, world=2, processes=2), 0, 5) for r in (0, 1)]
    for (_, _, whole), (_, _, one), (_, _, other) in zip(alone, *shared, strict=True):
        assert (whole[::2], whole[1::2]) == (one, other)


def test_what_equal_shares_leave_out_waits_for_another_epoch() -> None:
    order = Order(17, 4, seed=0, processes=2)
    assert (order.batches, order.places, order.dropped) == (2, 16, False)
    assert len({tuple(sorted(set(range(17)) - set(order(epoch).tolist()))) for epoch in range(20)}) > 3
    assert (Order(19, 4, processes=2).places, Order(19, 4, processes=2).dropped) == (16, True)
