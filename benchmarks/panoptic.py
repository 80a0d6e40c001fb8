"""Panoptic quality beside panopticapi, and Panoptic-DeepLab's grouping beside its first author's: one run, one thread.

    python benchmarks/panoptic.py --panopticapi PATH --panoptic-deeplab PATH
                                                     appends two lines to benchmarks/results/panoptic.jsonl

The paths are checkouts of github.com/cocodataset/panopticapi and github.com/bowenc0221/panoptic-deeplab. A picture of
1024 x 2048 with 60 objects of 8 thing classes on 11 of stuff is drawn; the scores must be equal to 1e-9, and the segments
pixel by pixel. Seconds are processor time of this process, best of the rounds, both sides in turn.
"""

import argparse
import contextlib
import importlib
import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from intarsia.labels import LabelSpace
from intarsia.labels.colors import pack_numbers
from intarsia.metrics.panoptic import PanopticQuality
from intarsia.postprocess import decide
from intarsia.report.machine import machine, now, versions
from intarsia.structures import PanopticLogits, Segments

HEIGHT, WIDTH, OBJECTS, STUFF, THINGS = 1024, 2048, 60, 11, 8
RESULTS = Path(__file__).parent / "results" / "panoptic.jsonl"


def world(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Class of each pixel, and number of its object, 0 where there is none."""
    random = np.random.default_rng(seed)
    classes = np.repeat(np.arange(STUFF), -(-HEIGHT // STUFF))[:HEIGHT, None].repeat(WIDTH, 1)
    objects = np.zeros((HEIGHT, WIDTH), np.int64)
    for number in range(1, OBJECTS + 1):
        h, w = (int(16 * 2 ** random.uniform(0, 4)) for _ in range(2))
        y, x = int(random.integers(0, HEIGHT - h)), int(random.integers(0, WIDTH - w))
        objects[y : y + h, x : x + w], classes[y : y + h, x : x + w] = number, STUFF + number % THINGS
    return classes, objects


def best(rounds: int, *sides: Callable[[], Any]) -> list[float]:
    """Seconds of processor time of each side, the fastest of the rounds; the sides take turns."""
    times = [[] for _ in sides]
    for _ in range(rounds):
        for side, seconds in zip(sides, times, strict=True):
            start = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()):
                side()
            seconds.append(time.process_time() - start)
    return [min(seconds) for seconds in times]


def quality(path: Path, rounds: int) -> dict[str, Any]:
    """PQ of a pair of pictures, from colors as the files have them."""
    sys.path.insert(0, str(path))
    theirs, utils = (importlib.import_module(f"panopticapi.{name}") for name in ("evaluation", "utils"))
    pictures, listed, areas = {}, {}, {}
    for name, seed, shift in (("truth", 0, 0), ("found", 0, 7)):
        classes, objects = (np.roll(part, shift, axis=1) for part in world(seed))
        ids = 1 + classes * 1000 + objects
        areas[name] = dict(zip(*map(np.ndarray.tolist, np.unique(ids, return_counts=True)), strict=True))
        listed[name] = {number: (number - 1) // 1000 for number in areas[name]}
        pictures[name] = utils.id2rgb(ids)
    theirs.Image = type("Image", (), {"open": staticmethod(lambda file: pictures[Path(file).parent.name])})
    categories = {n: {"isthing": int(n >= STUFF)} for n in range(STUFF + THINGS)}
    notes = {
        name: {
            "file_name": "a.png", "image_id": 1,
            "segments_info": [
                {"id": number, "category_id": kind, "iscrowd": 0, "area": areas[name][number]}
                for number, kind in rows.items()
            ],
        }
        for name, rows in listed.items()
    }  # fmt: skip
    kept: dict[str, Any] = {}

    def official() -> None:
        stat = theirs.pq_compute_single_core(0, [(notes["truth"], notes["found"])], "truth", "found", categories)
        kept["theirs"] = stat.pq_average(categories, isthing=None)

    def own() -> None:
        tally = PanopticQuality(STUFF + THINGS, range(STUFF, STUFF + THINGS))
        parts = {name: Segments(pack_numbers(picture), listed[name]) for name, picture in pictures.items()}
        tally.update(parts["found"], parts["truth"])
        kept["ours"] = tally.compute()

    slow, quick = best(rounds, official, own)
    overall, each = kept["theirs"]
    scores = kept["ours"]
    gaps = [abs(overall[key] - getattr(scores.all, key)) for key in ("pq", "sq", "rq")]
    gaps += [abs(each[n][key] - getattr(scores, key)[n]) for n in range(STUFF + THINGS) for key in ("pq", "sq", "rq")]
    assert max(gaps) < 1e-9, gaps
    return {
        "what": "panoptic quality, a pair of 1024x2048", "theirs": "panopticapi", "seconds_theirs": round(slow, 4),
        "seconds": round(quick, 4), "times": round(slow / quick, 1), "difference": max(gaps), "pq": scores.all.pq,
    }  # fmt: skip


def grouping(path: Path, rounds: int) -> dict[str, Any]:
    """From the three maps of Panoptic-DeepLab to segments."""
    sys.path.insert(0, str(path))
    # the package imports what post-processing does not need
    folder = path / "segmentation" / "model" / "post_processing"
    for name in ("pdl", "pdl.post"):
        package = type(sys)(name)
        package.__path__ = [str(folder)] if name == "pdl.post" else []
        sys.modules[name] = package
    theirs = importlib.import_module("pdl.post.instance_post_processing")
    classes, objects = world(0)
    random = torch.Generator().manual_seed(0)
    semantic = torch.randn(1, STUFF + THINGS, HEIGHT, WIDTH, generator=random)
    semantic.scatter_add_(1, torch.from_numpy(classes)[None, None], torch.full((1, 1, HEIGHT, WIDTH), 6.0))
    heat, offsets = torch.zeros(1, 1, HEIGHT, WIDTH), torch.randn(1, 2, HEIGHT, WIDTH, generator=random)
    for number in np.unique(objects)[1:]:
        y, x = np.nonzero(objects == number)
        heat[0, 0, int(y.mean()), int(x.mean())] = 0.9 - 0.001 * float(number)
        offsets[0, 0, y, x] += torch.from_numpy(y.mean() - y).float()
        offsets[0, 1, y, x] += torch.from_numpy(x.mean() - x).float()
    names = tuple(f"class{n}" for n in range(STUFF + THINGS))
    space = LabelSpace(names, things=names[STUFF:])
    things, kept = list(range(STUFF, STUFF + THINGS)), {}

    def official() -> None:
        found, _ = theirs.get_panoptic_segmentation(
            semantic,
            heat.clone(),
            offsets,
            things,
            1000,
            HEIGHT * WIDTH // 1024,
            255 * 1000,
            threshold=0.1,
            nms_kernel=7,
            top_k=200,
        )
        kept["theirs"] = found[0].numpy()

    def own() -> None:
        (kept["ours"],) = decide(PanopticLogits(semantic, heat, offsets), space, "panoptic")

    with torch.no_grad():
        slow, quick = best(rounds, official, own)
    ours, other = kept["ours"], kept["theirs"]
    pairs = np.unique(np.stack([ours.ids.ravel(), other.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(other)) == len(np.unique(ours.ids)), "the segments differ"
    assert all(ours.classes[int(a)] == b // 1000 for a, b in pairs.T if a), "their classes differ"
    return {
        "what": "Panoptic-DeepLab's grouping at 1024x2048, one thread", "theirs": "bowenc0221/panoptic-deeplab",
        "seconds_theirs": round(slow, 3), "seconds": round(quick, 3), "times": round(slow / quick, 1),
        "segments": len(ours.classes),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--panopticapi", type=Path)
    parser.add_argument("--panoptic-deeplab", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    parts = ((quality, given.panopticapi), (grouping, given.panoptic_deeplab))
    for measure, path in parts:
        if path is None:
            continue
        line = {**measure(path, given.rounds), "rounds": given.rounds, "machine": machine(), "load": os.getloadavg(), "versions": versions(), "time": now()}  # fmt: skip
        print(json.dumps(line, indent=1))
        RESULTS.parent.mkdir(exist_ok=True)
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
