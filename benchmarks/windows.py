"""A photo of 20 megapixels, predicted in windows that are chosen by themselves: memory, and time beside the network's own.

    python benchmarks/windows.py          appends a line to benchmarks/results/windows.jsonl

An FPN with a ResNet-18 and random weights reads a JPEG of 5164 x 3873 pixels, noise that was enlarged, since the content
changes nothing. The process is a new one; its peak of resident memory is compared with what it held before the photo was
read. The network's own time is that of its calls on the windows, in processor time, which other processes disturb least.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from intarsia.report.machine import machine, now, versions

WIDTH, HEIGHT = 5164, 3873
RESULTS = Path(__file__).parent / "results" / "windows.jsonl"


def resident() -> float:
    """MiB that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def one(photo: Path, classes: int, blend: str) -> None:
    """Predict the photo and print what it took."""
    from intarsia.inference import Predictor, Torch, Windowed
    from intarsia.labels import LabelSpace
    from intarsia.models import build

    torch.manual_seed(0)
    network = build("fpn", classes, encoder="resnet18").to(memory_format=torch.channels_last)
    inner = Torch(network, (0.5,) * 3, (0.25,) * 3)
    own, windows = 0.0, 0

    def timed(image: Tensor) -> object:
        nonlocal own, windows
        began = time.process_time()
        output = inner(image)
        own, windows = own + time.process_time() - began, windows + 1
        return output

    space = LabelSpace(tuple(f"class {n}" for n in range(classes)))
    predictor = Predictor(Windowed(timed, blend=blend, classes=classes), space)
    predictor.run(torch.zeros(1, 3, 256, 256, dtype=torch.uint8))
    own, windows, start = 0.0, 0, resident()
    began, wall = time.process_time(), time.perf_counter()
    prediction = predictor(photo)
    total, wall = time.process_time() - began, time.perf_counter() - wall
    assert prediction.labels.shape == (HEIGHT, WIDTH)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    print(
        json.dumps(
            {
                "classes": classes, "blend": blend, "note": prediction.note, "windows": windows,
                "start_mib": round(start), "peak_mib": round(peak), "above_mib": round(peak - start),
                "seconds": round(total, 1), "of_the_network": round(own, 1), "ratio": round(total / own, 3),
                "wall": round(wall, 1),
            }
        )
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", metavar="PHOTO", type=Path)
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--blend", default="gaussian")
    chosen = parser.parse_args()
    if chosen.one:
        return one(chosen.one, chosen.classes, chosen.blend)
    with tempfile.TemporaryDirectory() as folder:
        noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        photo = Path(folder) / "photo.jpg"
        Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(photo)
        more = ["--classes", str(chosen.classes), "--blend", chosen.blend]
        run = [sys.executable, __file__, "--one", str(photo), *more]
        told = subprocess.run(run, check=True, capture_output=True, text=True)
    what = f"FPN with ResNet-18 on {WIDTH} x {HEIGHT} pixels, one thread; processor seconds"
    line = {"what": what, **json.loads(told.stdout.splitlines()[-1]), "load": os.getloadavg()[0]}
    line |= {"machine": machine(), "versions": versions(), "time": now()}
    print(json.dumps(line, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
