"""A tiled TIFF of 30,000 x 30,000 pixels, predicted tile row by tile row: memory, time beside the network's own, and SIGKILLs.

    python benchmarks/gigapixel.py                        10,000, 20,000 and 30,000 pixels a side, five kills of the largest
    python benchmarks/gigapixel.py --sides 4000 --kills 5

The TIFF is written here, JPEG tiles of 256 pixels; its content changes nothing. A Fast-SCNN with random weights and 19 classes
answers it. Each run is a new process, whose peak of resident memory counts from its start, imports included. The network's own
time is that of one window, measured before and after in the same process while nothing else runs, times the number of windows.
Killed runs are killed when another share of the tile rows is finished, and the file that the last one writes is compared with
that of a run at once. Each result is a line of benchmarks/results/gigapixel.jsonl.
"""

import argparse
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

TILE = 256
PATTERNS = 64
RESULTS = Path(__file__).parent / "results" / "gigapixel.jsonl"


def write(path: Path, side: int) -> None:
    """Write a TIFF of soft noise, tile by tile."""
    import tifffile
    from PIL import Image

    dice = np.random.default_rng(0)
    patterns = []
    for _ in range(PATTERNS):
        noise = dice.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        patterns.append(np.array(Image.fromarray(noise).resize((TILE, TILE), Image.Resampling.BICUBIC)))
    count = (-(-side // TILE)) ** 2

    def tiles() -> Iterator[np.ndarray]:
        for number in dice.integers(0, PATTERNS, count):
            yield patterns[number]

    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(
            tiles(), shape=(side, side, 3), dtype=np.uint8, tile=(TILE, TILE), photometric="rgb",
            compression="jpeg", compressionargs={"level": 80},
        )  # fmt: skip


def one(path: Path, out: Path, window: str, threads: int) -> None:
    """Predict the TIFF and print what it took."""
    import torch

    from intarsia.data.regions.source import open_source
    from intarsia.inference import Predictor, Torch, Windowed, predict
    from intarsia.inference.large.answer import Large
    from intarsia.labels import LabelSpace
    from intarsia.models import build

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    network = build("fast_scnn", 19).to(memory_format=torch.channels_last)
    inner = Torch(network, (0.5,) * 3, (0.25,) * 3)
    space = LabelSpace(tuple(f"class {n}" for n in range(19)))
    windowed = Windowed(inner, window if window == "auto" else int(window), classes=19)
    source = open_source(path)
    side = windowed.side(source.height, source.width) or source.width
    sample = torch.from_numpy(np.ascontiguousarray(source.read(0, 0, side, side))).permute(2, 0, 1)[None]
    source.close()

    @torch.inference_mode()
    def alone(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            inner(sample)
        return (time.perf_counter() - began) / count

    alone(3)
    before, windows = alone(20), 0
    start = time.perf_counter()

    def counting(image: torch.Tensor) -> Any:
        nonlocal windows
        windows += 1
        return inner(image)

    windowed.engine = counting
    predictor = Predictor(windowed, space)
    found = predict(predictor, path, out, large=Large(always=True))
    wall = time.perf_counter() - start
    after = alone(20)
    network_alone = (before + after) / 2 * windows
    line = found.lines[0]
    pixels = line["height"] * line["width"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    print(
        json.dumps(
            {
                "side": line["height"], "window": side, "windows": windows, "peak_mib": round(peak), "seconds": round(wall, 1),
                "network_alone": round(network_alone, 1), "one_window_before": round(before, 4), "one_window_after": round(after, 4),
                "ratio": round(wall / network_alone, 3), "ns_a_pixel": round(1e9 * wall / pixels, 2), "note": line["note"],
            }
        )
    )  # fmt: skip


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            found.update(block)
    return found.hexdigest()


def killed(command: list[str], journal: Path, rows: int, kills: int) -> list[int]:
    """Run a command and kill it, so many times; returns how many tile rows were finished each time."""
    at = []
    for number in range(1, kills + 1):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wanted = max(1, rows * number // (kills + 1))
        while child.poll() is None:
            done = journal.read_bytes().count(b"\n") - 1 if journal.exists() else 0
            if done >= wanted:
                child.send_signal(signal.SIGKILL)
                at.append(done)
            time.sleep(0.05)
        child.wait()
    return at


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sides", default="10000,20000,30000")
    parser.add_argument("--kills", type=int, default=5, help="of the largest side")
    parser.add_argument("--window", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the TIFFs are written, and removed again")
    parser.add_argument("--one", nargs=2, metavar=("TIFF", "OUT"), type=Path)
    chosen = parser.parse_args()
    if chosen.one:
        return one(*chosen.one, chosen.window, chosen.threads)
    sides = [int(side) for side in chosen.sides.split(",")]
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        for side in sides:
            path = Path(folder) / f"{side}.tif"
            write(path, side)
            base = [
                sys.executable,
                __file__,
                "--window",
                chosen.window,
                "--threads",
                str(chosen.threads),
                "--one",
                str(path),
            ]
            environment = {**os.environ, "OMP_NUM_THREADS": str(chosen.threads)}
            out = Path(folder) / "out"
            told = subprocess.run([*base, str(out)], check=True, capture_output=True, text=True, env=environment)
            lines.append(json.loads(told.stdout.splitlines()[-1]))
            print(json.dumps(lines[-1], indent=1))
            if side == max(sides) and chosen.kills:
                again = Path(folder) / "again"
                journal = again / f"{side}.unfinished" / "journal.jsonl"
                at = killed([*base, str(again)], journal, -(-side // TILE), chosen.kills)
                subprocess.run([*base, str(again)], check=True, capture_output=True, env=environment)
                name = f"{side}.tif"
                same = digest(out / name) == digest(again / name)
                lines.append({"side": side, "killed_after_tile_rows": at, "identical": same})
                print(json.dumps(lines[-1]))
            path.unlink()
    first = next(line for line in lines if "ns_a_pixel" in line)
    for line in lines:
        if "ns_a_pixel" in line:
            line["of_the_first"] = round(line["ns_a_pixel"] / first["ns_a_pixel"], 3)
    keep(lines, chosen.threads)


def keep(lines: list[dict[str, Any]], threads: int) -> None:
    from intarsia.report.machine import machine, now, versions

    what = f"Fast-SCNN, 19 classes, tiled JPEG TIFF, {threads} threads"
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        for line in lines:
            whole = {"what": what, **line, "load": os.getloadavg()[0]}
            file.write(json.dumps(whole | {"machine": machine(), "versions": versions(), "time": now()}) + "\n")


if __name__ == "__main__":
    main()
