"""The bootstrap's price: 1,000 resamples of 5,000 images x 150 classes, one thread; bar: 5 s.

python benchmarks/bootstrap.py           appends a line to benchmarks/results/bootstrap.jsonl
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json
import statistics
import time
from pathlib import Path

import numpy as np

from intarsia.metrics import ImageCounts, bootstrap, compare
from intarsia.report.machine import machine, now, versions

IMAGES, CLASSES, RESAMPLES, ROUNDS, BAR = 5000, 150, 1000, 3, 5.0
RESULTS = Path(__file__).parent / "results" / "bootstrap.jsonl"


def counts(seed: int) -> ImageCounts:
    """Counts as of a data set of scenes: a class is in one image of eight."""
    random = np.random.default_rng(0)
    truth = random.integers(1, 20_000, (IMAGES, CLASSES)) * (random.random((IMAGES, CLASSES)) < 0.125)
    hit = np.random.default_rng(seed).binomial(truth, 0.6)
    return ImageCounts.of(hit, truth, hit + np.random.default_rng(seed + 1).integers(0, 2000, hit.shape))


def main() -> None:
    a, b = counts(1), counts(3)
    calls = {
        "bootstrap, dataset": lambda: bootstrap(a, "dataset", resamples=RESAMPLES),
        "bootstrap, monai": lambda: bootstrap(a, "monai", resamples=RESAMPLES),
        "compare, dataset": lambda: compare(a, b, "dataset", resamples=RESAMPLES),
    }
    seconds = {}
    for name, call in calls.items():
        taken = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            call()
            taken.append(time.perf_counter() - started)
        seconds[name] = round(statistics.median(taken), 2)
        print(f"{name:20} {seconds[name]:6.2f} s")
    met = seconds["bootstrap, dataset"] < BAR
    print(f"bar {BAR:.0f} s: {'met' if met else 'missed'}")
    line = {
        "what": f"{RESAMPLES} resamples of {IMAGES} images x {CLASSES} classes, one thread; medians of {ROUNDS}",
        "seconds": seconds, "bar": BAR, "met": met, "counts_mb": round(a.nbytes / 1e6, 1), "machine": machine(), "load": os.getloadavg(), "versions": versions(), "time": now(),
    }  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
