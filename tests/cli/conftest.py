"""A small folder of images and masks, and a checkpoint that has seen them, for every verb."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CLASSES = ("ground", "disk", "bar")


def picture(seed: int, height: int = 48, width: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """An RGB picture with a disk and a bar, and its classes."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    labels = np.zeros((height, width), np.uint8)
    labels[(y - random.integers(12, 36)) ** 2 + (x - random.integers(12, 52)) ** 2 < 90] = 1
    labels[:, (left := int(random.integers(0, width - 8))) : left + 6] = 2
    colors = np.array([[90, 90, 90], [200, 80, 60], [60, 90, 200]])
    image = (colors[labels] + random.integers(-20, 20, (height, width, 3))).clip(0, 255).astype(np.uint8)
    return image, labels


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with images/ and masks/: six pairs, ids 0 to 2."""
    top = tmp_path / "photos"
    for name in ("images", "masks"):
        (top / name).mkdir(parents=True)
    for n in range(6):
        image, labels = picture(n)
        Image.fromarray(image).save(top / "images" / f"scene_{n}.png")
        Image.fromarray(labels).save(top / "masks" / f"scene_{n}.png")
    return top


@pytest.fixture
def recipe(photos: Path, tmp_path: Path) -> Path:
    """A recipe of two steps for that folder."""
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"""
model: {{name: fpn, encoder: resnet18, channels: 8}}
data: {{name: folder, root: {photos}, images: images, masks: masks, holdout: 0.34}}
labels: {{classes: [{", ".join(CLASSES)}]}}
augment: {{crop: [32, 32], flip: true}}
optimizer: {{name: adamw, lr: 1e-3}}
train: {{steps: 2, batch_size: 2, workers: 0, precision: float32, log_every: 1}}
"""
    )
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on the built-in shapes: one step, so that it knows everything and has learned nothing."""
    import intarsia

    out = tmp_path_factory.mktemp("run") / "shapes"
    changes = (
        "train.steps=1 train.batch_size=2 train.workers=0 train.cache=false data.count=4 data.size=48 model.channels=8"
    )
    intarsia.train("shapes", *changes.split(), out=out, quiet=True)
    return out
