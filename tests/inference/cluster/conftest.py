"""A network that anybody can load, and small pictures of several sizes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import intarsia
from intarsia.labels import LabelSpace


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A U-Net of random numbers, in a file."""
    import torch

    torch.manual_seed(3)
    network = intarsia.build("unet", 2, channels=(4, 8))
    stored = intarsia.Checkpoint(
        model="unet", options={"channels": (4, 8)}, labels=LabelSpace(("dark", "bright")), in_channels=3,
        mean=(0.5,) * 3, std=(0.25,) * 3, weights=network.state_dict(),
    )  # fmt: skip
    return intarsia.checkpoint.save(tmp_path_factory.mktemp("model") / "last.safetensors", stored)


Draw = Callable[[Path, int], Path]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Write a picture of noise; returns its path."""

    def write(path: Path, seed: int) -> Path:
        dice = np.random.default_rng(seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(dice.integers(0, 256, (16 + seed % 5, 24, 3), np.uint8)).save(path)
        return path

    return write


@pytest.fixture
def photos(tmp_path: Path, draw: Draw) -> Path:
    """Six pictures, of which the third is torn."""
    folder = tmp_path / "photos"
    for n in range(6):
        draw(folder / f"p{n}.png", n)
    torn = folder / "p2.png"
    torn.write_bytes(torn.read_bytes()[:60])
    return folder
