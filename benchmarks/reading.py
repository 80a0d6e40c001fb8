"""Time and memory of reading honest files, beside an earlier checkout of this repository: one run, in turn.

    python benchmarks/reading.py BEFORE DATA [--rounds 7]      appends a line to benchmarks/results/reading.jsonl

BEFORE is a checkout of the commit to compare with, such as the one before files had limits; DATA is a folder with `camvid`,
`tiny_coco`, `kudzu_via`, `labelme_examples`, `cvat_segmask_export` and `sly_lemons`. Each task runs in a process of its
own, in turn by the earlier code and by this, as often as there are rounds; a process does its task once to warm up, then
three times or for a second and a half. Counted is time of the processor, the least of all rounds, and the largest memory of a process, the least of
all rounds, so that other programs decide little.
"""

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPEATS, SECONDS = 3, 1.5  # of a task in a process, at least
RESULTS = Path(__file__).parent / "results" / "reading.jsonl"


def found(name: str, *modules: str) -> Any:
    """A function, from the first of these modules that this checkout has."""
    for module in modules:
        try:
            return getattr(importlib.import_module(f"intarsia.{module}"), name)
        except (ImportError, AttributeError):
            continue
    raise LookupError(name)


def masks(data: Path) -> int:
    """CamVid's index masks."""
    decode = found("decode_mask", "data.files.codecs", "data.codecs")
    return sum(int(decode(path)[0].sum()) for path in sorted((data / "camvid" / "trainannot").glob("*.png"))[:60])


def images(data: Path) -> int:
    """CamVid's photographs."""
    read = found("read_image", "data.files.codecs", "data.codecs")
    return sum(int(read(path).sum()) for path in sorted((data / "camvid" / "train").glob("*.png"))[:30])


def coco(data: Path) -> int:
    """Polygons and run lengths of COCO, drawn over their images."""
    dataset = found("coco", "datasets.coco", "data.datasets.coco")(data / "tiny_coco", "train")
    return sum(int(dataset[n].labels.sum()) for n in range(len(dataset)))


def export(folder: str) -> Callable[[Path], int]:
    """An export of an annotation tool, read and its pictures drawn."""

    def task(data: Path) -> int:
        read = found("read", "annotations.convert", "data.exports.convert")
        draw = found("draw", "annotations.project", "data.exports.record")
        project = read(data / folder)
        classes = sorted({region.label for picture in project for region in picture.regions})
        return sum(int(draw(picture, classes).sum()) for picture, _ in zip(project, range(40), strict=False))

    return task


TASKS: dict[str, Callable[[Path], int]] = {
    "camvid masks": masks,
    "camvid images": images,
    "tiny_coco": coco,
    "via": export("kudzu_via/train"),
    "labelme": export("labelme_examples/examples/semantic_segmentation/data_annotated"),
    "cvat masks": export("cvat_segmask_export"),
    "supervisely": export("sly_lemons/project"),
}


def one(task: str, data: Path) -> None:
    """Print the least time of a task, the memory that it took, and what it gave."""
    given = TASKS[task](data)
    least, begun, number = float("inf"), time.process_time(), 0
    while number < REPEATS or time.process_time() - begun < SECONDS:
        started = time.process_time()
        TASKS[task](data)
        least, number = min(least, time.process_time() - started), number + 1
    print(
        json.dumps({"seconds": least, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "sum": given})
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="a checkout of the earlier commit")
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        return one(given.one, given.data)
    trees = {"before": given.before.resolve(), "now": Path(__file__).resolve().parents[1]}
    told: dict[str, dict[str, Any]] = {}
    for task in given.tasks:
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
        for _ in range(given.rounds):
            for name, tree in trees.items():
                command = [sys.executable, __file__, ".", str(given.data), "--one", task]
                environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"}
                done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
                runs[name].append(json.loads(done.stdout.splitlines()[-1]))
        least = {
            key: {name: min(run[key] for run in each) for name, each in runs.items()} for key in ("seconds", "mib")
        }
        told[task] = {
            "seconds": {name: round(value, 4) for name, value in least["seconds"].items()},
            "time": round(least["seconds"]["now"] / least["seconds"]["before"], 3),
            "memory": round(least["mib"]["now"] / least["mib"]["before"], 3),
            "alike": runs["before"][0]["sum"] == runs["now"][0]["sum"],
        }
        print(task, told[task], flush=True)
    from intarsia.report.machine import machine, now, versions

    commit = subprocess.run(["git", "-C", str(trees["before"]), "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True)  # fmt: skip
    line = {"what": f"reading honest files, now : {commit.stdout.strip()}, least of {given.rounds} rounds", "tasks": told,
            "machine": machine(), "load": os.getloadavg(), "versions": versions(), "time": now()}  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
