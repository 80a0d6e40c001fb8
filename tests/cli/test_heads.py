"""Whole pictures, several labels a pixel, and depth, from the command line: trained for a few steps, scored, calibrated, predicted."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

SHORT = {"steps": 3, "batch_size": 2, "workers": 0, "audit": False, "precision": "float32"}
FPN = {"name": "fpn", "encoder": "resnet10t", "channels": 16}
ADAM = {"name": "adamw", "lr": 0.002}


def told(run_cli, *arguments) -> str:
    code, out, err = run_cli(*arguments)
    assert code == 0, err
    return out


def written(path: Path, **tree) -> Path:
    path.write_text(yaml.safe_dump({"optimizer": ADAM, "train": SHORT, **tree}))
    return path


def put(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def picture(seed: int, side: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (side, side + 8, 3), dtype=np.uint8)


def test_folders_by_class(tmp_path: Path, run_cli) -> None:
    """init, train, evaluate, calibrate, predict; then the dense network of the same weights, which predicts maps."""
    for k, name in enumerate(("cat", "dog", "owl")):
        for n in range(4):
            put(tmp_path / "animals" / name / f"{name}{n}.png", picture(10 * k + n))
    wish, run = tmp_path / "r.yaml", tmp_path / "run"
    told(run_cli, "init", tmp_path / "animals", "--out", wish)
    changes = ["model.encoder=resnet10t", "train.minutes=null", "train.steps=3", "train.workers=0"]
    assert "next: intarsia evaluate" in told(run_cli, "train", wish, *changes, "--out", run)
    score = json.loads(told(run_cli, "evaluate", run, "--json"))
    assert 0 <= score["accuracy"] <= 1 and score["images"] == 3
    assert "temperature" in told(run_cli, "calibrate", run).replace("\n", " ")
    told(run_cli, "predict", run, tmp_path / "animals" / "cat" / "cat0.png", "--out", tmp_path / "tags")
    line = json.loads((tmp_path / "tags" / "predictions.jsonl").read_text().splitlines()[0])
    assert any(name in json.dumps(line) for name in ("cat", "dog", "owl"))
    dense = tmp_path / "dense.safetensors"
    told(run_cli, "dense", run, "--out", dense)
    told(run_cli, "predict", dense, tmp_path / "animals" / "cat" / "cat0.png", "--out", tmp_path / "maps")
    assert (tmp_path / "maps" / "cat0.png").is_file()


def coco(folder: Path) -> Path:
    """Six pictures with two boxes each, which overlap, in COCO's form."""
    images, annotations = [], []
    for n in range(6):
        put(folder / f"{n}.png", picture(n, 48))
        images.append({"id": n, "file_name": f"{n}.png", "height": 48, "width": 56})
        for category, (x, y) in ((1, (4, 6)), (2, (14, 16))):
            box = [x, y, 20, 20]
            corners = [x, y, x + 20, y, x + 20, y + 20, x, y + 20]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": n, "category_id": category, "segmentation": [corners],
                 "bbox": box, "area": 400, "iscrowd": 0}
            )  # fmt: skip
    categories = [{"id": 1, "name": "leaf"}, {"id": 2, "name": "rust"}]
    tree = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(tree))
    return folder


def check_planes(run_cli, wish: Path, run: Path, image: Path, names: list[str]) -> dict:
    """Train, calibrate, evaluate and predict several labels a pixel; returns what calibrate kept."""
    told(run_cli, "train", wish, "--out", run)
    kept = json.loads(told(run_cli, "calibrate", run, "--json"))
    assert list(kept["thresholds"]["classes"]) == names and len(kept["decide"]["threshold"]) == len(names)
    assert all(0 < limit < 1 for limit in kept["decide"]["threshold"])
    score = json.loads(told(run_cli, "evaluate", run, "--json"))
    assert set(names) <= set(json.dumps(score).replace('"', " ").split()) or any(n in json.dumps(score) for n in names)
    told(run_cli, "predict", run, image, "--out", run / "planes")
    assert any((run / "planes").rglob("*.png"))
    return kept


def test_an_export_whose_regions_overlap(tmp_path: Path, run_cli) -> None:
    folder = coco(tmp_path / "leaves")
    data = {"name": "export", "root": str(folder), "planes": True, "holdout": 0.34, "train": "train", "val": "val"}
    wish = written(tmp_path / "r.yaml", model=FPN, data=data, loss={"name": "dice_bce"})
    run = tmp_path / "run"
    kept = check_planes(run_cli, wish, run, folder / "0.png", ["leaf", "rust"])
    from intarsia.inference import Predictor

    assert Predictor.load(run).decide["threshold"] == kept["decide"]["threshold"]
    told(run_cli, "calibrate", run, "--no-thresholds")
    assert "threshold" not in Predictor.load(run).decide


def test_chest_x_rays_of_fourteen_classes(tmp_path: Path, shared_data, run_cli) -> None:
    """Real masks that overlap: three of the smallest pictures."""
    source = shared_data / "covid_cxr_multilabel"
    folder = tmp_path / "x"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").symlink_to(source / "masks")
    with (source / "structure.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file))
    known = {row[head.index("Filename")] for row in rows}
    few = sorted((p for p in (source / "images").iterdir() if p.name in known), key=lambda p: p.stat().st_size)[:3]
    for path in few:
        shutil.copy(path, folder / "images" / path.name)
    with (folder / "structure.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *(r for r in rows if r[head.index("Filename")] in {p.name for p in few})])
    from intarsia.datasets.covid_cxr import CLASSES

    data = {"name": "covid_cxr", "root": str(folder), "planes": True, "holdout": 0.34, "train": "train", "val": "val"}
    wish = written(
        tmp_path / "r.yaml", model=FPN, data=data, loss={"name": "dice_bce"}, augment={"crop": [64, 64]}
    )  # fmt: skip
    check_planes(run_cli, wish, tmp_path / "run", few[0], list(CLASSES))


def test_two_classes_under_one_sigmoid(tmp_path: Path, run_cli) -> None:
    for n in range(4):
        mask = np.zeros((40, 48), np.uint8)
        mask[8:30, 5 + n : 30] = 255
        put(tmp_path / "d" / "images" / f"{n}.png", picture(n))
        put(tmp_path / "d" / "masks" / f"{n}.png", mask)
    data = {"name": "folder", "root": str(tmp_path / "d"), "holdout": 0.5, "train": "train", "val": "val"}
    labels = {"classes": ["background", "cell"], "activation": "sigmoid"}
    wish, run = (
        written(tmp_path / "r.yaml", model=FPN, data=data, labels=labels, loss={"name": "bce"}),
        tmp_path / "run",
    )
    told(run_cli, "train", wish, "--out", run)
    kept = json.loads(told(run_cli, "calibrate", run, "--thresholds", "--json"))
    assert isinstance(kept["decide"]["threshold"], float) and list(kept["thresholds"]["classes"]) == ["cell"]
    assert "decide" not in json.loads(told(run_cli, "calibrate", run, "--json"))
    told(run_cli, "predict", run, tmp_path / "d" / "images" / "0.png", "--out", tmp_path / "p")
    assert (tmp_path / "p" / "0.png").is_file()


def test_nyus_layout_trains_a_network_of_depth(tmp_path: Path, run_cli) -> None:
    root = tmp_path / "nyu"
    for n in range(3):
        put(root / "RGB" / f"{n}.png", picture(n))
        put(root / "Label" / f"{n}.png", np.full((40, 48), 1 + n, np.uint8))
        meters = np.random.default_rng(n).uniform(1, 6, (40, 48)).astype(np.float32)
        meters[:4] = 0  # the sensor saw nothing
        (root / "Depth").mkdir(exist_ok=True)
        np.save(root / "Depth" / f"{n}.npy", meters)
    (root / "train.txt").write_text("0\n1\n")
    (root / "test.txt").write_text("2\n")
    model = {"name": "densedepth", "encoder": "resnet10t", "channels": 32, "nearest": 0.5, "farthest": 10}
    data = {"name": "nyu_depth", "root": str(root), "train": "train", "val": "test"}
    wish, run = written(tmp_path / "r.yaml", model=model, data=data, loss={"name": "silog"}), tmp_path / "run"
    told(run_cli, "train", wish, "--out", run)
    score = json.loads(told(run_cli, "evaluate", run, "--json"))
    assert 0 < score["abs_rel"] < 5
    told(run_cli, "predict", run, root / "RGB" / "2.png", "--out", tmp_path / "p")
    assert any((tmp_path / "p").iterdir())
    code, _, err = run_cli("calibrate", run)
    assert code == 2 and "returns DepthMap, which has no probabilities" in err.replace("\n", " ")


@pytest.mark.parametrize("loss", ["cross_entropy", "silog"])
def test_a_loss_of_another_output_is_refused(tmp_path: Path, run_cli, loss: str) -> None:
    for k, name in enumerate(("cat", "dog")):
        for n in range(3):
            put(tmp_path / "a" / name / f"{name}{n}.png", picture(10 * k + n))
    data = {"name": "class_folders", "root": str(tmp_path / "a"), "train": "all", "val": None}
    model = {"name": "classifier", "encoder": "resnet10t"}
    code, _, err = run_cli("train", written(tmp_path / "r.yaml", model=model, data=data, loss={"name": loss}), "--out", tmp_path / "run")  # fmt: skip
    assert code == 2 and "ClassLogits" in err
