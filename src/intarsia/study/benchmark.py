"""Measure networks against each other on this machine: latency, memory and, on data, their score.

MODEL [KEY=VALUE ...] - network - each backend - rounds in turn - Speed
                                ` on data      - score         /
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ..checkpoint import NETWORKS, build
from ..data.dataset import title_of
from ..errors import DataError, ModelError
from ..evaluation import Score, evaluate
from ..inference import Engine, Predictor, Torch
from ..inference.backends import BACKENDS, backend_of, exchanged, usual
from ..inference.engine import innermost
from ..machine import Others, cores
from ..metrics import bootstrap
from ..metrics.peak import peak_memory
from ..metrics.rounds import Timed, in_rounds
from ..metrics.significance import Interval
from ..models import count_flops
from .contenders import SCORE, Contender, contenders, is_file, place_of
from .speeds import Benchmark, Speed, with_front


class _Network(NamedTuple):
    name: str
    engine: Engine
    channels: int
    predictor: Predictor | None  # of trained ones
    published: float | None
    runtime: str = ""  # of an exported file, its only backend
    stored: int = 0  # bytes of an exported file


class _Lane(NamedTuple):
    network: _Network
    backend: str
    engine: Engine


def benchmark(
    models: Sequence[Contender],
    *,
    encoders: Sequence[str] = (),
    backends: Sequence[str] = (),
    size: tuple[int, int] = (512, 1024),
    batch: int = 1,
    classes: int = 19,
    device: str = "auto",
    threads: int | None = None,
    rounds: int = 5,
    seconds: float = 1.0,
    data: Any = None,
    split: str | None = None,
    root: str | Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Benchmark:
    """Time networks in turn, round after round, and score those that are trained.

    Args:
        models, encoders: as for `contenders`.
        backends: how each is computed, names of `inference.backends.BACKENDS`; none: those that are ready at once here.
        size: height and width of the images, of which `batch` go through a network at once.
        classes: how many maps an architecture draws.
        device: "auto" takes a GPU where there is one.
        threads: of the processor; None: as many as PyTorch takes.
        rounds: how often each has its turn, `seconds` long.
        data, split, root: what checkpoints are scored on, as for `evaluate`; None: they are not.
        say: gets a line before each step.

    Raises: ModelError and DataError for what cannot be built, computed or scored, before anything is timed.
    """
    chosen = contenders(models, encoders)
    place = place_of(chosen, device, backends)
    for name in (names := list(dict.fromkeys(backends)) or usual(place)):
        backend_of(name, place)
    if threads is not None and threads < 1:
        raise DataError(f"threads is {threads}; give the number of threads to compute with, 1 or more")
    with _threads(threads):  # which the sessions of exported files take when they are opened
        networks = [_opened(one, classes, place) for one in chosen]
        if data is not None and not any(one.predictor for one in networks):
            raise DataError(
                "data is given to score on, and none of these networks is trained; name a checkpoint, or leave it out"
            )
        lanes = [lane for network in networks for lane in _lanes(network, names)]
        scores, measure, scored = _scores(lanes, data, split, root, say)
        others = Others()
        times = _timed(lanes, size, batch, place, rounds, seconds, say)
        busy = others.cores()
        cost = {one.name: _gflops(one.engine, size, one.channels) for one in networks}
        speeds = [
            _speed(lane, times[key], cost[lane.network.name], size, batch, place) for key, lane in _named(lanes).items()
        ]
        used = torch.get_num_threads()
    speeds = [one._replace(score=scores.get((one.name, one.backend), _given(lane.network)),
                           published=(one.name, one.backend) not in scores and lane.network.published is not None)
              for one, lane in zip(speeds, lanes, strict=True)]  # fmt: skip
    if not measure and any(one.score for one in speeds):
        measure = "score"
    hardware = torch.cuda.get_device_name(place) if place.type == "cuda" else place.type
    return Benchmark(with_front(speeds), size, batch, used, hardware, rounds, busy, cores(), measure, scored)


def _lanes(network: _Network, names: Sequence[str]) -> list[_Lane]:
    """A network in each backend; an exported file in its own runtime."""
    if not isinstance(network.engine, Torch):
        return [_Lane(network, network.runtime, network.engine)]
    return [_Lane(network, name, BACKENDS[name].prepare(_copied(network.engine))) for name in names]


def _named(lanes: Sequence[_Lane]) -> dict[str, _Lane]:
    return {f"{lane.network.name}\n{lane.backend}": lane for lane in lanes}


def _opened(one: Contender, classes: int, place: torch.device) -> _Network:
    """A checkpoint's network, or a fresh one of an architecture.

    Raises: ModelError for a published score that is none, and a constructor's options that do not fit.
    """
    published = one.options.get(SCORE)
    if published is not None and (isinstance(published, bool) or not isinstance(published, int | float)
                                  or not 0 <= published <= 100):  # fmt: skip
        raise ModelError(
            f"{SCORE} is {published!r}; give the score that was published, in percent, such as {SCORE}=61.5"
        )
    if is_file(one):
        from ..inference.runtime.engine import OPENERS

        path = Path(one.model)
        predictor = Predictor.load(path, device="cpu")
        weights = path.with_suffix(".bin") if path.suffix.lower() == ".xml" else path  # OpenVINO's stand beside
        stored = weights.stat().st_size
        runtime = OPENERS[path.suffix.lower()][0]
        return _Network(
            one.name, innermost(predictor.engine), predictor.in_channels, predictor, published, runtime, stored
        )
    if one.model not in NETWORKS or Path(one.model).exists():
        predictor = Predictor.load(one.model, device=str(place), precision="float32")
        return _Network(one.name, predictor.pytorch, predictor.in_channels, predictor, published)
    options = {key: value for key, value in one.options.items() if key != SCORE}
    channels = int(options.get("in_channels", 3))
    network = build(one.model, classes, **options)
    engine = Torch(network, (0.5,) * channels, (0.25,) * channels, device=place)
    return _Network(one.name, engine, channels, None, published)


def _copied(engine: Torch) -> Torch:
    """The same engine with weights of its own, which a backend may lay out in memory as it likes."""
    return Torch(copy.deepcopy(engine.model), engine.mean, engine.std, device=engine.device)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        torch.set_num_threads(before)


def _timed(
    lanes: Sequence[_Lane],
    size: tuple[int, int],
    batch: int,
    place: torch.device,
    rounds: int,
    seconds: float,
    say: Any,
) -> dict[str, Timed]:
    def call(lane: _Lane) -> Callable[[], Any]:
        image = torch.randint(0, 256, (batch, lane.network.channels, *size), dtype=torch.uint8)

        @torch.inference_mode()
        def one() -> Any:
            return lane.engine(image)

        return one

    calls = {key: call(lane) for key, lane in _named(lanes).items()}
    for key, lane in _named(lanes).items():
        say(f"{lane.network.name}, {lane.backend}: first call")
        try:
            calls[key]()
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{lane.network.name} cannot be computed in {lane.backend} at {size[0]}x{size[1]} "
                f"({(str(error).splitlines() or [type(error).__name__])[0][:200]}); choose another size or backend"
            ) from error
    return in_rounds(
        calls, rounds=rounds, seconds=seconds, warmup=1, device=place, say=lambda n: say(f"round {n} of {rounds}")
    )


def _speed(
    lane: _Lane, timed: Timed, gflops: float | None, size: tuple[int, int], batch: int, place: torch.device
) -> Speed:
    image = torch.zeros(batch, lane.network.channels, *size, dtype=torch.uint8)

    @torch.inference_mode()
    def call() -> Any:
        return lane.engine(image)

    engine, beside = lane.network.engine, peak_memory(call, place)
    model = engine.model if isinstance(engine, Torch) else None
    weights = (
        sum(x.nbytes for x in (*model.parameters(), *model.buffers())) if model is not None else lane.network.stored
    )
    return Speed(
        lane.network.name,
        lane.backend,
        timed.median,
        timed.quantile(0.9),
        timed.quantile(0.99),
        timed.quantile(0.0),
        timed.spread,
        timed.calls,
        batch / timed.median,
        None if beside is None else weights + beside,
        sum(p.numel() for p in model.parameters()) if model is not None else None,
        gflops,
    )


def _gflops(engine: Engine, size: tuple[int, int], channels: int) -> float | None:
    if not isinstance(engine, Torch):
        return None
    try:
        return count_flops(engine.model, *size, channels) / 1e9
    except (RuntimeError, NotImplementedError):  # a network of the user's own that looks at numbers
        return None


def _given(network: _Network) -> Interval | None:
    return None if network.published is None else Interval(network.published / 100, math.nan, math.nan)


def _scores(
    lanes: Sequence[_Lane], data: Any, split: str | None, root: str | Path | None, say: Callable[[str], None]
) -> tuple[dict[tuple[str, str], Interval], str, str]:
    """The score of every trained network; backends that equal float32 to rounding share one.

    Returns: {(network, backend): score}, what it is called, and what was scored.
    """
    found: dict[tuple[str, str], Interval] = {}
    measures: dict[str, str] = {}
    told = ""
    for lane in lanes if data is not None else ():
        network = lane.network
        if network.predictor is None:
            continue
        alike = next(
            (
                found[key]
                for key in found
                if not network.runtime
                and key[0] == network.name
                and BACKENDS[key[1]].equal
                and BACKENDS[lane.backend].equal
            ),
            None,
        )
        if alike is None:
            say(f"{network.name}, {lane.backend}: scored on {data if isinstance(data, str | Path) else title_of(data)}")
            judged = network.predictor
            if isinstance(network.engine, Torch) and not BACKENDS[lane.backend].equal:
                judged = copy.copy(judged)
                judged.engine = exchanged(judged.engine, network.engine, lane.engine)
            score = evaluate(judged, data, split=split, root=root)
            alike, measures[network.name] = _main(score)
            told = f"{score.images} images of {score.source.get('data', data)} {score.source.get('split', '')}".strip()
        found[network.name, lane.backend] = alike
    if len(set(measures.values())) > 1:
        several = ", ".join(f"{name} by {measure}" for name, measure in measures.items())
        raise DataError(
            f"these models are scored by different measures ({several}); benchmark those of one task together"
        )
    return found, next(iter(measures.values()), ""), told


def _main(score: Score) -> tuple[Interval, str]:
    """The main measure of a score with its interval, the higher the better, and what it is called."""
    interval = bootstrap(score.counts, getattr(score, "protocol", "dataset")).mean
    if score.counts.columns[-1].lower:
        return Interval(1 - interval.value, 1 - interval.high, 1 - interval.low), f"1 - {score.measure}"
    return interval, score.measure
