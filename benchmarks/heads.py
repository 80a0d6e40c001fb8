"""The packaged recipes of depth, of several labels a pixel and of whole pictures on `shapes`: what they reach, and what is reached without a network.

Each recipe is trained as it is packaged, in this process, and measured on the validation scenes: AbsRel beside that of the
mean depth of the training scenes; the mean IoU of planes at a threshold of 0.5 beside that of the better of "everywhere" and
"nowhere". One JSON line a run is appended to benchmarks/results/heads.jsonl.

    python benchmarks/heads.py depth planes
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import intarsia
from intarsia.datasets.shapes import shapes
from intarsia.inference import Predictor
from intarsia.metrics.depth import DepthErrors
from intarsia.training.recipe import load

HERE = Path(__file__).parent


def answers(predictor: Predictor, data: Any) -> Any:
    """(sample, answer) of each scene."""
    for n in range(len(data)):
        yield data[n], predictor.run(data[n].image[None])[0]


def depth(predictor: Predictor, options: dict[str, Any]) -> dict[str, Any]:
    """AbsRel, the share within 1.25 and SILog; and the AbsRel of the training scenes' mean depth."""
    train, val = (shapes(None, split, **options) for split in ("train", "val"))
    mean = float(torch.stack([train[n].depth for n in range(200)]).nanmean())
    found, plain = DepthErrors(), DepthErrors()
    for sample, answer in answers(predictor, val):
        found.update(answer.meters, sample.depth)
        plain.update(torch.full_like(sample.depth, mean), sample.depth)
    best, flat = found.compute(), plain.compute()
    return {"abs_rel": round(best.abs_rel, 4), "delta1": round(best.delta1, 4), "silog": round(best.silog, 4),
            "abs_rel_of_mean_depth": round(flat.abs_rel, 4)}  # fmt: skip


def planes(predictor: Predictor, options: dict[str, Any]) -> dict[str, Any]:
    """IoU of each plane over all scenes, their mean, and the mean where each plane is full, the best answer without a look."""
    val = shapes(None, "val", **options)
    both, either, true, pixels = 0, 0, 0, 0
    for sample, answer in answers(predictor, val):
        both = both + (sample.planes & answer.planes).flatten(1).sum(1).numpy()
        either = either + (sample.planes | answer.planes).flatten(1).sum(1).numpy()
        true, pixels = true + sample.planes.flatten(1).sum(1).numpy(), pixels + sample.labels.numel()
    iou = both / either
    return {"miou": round(100 * float(np.mean(iou)), 2), "iou": dict(zip(val.labels.names, (100 * iou).round(1).tolist(), strict=True)),
            "miou_of_full_planes": round(100 * float(np.mean(true / pixels)), 2)}  # fmt: skip


MEASURES = {"depth": depth, "planes": planes}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="+", choices=[*MEASURES])
    parser.add_argument("--results", type=Path, default=HERE / "results" / "heads.jsonl")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for kind in arguments.kinds:
        recipe = load(f"shapes/{kind}")
        options = dict(recipe.data.options)
        facts = {"threads": arguments.threads, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1),
                 "torch": torch.__version__, "processor_units": torch.backends.cpu.get_cpu_capability()}  # fmt: skip
        with tempfile.TemporaryDirectory() as out:
            started, spent = time.monotonic(), time.process_time()
            intarsia.train(recipe, out=out, quiet=True)
            wall, processor = time.monotonic() - started, time.process_time() - spent
            line = {"recipe": f"shapes/{kind}", "steps": recipe.train.steps, **MEASURES[kind](Predictor.load(out), options),
                    "wall": round(wall, 1), "processor": round(processor, 1), **facts}  # fmt: skip
        with arguments.results.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
