"""What a benchmark says of its own numbers: which networks pay, and whether the machine was quiet."""

import math

import pytest

from intarsia.metrics.significance import Interval
from intarsia.report.scatter import Point, labels, scatter
from intarsia.study import Benchmark, Contender, Speed
from intarsia.study.benchmark import contenders
from intarsia.study.speeds import with_front


def speed(name: str, median: float, score: float | None, spread: float = 0.01) -> Speed:
    """A row of a benchmark."""
    interval = None if score is None else Interval(score, math.nan, math.nan)
    return Speed(name, "eager", median, median, median, median, spread, 5, 1 / median, None, 10, None, interval)


def found(*rows: Speed, others: float | None = 0.0, rounds: int = 3) -> Benchmark:
    """A benchmark of these rows on two cores."""
    return Benchmark(with_front(rows), (32, 64), 1, 1, "cpu", rounds, others, 2)


def test_the_front_is_what_no_other_beats_in_both() -> None:
    """Worked by hand: c is slower and worse than b; d equals b in speed and is worse; e has no score."""
    rows = with_front(
        [speed("a", 0.3, 0.9), speed("b", 0.1, 0.5), speed("c", 0.2, 0.4), speed("d", 0.1, 0.3), speed("e", 0.05, None)]
    )
    assert [(row.name, row.front) for row in rows] == [
        ("e", False),
        ("b", True),
        ("d", False),
        ("c", False),
        ("a", True),
    ]
    twins = with_front([speed("a", 0.1, 0.5), speed("b", 0.1, 0.5)])
    assert all(row.front for row in twins), "neither of two equals beats the other"


def test_a_machine_that_is_not_quiet_is_named() -> None:
    assert found(speed("a", 0.1, None)).quiet
    assert "differ by at most 1 %" in found(speed("a", 0.1, None)).verdict
    busy = found(speed("a", 0.1, None), others=0.9)
    assert not busy.quiet and "kept 0.9 of 2 cores busy" in busy.verdict
    wild = found(speed("a", 0.1, None, 0.3), speed("b", 0.1, None, 0.2))
    assert "differ by 30 % for a in eager, and by more than 10 % for 1 more" in wild.verdict
    assert not found(speed("a", 0.1, None), others=None).noise, "a system that does not say is not blamed"
    assert "one round alone" in found(speed("a", 0.1, None, math.nan), rounds=1).verdict


def test_encoders_are_given_to_those_that_take_one() -> None:
    made = contenders([Contender("enet", {}), Contender("rtseg_unet", {}), Contender("fpn", {"encoder": "resnet34"})], ["resnet18", "vgg16"])  # fmt: skip
    assert [one.name for one in made] == ["enet", "rtseg_unet encoder=resnet18", "rtseg_unet encoder=vgg16", "fpn encoder=resnet34"]  # fmt: skip


def test_names_in_the_plot_do_not_lie_on_each_other() -> None:
    places = [(f"network {n}", 300.0 + 4 * n, 200.0 + 3 * n) for n in range(4)]
    boxes = []
    for name, x, y, anchor in labels(places, [(x, y) for _, x, y in places]):
        left = x - {"start": 0, "end": 1, "middle": 0.5}[anchor] * 7 * len(name)
        boxes.append((left, y - 11, left + 7 * len(name), y + 3))
    for n, a in enumerate(boxes):
        for b in boxes[n + 1 :]:
            assert min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[1], b[1])


@pytest.mark.parametrize("speeds", [(0.02, 0.03), (3.0, 3.0), (0.4, 800.0)])
def test_points_lie_within_the_axes(speeds: tuple[float, float]) -> None:
    svg = scatter(
        [Point("a", "a", speeds[0], 50.0, True), Point("b<", "b", speeds[1], 50.0, True)], "images a second", "says"
    )
    places = [float(part.split('"')[1]) for part in svg.split(" cx=")[1:] for part in [f'"{part[1:]}']]
    assert len(places) == 2 and all(46 <= x <= 696 for x in places) and "b&lt;" in svg
    assert not scatter([], "images a second", "")
