"""How many times faster one dense pass is than sliding the same classifier of patches over the image.

    python benchmarks/sliding.py          appends a line to benchmarks/results/sliding.jsonl

The classifier is that of `pixel_classifier` at full size (95x95 patches, 48 maps, 3 channels, 21 classes) with random
weights; the image is noise of 64x64, since the content changes nothing. One thread, and its processor time, which other
processes disturb least. Both answers are compared before their times are. The factor grows with the image: at 64x64 more than four fifths of what the dense pass computes first is
border.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from intarsia.blocks.sliding import classify_by_sliding
from intarsia.models import build
from intarsia.report.machine import machine, now, versions

SIDE, LARGE, ROUNDS = 64, 512, 5
RESULTS = Path(__file__).parent / "results" / "sliding.jsonl"


def seconds(run: Callable[[], object], rounds: int) -> float:
    """The median processor time of a call."""
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        run()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = build("pixel_classifier", 21).eval()
    image, large = torch.randn(1, 3, SIDE, SIDE), torch.randn(1, 3, LARGE, LARGE)

    def slide() -> Tensor:
        return classify_by_sliding(network.classify_patches, image, patch=95, batch_size=64)

    def one_pass() -> Tensor:
        return network(image).logits

    torch.testing.assert_close(one_pass(), slide(), atol=1e-5, rtol=1e-4)  # also the warm-up
    sliding, dense = seconds(slide, 1), seconds(one_pass, ROUNDS)
    larger = seconds(lambda: network(large), 1)
    per_pixel = sliding / SIDE**2
    line = {
        "what": f"classifier of 95x95 patches at every pixel of a {SIDE}x{SIDE} image, one thread; processor seconds",
        "sliding": round(sliding, 2), "dense": round(dense, 4), "factor": round(sliding / dense, 1),
        f"dense_{LARGE}x{LARGE}": round(larger, 2),
        f"factor_{LARGE}x{LARGE}_at_the_same_time_a_patch": round(per_pixel * LARGE**2 / larger, 1),
        "machine": machine(), "load": os.getloadavg(), "versions": versions(), "time": now(),
    }  # fmt: skip
    print(json.dumps(line, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
