"""Flips and three scales on CamVid's validation set: what they gain, with an interval, and the time beside the passes' own.

    python benchmarks/views.py MODEL CAMVID          appends a line to benchmarks/results/views.jsonl

MODEL is a checkpoint trained on CamVid, CAMVID the folder of the data set. The interval of the gain comes from resampling
the images, the same for both. The passes' own time is that of predicting each view by itself, down to its probabilities,
in processor time; that of the network alone stands beside it.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from intarsia import datasets
from intarsia.evaluation.scoring import score
from intarsia.evaluation.verdict import judge
from intarsia.inference import Averaged, Predictor, Windowed
from intarsia.inference.views import views
from intarsia.report.machine import machine, now, versions

SCALES, ROUNDS = (0.75, 1.0, 1.25), 9
RESULTS = Path(__file__).parent / "results" / "views.jsonl"


class Timed:
    """An engine that counts the processor time of another."""

    def __init__(self, engine: object) -> None:
        self.engine, self.seconds, self.passes = engine, 0.0, 0

    def __call__(self, image: Tensor) -> object:
        began = time.process_time()
        output = self.engine(image)  # type: ignore[operator]
        self.seconds, self.passes = self.seconds + time.process_time() - began, self.passes + 1
        return output


def seconds(run: Callable[[], object]) -> float:
    """The processor time of a call."""
    began = time.process_time()
    run()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("camvid")
    parser.add_argument("--how", default="mean")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    dataset = datasets.open("camvid", chosen.camvid, "val")
    plain = Predictor.load(chosen.model)
    assert isinstance(plain.engine, Windowed)
    several = Predictor.load(chosen.model)
    inner = Timed(plain.engine.engine)
    several.engine = Averaged(inner, scales=SCALES, flip=True, how=chosen.how)
    found = [score(predictor, dataset, readers=1) for predictor in (plain, several)]
    verdict = judge(*(one.counts for one in found), names=("one pass", "views"), protocol="dataset")
    image = dataset[0].image[None]
    seen = [view.contiguous() for _, view in views(image, SCALES, flip=True)]
    plain.engine = plain.engine.engine
    taken: dict[str, list[float]] = {"views": [], "passes": [], "network": []}
    for _ in range(ROUNDS + 1):  # in turns, because other processes come and go; the first is the warm-up
        taken["passes"].append(seconds(lambda: [plain.probabilities(view) for view in seen]))
        inner.seconds = 0.0
        taken["views"].append(seconds(lambda: several.probabilities(image)))
        taken["network"].append(inner.seconds)
    together, passes, network = (statistics.median(times[1:]) for times in taken.values())
    gain = verdict.mean.value
    line = {
        "what": f"flips and scales {SCALES} on CamVid val, {chosen.how} of probabilities, one thread; processor seconds",
        "miou_of_one_pass": round(100 * found[0].scores.miou, 2), "miou_of_views": round(100 * found[1].scores.miou, 2),
        "gain": round(100 * gain.value, 2), "low": round(100 * gain.low, 2), "high": round(100 * gain.high, 2),
        "p": round(verdict.mean.p, 4), "images": len(dataset), "passes": 6,
        "seconds_an_image": round(together, 3), "of_single_predictions": round(passes, 3),
        "ratio": round(together / passes, 3), "of_the_network_alone": round(network, 3),
        "ratio_to_the_network_alone": round(together / network, 3), "machine": machine(), "load": os.getloadavg()[0],
        "versions": versions(), "time": now(),
    }  # fmt: skip
    print(json.dumps(line, indent=1))
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
