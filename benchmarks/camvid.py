"""CamVid in 15 minutes on two CPU cores, from scratch: the packaged recipe beside the sketch, several seeds each.

Every run has two threads and the same budget of training and loading; the score is that of the last weights (the moving
average where the recipe keeps one) on val: 11 classes, void ignored, full 360x480. One JSON line a run is appended to
benchmarks/results/camvid.jsonl, and the means are printed.

    python benchmarks/camvid.py --root data/camvid --minutes 15 --seeds 3
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def ours(root: Path, minutes: float, seed: int, threads: int) -> dict:
    """One run of `intarsia train camvid`, and `intarsia evaluate` on its last weights."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "intarsia"]
    with tempfile.TemporaryDirectory() as out:
        overrides = [f"data.root={root}", f"train.minutes={minutes}", f"seed={seed}"]
        subprocess.run([*command, "train", "camvid", *overrides, "--out", out], env=environment, check=True)
        done = subprocess.run(
            [*command, "evaluate", out, "camvid", "--root", str(root), "--split", "val", "--json"],
            env=environment, check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        log = [json.loads(line) for line in (Path(out) / "log.jsonl").read_text().splitlines()]
    last = [line for line in log if line["kind"] == "train"][-1]
    score = json.loads(done.stdout)
    rates = sorted(line["images_per_second"] for line in log if line["kind"] == "train")
    return {"system": "intarsia", "seed": seed, "miou": round(100 * score["miou"], 2), "steps": last["step"],
            "seconds": round(last["seconds"], 1), "images_per_second": round(rates[len(rates) // 2], 1), "iou": score["iou"]}  # fmt: skip


def sketch(root: Path, minutes: float, seed: int, threads: int) -> dict:
    """One run of camvid_sketch.py."""
    command = [sys.executable, str(HERE / "camvid_sketch.py"), "--root", str(root), "--minutes", str(minutes)]
    done = subprocess.run([*command, "--seed", str(seed), "--threads", str(threads)],
                          env={**os.environ, "OMP_NUM_THREADS": str(threads)}, check=True, stdout=subprocess.PIPE, text=True)  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=["intarsia", "sketch"])
    parser.add_argument("--results", type=Path, default=HERE / "results" / "camvid.jsonl")
    arguments = parser.parse_args()
    import torch

    import intarsia

    packaged = Path(intarsia.__file__).parent / "recipes" / "camvid" / "fpn_regnetx_004.yaml"
    machine = {"processor": platform.processor() or platform.machine(), "threads": arguments.threads, "minutes": arguments.minutes,
               "torch": torch.__version__, "amx": bool(torch.cpu._is_amx_tile_supported())}  # fmt: skip
    scores: dict[str, list[float]] = {}
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        for run in (ours, sketch):
            if arguments.only and run.__name__ != {"intarsia": "ours", "sketch": "sketch"}[arguments.only]:
                continue
            line = {**run(arguments.root, arguments.minutes, seed, arguments.threads), **machine}
            if line["system"] == "intarsia":
                line["recipe"] = hashlib.sha256(packaged.read_bytes()).hexdigest()[:12]
            scores.setdefault(line["system"], []).append(line["miou"])
            arguments.results.parent.mkdir(parents=True, exist_ok=True)
            with arguments.results.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
    for system, values in scores.items():
        print(f"{system}: mean of {len(values)} seeds {sum(values) / len(values):.2f}  ({', '.join(map(str, values))})")


if __name__ == "__main__":
    main()
