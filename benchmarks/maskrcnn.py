"""Our Mask R-CNN beside torchvision's, with the same weights: a picture answered, and a step of training.

    python benchmarks/maskrcnn.py          appends a line to benchmarks/results/maskrcnn.jsonl

ResNet-50 with a feature pyramid, 10 classes and "no object", one picture of 512x512. Weights are torchvision's at random,
with a wider classifier, so that each finds 100 objects; ours are loaded from its file. Answered: normalized, forward,
masks pasted and thresholded, as `objects_of_detections` does here and its example does there. Trained: forward, losses,
backward and a step of SGD, with 8 true objects. Both take turns; one thread, and the median of the processor time, which other processes
disturb least.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from intarsia.checkpoint import load_foreign
from intarsia.labels import LabelSpace
from intarsia.losses.detection import Detection
from intarsia.postprocess import decide
from intarsia.report.machine import machine, now, versions
from intarsia.structures import Batch

SIDE, K = 512, 10
RESULTS = Path(__file__).parent / "results" / "maskrcnn.jsonl"
MEAN, STD = torch.tensor([0.485, 0.456, 0.406])[:, None, None], torch.tensor([0.229, 0.224, 0.225])[:, None, None]


def pair() -> tuple[Any, Any]:
    """(ours, theirs) with the same weights."""
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    torch.manual_seed(0)
    options = {"weights": None, "weights_backbone": None, "num_classes": K + 1, "min_size": SIDE, "max_size": SIDE}
    theirs = maskrcnn_resnet50_fpn(**options)
    nn.init.normal_(theirs.roi_heads.box_predictor.cls_score.weight, std=1.0)
    with tempfile.TemporaryDirectory() as folder:
        torch.save(theirs.state_dict(), Path(folder) / "peer.pth")
        ours = load_foreign(Path(folder) / "peer.pth").network
    return ours, theirs


def scene() -> tuple[Batch, list[dict[str, torch.Tensor]]]:
    """A picture of noise with 8 squares of 100 pixels."""
    objects = torch.zeros(1, SIDE, SIDE, dtype=torch.int32)
    for n in range(8):
        top, left = 20 + 240 * (n // 4), 10 + 125 * (n % 4)
        objects[0, top : top + 100, left : left + 100] = n + 1
    numbers = torch.arange(1, 9)
    masks = objects[0] == numbers[:, None, None]
    where = [mask.nonzero() for mask in masks]
    boxes = torch.stack([torch.cat([w.amin(0).flip(0), w.amax(0).flip(0) + 1]) for w in where]).float()
    labels = torch.where(objects > 0, objects % K, 255).to(torch.uint8)
    target = {"boxes": boxes, "labels": numbers % K + 1, "masks": masks.to(torch.uint8)}
    return Batch(torch.rand(1, 3, SIDE, SIDE), labels, ("scene",), objects), [target]


def turns(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median processor time of each, taken in turns."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for n in range(rounds + 1):
        for name, run in runs.items():
            started = time.process_time()
            run()
            if n:  # the first warms up
                taken[name].append(time.process_time() - started)
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    ours, theirs = pair()
    batch, targets = scene()
    space = LabelSpace(tuple(f"class {n}" for n in range(K)))

    @torch.no_grad()
    def answer_ours() -> int:
        (objects,) = decide(ours((batch.image - MEAN) / STD), space, "instance")
        return len(objects.shapes)

    @torch.no_grad()
    def answer_theirs() -> int:
        (found,) = theirs(list(batch.image))
        return len(found["masks"] > 0.5)

    ours.eval(), theirs.eval()
    found = answer_ours(), answer_theirs()
    answered = turns({"ours": answer_ours, "torchvision": answer_theirs}, rounds)
    ours.train(), theirs.train()
    loss = Detection()
    steps = [torch.optim.SGD(network.parameters(), lr=1e-5) for network in (ours, theirs)]

    def train_ours() -> None:
        steps[0].zero_grad()
        sum(loss(ours((batch.image - MEAN) / STD, batch), batch).values()).backward()
        steps[0].step()

    def train_theirs() -> None:
        steps[1].zero_grad()
        sum(theirs(list(batch.image), targets).values()).backward()
        steps[1].step()

    trained = turns({"ours": train_ours, "torchvision": train_theirs}, rounds)
    line = {
        "what": f"Mask R-CNN, ResNet-50, one picture of {SIDE}x{SIDE}, one thread; processor seconds",
        "objects": {"ours": found[0], "torchvision": found[1]},
        "answer": {name: round(value, 3) for name, value in answered.items()},
        "answer_speed_against_torchvision": round(answered["torchvision"] / answered["ours"], 3),
        "step": {name: round(value, 3) for name, value in trained.items()},
        "step_speed_against_torchvision": round(trained["torchvision"] / trained["ours"], 3),
        "rounds": rounds, "machine": machine(), "load": os.getloadavg(), "versions": versions(), "time": now(),
    }  # fmt: skip
    print(json.dumps(line, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
