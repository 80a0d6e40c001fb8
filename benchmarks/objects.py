"""What a run on scenes of touching objects reaches, beside connected components of the true classes.

    intarsia train shapes/maskrcnn --out runs/objects
    python benchmarks/objects.py runs/objects          appends a line to benchmarks/results/objects.jsonl

The run's own last validation on the 100 scenes of `val` is read from its log: mask AP50, or PQ (shapes/panoptic_deeplab, shapes/maskformer). Connected components know the
class of every pixel and still merge neighbors of one class and tear what is partly covered.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import yaml
from scipy import ndimage

from intarsia.datasets.shapes import shapes
from intarsia.metrics.average_precision import AveragePrecision
from intarsia.report.machine import machine, now, versions
from intarsia.structures import Objects, Sample, objects_in

REACHED = ("mask_ap50", "mask_ap", "pq", "sq", "rq", "pq_things", "pq_stuff")
RESULTS = Path(__file__).parent / "results" / "objects.jsonl"


def components(sample: Sample, num_classes: int) -> Objects:
    """The connected components of each class but the background."""
    masks, classes = [], []
    for kind in range(1, num_classes):
        numbers, count = ndimage.label(sample.labels.numpy() == kind)
        masks += [numbers == n + 1 for n in range(count)]
        classes += [kind] * count
    return Objects(np.stack(masks), classes, [1.0] * len(classes))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    recipe = yaml.safe_load((run / "recipe.yaml").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    (*_, last) = [line for line in lines if line["kind"] == "val"]
    val = shapes(split="val", size=recipe["data"]["size"], objects=True)
    tally = AveragePrecision(val.labels.num_classes)
    for n in range(len(val)):
        tally.update(components(val[n], val.labels.num_classes), objects_in(val[n], val.labels.ignore_index))
    line = {
        "what": f"{recipe['model']['name']}, {recipe['model']['encoder']}, shapes of {recipe['data']['size']} pixels with objects, val",
        "steps": last["step"], "batch_size": recipe["train"]["batch_size"], "minutes": round(last["seconds"] / 60, 1),
        **{key: round(last[key], 3) for key in REACHED if key in last},
        "components_of_the_true_classes_mask_ap50": round(tally.compute().ap50, 3),
        "machine": machine(), "load": os.getloadavg(), "versions": versions(), "time": now(),
    }  # fmt: skip
    print(json.dumps(line, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
