"""The confusion matrix beside torchmetrics: one 1024 x 2048 pair, 19 classes, int64, ids checked, one thread, one run.

    python benchmarks/confusion.py            appends a line to benchmarks/results/confusion.jsonl

Three pairs: "noise" (every pixel at random, the hardest for branch prediction), "blocks" (both maps in squares of 32
pixels, smooth as label maps are) and "errors" (squares of 64, 5 % of the pixels wrong at random). All count the same
tensors, in turn, and every matrix is compared with torchmetrics' before anything is timed.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from intarsia.metrics import ConfusionMatrix
from intarsia.report.machine import machine, now, versions

HEIGHT, WIDTH, CLASSES, IGNORE, ROUNDS, IN_A_ROW = 1024, 2048, 19, 255, 5, 5
RESULTS = Path(__file__).parent / "results" / "confusion.jsonl"


def pairs() -> dict[str, tuple[Tensor, Tensor]]:
    """(predicted, labels) by name, int64 [H, W]; the top tenth of the labels is ignored."""
    random = np.random.default_rng(0)

    def squares(side: int) -> np.ndarray:
        small = random.integers(0, CLASSES, (HEIGHT // side, WIDTH // side))
        return small.repeat(side, axis=0).repeat(side, axis=1)

    noise = squares(1), squares(1)
    blocks = squares(32), squares(32)
    truth = squares(64)
    errors = np.where(random.random(truth.shape) < 0.05, random.integers(0, CLASSES, truth.shape), truth), truth
    made = {}
    for name, (predicted, labels) in {"noise": noise, "blocks": blocks, "errors": errors}.items():
        labels = labels.copy()
        labels[: HEIGHT // 10] = IGNORE
        made[name] = torch.from_numpy(predicted), torch.from_numpy(labels)
    return made


def ways() -> dict[str, Callable[[Tensor, Tensor], np.ndarray]]:
    """Every way of counting, each from a fresh metric to its matrix."""

    def torchmetrics(predicted: Tensor, labels: Tensor) -> np.ndarray:
        metric = MulticlassConfusionMatrix(CLASSES, ignore_index=IGNORE)
        metric.update(predicted, labels)
        return metric.confmat.numpy()

    def ours(engine: str) -> Callable[[Tensor, Tensor], np.ndarray]:
        def count(predicted: Tensor, labels: Tensor) -> np.ndarray:
            confusion = ConfusionMatrix(CLASSES, IGNORE, engine=engine)
            confusion.update(predicted, labels)
            return confusion.matrix

        return count

    return {"torchmetrics": torchmetrics, "plain": ours("plain"), "numba": ours("numba")}


def main() -> None:
    torch.set_num_threads(1)
    counters, medians, factors = ways(), {}, {}
    for name, (predicted, labels) in pairs().items():
        expected = counters["torchmetrics"](predicted, labels)
        for way, count in counters.items():  # also the warm-up
            assert np.array_equal(count(predicted, labels), expected), way
        times: dict[str, list[float]] = {way: [] for way in counters}
        for _ in range(ROUNDS):  # in turn, so that whatever else the machine does meets all alike
            for way, count in counters.items():
                for _ in range(IN_A_ROW):  # so that each finds the caches as it left them itself
                    started = time.perf_counter()
                    count(predicted, labels)
                    times[way].append(1000 * (time.perf_counter() - started))
        medians[name] = {way: round(statistics.median(taken), 3) for way, taken in times.items()}
        base = medians[name]["torchmetrics"]
        factors[name] = {way: round(base / medians[name][way], 1) for way in ("plain", "numba")}
        print(
            f"{name:8}" + "".join(f"  {way} {ms:8.2f} ms" for way, ms in medians[name].items()),
            f"  factors {factors[name]}",
        )
    packages = {**versions(), **{name: __import__(name).__version__ for name in ("torchmetrics", "numba")}}
    line = {
        "what": f"confusion matrix of one {HEIGHT}x{WIDTH} pair, {CLASSES} classes, int64, one thread; medians of {ROUNDS * IN_A_ROW}",
        "milliseconds": medians, "factor_over_torchmetrics": factors, "machine": machine(), "load": os.getloadavg(), "versions": packages, "time": now(),
    }  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
