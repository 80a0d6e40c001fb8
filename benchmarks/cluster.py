"""Very many small pictures: Ray with two actors on two cores beside one process with two threads, and what a picture costs a job.

    python benchmarks/cluster.py                          2,000 pictures
    python benchmarks/cluster.py --count 240 --pairs 1    while others compute
    python benchmarks/cluster.py --costs 1000,10000,100000    what the job itself costs, without a network

The pictures are JPEG of 256 x 256 pixels, written here; a Fast-SCNN of random numbers with 19 classes answers them, and each way
writes a mask of each. The process reads ahead in a thread and draws no overlays, as the actors do. Start-up is left out on both
sides: of Ray, the time until the first block has come back is measured by a job of its own, on two blocks, in the same cluster.
Pairs are run in turn, so that both meet the same load. With --costs no network runs: files of no bytes are listed, shared out,
their rows written and gathered, which is all that grows with the number of pictures beside the network, reading and writing. Each
result is a line of benchmarks/results/cluster.jsonl.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "cluster.jsonl"


def pictures(folder: Path, count: int) -> Path:
    """Write JPEG pictures of soft noise; a few dozen patterns, each file by itself."""
    import numpy as np
    from PIL import Image

    dice = np.random.default_rng(0)
    folder.mkdir()
    for n in range(count):
        noise = dice.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((256, 256), Image.Resampling.BICUBIC).save(folder / f"{n:06}.jpg", quality=85)
    return folder


def model(path: Path) -> Path:
    import torch

    import intarsia

    torch.manual_seed(0)
    stored = intarsia.Checkpoint(
        model="fast_scnn", options={}, labels=intarsia.LabelSpace(tuple(f"class {n}" for n in range(19))), in_channels=3,
        mean=(0.5,) * 3, std=(0.25,) * 3, weights=intarsia.build("fast_scnn", 19).state_dict(),
    )  # fmt: skip
    return intarsia.checkpoint.save(path, stored)


def alone(checkpoint: Path, folder: Path, out: Path, threads: int) -> dict[str, Any]:
    """One process: the worker of a cluster, without a cluster."""
    import torch

    from intarsia.inference.cluster.pictures import pictures_of
    from intarsia.inference.cluster.worker import Item, Task, Worker

    torch.set_num_threads(threads)
    worker = Worker(Task(str(checkpoint), str(out), device="cpu"))
    listed = pictures_of([folder])
    items = [Item(*pair) for pair in zip(listed.images, listed.names, strict=True)]
    worker.answer(items[:8])
    start = time.perf_counter()
    for first in range(0, len(items), 62):
        worker.answer(items[first : first + 62])
    return {"seconds": time.perf_counter() - start}


def on_ray(checkpoint: Path, folder: Path, out: Path, actors: int) -> dict[str, Any]:
    """Two actors; the clock of the job begins when each has answered a block."""
    import pyarrow.parquet
    import ray

    from intarsia.inference.cluster import ray_data, run
    from intarsia.inference.cluster.worker import Task

    ray.init(address="local", num_cpus=actors, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    start = time.perf_counter()
    seen: list[tuple[float, float]] = []
    found = run.predict_on_cluster(
        Task(str(checkpoint), str(out), device="cpu"), folder, actors=actors,
        progress=lambda share: seen.append((time.perf_counter(), share)),
    )  # fmt: skip
    whole = time.perf_counter() - start
    ray.shutdown()
    del ray_data
    names = pyarrow.parquet.read_table(found.table)["name"].to_pylist()
    masks = sum(1 for _ in (out / "masks").iterdir())
    # from the moment when blocks have begun to come to the last one: what is done in it, and in which time
    began, first = seen[min(2 * actors, len(seen) - 2)]
    ended, last = seen[-1]
    return {
        "seconds": (ended - began) / (last - first), "with_start": whole, "rows": len(names), "once": len(set(names)), "masks": masks,
        "measured_share": last - first,
    }  # fmt: skip


def costs(count: int, folder: Path) -> dict[str, Any]:
    """What a job costs beside network, reading and writing: listing, sharing out, rows, the table."""
    from intarsia.inference.cluster.folder import JobFolder
    from intarsia.inference.cluster.pictures import pictures_of
    from intarsia.inference.cluster.table import answered, gather, row_of, write_part

    source = folder / f"in{count}"
    source.mkdir()
    for n in range(count):
        (source / f"{n:06}.jpg").touch()
    classes = [f"class {n}" for n in range(19)]
    job = JobFolder(str(folder / f"out{count}"))
    marks = [time.perf_counter()]
    listed = pictures_of([source])
    marks.append(time.perf_counter())
    pixels = dict.fromkeys(classes, 3449)
    for first in range(0, count, 256):
        rows = [
            row_of(
                image, name, "machine:1", answer=f"masks/{name}.png", height=256, width=256, pixels=pixels, seconds=0.1
            )
            for image, name in zip(listed.images[first : first + 256], listed.names[first : first + 256], strict=True)
        ]
        write_part(job, f"{first:012}", rows, classes)
    marks.append(time.perf_counter())
    gather(job, listed, classes)
    marks.append(time.perf_counter())
    done = answered(job, listed, classes, {f"masks/{name}.png" for name in listed.names})
    marks.append(time.perf_counter())
    assert len(done) == count
    listing, parts, gathering, going_on = (1e6 * (b - a) / count for a, b in pairwise(marks))
    return {
        "count": count, "us_listing": round(listing, 1), "us_rows": round(parts, 1), "us_table": round(gathering, 1),
        "us_going_on": round(going_on, 1), "table_bytes": round((folder / f"out{count}" / "results.parquet").stat().st_size / count, 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip


def child(way: str, *arguments: object, threads: int = 1) -> dict[str, Any]:
    """Run one way in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, "--one", way, *map(str, arguments)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--costs", default="")
    parser.add_argument("--one", nargs="+")
    chosen = parser.parse_args()
    if chosen.one:
        way, *rest = chosen.one
        if way == "costs":
            found = costs(int(rest[0]), Path(rest[1]))
        else:
            ways = {"alone": alone, "ray": on_ray}
            found = ways[way](Path(rest[0]), Path(rest[1]), Path(rest[2]), 2)
        print(json.dumps(found))
        return
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top)
        if chosen.costs:
            for count in map(int, chosen.costs.split(",")):
                lines.append({"what": "what a job costs beside its network", **child("costs", count, folder)})
                print(lines[-1])
        else:
            source, checkpoint = pictures(folder / "in", chosen.count), model(folder / "model.safetensors")
            one, ray = [], []
            for pair in range(chosen.pairs):
                one.append(child("alone", checkpoint, source, folder / f"alone{pair}", threads=2))
                ray.append(child("ray", checkpoint, source, folder / f"ray{pair}"))
                print(one[-1], ray[-1])
            rates = (
                [chosen.count / found["seconds"] for found in one],
                [chosen.count / found["seconds"] for found in ray],
            )
            ratios = [b / a for a, b in zip(*rates, strict=True)]
            lines.append({
                "what": "Fast-SCNN, 19 classes, JPEG of 256 x 256", "count": chosen.count, "pairs": chosen.pairs,
                "one_process_two_threads_a_second": [round(rate, 2) for rate in rates[0]],
                "ray_two_actors_a_second": [round(rate, 2) for rate in rates[1]],
                "ratio": [round(ratio, 3) for ratio in ratios], "ratio_median": round(statistics.median(ratios), 3),
                "ray_with_start_seconds": [round(found["with_start"], 1) for found in ray],
                "rows": [found["rows"] for found in ray], "once": [found["once"] == chosen.count == found["masks"] for found in ray],
            })  # fmt: skip
            print(json.dumps(lines[-1], indent=1))
    keep(lines)


def keep(lines: list[dict[str, Any]]) -> None:
    from intarsia.report.machine import machine, now, versions

    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        for line in lines:
            whole = {**line, "load": round(os.getloadavg()[0], 2)}
            file.write(json.dumps(whole | {"machine": machine(), "versions": versions(), "time": now()}) + "\n")


if __name__ == "__main__":
    main()
