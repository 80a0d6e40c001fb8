"""Rounds: every call has its turn in each, and what disturbed them can be told."""

import time

import pytest
import torch

from intarsia.errors import DataError
from intarsia.machine import Others, cores, processor
from intarsia.metrics.peak import peak_memory
from intarsia.metrics.rounds import Timed, in_rounds


def test_every_call_has_its_turn_in_each_round() -> None:
    order: list[str] = []
    calls = {name: (lambda name=name: order.append(name)) for name in "abc"}
    found = in_rounds(calls, rounds=3, seconds=1e-9, warmup=0)
    assert {name: timed.calls for name, timed in found.items()} == {"a": 3, "b": 3, "c": 3}
    assert order == [*"abc", *"acb", *"cab"], "no network is always behind the same other"


def test_numbers_of_worked_rounds() -> None:
    timed = Timed(((1.0, 2.0, 3.0), (4.0, 4.0, 4.0), (2.0,)))
    assert timed.median == 3.0 and timed.calls == 7
    assert timed.quantile(0.0) == 1.0 and timed.quantile(0.9) == 4.0 and timed.quantile(0.5) == 3.0
    assert timed.spread == pytest.approx((4 - 2) / 3)
    assert Timed(((1.0,),)).spread != Timed(((1.0,),)).spread, "one round does not say"


def test_a_short_call_is_warmed_up_again_in_later_rounds() -> None:
    count = [0]

    def call() -> None:
        count[0] += 1
        time.sleep(0.002)

    found = in_rounds({"a": call}, rounds=2, seconds=0.005, warmup=1)
    assert count[0] == found["a"].calls + 2
    with pytest.raises(DataError, match="at least one round"):
        in_rounds({"a": call}, rounds=0)


@pytest.mark.skipif(peak_memory(lambda: None) is None, reason="this system does not tell a process its peak")
def test_peak_memory_is_what_a_call_holds_at_once() -> None:
    def call() -> None:
        for _ in range(2):
            torch.ones(8 << 20)  # 32 MB, one after the other

    found = peak_memory(call)
    assert found is not None and 30e6 < found < 55e6


def test_the_machine_is_told() -> None:
    others = Others()
    busy = others.cores()
    assert processor() and cores() >= 1 and (busy is None or busy >= 0)
