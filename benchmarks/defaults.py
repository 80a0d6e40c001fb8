"""Choose the defaults by ablation: one key changed at a time, several seeds each, one JSON line a run; stopped, it goes on.

For each set of data and each row of KEYS it trains the default with that change, for the same minutes of training and
loading, and scores the last weights on the held-back part. What stands in the results already, by (set, change, seed,
minutes, processor's units), is not run again. Runs are ordered seed by seed, so that a run that is cut short has seen every
change. At the end it prints, for each change, the mean difference from the default over the seeds and sets, with the standard
error of the paired differences.

    python benchmarks/defaults.py --data ../shared/data --minutes 15 --seeds 3 --sets camvid
    python benchmarks/defaults.py --data ../shared/data --minutes 10 --seeds 3 --sets pets nuclei whales --only default crop
    python benchmarks/defaults.py --summary
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from camvid import units

HERE = Path(__file__).parent
SETS = {  # below --data: what `intarsia train` gets, and overrides that say what is held back
    "camvid": ("camvid", []),
    "pets": ("oxford_pets", ["data.train=trainval", "data.val=test", "data.holdout=null"]),
    "nuclei": ("dsb2018_110", []),
    "whales": ("whales", ["data.holdout=0.4"]),
    "drive": ("drive", ["data.holdout=0.34"]),
}
UNET = "{name: unet, encoder: regnetx_004, channels: [16, 32, 48, 64, 96]}"
FPN = "{name: fpn, encoder: %s, channels: %d, branch: %d, smooth: %s, norm: %s}"
KEYS: dict[str, dict[str, list[str]]] = {  # what is changed: the variants, each a list of overrides
    "default": {"as chosen": []},
    "model": {
        "unet regnetx_004": [f"model={UNET}"],
        "fpn resnet18": ["model=" + FPN % ("resnet18", 96, 96, "false", "batch")],
        "fpn regnetx_002": ["model=" + FPN % ("regnetx_002", 96, 96, "false", "batch")],
        "fpn regnety_004": ["model=" + FPN % ("regnety_004", 96, 96, "false", "batch")],
        "fpn 64 wide": ["model=" + FPN % ("regnetx_004", 64, 64, "false", "batch")],
        "fpn 128 wide": ["model=" + FPN % ("regnetx_004", 128, 128, "false", "batch")],
        "group norm": ["model.norm=group"],
        "smooth": ["model.smooth=true"],
    },
    "crop": {f"{side}": [f"augment.crop=[{side}, {side}]"] for side in (192, 224, 256, 320, 384)},
    "scale": {
        "0.5 to 2": ["augment.scale=[0.5, 2.0]"],
        "0.75 to 1.5": ["augment.scale=[0.75, 1.5]"],
        "0.6 to 1.2": ["augment.scale=[0.6, 1.2]"],
    },
    "batch": {f"{n}, {rate}": [f"train.batch_size={n}", f"optimizer.lr={rate}"] for n in (4, 8, 16) for rate in (1e-3, 2e-3, 4e-3)},
    "weights": {
        "none": ["loss.class_weights=none"],
        "log 0.5": ["loss.class_weights=log", "loss.weight_power=0.5"],
        "log": ["loss.class_weights=log", "loss.weight_power=1.0"],
        "median 0.5": ["loss.class_weights=median", "loss.weight_power=0.5"],
        "effective": ["loss.class_weights=effective"],
    },
    "loss": {
        name: [f"loss.name={name}"] for name in ("dice_ce", "focal", "ohem", "tversky", "lovasz_softmax", "boundary", "rmi")
    },
    "ema": {f"{decay}": [f"train.ema={decay}"] for decay in (0.99, 0.995, 0.999)} | {"none": ["train.ema=null"]},
    "schedule": {
        "cosine": ["schedule={name: cosine, warmup: 0.03}"],
        "onecycle": ["schedule={name: onecycle}"],
        "poly 0.9": ["schedule={name: poly, power: 0.9, warmup: 0.03}"],
        "warm-up 0.1": ["schedule.warmup=0.1"],
    },
    "decay": {f"{decay}": [f"optimizer.weight_decay={decay}"] for decay in (1e-4, 1e-2, 5e-2)},
    "balance": {f"{share}": [f"train.balance={share}"] for share in (0.25, 0.5)},
    "augment": {
        "colors 0.3": ["augment.brightness=0.3", "augment.contrast=0.3", "augment.saturation=0.3"],
        "no colors": ["augment.brightness=0", "augment.contrast=0", "augment.saturation=0"],
        "cutmix": ["augment.cutmix=0.5"],
        "classmix": ["augment.classmix=0.3"],
        "rotate 10": ["augment.rotate=10"],
        "max_share 0.75": ["augment.max_share=0.75"],
    },
}  # fmt: skip


def variants(only: list[str] | None) -> Iterator[tuple[str, str, list[str]]]:
    """(key, variant, overrides), the default first: the others are read against it."""
    for key, rows in KEYS.items():
        if key == "default" or not only or key in only:
            yield from ((key, name, changes) for name, changes in rows.items())


def run(root: Path, changes: list[str], minutes: float, seed: int, threads: int) -> dict:
    """One run and its score on the held-back part; {"error": sentence} where the change does not fit these data."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "intarsia"]
    with tempfile.TemporaryDirectory() as out:
        train = [*command, "train", str(root), *changes, f"seed={seed}", "evaluate.every=null", "train.page=false"]
        train += ["--budget", f"{minutes}m", "--out", out]
        started = time.time()
        done = subprocess.run(train, env=environment, check=False, capture_output=True, text=True)
        shown = " ".join(["intarsia", *train[3:-2]])
        if done.returncode == 2:
            return {"command": shown, "error": done.stderr.strip().splitlines()[-1]}
        done.check_returncode()
        log = [json.loads(line) for line in (Path(out) / "log.jsonl").read_text().splitlines()]
        defaults = json.loads((Path(out) / "defaults.json").read_text())
    last = [line for line in log if line["kind"] == "train"][-1]
    val = [line for line in log if line["kind"] == "val"][-1]
    return {"command": shown, "steps": last["step"], "seconds": round(last["seconds"], 1), "wall": round(time.time() - started, 1),
            "miou": round(100 * (val.get("standing") or val["miou"]), 2), "iou": val["iou"], "loss": last["loss"],
            "chosen": {row["key"]: row["value"] for row in defaults}}  # fmt: skip


def key_of(line: dict) -> tuple:
    """By what a run is known again."""
    return (
        line["set"],
        line["key"],
        line["variant"],
        line["seed"],
        line["minutes"],
        tuple(line["units"]),
        line["threads"],
    )


def read(path: Path) -> list[dict]:
    """The lines that are there; the last may be half written."""
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return lines


def summary(lines: list[dict]) -> None:
    """Each change against the default of the same set, seed, minutes and machine."""
    lines = [line for line in lines if "miou" in line]
    where = lambda line: (line["set"], line["seed"], line["minutes"], tuple(line["units"]), line["threads"])  # noqa: E731
    base = {where(line): line["miou"] for line in lines if line["key"] == "default"}
    found: dict[tuple, list[float]] = {}
    for line in lines:
        if where(line) in base:
            name = (line["minutes"], line["set"], line["key"], line["variant"])
            found.setdefault(name, []).append(line["miou"] - (0 if line["key"] == "default" else base[where(line)]))
    for (minutes, data, key, variant), values in sorted(
        found.items(), key=lambda row: (row[0][:3], -statistics.mean(row[1]))
    ):
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
        sign = "" if key == "default" else "+"
        print(
            f"{minutes:g} min {data:8} {key:9} {variant:18} {statistics.mean(values):{sign}.2f} +- {error:.2f} ({len(values)} seeds)"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, help="the folder that the sets lie in")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["camvid"])
    parser.add_argument("--only", nargs="+", choices=KEYS, help="the keys to change")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hours", type=float, default=float("inf"), help="start no further run after so many")
    parser.add_argument("--summary", action="store_true", help="print what is there, and run nothing")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "defaults.jsonl")
    arguments = parser.parse_args()
    if arguments.summary:
        return summary(read(arguments.results))
    if arguments.data is None:
        parser.error("--data is needed: the folder that the sets lie in")
    machine, begun = units(), time.monotonic()
    done = {key_of(line) for line in read(arguments.results)}
    for seed in range(arguments.seeds):
        for data in arguments.sets:
            for key, variant, changes in variants(arguments.only):
                about = {"set": data, "key": key, "variant": variant, "seed": seed, "minutes": arguments.minutes,
                         "threads": arguments.threads, **machine, "load": [round(value, 1) for value in os.getloadavg()]}  # fmt: skip
                if key_of(about) in done or time.monotonic() - begun > 3600 * arguments.hours:
                    continue
                folder, held = SETS[data]
                held = [change.replace("ROOT", f"'{arguments.data / folder}'") for change in held]
                line = {
                    **about,
                    **run(arguments.data / folder, [*held, *changes], arguments.minutes, seed, arguments.threads),
                }
                arguments.results.parent.mkdir(parents=True, exist_ok=True)
                with arguments.results.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(
                    json.dumps({name: line[name] for name in line if name not in ("iou", "chosen", "units")}),
                    flush=True,
                )
    return summary(read(arguments.results))


if __name__ == "__main__":
    main()
