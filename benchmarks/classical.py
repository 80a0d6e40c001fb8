"""Methods from before deep learning beside a U-Net, on four small data sets: mIoU with its interval, and time per image.

    python benchmarks/classical.py FOLDER [--sets whales drive] [--methods otsu random_forest] [--images 20] [--unet 5m]

FOLDER holds dsb2018_110, lung_cxr17, whales and drive. Appends a line a method and set to benchmarks/results/classical.jsonl.
Methods that learn nothing have their defaults, and the polarity that a person knows before looking: lungs in X-rays and vessels
are dark, of nuclei and whales it is not known (auto); the truth is not looked at; random forest
and linear SVM learn from the pictures to train on; `--unet` trains a U-Net with a ResNet-18 on the same ones, from random
weights, for so long. All are scored on the same held-out pictures. Intervals are the middle 95 % of a bootstrap over them.
Times are processor seconds in the method alone, one thread, which other processes disturb least.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import intarsia
from intarsia import datasets
from intarsia.classical import LEARNED, METHODS, Classifier, defaults, fitted
from intarsia.doctor.describe import describe
from intarsia.evaluation import score
from intarsia.evaluation.foreground import on_classes_of
from intarsia.evaluation.scoring import read_samples
from intarsia.inference import Predictor
from intarsia.metrics import bootstrap
from intarsia.report.machine import machine, now, versions

SETS = {
    "dsb2018_110": "dsb2018_110/stage1_train",
    "lung_cxr17": "lung_cxr17",
    "whales": "whales/input/whales",
    "drive": "drive",
}
POLARITY = {"lung_cxr17": "dark", "drive": "dark"}  # what a person knows of the objects; else auto
RECIPE: dict[str, Any] = {  # of the U-Net, for all sets
    "model": {"name": "unet", "encoder": "resnet18"},
    "augment": {"crop": [256, 256], "flip": True},
    "optimizer": {"name": "adamw", "lr": 0.0005},
    "train": {"batch_size": 8, "workers": 0, "cache": True, "audit": False, "page": False},
}
RESULTS = Path(__file__).parent / "results" / "classical.jsonl"


class Timed:
    """An engine that counts its processor seconds."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.seconds = engine, 0.0

    def __call__(self, image: Tensor) -> Any:
        began = time.process_time()
        found = self.engine(image)
        self.seconds += time.process_time() - began
        return found


class Part:
    """Some pictures of a data set."""

    def __init__(self, dataset: Any, numbers: range) -> None:
        self.dataset, self.numbers, self.labels = dataset, numbers, dataset.labels

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.numbers[index]]


def opened(name: str, folder: Path) -> tuple[Any, Any]:
    """What is learned from, and what is held out: of DRIVE, which comes with its training half alone, the last quarter."""
    if name == "drive":
        whole = datasets.open("drive", folder, "training")
        cut = len(whole) * 3 // 4
        return Part(whole, range(cut)), Part(whole, range(cut, len(whole)))
    known = describe(folder)
    return known.open(known.data["train"]), known.open(known.data["val"])


def predictors(
    names: list[str], train: Any, val: Any, polarity: str, unet: str | None
) -> Iterator[tuple[str, Predictor, float]]:
    """Each method ready for use, with the processor seconds of its learning."""
    labels = train.labels
    for name in names:
        if name in METHODS:
            side = f":polarity={polarity}" if "polarity" in defaults(METHODS[name].run) else ""
            yield name, on_classes_of(Predictor.load(f"classical:{name}{side}"), val)[0], 0.0
            continue
        began = time.process_time()
        stored, _ = fitted(LEARNED[name](), read_samples(train, 0), len(train), labels, 0)
        taken = time.process_time() - began
        channels = int(train[0].image.shape[0])
        yield name, Predictor(Classifier(name, {}, stored, labels), labels, in_channels=channels), taken
    if unet:
        with tempfile.TemporaryDirectory() as folder:
            began = time.process_time()
            place = Path(folder) / "run"
            tree = {**RECIPE, "train": {**RECIPE["train"], "steps": 1}}
            last = intarsia.train(tree, out=place, data=(train, None), budget=unet, quiet=True)
            taken = time.process_time() - began
            yield f"unet, {unet}", Predictor.load(last, settings={"window": "whole"}), taken


def measured(predictor: Predictor, val: Any) -> dict[str, Any]:
    """Score and time of one method."""
    timed = Timed(predictor.engine)
    predictor.engine = timed
    timed(val[0].image[None][..., :64, :64])  # what is imported at first use
    timed.seconds = 0.0
    found = score(predictor, val, readers=0)
    trust = bootstrap(found.counts, "dataset").mean
    return {
        "miou": round(trust.value, 4), "low": round(trust.low, 4), "high": round(trust.high, 4),
        "seconds_an_image": round(timed.seconds / len(val), 4),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--methods", nargs="*", default=[*METHODS, *LEARNED], choices=[*METHODS, *LEARNED])
    parser.add_argument("--images", type=int, help="score at most so many held-out pictures")
    parser.add_argument("--unet", metavar="BUDGET", help="train a U-Net as well, such as 5m or 20steps")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    RESULTS.parent.mkdir(exist_ok=True)
    for name in chosen.sets:
        polarity = POLARITY.get(name, "auto")
        train, val = opened(name, chosen.folder / SETS[name])
        val = Part(val, range(min(chosen.images or len(val), len(val))))
        for method, predictor, learning in predictors(chosen.methods, train, val, polarity, chosen.unet):
            line = {
                "set": name, "method": method, "polarity": polarity if method in METHODS else None, **measured(predictor, val), "train": len(train), "val": len(val),
                "seconds_learning": round(learning, 1), "threads": 1,
                "machine": machine(), "versions": versions(), "time": now(),
            }  # fmt: skip
            print(
                json.dumps({key: line[key] for key in ("set", "method", "miou", "low", "high", "seconds_an_image")}),
                flush=True,
            )
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
