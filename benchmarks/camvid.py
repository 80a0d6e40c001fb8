"""CamVid in 15 minutes on two CPU cores, from scratch: the packaged recipe beside the one of before, the default and the sketch.

Systems: `intarsia`, the packaged recipe of today; `before`, that of commit 4a0b16c, kept in before.yaml; `default`, what
`intarsia train FOLDER` chooses; `sketch`, camvid_sketch.py. They run in turn, seed by seed.

Every run has two threads and the same budget of training and loading; the score is that of the last weights (the moving
average where the recipe keeps one) on val: 11 classes, void ignored, full 360x480. One JSON line a run is appended to
benchmarks/results/camvid.jsonl, and the means are printed.

    python benchmarks/camvid.py --root data/camvid --minutes 15 --seeds 3
    python benchmarks/camvid.py --root data/camvid --minutes 60 --seeds 3 --recipe camvid/minutes_60 --only intarsia before
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


def ours(root: Path, minutes: float, seed: int, threads: int, system: str, recipe: str) -> dict:
    """One run of `intarsia train`, and `intarsia evaluate` on its last weights.

    Args:
        system: what the line is called.
        recipe: a packaged recipe's name, a file, or a folder of data, for which the default is chosen.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "intarsia"]
    with tempfile.TemporaryDirectory() as out:
        chosen = recipe == str(root)
        data = (
            f"data={{name: camvid, root: '{root}', train: train, val: val}}"  # 11 classes, void ignored, as all others
        )
        overrides = [data, "labels=null", f"seed={seed}"] if chosen else [f"data.root={root}", f"seed={seed}"]
        spent = ["--budget", f"{minutes}m"]
        subprocess.run([*command, "train", recipe, *overrides, *spent, "--out", out], env=environment, check=True)
        done = subprocess.run(
            [*command, "evaluate", out, "camvid", "--root", str(root), "--split", "val", "--json"],
            env=environment, check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        log = [json.loads(line) for line in (Path(out) / "log.jsonl").read_text().splitlines()]
        whole = (Path(out) / "recipe.yaml").read_text()
    last = [line for line in log if line["kind"] == "train"][-1]
    score = json.loads(done.stdout)
    rates = sorted(line["images_per_second"] for line in log if line["kind"] == "train")
    found = {"system": system, "seed": seed, "miou": round(100 * score["miou"], 2), "steps": last["step"],
             "seconds": round(last["seconds"], 1), "images_per_second": round(rates[len(rates) // 2], 1), "iou": score["iou"]}  # fmt: skip
    if system == "default":
        found["chosen"] = whole
    return found


def sketch(root: Path, minutes: float, seed: int, threads: int) -> dict:
    """One run of camvid_sketch.py."""
    command = [sys.executable, str(HERE / "camvid_sketch.py"), "--root", str(root), "--minutes", str(minutes)]
    done = subprocess.run([*command, "--seed", str(seed), "--threads", str(threads)],
                          env={**os.environ, "OMP_NUM_THREADS": str(threads)}, check=True, stdout=subprocess.PIPE, text=True)  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def units() -> dict:
    """The processor, and what of it a training step uses."""
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    flags = next((line.split(":")[1].split() for line in lines if line.startswith("flags")), [])
    known = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile") if name in flags]
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    load = [round(value, 1) for value in os.getloadavg()] if hasattr(os, "getloadavg") else []
    return {"processor": name, "units": known, "cores": os.cpu_count(), "torch": torch.__version__, "load": load,
            "amx": bool(torch.cpu._is_amx_tile_supported())}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=["intarsia", "before", "default", "sketch"])
    parser.add_argument("--recipe", default="camvid", help="the recipe of the system intarsia")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "camvid.jsonl")
    arguments = parser.parse_args()
    from intarsia.training.packaged import locate

    files = {
        "intarsia": str(locate(arguments.recipe)),
        "before": str(HERE / "before.yaml"),
        "default": str(arguments.root),
    }
    machine = {**units(), "threads": arguments.threads, "minutes": arguments.minutes}
    scores: dict[str, list[float]] = {}
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        for system in arguments.only or ("intarsia", "before", "default", "sketch"):
            given = (arguments.root, arguments.minutes, seed, arguments.threads)
            line = {**(sketch(*given) if system == "sketch" else ours(*given, system, files[system])), **machine}
            if system in ("intarsia", "before"):
                line["recipe"] = hashlib.sha256(Path(files[system]).read_bytes()).hexdigest()[:12]
            scores.setdefault(system, []).append(line["miou"])
            arguments.results.parent.mkdir(parents=True, exist_ok=True)
            with arguments.results.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
    for system, values in scores.items():
        print(f"{system}: mean of {len(values)} seeds {sum(values) / len(values):.2f}  ({', '.join(map(str, values))})")


if __name__ == "__main__":
    main()
