"""Latency: warmed up, counted, and spread out."""

import time

import pytest

from intarsia.errors import DataError
from intarsia.metrics import latency


def test_times_what_it_says() -> None:
    calls = []
    found = latency(lambda: (calls.append(1), time.sleep(0.004)), runs=9, warmup=2, images=4)
    assert len(calls) == 11 and (found.runs, found.warmup, found.images) == (9, 2, 4)
    assert 0.004 <= found.shortest <= found.low <= found.median <= found.high <= found.longest
    assert found.fps == pytest.approx(4 / found.median)
    assert "ms (" in str(found) and "of 9 runs after 2" in str(found)


def test_the_warm_up_is_not_timed() -> None:
    waits = iter([0.2, 0.0, 0.0, 0.0])
    assert latency(lambda: time.sleep(next(waits)), runs=3, warmup=1).longest < 0.1


def test_stops_in_time() -> None:
    assert latency(lambda: time.sleep(0.01), runs=1000, warmup=0, seconds=0.02).runs <= 4


def test_mistakes_are_named() -> None:
    with pytest.raises(DataError, match="at least one run"):
        latency(lambda: None, runs=0)
