"""Boundary AP of COCO-sized images beside the official code, a public copy of which is given: one run, one machine.

    python benchmarks/boundary_ap.py PATH [--images 5000]     appends a line to benchmarks/results/boundary_ap.jsonl

PATH is a checkout of github.com/bowenc0221/boundary-iou-api; it needs pycocotools and OpenCV. Images of 480x640
with 7 objects and 20 detections each are drawn (stars of 20 corners, 5 of 80 classes an image), stored as compressed run
lengths. Both read the same two files. The official code computes boundary AP alone and spreads over all cores; ours
computes mask, box and boundary AP. The scores must be equal to 1e-9.
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
from PIL import Image, ImageDraw
from pycocotools import mask as run_lengths

from intarsia.evaluation import score_instances
from intarsia.report.machine import machine, now, versions

HEIGHT, WIDTH, CLASSES, OBJECTS, DETECTIONS, RATIO = 480, 640, 80, 7, 20, 0.02
RESULTS = Path(__file__).parent / "results" / "boundary_ap.jsonl"


def star(random: np.random.Generator, center: np.ndarray, size: float) -> np.ndarray:
    """A polygon of 20 corners around a center: [20, 2]."""
    angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    return center + (size * random.uniform(0.6, 1.0, 20))[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def encoded(corners: np.ndarray) -> dict[str, Any]:
    """The compressed run lengths of a polygon."""
    picture = Image.new("1", (WIDTH, HEIGHT))
    ImageDraw.Draw(picture).polygon([tuple(p) for p in corners], fill=1)
    code = run_lengths.encode(np.asfortranarray(np.asarray(picture), np.uint8))
    return {"size": code["size"], "counts": code["counts"].decode()}


def files(folder: Path, images: int) -> tuple[Path, Path]:
    """(results, truth), written."""
    random, listed, found = np.random.default_rng(0), [], []
    for image in range(1, images + 1):
        kinds = random.integers(1, CLASSES + 1, 5)
        real = [(star(random, random.uniform((0, 0), (WIDTH, HEIGHT)), 10 * 2 ** random.uniform(0, 4)), int(random.choice(kinds))) for _ in range(OBJECTS)]  # fmt: skip
        for corners, kind in real:
            code = encoded(corners)
            area, box = int(run_lengths.area(code)), run_lengths.toBbox(code).tolist()
            if area:
                listed.append({"id": len(listed) + 1, "image_id": image, "category_id": kind, "segmentation": code,
                               "area": area, "bbox": box, "iscrowd": 0})  # fmt: skip
        for _ in range(DETECTIONS):
            corners, kind = real[int(random.integers(OBJECTS))]
            size = np.ptp(corners, axis=0).mean()
            code = encoded(corners + random.normal(0, 0.04 * size, 2) + random.normal(0, 0.01 * size, corners.shape))
            if run_lengths.area(code):
                called = kind if random.random() < 0.8 else int(random.choice(kinds))
                found.append({"image_id": image, "category_id": called, "score": float(random.random()), "segmentation": code})  # fmt: skip
    truth = {
        "images": [{"id": n, "height": HEIGHT, "width": WIDTH} for n in range(1, images + 1)],
        "categories": [{"id": n, "name": f"kind {n}"} for n in range(1, CLASSES + 1)],
        "annotations": listed,
    }
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "results.json").write_text(json.dumps(found))
    return folder / "results.json", folder / "truth.json"


def official(copy: Path, results: Path, truth: Path) -> list[float]:
    """The twelve numbers of the official code."""
    sys.path.insert(0, str(copy))
    setattr(np, "float", float)  # noqa: B010  # a name that NumPy had when that code was written
    for name in ("matplotlib", "matplotlib.pyplot", "matplotlib.collections", "matplotlib.patches"):
        sys.modules[name] = MagicMock()  # it draws nothing here
    from boundary_iou.coco_instance_api.coco import COCO
    from boundary_iou.coco_instance_api.cocoeval import COCOeval

    data = COCO(str(truth), get_boundary=True, dilation_ratio=RATIO)
    run = COCOeval(data, data.loadRes(str(results)), iouType="boundary", dilation_ratio=RATIO)
    run.evaluate()
    run.accumulate()
    run.summarize()
    return [float(x) for x in run.stats]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("copy", type=Path, help="a checkout of the official code")
    parser.add_argument("--images", type=int, default=5000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results, truth = files(Path(folder), given.images)
        started = time.perf_counter()
        found = score_instances(results, truth, dilation_ratio=RATIO).boundaries
        ours = time.perf_counter() - started
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            wanted = official(given.copy, results, truth)
        theirs = time.perf_counter() - started
    assert found is not None
    gap = float(np.abs(np.array(found[:12]) - wanted).max())
    assert gap <= 1e-9, (found[:12], wanted)
    line = {
        "what": f"boundary AP of {given.images} images of {HEIGHT}x{WIDTH}, {OBJECTS} objects and {DETECTIONS} detections each; ours with mask and box AP",
        "seconds": {"ours": round(ours, 2), "official": round(theirs, 2)}, "times_as_fast": round(theirs / ours, 2),
        "ap": wanted[0], "largest_difference": gap, "machine": machine(), "load": os.getloadavg(), "versions": versions(), "time": now(),
    }  # fmt: skip
    print(line)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
