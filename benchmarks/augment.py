"""Augmentation of 960x720 images with masks, one thread: ours, torchvision's v2 and albumentations, in one run.

Zoom 0.5 to 2, crop 480x480, mirror, brightness, contrast, saturation and hue, then normalization; images are CamVid's,
enlarged to 960x720, decoded beforehand. A peer that is not installed is left out and said so. One JSON line is appended to
benchmarks/results/augment.jsonl.

    python benchmarks/augment.py --root data/camvid --seconds 10
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

HERE = Path(__file__).parent
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pictures(root: Path, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    found = []
    for path in sorted((root / "val").glob("*.png"))[:count]:
        image = Image.open(path).convert("RGB").resize((960, 720), Image.Resampling.BILINEAR)
        mask = Image.open(root / "valannot" / path.name).resize((960, 720), Image.Resampling.NEAREST)
        found.append((np.array(image), np.array(mask)))
    return found


def ours() -> Callable[[np.ndarray, np.ndarray], Any]:
    from intarsia.data.augment.pipeline import Augmentation
    from intarsia.data.normalize import normalize
    from intarsia.structures import Sample

    change = Augmentation(
        255, crop=(480, 480), scale=(0.5, 2.0), flip=True, brightness=0.3, contrast=0.3, saturation=0.3, hue=0.05
    )
    rng = np.random.default_rng(0)

    def run(image: np.ndarray, mask: np.ndarray) -> Any:
        sample = Sample(torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(mask), "")
        made = change(sample, rng)
        return normalize(made.image, MEAN, STD), made.labels

    return run


def torchvisions() -> Callable[[np.ndarray, np.ndarray], Any]:
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    change = v2.Compose(
        [
            v2.RandomChoice([v2.ScaleJitter((720, 960), (0.5, 2.0), antialias=True)]),
            v2.RandomCrop((480, 480), pad_if_needed=True, fill={tv_tensors.Image: 0, tv_tensors.Mask: 255}),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(0.3, 0.3, 0.3, 0.05),
            v2.ToDtype({tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.uint8}, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )

    def run(image: np.ndarray, mask: np.ndarray) -> Any:
        return change(
            tv_tensors.Image(torch.from_numpy(image).permute(2, 0, 1)), tv_tensors.Mask(torch.from_numpy(mask))
        )

    return run


def albumentations() -> Callable[[np.ndarray, np.ndarray], Any]:
    import albumentations as A
    import cv2

    cv2.setNumThreads(1)
    change = A.Compose(
        [
            A.RandomScale((-0.5, 1.0), p=1.0),
            A.PadIfNeeded(480, 480, fill_mask=255),
            A.RandomCrop(480, 480),
            A.HorizontalFlip(),
            A.ColorJitter((0.7, 1.3), (0.7, 1.3), (0.7, 1.3), (-0.05, 0.05), p=1.0),
            A.Normalize(MEAN, STD),
        ]
    )

    def run(image: np.ndarray, mask: np.ndarray) -> Any:
        made = change(image=image, mask=mask)
        return torch.from_numpy(made["image"]).permute(2, 0, 1), torch.from_numpy(made["mask"])

    return run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = pictures(arguments.root, 16)
    runs, left_out = {}, {}
    for make in (ours, torchvisions, albumentations):
        try:
            runs[make.__name__] = make()
        except ImportError as error:
            left_out[make.__name__] = str(error)
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(arguments.rounds):
        for name, run in runs.items():
            image, mask = run(*data[0])
            assert image.shape == (3, 480, 480) and image.dtype == torch.float32 and mask.shape == (480, 480)
            count, start = 0, time.perf_counter()
            while time.perf_counter() - start < arguments.seconds:
                run(*data[count % len(data)])
                count += 1
            rates[name].append(count / (time.perf_counter() - start))
    middle = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    line = {
        "images_per_second": middle,
        "ratio": {name: round(middle["ours"] / rate, 2) for name, rate in middle.items() if name != "ours"},
        "left_out": left_out,
        "torch": torch.__version__,
    }
    (HERE / "results").mkdir(exist_ok=True)
    with (HERE / "results" / "augment.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line, indent=1))


if __name__ == "__main__":
    main()
