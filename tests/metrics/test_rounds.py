"""Rounds: every call has its turn in each, and what disturbed them can be told."""

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

    found = in_rounds({"a": call}, rounds=2, seconds=0.01, warmup=1)
    assert count[0] == found["a"].calls + 2
    with pytest.raises(DataError, match="at least one round"):
        in_rounds({"a": call}, rounds=0)


@pytest.mark.skipif(peak_memory(lambda: None) is None, reason="this system does not tell a process its peak")
def test_peak_memory_is_what_a_call_holds_at_once() -> None:
    """One tensor of 32 MB, and two; what is freed in between may be kept by the heap, once something has trained here."""
    for count in (1, 2):
        found = peak_memory(lambda count=count: [torch.ones(8 << 20) for _ in range(count)])
        assert found is not None and count * 32e6 < found < count * 32e6 + 15e6


def test_the_machine_is_told() -> None:
    others = Others()
    busy = others.cores()
    assert processor() and cores() >= 1 and (busy is None or busy >= 0)
