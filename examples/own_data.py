"""Train a network of your own on data of your own: two small classes, and no files at all.

python examples/own_data.py [STEPS]
"""

import sys

import numpy as np
import torch
from torch import nn

import intarsia


class Stripes:
    """Pictures with bright stripes; a data set is anything with these two methods."""

    labels = intarsia.LabelSpace(("ground", "stripe"))

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> intarsia.Sample:
        random = np.random.default_rng((self.seed, index))
        stripe = np.sin(np.arange(64) / random.uniform(3, 6) + random.uniform(0, 6)) > 0.3
        labels = np.broadcast_to(stripe, (64, 64)).astype(np.uint8)
        image = (labels * 60 + random.integers(40, 140, (1, 64, 64))).astype(np.uint8)  # one channel
        return intarsia.Sample(torch.from_numpy(image), torch.from_numpy(labels), f"stripes_{index}")


class Small(nn.Module):
    """A network is anything that maps [B, C, H, W] to [B, K, H, W]."""

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Conv2d(1, 8, 7, padding=3)
        self.classify = nn.Conv2d(8, 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.classify(self.see(image).relu())


def main(steps: int = 200, out: str = "runs/stripes") -> float:
    """Train, then load the checkpoint again and score it: returns the mIoU."""
    recipe = {
        "train": {"steps": steps, "batch_size": 8, "workers": 0},
        "optimizer": {"name": "adamw", "lr": 1e-2},
    }
    train, val = Stripes(64, seed=1), Stripes(16, seed=2)
    last = intarsia.train(recipe, model=Small(), data=(train, val), out=out)
    predictor = intarsia.Predictor.load(last, model=Small())
    score = intarsia.evaluate(predictor, val)
    print(f"mIoU {score.miou:.3f}; stripes alone {score.iou['stripe']:.3f}")
    return score.miou


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
