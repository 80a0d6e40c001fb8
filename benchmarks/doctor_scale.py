"""Time and memory of the label doctor for a pair, on generated sets of 1,000 to 128,000 pairs.

    python benchmarks/doctor_scale.py [--sizes 1000 16000 128000] [--quick]   appends to benchmarks/results/doctor_scale.jsonl

Pictures are 32 x 32 clouds of light with disks and boxes on them, no two alike, with a mirrored copy of every thousandth.
Each audit runs in a process of its own; seconds are those of the audit alone, without the start of Python and its imports,
memory is the whole process's. The time of a pair should not grow with the set by more than 1.3x, and 128,000 pairs should
fit into 1.5 GiB.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from intarsia.report.machine import machine, now, versions

RESULTS = Path(__file__).parent / "results" / "doctor_scale.jsonl"
SIDE = 32
AUDIT = """
import json, re, sys, time
from intarsia.doctor.diagnose import diagnose
import scipy.ndimage, scipy.sparse.csgraph
started, worked = time.perf_counter(), time.process_time()
found = diagnose(sys.argv[1], quick=sys.argv[2] == "quick").audit
seconds, processor = time.perf_counter() - started, time.process_time() - worked
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024  # rusage would count the parent
kinds = [f"{f.severity}: {f.kind}" for f in found.findings if f.severity != "note"]
print(json.dumps({"pairs": sum(found.images.values()), "seconds": seconds, "processor": processor, "peak": peak, "kinds": kinds}))
"""


def drawn(root: Path, count: int) -> Path:
    """A set of so many pairs, a tenth of them to validate on."""
    y, x = np.mgrid[:SIDE, :SIDE]
    random = np.random.default_rng(count)
    for split in ("train", "val"):
        (root / "images" / split).mkdir(parents=True)
        (root / "masks" / split).mkdir(parents=True)
    for number in range(count):
        if number % 1000:
            clouds = Image.fromarray(random.integers(20, 236, (7, 7, 3), np.uint8))
            image = np.array(clouds.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
            mask = np.zeros((SIDE, SIDE), np.uint8)
            for kind in (1, 2):
                (row, column), radius = random.integers(6, 26, 2), random.integers(4, 9)
                if kind == 1:
                    inside = (y - row) ** 2 + (x - column) ** 2 < radius**2
                else:
                    inside = (abs(y - row) < radius) & (abs(x - column) < 0.7 * radius)
                mask[inside], image[inside] = kind, (100 * kind, 250 - 60 * kind, 97 * kind)
        else:
            image, mask = (
                (image[:, ::-1], mask[:, ::-1])
                if number
                else (np.eye(SIDE, dtype=np.uint8)[..., None].repeat(3, 2) * 200, np.eye(SIDE, dtype=np.uint8))
            )
        split = "train" if number % 10 else "val"
        Image.fromarray(image).save(root / "images" / split / f"{number:07d}.png", compress_level=1)
        Image.fromarray(mask).save(root / "masks" / split / f"{number:07d}.png", compress_level=1)
    return root


def measured(root: Path, how: str) -> dict[str, object]:
    """Seconds of an audit and for each pair, and the memory of its process at most."""
    run = subprocess.run([sys.executable, "-c", AUDIT, str(root), how], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout.splitlines()[-1])
    pairs = found["pairs"]
    return {
        "audit": how,
        "pairs": pairs,
        "seconds": round(found["seconds"], 1),
        "ms_a_pair": round(1000 * found["seconds"] / pairs, 3),
        "processor_ms_a_pair": round(1000 * found["processor"] / pairs, 3),
        "peak_mib": round(found["peak"]),
        "found": found["kinds"],
    }


def main() -> None:
    """Append a line for each size and each kind of audit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 16000, 128000], help="pairs of each set")
    parser.add_argument("--audits", nargs="+", default=["full", "quick"], choices=["full", "quick"])
    given = parser.parse_args()
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            root = drawn(Path(folder), size)
            for how in given.audits:
                line = measured(root, how)
                print(line, flush=True)
                with RESULTS.open("a") as file:
                    file.write(json.dumps({**line, "date": now(), "machine": machine(), "versions": versions()}) + "\n")


if __name__ == "__main__":
    main()
