"""Each packaged recipe is complete, readable, and trains: one step on made samples of its kind, with a small encoder."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import intarsia
from intarsia.labels import LabelSpace
from intarsia.training.material import opened
from intarsia.training.packaged import names
from intarsia.training.prepare import augmentation
from intarsia.training.recipe import load

HERE = [name for name in names() if not name.startswith("shapes/")]  # those are trained by the demo and by benchmarks
SECTIONS = ("model", "data", "augment", "loss", "optimizer", "schedule", "train", "evaluate", "seed")


class Made:
    """Samples of any kind: a square of one class on another, as labels, objects or planes."""

    def __init__(self, labels: intarsia.LabelSpace, channels: int) -> None:
        self.labels, self.channels = labels, channels

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> intarsia.Sample:
        square = torch.zeros(64, 64, dtype=torch.bool)
        square[10 : 40 + index, 8:50] = True
        labels = square.to(torch.int32) if self.labels.num_classes > 255 else square.to(torch.uint8)
        planes = None
        if self.labels.planes:
            planes, labels = torch.zeros(self.labels.num_classes, 64, 64, dtype=torch.bool), torch.zeros_like(labels)
            planes[0], planes[1] = square, square.T
        image = (120 * square + 60).to(torch.uint8).repeat(self.channels, 1, 1)
        objects = square.to(torch.int32) if self.labels.things else None
        return intarsia.Sample(image, labels, f"made{index}", objects=objects, planes=planes)


@pytest.mark.parametrize("name", HERE)
def test_a_packaged_recipe_trains(name: str, tmp_path: Path) -> None:
    tree: dict[str, Any] = load(name).to_dict()
    assert all(section in tree for section in SECTIONS)
    count = {"ade20k/many_classes": 300, "ade20k/fpn_gpu": 150}.get(name, 3)
    things = ("b",) if tree["model"]["name"] == "panoptic_deeplab" else ()
    planes = bool(tree["data"].get("planes"))
    known = tuple("abc") if count == 3 else tuple(f"class{n}" for n in range(count))
    labels = intarsia.LabelSpace(known[:2] if "labels" in tree else known, planes=planes, things=things)
    small = ["model.encoder=resnet10t", "augment.crop=[64, 64]", "train.steps=1", "train.epochs=null", "train.minutes=null",
             "train.batch_size=2", "train.accumulate=1", "train.workers=0", "train.cache=false", "train.audit=false",
             "train.balance=0", "train.precision=float32", "train.page=false"]  # fmt: skip
    if isinstance(tree["loss"].get("class_weights"), str) and tree["loss"]["class_weights"] != "none":
        small.append(f"loss.class_weights={[1.0] * len(labels.names)}")  # nothing was counted
    if "branch" in tree["model"]:
        small += ["model.channels=16", "model.branch=16"]
    data = Made(labels, 4 if tree["data"].get("fused") else 3)
    tree = {key: part for key, part in tree.items() if key not in ("data", "labels")}
    last = intarsia.train(tree, *small, data=data, out=tmp_path, quiet=True)
    assert intarsia.checkpoint.load(last).labels.names == labels.names


def _places(shared_data: Path, made: Path) -> dict[str, tuple[Path, tuple[str, ...]]]:
    """For the data set of each recipe: a folder with some of it, and what of the recipe does not hold there."""
    nyu, panoptic, scene = made / "nyu", made / "coco", made / "scene"
    for folder in (
        nyu,
        panoptic / "annotations",
        scene / "images",
        scene / "annotations",
        made / "own/images",
        made / "own/masks",
    ):
        folder.mkdir(parents=True)
    home = shared_data / "nyuv2_1/DATA/NYUDepthv2"
    for part in ("RGB", "Label", "Depth"):
        (nyu / part).symlink_to(home / part)
    for split in ("train", "test"):
        (nyu / f"{split}.txt").write_text("0")
    real = shared_data / "panopticapi_sample"
    told = json.loads((real / "panoptic_coco_categories.json").read_text())
    tree = json.loads((real / "sample_data/panoptic_examples.json").read_text())
    for split in ("train2017", "val2017"):
        (panoptic / split).symlink_to(real / "sample_data/input_images")
        (panoptic / f"annotations/panoptic_{split}").symlink_to(real / "sample_data/panoptic_examples")
        (panoptic / f"annotations/panoptic_{split}.json").write_text(json.dumps({**tree, "categories": told}))
    for part in ("images", "annotations"):
        for split in ("training", "validation"):
            (scene / part / split).symlink_to(shared_data / "ade20k_scene3/sampleData" / part)
    for n in range(6):
        Image.new("RGB", (90 + n, 80), (40 * n, 90, 200)).save(made / f"own/images/{n}.png")
        mask = np.zeros((80, 90 + n), np.uint8)
        mask[20:60, 10 : 50 + n] = 1
        Image.fromarray(mask).save(made / f"own/masks/{n}.png")
    streets = shared_data / "mmseg_fixtures/tests/data/pseudo_cityscapes_dataset"
    return {
        "ade20k/fpn_gpu": (scene, ()),
        "ade20k/many_classes": (shared_data / "ade20k_full3/dataset", ("data.val=null",)),
        "camvid": (shared_data / "camvid", ()),
        "cityscapes": (streets, ("data.train=val",)),
        "coco": (panoptic, ()),
        "covid_cxr": (shared_data / "covid_cxr_multilabel", ()),
        "nuclei": (shared_data / "dsb2018_110", ()),
        "nyu": (nyu, ()),
        "own": (made / "own", ()),
        "vessels": (shared_data / "drive", ("data.val=null",)),
        "voc": (shared_data / "voc2012_sample", ()),
    }


def test_a_packaged_recipe_reads_its_own_data_and_changes_them(shared_data: Path, tmp_path: Path) -> None:
    """With the options it has of the data set, on some real pictures of it: a sample of the crop, of classes that it knows."""
    places = _places(shared_data, tmp_path)
    for name in HERE:
        root, other = places.get(name) or places[name.partition("/")[0]]
        recipe = load(name, [f"data.root={root}", *other])
        assert recipe.data is not None
        train, val = opened(recipe.data, LabelSpace.from_dict(recipe.labels.model_dump()) if recipe.labels else None)
        assert len(train) and (val is None or len(val)), name
        change = augmentation(recipe, train.labels)
        sample = change(train[0], np.random.default_rng(0))
        assert tuple(sample.labels.shape) == recipe.augment.crop, name
        known = {*range(train.labels.num_classes), train.labels.ignore_index}
        assert set(sample.labels.unique().tolist()) <= known, name
        assert (sample.planes is None) == (not train.labels.planes), name
        assert len(sample.image) == (4 if name == "nyu/rgbd" else 3), name
        assert name != "coco/panoptic_gpu" or sample.objects is not None


def test_what_the_ablation_changes_is_a_recipe(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    ablation = importlib.import_module("defaults")
    rows = list(ablation.variants(None))
    assert rows[0][:2] == ("default", "as chosen") and len({row[:2] for row in rows}) == len(rows) > 40
    for _, _, changes in rows:
        load("camvid", changes)
    for _, held in ablation.SETS.values():
        load("camvid", [change for change in held if "data.masks" not in change and "holdout" not in change])
    lines = [{"set": "a", "key": key, "variant": key, "seed": seed, "minutes": 1, "units": [], "threads": 2, "miou": miou}
             for key, seed, miou in (("default", 0, 50.0), ("default", 1, 52.0), ("crop", 0, 51.0), ("crop", 1, 54.0))]  # fmt: skip
    told: list[str] = []
    monkeypatch.setattr(ablation, "print", told.append, raising=False)
    ablation.summary(lines)
    assert "+1.50 +- 0.50 (2 seeds)" in told[0]
