"""Cityscapes' AP of objects beside the official code, a public copy of which is given: one run, one machine.

    python benchmarks/cityscapes_ap.py PATH [--images 500]     appends a line to benchmarks/results/cityscapes_ap.jsonl

PATH is a checkout of github.com/mcordts/cityscapesScripts. Images of 1024x2048 with 20 objects and 40 predicted masks each
are drawn, and written in the benchmark's own files. Both read the same files. The scores must be equal to 1e-9.
"""

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
from PIL import Image

from intarsia.evaluation import score_cityscapes
from intarsia.evaluation.from_files.cityscapes import THINGS
from intarsia.report.machine import machine, now, versions

HEIGHT, WIDTH, OBJECTS, DETECTIONS = 1024, 2048, 20, 40
RESULTS = Path(__file__).parent / "results" / "cityscapes_ap.jsonl"


def box(random: np.random.Generator) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of an object, small ones more often than large ones."""
    height, width = (int(8 * 2 ** random.uniform(0, 5)) for _ in range(2))
    y, x = int(random.integers(0, HEIGHT - height)), int(random.integers(0, WIDTH - width))
    return y, y + height, x, x + width


def files(folder: Path, images: int) -> tuple[Path, Path]:
    """(predictions, truth), written."""
    random = np.random.default_rng(0)
    truth, seen = folder / "gtFine" / "val" / "aachen", folder / "results"
    truth.mkdir(parents=True)
    seen.mkdir()
    for n in range(images):
        name = f"aachen_000000_{n:06}"
        ids = np.full((HEIGHT, WIDTH), 7, np.uint16)
        ids[:50] = 4  # void
        places = [(box(random), int(random.choice(THINGS))) for _ in range(OBJECTS)]
        for m, ((top, bottom, left, right), kind) in enumerate(places):
            ids[top:bottom, left:right] = kind if m % 10 == 0 else 1000 * kind + m  # some are groups
        Image.fromarray(ids).save(truth / f"{name}_gtFine_instanceIds.png", compress_level=1)
        lines = []
        for m in range(DETECTIONS):
            (top, bottom, left, right), kind = places[int(random.integers(OBJECTS))]
            y, x = (int(random.normal(0, 0.1 * size)) for size in (bottom - top, right - left))
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            mask[max(0, top + y) : max(0, bottom + y), max(0, left + x) : max(0, right + x)] = 255
            Image.fromarray(mask).save(seen / f"{name}_{m}.png", compress_level=1)
            called = kind if random.random() < 0.8 else int(random.choice(THINGS))
            lines.append(f"{name}_{m}.png {called} {random.random():.6f}")
        (seen / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return seen, folder / "gtFine" / "val"


def official(copy: Path, predictions: Path, truth: Path) -> dict[str, Any]:
    """The averages of the official code."""
    sys.path.insert(0, str(copy))
    if not hasattr(np, "in1d"):
        setattr(np, "in1d", np.isin)  # noqa: B010  # a name that NumPy had when that code was written
    sys.modules["pyquaternion"] = MagicMock()  # of boxes in space, which nothing here has
    from cityscapesscripts.evaluation import evalInstanceLevelSemanticLabeling as code

    code.args.quiet, code.args.JSONOutput = True, False
    code.args.predictionPath = str(predictions)
    code.args.gtInstancesFile = str(predictions.parent / "gtInstances.json")
    code.writeDict2JSON = lambda *_: None  # what it found on the way is not kept, which spares it time
    maps = sorted(str(p) for p in truth.rglob("*_gtFine_instanceIds.png"))
    return code.evaluateImgLists([code.getPrediction(m, code.args) for m in maps], maps, code.args)["averages"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("copy", type=Path, help="a checkout of the official code")
    parser.add_argument("--images", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        predictions, truth = files(Path(folder).resolve(), given.images)
        started = time.perf_counter()
        found = score_cityscapes(predictions, truth)
        ours = time.perf_counter() - started
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            wanted = official(given.copy.resolve(), predictions, truth)
        theirs = time.perf_counter() - started
    each = [(found.scores.ap, wanted["allAp"]), (found.scores.ap50, wanted["allAp50%"])]
    each += [(ap, wanted["classes"][name]["ap"]) for name, ap in zip(found.names, found.scores.classes, strict=True)]
    gap = max(abs(a - b) for a, b in each if a == a or b == b)
    assert gap <= 1e-9, each
    line = {
        "what": f"Cityscapes' AP of {given.images} images of {HEIGHT}x{WIDTH}, {OBJECTS} objects and {DETECTIONS} masks each",
        "seconds": {"ours": round(ours, 2), "official": round(theirs, 2)}, "times_as_fast": round(theirs / ours, 2),
        "ap": float(wanted["allAp"]), "largest_difference": gap, "machine": machine(), "load": os.getloadavg(), "versions": versions(), "time": now(),
    }  # fmt: skip
    print(line)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
