"""Time and memory of `intarsia data audit` from process start: CamVid, and drawn sets of growing size.

    python benchmarks/audit.py --root CAMVID [--most 16000]      appends lines to benchmarks/results/audit.jsonl

The drawn sets are plain: thousands of their pictures have nearly one fingerprint, which is the worst case for the search
for copies. Time for a pair and memory for a pair should stay what they are while the set grows. No peer does the same
work; as a measure of the machine, each line has the seconds that reading every file once takes, by Pillow in one thread.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from intarsia.report.machine import machine, now, versions

RESULTS = Path(__file__).parent / "results" / "audit.jsonl"
SIDE = 96


def drawn(root: Path, count: int) -> Path:
    """A set of so many pairs: a slope of light, some disks and boxes, a tenth of them to validate on."""
    y, x = np.mgrid[:SIDE, :SIDE]
    for number in range(count):
        random = np.random.default_rng(number)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        image = random.integers(30, 220, 3) + 0.3 * (x * random.normal() + y * random.normal())[..., None]
        for _ in range(random.integers(1, 4)):
            (row, column), radius, kind = random.integers(15, 80, 2), random.integers(6, 22), random.integers(1, 6)
            disk = (y - row) ** 2 + (x - column) ** 2 < radius**2
            inside = disk if random.random() < 0.5 else (abs(y - row) < radius) & (abs(x - column) < 0.7 * radius)
            mask[inside], image[inside] = kind, (40 * kind, 250 - 40 * kind, 97 * kind % 255)
        image = (image + random.normal(0, 8, image.shape)).clip(0, 255).astype(np.uint8)
        split = "train" if number % 10 else "val"
        for folder, array, how in (("images", image, "jpg"), ("masks", mask, "png")):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(root / folder / split / f"{number:07d}.{how}")
    return root


def measured(*source: str) -> dict[str, object]:
    """Seconds, peak memory and findings of an audit in a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "intarsia", "data", "audit", *source, "--json"]
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out)
        _, _, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        out.seek(0)
        found = json.load(out)
    kinds = [finding["kind"] for finding in found["findings"] if finding["severity"] == "error"]
    pairs = sum(found["images"].values())
    return {"pairs": pairs, "seconds": round(seconds, 1), "peak_mib": round(usage.ru_maxrss / 1024), "errors": kinds}


def once(root: Path) -> float:
    """Seconds to decode every file below a folder, one after the other."""
    started = time.perf_counter()
    for path in root.rglob("*"):
        if path.suffix in (".png", ".jpg"):
            Image.open(path).load()
    return round(time.perf_counter() - started, 1)


def main() -> None:
    """Append a line for CamVid, where it is, and one for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="CamVid's folder")
    parser.add_argument("--most", type=int, default=16000, help="pairs of the largest drawn set")
    given = parser.parse_args()
    lines = []
    if given.root:
        lines.append({"set": "camvid", **measured("camvid", "--root", str(given.root)), "read_once": once(given.root)})
    size = 1000
    while size <= given.most:
        with tempfile.TemporaryDirectory() as folder:
            root = drawn(Path(folder), size)
            lines.append({"set": "drawn", **measured(str(root)), "read_once": once(root)})
        size *= 4
    with RESULTS.open("a") as file:
        for line in lines:
            print(line)
            file.write(json.dumps({**line, "date": now(), "machine": machine(), "versions": versions()}) + "\n")


if __name__ == "__main__":
    main()
