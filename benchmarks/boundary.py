"""Boundary IoU beside the way it was published: one 1024 x 2048 pair, 19 classes, uint8, one thread, one run.

    python benchmarks/boundary.py            appends a line to benchmarks/results/boundary.jsonl

The published way pads each class's mask with zeros and erodes it 46 times by 3 x 3, class after class. It is timed with
OpenCV where that is installed, and with SciPy's separable minimum filter of the same square, which is the next fastest
that everyone has. Two pairs: "blocks" (squares of 64 pixels, the prediction shifted) and "errors" (5 % of the pixels of
the prediction wrong at random). Every way's scores are compared before anything is timed.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import importlib.util
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import minimum_filter

from intarsia.metrics import BoundaryIoU
from intarsia.report.machine import machine, now, versions

HEIGHT, WIDTH, CLASSES, IGNORE, ROUNDS, RATIO = 1024, 2048, 19, 255, 5, 0.02
RESULTS = Path(__file__).parent / "results" / "boundary.jsonl"
REACH = round(RATIO * math.hypot(HEIGHT, WIDTH))


def pairs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(predicted, labels) by name, uint8 [H, W]; the top tenth of the labels is ignored."""
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, (HEIGHT // 64, WIDTH // 64), dtype=np.uint8).repeat(64, 0).repeat(64, 1)
    blocks = np.roll(labels, (5, 7), (0, 1))
    errors = np.where(random.random(labels.shape) < 0.05, random.integers(0, CLASSES, labels.shape), labels)
    labels = labels.copy()
    labels[: HEIGHT // 10] = IGNORE
    return {"blocks": (blocks, labels), "errors": (errors.astype(np.uint8), labels)}


def ours(predicted: np.ndarray, labels: np.ndarray) -> list[float]:
    """One pass for all classes."""
    metric = BoundaryIoU(CLASSES, IGNORE, dilation_ratio=RATIO)
    metric.update(predicted, labels)
    return metric.compute().iou


def by_class(edge: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray, np.ndarray], list[float]]:
    """Class after class, with a function that takes the boundary of one mask of bytes."""

    def score(predicted: np.ndarray, labels: np.ndarray) -> list[float]:
        held, found = labels != IGNORE, []
        for k in range(CLASSES):
            p, t = edge(((predicted == k) & held).view(np.uint8)), edge((labels == k).view(np.uint8))
            found.append(float(np.count_nonzero(p & t) / np.count_nonzero(p | t)))
        return found

    return score


def scipy_edge(mask: np.ndarray) -> np.ndarray:
    """What a minimum over the square takes from a mask; outside lie zeros."""
    return mask - minimum_filter(mask, 2 * REACH + 1, mode="constant", cval=0)


def opencv_edge(mask: np.ndarray) -> np.ndarray:
    """What the paper's erosions take from a mask."""
    import cv2

    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=REACH)
    return mask - eroded[1:-1, 1:-1]


def main() -> None:
    torch.set_num_threads(1)
    ways = {"ours": ours, "scipy, class by class": by_class(scipy_edge)}
    packages = {**versions(), "scipy": __import__("scipy").__version__}
    if importlib.util.find_spec("cv2"):
        import cv2

        cv2.setNumThreads(1)
        ways["opencv, class by class"] = by_class(opencv_edge)
        packages["opencv"] = cv2.__version__
    else:
        print("OpenCV is not installed (pip install opencv-python-headless); it is left out")
    medians, factors = {}, {}
    for name, (predicted, labels) in pairs().items():
        expected = ours(predicted, labels)
        for way, score in ways.items():  # also the warm-up
            assert score(predicted, labels) == expected, way
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):  # in turn, so that whatever else the machine does meets all alike
            for way, score in ways.items():
                started = time.perf_counter()
                score(predicted, labels)
                times[way].append(1000 * (time.perf_counter() - started))
        medians[name] = {way: round(statistics.median(taken), 1) for way, taken in times.items()}
        factors[name] = {
            way: round(ms / medians[name]["ours"], 1) for way, ms in medians[name].items() if way != "ours"
        }
        print(name, medians[name], "factors", factors[name])
    line = {
        "what": f"boundary IoU of one {HEIGHT}x{WIDTH} pair, {CLASSES} classes, width {REACH}, one thread; medians of {ROUNDS}",
        "milliseconds": medians, "times_as_fast": factors, "machine": machine(), "load": os.getloadavg(), "versions": packages, "time": now(),
    }  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
