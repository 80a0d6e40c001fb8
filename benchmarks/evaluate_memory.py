"""Resident memory of `evaluate` on 2,000 images against 200: the same, because nothing is kept but counts.

    python benchmarks/evaluate_memory.py      appends a line to benchmarks/results/evaluate_memory.jsonl

Each run is a process of its own: a small network, image files of 96 x 128 read from disk, a report with its worst and
best images written at the end. The same 20 files are read again and again, so that the disk does not decide.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from intarsia.report.machine import machine, now, versions

SMALL, LARGE, FILES = 200, 2000, 20
RESULTS = Path(__file__).parent / "results" / "evaluate_memory.jsonl"


class Files:
    """Image and label files, `count` of them by going round."""

    def __init__(self, root: Path, count: int) -> None:
        self.root, self.count = root, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, str]:
        n = index % FILES
        with Image.open(self.root / f"{n}.jpg") as image, Image.open(self.root / f"{n}.png") as labels:
            pixels, classes = np.array(image), np.array(labels)
        return torch.from_numpy(pixels).permute(2, 0, 1), torch.from_numpy(classes), f"{index:05d}"


def one(root: Path, count: int) -> None:
    """Evaluate `count` images and print what it took."""
    from intarsia.evaluation import evaluate
    from intarsia.inference import Predictor
    from intarsia.labels import LabelSpace
    from intarsia.models import build

    torch.manual_seed(0)
    network = build("fpn", 5, encoder="resnet18", channels=16)
    predictor = Predictor.of_network(network, LabelSpace(tuple("abcde")), (0.5,) * 3, (0.25,) * 3)
    found = evaluate(predictor, Files(root, count), out=root / f"out{count}", batch_size=2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
    print(json.dumps({"images": found.images, "peak_mib": round(peak / 1024, 1), "seconds": round(found.seconds, 1)}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=2, metavar=("ROOT", "COUNT"))
    chosen = parser.parse_args()
    if chosen.one:
        return one(Path(chosen.one[0]), int(chosen.one[1]))
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for n in range(FILES):
            noise = random.integers(0, 256, (12, 16, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
            Image.fromarray(noise).save(Path(folder) / f"{n}.jpg")
            Image.fromarray(noise[..., 0] // 52).save(Path(folder) / f"{n}.png")
        runs = []
        for count in (SMALL, LARGE):
            told = subprocess.run(
                [sys.executable, __file__, "--one", folder, str(count)], check=True, capture_output=True, text=True
            )
            runs.append(json.loads(told.stdout.splitlines()[-1]))
            print(runs[-1])
    growth = runs[1]["peak_mib"] / runs[0]["peak_mib"] - 1
    print(f"peak resident memory grows by {100 * growth:.1f} % from {SMALL} to {LARGE} images")
    line = {
        "what": "peak resident memory of evaluate",
        "runs": runs,
        "growth": round(growth, 4),
        "machine": machine(),
        "versions": versions(),
        "time": now(),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    sys.exit(0 if growth <= 0.10 else 1)


if __name__ == "__main__":
    main()
