"""A set of one thing class and nothing else: its objects can be learned, its classes cannot."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

DETECTOR = {
    "name": "maskrcnn", "encoder": "resnet10t", "channels": 8, "width": 16, "proposals": [20, 10], "samples": 4, "limit": 5,
}  # fmt: skip


def cars(root: Path) -> Path:
    """Panoptic masks of one category, two objects a picture; all other pixels are of no segment."""
    tree: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 3, "name": "car", "isthing": 1}]}
    for folder in ("photos", "panoptic"):
        (root / folder).mkdir(parents=True)
    random = np.random.default_rng(0)
    for n in range(4):
        image, ids = random.integers(0, 80, (32, 48, 3), np.uint8), np.zeros((32, 48, 3), np.uint8)
        for number, left in ((1, 4 + n), (2, 28 - n)):
            image[6:22, left : left + 12] = 220
            ids[6:22, left : left + 12, 0] = number
        Image.fromarray(image).save(root / f"photos/{n}.png")
        Image.fromarray(ids).save(root / f"panoptic/{n}.png")
        tree["images"].append({"id": n, "file_name": f"{n}.png", "height": 32, "width": 48})
        info = [{"id": number, "category_id": 3, "iscrowd": 0} for number in (1, 2)]
        tree["annotations"].append({"image_id": n, "file_name": f"{n}.png", "segments_info": info})
    (root / "panoptic.json").write_text(json.dumps(tree))
    return root


@pytest.fixture
def recipe(tmp_path: Path, run_cli: Any) -> Path:
    """What `init` writes for the set, short."""
    path = tmp_path / "r.yaml"
    assert run_cli("init", cars(tmp_path / "cars"), "--out", path)[0] == 0
    tree = yaml.safe_load(path.read_text())
    short = {"steps": 1, "batch_size": 2, "workers": 0, "precision": "float32", "cache_dir": str(tmp_path / "seen")}
    path.write_text(yaml.safe_dump({**tree, "loss": None, "train": short, "augment": {"flip": True}}))
    return path


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("instance", DETECTOR),
        ("detection", {**DETECTOR, "masks": False}),
        ("panoptic", {"name": "maskformer", "encoder": "resnet10t", "channels": 16, "queries": 4, "layers": 1}),
    ],
)
def test_objects_of_one_class_are_learned(
    tmp_path: Path, recipe: Path, run_cli: Any, task: str, model: dict[str, Any]
) -> None:
    tree = yaml.safe_load(recipe.read_text())
    recipe.write_text(yaml.safe_dump({**tree, "task": task, "model": model}))
    code, out, err = run_cli("data", "audit", tmp_path / "cars", "--json")
    assert code == 0, err
    assert "one_class" not in [finding["kind"] for finding in json.loads(out)["findings"]]
    code, _, err = run_cli("train", recipe, "--out", tmp_path / "run")
    assert code == 0, err
    code, _, err = run_cli("predict", tmp_path / "run", tmp_path / "cars/photos/0.png", "--out", tmp_path / "found")
    assert code == 0, err


@pytest.mark.parametrize("model", ["fpn", "panoptic_deeplab"])
def test_one_class_for_each_pixel_is_refused(tmp_path: Path, recipe: Path, run_cli: Any, model: str) -> None:
    code, _, err = run_cli("train", recipe, f"model.name={model}", "model.encoder=resnet10t", "--out", tmp_path / "run")
    assert code == 2 and "'car' is the only class" in err and "such as maskrcnn" in err
