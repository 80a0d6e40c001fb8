"""Sets with objects or depth, from one key: trained for a few steps as they lie there, scored, predicted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

MASKS = {
    "name": "maskrcnn", "encoder": "resnet10t", "channels": 16, "width": 32, "sizes": [8, 16, 32, 64, 128],
    "proposals": [100, 50], "samples": 16, "limit": 20,
}  # fmt: skip
CENTERS = {"name": "panoptic_deeplab", "encoder": "resnet10t"}
DEPTH = {"name": "densedepth", "encoder": "resnet10t", "channels": 32, "nearest": 1, "farthest": 10}


def learned(
    tmp_path: Path, run_cli: Any, model: dict[str, Any], data: dict[str, Any], picture: Path, split: str
) -> Any:
    """Train three steps, score, predict one picture: the scores, and the picture's line."""
    wish, run = tmp_path / "r.yaml", tmp_path / "run"
    train = {"steps": 3, "batch_size": 2, "workers": 0, "precision": "float32", "cache_dir": str(tmp_path / "seen")}
    augment = {"crop": [96, 96], "flip": True}
    tree = {"model": model, "data": data, "augment": augment, "train": train, "evaluate": {"every": 1000}}
    wish.write_text(yaml.safe_dump({**tree, "optimizer": {"name": "adamw", "lr": 1e-3}}))
    for words in (("train", wish, "--out", run), ("predict", run, picture, "--out", tmp_path / "found")):
        code, _, err = run_cli(*words)
        assert code == 0, err
    code, out, err = run_cli("evaluate", run, "--split", split, "--json")
    assert code == 0, err
    line = json.loads((tmp_path / "found/predictions.jsonl").read_text())
    assert Path(line["overlay"]).is_file()
    return json.loads(out), line


def test_nuclei(tmp_path: Path, run_cli: Any, shared_data: Path) -> None:
    root = shared_data / "dsb2018_110"
    picture = next(iter(sorted((root / "stage1_train").glob("*/images/*.png"))))
    score, line = learned(
        tmp_path, run_cli, MASKS, {"name": "nuclei", "root": str(root), "holdout": 0.05}, picture, "val"
    )
    assert score["answer"] == "objects" and "objects" in line


@pytest.mark.parametrize(("model", "answer"), [(MASKS, "objects"), (CENTERS, "segments")])
def test_tiny_coco(tmp_path: Path, run_cli: Any, shared_data: Path, model: dict[str, Any], answer: str) -> None:
    root = shared_data / "tiny_coco"
    data = {"name": "coco", "root": str(root), "train": "val", "val": None}
    score, line = learned(tmp_path, run_cli, model, data, root / "val2017/000000397133.jpg", "train")
    assert score["answer"] == answer and answer in line


@pytest.mark.parametrize(("model", "answer"), [(MASKS, "objects"), (CENTERS, "segments")])
def test_panoptic_masks(tmp_path: Path, run_cli: Any, shared_data: Path, model: dict[str, Any], answer: str) -> None:
    root = shared_data / "panopticapi_sample"
    data = {"name": "panoptic", "root": str(root), "train": "all", "val": None}
    picture = root / "sample_data/input_images/000000142238.jpg"
    score, line = learned(tmp_path, run_cli, model, data, picture, "all")
    assert score["answer"] == answer and answer in line


@pytest.mark.parametrize(("model", "answer"), [(MASKS, "objects"), (CENTERS, "segments")])
def test_penn_fudans_layout(tmp_path: Path, run_cli: Any, model: dict[str, Any], answer: str) -> None:
    random, root = np.random.default_rng(1), tmp_path / "PennFudanPed"
    for folder in ("PNGImages", "PedMasks"):
        (root / folder).mkdir(parents=True)
    for n in range(1, 7):
        image, mask = random.integers(60, 140, (96, 128, 3), np.uint8), np.zeros((96, 128), np.uint8)
        for k in (1, 2):
            x, y = int(random.integers(5, 40)) + 55 * (k - 1), int(random.integers(5, 30))
            image[y : y + 50, x : x + 18], mask[y : y + 50, x : x + 18] = 230, k
        Image.fromarray(image).save(root / f"PNGImages/FudanPed{n:05}.png")
        Image.fromarray(mask).save(root / f"PedMasks/FudanPed{n:05}_mask.png")
    data = {"name": "penn_fudan", "root": str(root), "holdout": 0.34}
    score, line = learned(tmp_path, run_cli, model, data, root / "PNGImages/FudanPed00001.png", "val")
    assert score["answer"] == answer and answer in line


def test_nyu_depth(tmp_path: Path, run_cli: Any, shared_data: Path) -> None:
    root = shared_data / "nyuv2_1"
    data = {"name": "nyu_depth", "root": str(root), "train": "test", "val": None}
    score, line = learned(tmp_path, run_cli, DEPTH, data, root / "DATA/NYUDepthv2/RGB/0.jpg", "test")
    assert score["answer"] == "depth" and score["abs_rel"] > 0 and line["near"] > 0
