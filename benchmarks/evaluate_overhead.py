"""What `evaluate` adds to the network itself: CamVid val, float32, decoding overlapped.

    python benchmarks/evaluate_overhead.py --root data/camvid    appends a line to benchmarks/results/evaluate_overhead.jsonl

"network" is forward, resize and argmax on images that are in memory already: `Predictor.run`, batch by batch. "evaluate"
is the whole of `evaluation.score` on the files: reading, counting by image, the album of worst and best images. Both
ways take turns in one process with the same number of threads.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch

import intarsia.data
from intarsia.evaluation.scoring import score
from intarsia.inference import Predictor
from intarsia.models import build
from intarsia.report.machine import machine, now, versions

RESULTS = Path(__file__).parent / "results" / "evaluate_overhead.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default="fpn")
    parser.add_argument("--encoder", default="resnet18")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    data = intarsia.datasets.open("camvid", arguments.root, "val")
    network = build(arguments.model, 11, encoder=arguments.encoder).to(memory_format=torch.channels_last)
    predictor = Predictor.of_network(network, data.labels, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    images = [data[n].image for n in range(len(data))]
    predictor.run(images[0][None])
    times: dict[str, list[float]] = {"network": [], "evaluate": []}
    for _ in range(arguments.rounds):
        start = time.perf_counter()
        for image in images:
            predictor.run(image[None])
        times["network"].append(time.perf_counter() - start)
        start = time.perf_counter()
        score(predictor, data)
        times["evaluate"].append(time.perf_counter() - start)
    middle = {name: statistics.median(values) for name, values in times.items()}
    line = {
        "time": now(), **{name: round(value, 2) for name, value in middle.items()}, "images": len(data),
        "overhead": round(middle["evaluate"] / middle["network"] - 1, 4), "model": f"{arguments.model} on {arguments.encoder}",
        "threads": arguments.threads, "machine": machine(), "versions": versions(),
    }  # fmt: skip
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line, indent=1))


if __name__ == "__main__":
    main()
