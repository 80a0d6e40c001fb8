"""What the training loop itself costs: a tiny network by `intarsia.train`, and by a bare PyTorch loop, in turn in one process.

    python benchmarks/loop_overhead.py --rounds 5         appends a line to benchmarks/results/loop_overhead.jsonl

Both read the same samples from memory in this process, bring them to float, and make steps of AdamW on a cross entropy in
batches of 8; neither augments, averages or validates. Time is the processor's, of this process (`time.process_time`), so that
other load does not count; it is taken where the first sample of a step is read, steps after the first ones alone. "one layer"
is a convolution of 1x1, of which a step is the loop and little else: its milliseconds are what the loop adds to any network.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import intarsia
from intarsia.report.machine import machine, now, versions

RESULTS = Path(__file__).parent / "results" / "loop_overhead.jsonl"
BATCH, FIRST = 8, 20  # FIRST: steps that are left out


class Squares:
    """Squares of one class on another, made once; tells the processor's time of each step."""

    labels = intarsia.LabelSpace(("dark", "bright"))

    def __init__(self, side: int) -> None:
        self.read: list[float] = []
        self.made = []
        for n in range(64):
            mask = torch.zeros(side, side, dtype=torch.uint8)
            mask[n % 8 : n % 8 + side // 2, 2 : side // 2 + n % 5] = 1
            self.made.append(((mask * 150 + n).repeat(3, 1, 1), mask, str(n)))

    def __len__(self) -> int:
        return len(self.made)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, str]:
        self.read.append(time.process_time())
        return self.made[index]


def tiny() -> nn.Module:
    """Three convolutions with batch norm, 20,000 parameters."""
    blocks = [
        nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU()) for i, o in ((3, 32), (32, 32))
    ]
    return nn.Sequential(*blocks, nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 2, 1))


def one_layer() -> nn.Module:
    return nn.Conv2d(3, 2, 1)


def bare(model: nn.Module, data: Squares, steps: int) -> None:
    """What a careful person writes by hand."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, steps, 0.9)
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True, drop_last=True)  # type: ignore[arg-type]
    step = 0
    model.train()
    while step < steps:
        for image, label, _ in loader:
            loss = F.cross_entropy(model((image.float() / 255 - 0.5) / 0.25), label.long(), ignore_index=255)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            if step % 50 == 0:
                float(loss.detach())
            if step == steps:
                break


def ours(model: nn.Module, data: Squares, steps: int) -> None:
    """The same by `intarsia.train`."""
    train = {"steps": steps, "batch_size": BATCH, "workers": 0, "audit": False, "precision": "float32", "log_every": 50,
             "page": False, "channels_last": False}  # fmt: skip
    wish = {"train": train, "optimizer": {"name": "adamw", "lr": 1e-3}, "schedule": {"name": "poly", "power": 0.9}}
    with tempfile.TemporaryDirectory() as out:
        intarsia.train(wish, model=model, data=data, out=out, quiet=True)


def pace(
    way: Callable[[nn.Module, Squares, int], None], network: Callable[[], nn.Module], side: int, steps: int
) -> float:
    """Milliseconds of the processor a step."""
    torch.manual_seed(0)
    data = Squares(side)
    before = len(data.read)
    way(network(), data, FIRST + steps)
    marks = data.read[-BATCH * steps :: BATCH]  # of the steps after the first; other reads come before training
    assert len(data.read) - before >= BATCH * (FIRST + steps)
    return 1000 * (marks[-1] - marks[0]) / (len(marks) - 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--side", type=int, default=64)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(arguments.rounds):
        for name, network in (("tiny", tiny), ("one layer", one_layer)):
            for way in (bare, ours):
                took = pace(way, network, arguments.side, arguments.steps)
                found.setdefault(name, {}).setdefault(way.__name__, []).append(took)
    middle = {name: {way: statistics.median(times) for way, times in ways.items()} for name, ways in found.items()}
    line = {
        "time": now(),
        "milliseconds": {name: {way: round(value, 3) for way, value in ways.items()} for name, ways in middle.items()},
        "overhead": {name: round(ways["ours"] / ways["bare"] - 1, 4) for name, ways in middle.items()},
        "side": arguments.side, "batch": BATCH, "steps": arguments.steps, "rounds": arguments.rounds,
        "machine": machine(), "versions": versions(),
    }  # fmt: skip
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line, indent=1))


if __name__ == "__main__":
    main()
