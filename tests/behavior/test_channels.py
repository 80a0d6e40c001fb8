"""The whole line on other pictures than photographs: gray, 16 bit, five bands, many sizes, a class beyond a byte."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import intarsia


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if array.ndim == 3 and (array.shape[2] > 4 or array.dtype == np.uint16):  # what Pillow cannot write
        np.save(path.with_suffix(".npy"), array)
    else:
        Image.fromarray(array).save(path.with_suffix(".png"))


def recipe(root: Path, classes: int) -> dict[str, Any]:
    return {
        "model": {"name": "fpn", "encoder": "mobilenetv3_small_050", "channels": 16},
        "data": {"name": "folder", "root": str(root), "images": "images", "masks": "masks", "holdout": 0.25},
        "labels": {"classes": [f"class {n}" for n in range(classes)]},
        "augment": {"crop": [40, 48], "scale": [0.8, 1.25], "flip": True, "brightness": 0.1, "hue": 0.1},
        "optimizer": {"name": "adamw", "lr": 0.001},
        "train": {"steps": 2, "batch_size": 3, "workers": 0},
    }


@pytest.mark.parametrize(
    ("channels", "dtype"),
    [(1, np.uint8), (1, np.uint16), (3, np.uint8), (4, np.uint8), (3, np.uint16), (5, np.uint8), (7, np.uint16)],
)
def test_pictures_of_any_kind_and_mixed_sizes(tmp_path: Path, channels: int, dtype: type) -> None:
    rng = np.random.default_rng(channels)
    for number in range(8):
        height, width = 40 + 3 * number, 64 - 2 * number
        shape = (height, width) if channels == 1 else (height, width, channels)
        save(tmp_path / "images" / f"{number}", rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype))
        save(tmp_path / "masks" / f"{number}", rng.integers(0, 2, (height, width), dtype=np.uint8))
    last = intarsia.train(recipe(tmp_path, 2), out=tmp_path / "run", quiet=True)
    stored = intarsia.checkpoint.load(last)
    assert stored.in_channels == len(stored.mean) == channels
    if channels != 3:
        assert 0.4 < stored.mean[0] < 0.6, "of noise over the whole range, measured by the audit"
    path = next((tmp_path / "images").glob("5.*"))
    found = intarsia.Predictor.load(last)(path)
    assert found.labels.shape == (55, 54)
    assert found.overlay().width >= 54


def test_class_255_of_300_does_not_vanish(tmp_path: Path) -> None:
    """From a 16-bit mask through training and prediction to a score: 255 is a class like another."""
    for number in range(6):
        # no two images alike: the label doctor refuses copies across splits
        image = np.full((48, 48, 3), 20 + 12 * number, np.uint8)
        image[:, 24:] += 140
        mask = np.full((48, 48), 7, np.uint16)
        mask[:, 24:] = 255
        save(tmp_path / "images" / f"{number}", image)
        save(tmp_path / "masks" / f"{number}", mask)
    tree = recipe(tmp_path, 300)
    tree["augment"] = {"crop": [48, 48]}
    tree["optimizer"]["lr"] = 0.01
    tree["train"] = {"steps": 40, "batch_size": 4, "workers": 0}
    last = intarsia.train(tree, out=tmp_path / "run", quiet=True)
    score = intarsia.evaluate(last)
    assert score.scores.ignored == 0
    assert score.iou["class 255"] > 0.8
    found = intarsia.Predictor.load(last)(tmp_path / "images" / "0.png")
    assert found.labels.dtype == np.uint16
    assert (found.labels == 255).mean() > 0.3
    reread = np.asarray(Image.open(found.save(tmp_path / "labels.png")))
    assert np.array_equal(reread, found.labels)
