"""Each packaged recipe is complete, readable, and trains: one step on made samples of its kind, with a small encoder."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

import intarsia
from intarsia.training.packaged import names
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
