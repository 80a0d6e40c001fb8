"""A Predictor's call on a public model beside its library's own preparation, network and post-processing, in one run.

    python benchmarks/public_model.py [NAME] [PICTURE]        appends a line to benchmarks/results/public_model.jsonl

Weights are random, of torchvision's own class, so that nothing is downloaded; the time does not depend on them. Both see the
same picture, decoded; calls alternate, and what is compared is the median of processor times.
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

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision import models

import intarsia
from intarsia.checkpoint.foreign.public import PUBLIC
from intarsia.report.machine import machine, now, versions

ROUNDS = 7
RESULTS = Path(__file__).parent / "results" / "public_model.jsonl"


def seconds(run: Callable[[], object]) -> float:
    """The processor time of a call."""
    began = time.process_time()
    run()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", nargs="?", default="torchvision:lraspp_mobilenet_v3_large")
    parser.add_argument("picture", nargs="?")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    short = chosen.name.partition(":")[2]
    drawn = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    photo = Image.open(chosen.picture).convert("RGB") if chosen.picture else Image.fromarray(drawn).resize((640, 480))
    peer = models.get_model(short, weights=None, weights_backbone=None, num_classes=21).eval()
    prepare = models.get_model_weights(short).DEFAULT.transforms()
    with tempfile.TemporaryDirectory() as folder:
        torch.hub.set_dir(folder)
        place = Path(folder) / "checkpoints" / PUBLIC[chosen.name].file.rpartition("/")[2]
        place.parent.mkdir()
        torch.save(peer.state_dict(), place)
        began = time.perf_counter()
        predictor = intarsia.Predictor.load(chosen.name, device="cpu")
        loading = time.perf_counter() - began

    @torch.inference_mode()
    def theirs() -> np.ndarray:
        scores = peer(prepare(photo)[None])["out"]
        return F.interpolate(scores, photo.size[::-1], mode="bilinear").argmax(1)[0].numpy()

    def ours() -> np.ndarray:
        return predictor(photo).labels

    agreement = float((ours() == theirs()).mean())
    times = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
    mine, peers = (statistics.median(column) for column in zip(*times, strict=True))
    line = {
        "name": chosen.name,
        "size": photo.size,
        "intarsia_s": round(mine, 4),
        "peer_s": round(peers, 4),
        "ratio": round(mine / peers, 3),
        "same_labels": agreement,
        "loading_s": round(loading, 2),
        "machine": machine(),
        "load": os.getloadavg()[0],
        "versions": versions(),
        "time": now(),
    }
    print(json.dumps(line))
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
