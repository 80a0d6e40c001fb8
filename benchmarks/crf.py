"""The dense CRF beside pydensecrf2 and beside exact filtering; and what it does to a network's predictions of CamVid.

    python benchmarks/crf.py speed [--picture FILE] [--threads 2]        480x360, 12 classes, 10 iterations
    python benchmarks/crf.py camvid RUN --root data/camvid [--images 40] fitted on one half of val, measured on the other

Both append a line to benchmarks/results/crf.jsonl. pydensecrf2 (MIT, 1.1, built from source: `pip install pydensecrf2`) is
timed in the same run where it can be imported; it uses one thread, whatever it is given.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from intarsia.postprocess.dense_crf import colors, dense_crf, places
from intarsia.postprocess.mean_field import Kernel, mean_field
from intarsia.report.machine import machine, now, versions

HEIGHT, WIDTH, CLASSES, ITERATIONS, ROUNDS = 360, 480, 12, 10, 7
NUMBERS = {"bilateral": 10.0, "place": 80.0, "color": 13.0, "spatial": 3.0, "near": 3.0}
SMALL = (72, 96)  # of the crop whose pairs of pixels are all added up
STORED = {"milliseconds": 310, "from": "pydensecrf2 1.1 on another machine, one thread"}
RESULTS = Path(__file__).parent / "results" / "crf.jsonl"


def scene(picture: Path | None) -> tuple[Tensor, Tensor]:
    """Scores [K, H, W] that are smooth, and a photo, or a drawn scene of blocks with noise, [3, H, W] in 0..255."""
    random = torch.Generator().manual_seed(0)
    low = torch.randn(1, CLASSES, HEIGHT // 24 + 1, WIDTH // 24 + 1, generator=random) * 2
    scores = torch.nn.functional.interpolate(low, (HEIGHT, WIDTH), mode="bilinear")[0].log_softmax(0)
    if picture is not None:
        photo = Image.open(picture).convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
        return scores, torch.from_numpy(np.array(photo)).permute(2, 0, 1).float()
    blocks = torch.randint(0, 256, (1, 3, HEIGHT // 30, WIDTH // 30), generator=random).float()
    drawn = torch.nn.functional.interpolate(blocks, (HEIGHT, WIDTH), mode="nearest")[0]
    return scores, (drawn + 6 * torch.randn(drawn.shape, generator=random)).clamp(0, 255).round()


def peer(scores: Tensor, image: Tensor) -> Callable[[], np.ndarray] | None:
    """Prepare pydensecrf2; None where it cannot be imported."""
    try:
        import pydensecrf.densecrf as other
    except ImportError:
        return None
    unary = np.ascontiguousarray(-scores.reshape(CLASSES, -1).numpy())
    photo = np.ascontiguousarray(image.permute(1, 2, 0).numpy().astype(np.uint8))

    def run() -> np.ndarray:
        crf = other.DenseCRF2D(WIDTH, HEIGHT, CLASSES)
        crf.setUnaryEnergy(unary)
        crf.addPairwiseGaussian(sxy=NUMBERS["near"], compat=NUMBERS["spatial"])
        crf.addPairwiseBilateral(sxy=NUMBERS["place"], srgb=NUMBERS["color"], rgbim=photo, compat=NUMBERS["bilateral"])
        return np.array(crf.inference(ITERATIONS)).reshape(CLASSES, HEIGHT, WIDTH)

    return run


def exactness(scores: Tensor, image: Tensor) -> dict[str, float]:
    """How far Q, and a single filter of each kernel, are from sums over all pairs of pixels, on a crop."""
    top, left = (HEIGHT - SMALL[0]) // 2, (WIDTH - SMALL[1]) // 2
    scores, image = (x[:, top : top + SMALL[0], left : left + SMALL[1]] for x in (scores, image))
    far, near = (places(*SMALL, NUMBERS[name], image) for name in ("place", "near"))
    features = [torch.cat([far, colors(image, NUMBERS["color"])], 1), near]
    weights = [NUMBERS["bilateral"], NUMBERS["spatial"]]
    kernels = [Kernel(f, w) for f, w in zip(features, weights, strict=True)]
    mine = mean_field(scores.flatten(1), kernels, ITERATIONS)
    gauss = [(-torch.cdist(f, f).square() / 2).exp() for f in features]
    norms = [g.sum(1).rsqrt() for g in gauss]
    q = scores.flatten(1).softmax(0)
    for _ in range(ITERATIONS):
        total = scores.flatten(1).clone()
        for g, n, w in zip(gauss, norms, weights, strict=True):
            total += w * (((q * n) @ g) * n)
        q = total.softmax(0)
    away = (mine - q).abs()
    agree = (mine.argmax(0) == q.argmax(0)).float().mean()
    return {"mean": float(away.mean()), "rms": float(away.square().mean().sqrt()), "largest": float(away.max()), "same class": float(agree)}  # fmt: skip


def speed(picture: Path | None, threads: int) -> dict[str, Any]:
    """Time both in turn, and hold their answers against each other and against exact filtering."""
    torch.set_num_threads(threads)
    scores, image = scene(picture)
    ways: dict[str, Callable[[], Any]] = {"ours": lambda: dense_crf(scores, image, iterations=ITERATIONS, **NUMBERS)}  # type: ignore[arg-type]
    other = peer(scores, image)
    if other is not None:
        ways["pydensecrf2"] = other
    answers = {name: np.asarray(way()) for name, way in ways.items()}  # the first run compiles, and is not timed
    times: dict[str, list[float]] = {name: [] for name in ways}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):  # in turn, so that whatever else the machine does meets both alike
        for name, way in ways.items():
            started, used = time.perf_counter(), time.process_time()
            way()
            times[name].append(1000 * (time.perf_counter() - started))
            spent[name].append(1000 * (time.process_time() - used))
    medians = {name: round(statistics.median(taken), 1) for name, taken in times.items()}
    found: dict[str, Any] = {
        "what": f"dense CRF, {WIDTH}x{HEIGHT}, {CLASSES} classes, {ITERATIONS} iterations, {threads} threads; medians of {ROUNDS}",
        "picture": "drawn" if picture is None else picture.name,
        "milliseconds": medians,
        "processor_milliseconds": {name: round(statistics.median(taken), 1) for name, taken in spent.items()},
        "from_exact_filtering": {key: round(value, 5) for key, value in exactness(scores, image).items()},
    }
    if other is None:
        found["stored"] = STORED
        print(f"pydensecrf2 cannot be imported; stored figure: {STORED['milliseconds']} ms ({STORED['from']})")
        return found
    found["times_as_fast"] = round(medians["pydensecrf2"] / medians["ours"], 2)
    found["largest_difference_of_q"] = float(np.abs(answers["ours"] - answers["pydensecrf2"]).max())
    return found


def camvid(run: str, root: str, images: int, measure: str) -> dict[str, Any]:
    """Fit the CRF of a run on one half of CamVid's validation set, and measure it on the other."""
    from intarsia import datasets
    from intarsia.evaluation.crf import fit_crf
    from intarsia.inference import Predictor

    predictor = Predictor.load(run, settings={"crf": False})
    dataset = datasets.open("camvid", root, "val", predictor.labels)
    started = time.perf_counter()
    fit = fit_crf(
        predictor,
        dataset,
        measure=measure,
        images=images,
        done=lambda tried, score, options: print(f"{tried:3d}  {100 * score:.2f}  {options}", flush=True),
    )
    return {
        "what": f"dense CRF on CamVid predictions of {predictor.checkpoint.model if predictor.checkpoint else run}, fitted by "
        f"{measure} on {fit.images[0]} images of val, measured on {fit.images[1]} others",
        **fit.to_dict(),
        "p": {name: one.mean.p for name, one in fit.differences.items()},
        "tried": fit.tried,
        "seconds": round(time.perf_counter() - started, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    quick = verbs.add_parser("speed")
    quick.add_argument("--picture", type=Path)
    quick.add_argument("--threads", type=int, default=2)
    fitted = verbs.add_parser("camvid")
    fitted.add_argument("run")
    fitted.add_argument("--root", required=True)
    fitted.add_argument("--images", type=int, default=40)
    fitted.add_argument("--by", default="boundary")
    given = parser.parse_args()
    if given.verb == "speed":
        found = speed(given.picture, given.threads)
    else:
        found = camvid(given.run, given.root, given.images, given.by)
    line = {**found, "machine": machine(), "load": os.getloadavg(), "versions": versions(), "time": now()}
    print(json.dumps(found, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
