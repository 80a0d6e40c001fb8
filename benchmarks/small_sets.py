"""Four small sets in a few minutes each, from scratch: `intarsia train FOLDER` beside a stock segmentation-models-pytorch script.

    python benchmarks/small_sets.py --data ../shared/data --minutes 10 --seeds 1 [--sets pets whales] [--threads 2]

Both get the same pictures to train on, the same minutes of training and loading, and the same threads, in turn; both are scored
on the same held-out pictures at full size by the same counts. The peer is what its examples do: `smp.Unet("resnet34")` without
pretrained weights, as ours has none; pictures resized to 256x256 once and kept in memory, mirrored at random, batches of 8,
Adam at 1e-3 with a cosine over the budget, cross entropy and Dice; its logits are enlarged to the picture. One JSON line a pair:
the mIoU of each, the difference with its interval over the pictures, and the p-value of the permutation test.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from camvid import units
from defaults import SETS
from torch import Tensor, nn

from intarsia import Predictor
from intarsia.metrics import ImageCounts, compare
from intarsia.training.material import collect
from intarsia.training.recipe import load

HERE = Path(__file__).parent
SIDE, MEAN, STD = 256, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def ours(root: Path, held: list[str], minutes: float, seed: int, threads: int, out: str) -> dict[str, Any]:
    """Train the default; what was chosen and how far it came."""
    command = [sys.executable, "-m", "intarsia", "train", str(root), *held, f"seed={seed}", "train.page=false"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    subprocess.run(
        [*command, "--budget", f"{minutes}m", "--out", out], env=environment, check=True, capture_output=True
    )
    log = [json.loads(line) for line in (Path(out) / "log.jsonl").read_text().splitlines()]
    last = [line for line in log if line["kind"] == "train"][-1]
    chosen = json.loads((Path(out) / "defaults.json").read_text())
    return {
        "steps": last["step"],
        "seconds": round(last["seconds"], 1),
        "chosen": {row["key"]: row["value"] for row in chosen},
    }


def small(image: Tensor) -> Tensor:
    """[C, H, W] uint8 to [3, 256, 256] float, normalized."""
    image = image.float()[None] / 255
    image = image.expand(-1, 3, -1, -1) if image.shape[1] == 1 else image[:, :3]
    image = F.interpolate(image, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)[0]
    return (image - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def stock(train: Any, k: int, ignore: int, minutes: float, seed: int) -> tuple[nn.Module, int]:
    """The stock script; (network, steps)."""
    import segmentation_models_pytorch as smp

    torch.manual_seed(seed)
    begun = time.perf_counter()
    samples = [train[n] for n in range(len(train))]
    images = torch.stack([small(sample.image) for sample in samples])
    maps = [F.interpolate(s.labels[None, None].float(), (SIDE, SIDE), mode="nearest")[0, 0].long() for s in samples]
    labels = torch.stack(maps)
    network = smp.Unet("resnet34", encoder_weights=None, classes=k).train()
    dice = smp.losses.DiceLoss("multiclass", ignore_index=ignore)
    optimizer, step = torch.optim.Adam(network.parameters(), lr=1e-3), 0
    while (spent := (time.perf_counter() - begun) / (60 * minutes)) < 1:
        order = torch.randperm(len(images))
        for rows in order.split(8):
            spent = min(1.0, (time.perf_counter() - begun) / (60 * minutes))
            optimizer.param_groups[0]["lr"] = 1e-3 * (1 + math.cos(math.pi * spent)) / 2
            x, y = images[rows], labels[rows]
            flip = torch.rand(len(x)) < 0.5
            x, y = torch.where(flip[:, None, None, None], x.flip(3), x), torch.where(flip[:, None, None], y.flip(2), y)
            if len(x) < 2:
                continue
            logits = network(x)
            loss = F.cross_entropy(logits, y, ignore_index=ignore) + dice(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
    return network.eval(), step


@torch.inference_mode()
def counts(answer: Any, val: Any, k: int, ignore: int) -> ImageCounts:
    """Confusion of each held-out picture at full size."""
    found = ImageCounts(k)
    for n in range(len(val)):
        sample = val[n]
        truth, called = sample.labels.long().numpy().ravel(), np.asarray(answer(sample.image)).astype(np.int64).ravel()
        able = truth != ignore
        matrix = np.bincount(k * truth[able] + called[able], minlength=k * k).reshape(k, k)
        found.update(sample.name, matrix, int((~able).sum()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["pets", "nuclei", "whales", "drive"])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=HERE / "results" / "small_sets.jsonl")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for seed in range(arguments.seeds):
        for name in arguments.sets:
            folder, held = SETS[name]
            with tempfile.TemporaryDirectory() as out:
                mine = ours(arguments.data / folder, held, arguments.minutes, seed, arguments.threads, out)
                predictor = Predictor.load(Path(out) / "last.safetensors", device="cpu")
                material = collect(load(Path(out) / "recipe.yaml"))
                k, ignore = len(material.labels.names), material.labels.ignore_index
                a = counts(lambda image: predictor(image).labels, material.val, k, ignore)  # noqa: B023
            network, steps = stock(material.train, k, ignore, arguments.minutes, seed)

            def theirs(image: Tensor) -> Tensor:
                logits = network(small(image)[None])  # noqa: B023
                return F.interpolate(logits, image.shape[1:], mode="bilinear", align_corners=False)[0].argmax(0)

            b = counts(theirs, material.val, k, ignore)
            found = compare(b, a)
            line = {"set": name, "seed": seed, "minutes": arguments.minutes, "threads": arguments.threads, **units(),
                    "train": len(material.train), "val": len(material.val), "ours": round(100 * a.miou(), 2),
                    "stock": round(100 * b.miou(), 2), "steps": {"ours": mine["steps"], "stock": steps},
                    "compared": found.to_dict(), "chosen": mine["chosen"], "load": [round(v, 1) for v in os.getloadavg()]}  # fmt: skip
            arguments.results.parent.mkdir(parents=True, exist_ok=True)
            with arguments.results.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(name, seed, "ours", line["ours"], "stock", line["stock"], line["steps"], found, flush=True)


if __name__ == "__main__":
    main()
