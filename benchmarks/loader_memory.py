"""Memory of the training loader over 10,000 image files, read by two worker processes: flat, with and without the cache.

    python benchmarks/loader_memory.py      appends a line to benchmarks/results/loader_memory.jsonl

Each run is a process of its own. 500 drawn pairs of 96 x 128 stand under 20 names each, as hard links, so that the disk
does not decide. Counted is the proportional set size of the parent and both workers: pages that they share count once.
The first thousand samples are warm-up (three batches wait for each worker, allocators fill); growth is from there on.
"cache: true" keeps every sample that was read, once in each worker: what it was asked to keep is taken off, and what
the allocator loses between kept samples of 48 KiB may be a third of that.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from intarsia.report.machine import machine, now, versions

FILES, NAMES, EVERY, BATCH, WORKERS = 500, 10_000, 1_000, 20, 2
HEIGHT, WIDTH = 96, 128
SAMPLE = HEIGHT * WIDTH * 4  # bytes of one decoded sample: three channels and its labels
RESULTS = Path(__file__).parent / "results" / "loader_memory.jsonl"


def held() -> float:
    """Proportional set size of this process and its children, MiB."""
    import torch.multiprocessing as processes

    total = 0
    for pid in (os.getpid(), *(child.pid for child in processes.active_children())):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            total += int(line.split()[1]) if line.startswith("Pss:") else 0
    return total / 1024


def one(root: Path, cache: str) -> None:
    """Read every sample once and print what was held at each thousand."""
    from intarsia.data.augment.pipeline import Augmentation
    from intarsia.data.cache import Cached
    from intarsia.data.loader import Loader
    from intarsia.datasets.folder import folder
    from intarsia.labels import LabelSpace

    space = LabelSpace(tuple("abcde"), values=dict(enumerate("abcde")))
    dataset = folder(root / "set", "all", labels=space, images="images", masks="masks")
    files = Cached(dataset, root / "cache") if cache == "disk" else dataset
    change = Augmentation(space.ignore_index, crop=(64, 64), flip=True, brightness=0.2)
    loader = Loader(files, batch_size=BATCH, change=change, workers=WORKERS, cache=cache == "true")
    stream = loader.stream()
    started, seen, sampled = time.perf_counter(), 0, []
    while seen < NAMES:
        seen += len(next(stream).labels)
        if seen % EVERY == 0:
            sampled.append(round(held(), 1))
    seconds = time.perf_counter() - started
    print(json.dumps({"cache": cache, "mib": sampled, "images_a_second": round(NAMES / seconds)}))


def kept(cache: str) -> float:
    """MiB that the cache was asked to keep after the first thousand samples."""
    return (NAMES - EVERY) * SAMPLE / 2**20 if cache == "true" else 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=2, metavar=("ROOT", "CACHE"))
    chosen = parser.parse_args()
    if chosen.one:
        return one(Path(chosen.one[0]), chosen.one[1])
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        for part in ("images", "masks"):
            (root / "set" / part).mkdir(parents=True)
        for n in range(FILES):
            noise = random.integers(0, 256, (12, 16, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
            for part, suffix, array in (("images", "jpg", noise), ("masks", "png", noise[..., 0] // 52)):
                first = root / "set" / part / f"{n:05d}.{suffix}"
                Image.fromarray(array).save(first)
                for copy in range(FILES, NAMES, FILES):
                    os.link(first, first.with_name(f"{n + copy:05d}.{suffix}"))
        runs = []
        for cache in ("false", "disk", "true"):
            told = subprocess.run(
                [sys.executable, __file__, "--one", place, cache], check=True, capture_output=True, text=True
            )
            runs.append(json.loads(told.stdout.splitlines()[-1]))
            runs[-1]["grown_mib"] = round(runs[-1]["mib"][-1] - runs[-1]["mib"][0] - kept(cache), 1)
            print(runs[-1])
    line = {
        "what": "memory of the loader and its two workers at 1,000, 2,000 .. 10,000 images",
        "runs": runs,
        "machine": machine(),
        "versions": versions(),
        "time": now(),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    spare = {"false": 0.05 * runs[0]["mib"][0], "disk": 0.05 * runs[1]["mib"][0], "true": kept("true") / 3}
    sys.exit(0 if all(run["grown_mib"] <= spare[run["cache"]] for run in runs) else 1)


if __name__ == "__main__":
    main()
