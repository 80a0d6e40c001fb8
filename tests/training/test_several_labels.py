"""Several labels a pixel: K sigmoid maps are trained from recipes, folders and exports, and what does not fit is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch import nn

import intarsia
from intarsia import LabelSpace, Sample
from intarsia.cli import main
from intarsia.config.learning import Loss
from intarsia.doctor import audit
from intarsia.errors import LabelError, TrainingError
from intarsia.losses import LOSSES, OF_PLANES
from intarsia.models.catalogue import ARCHITECTURES
from intarsia.structures import Batch, SemanticLogits
from intarsia.training.class_weights import class_weights

SPACE = LabelSpace(("left", "top", "rare"), planes=True)
SMALL = {"name": "fpn", "encoder": "resnet10t", "channels": 16}


class Overlapping:
    """The left half is of one class and the upper half of another; what both cover is of both."""

    labels = SPACE

    def __init__(self, count: int = 6, planes: int = 3) -> None:
        self.count, self.planes = count, planes

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        on = torch.zeros(self.planes, 32, 32, dtype=torch.bool)
        on[0, :, : 12 + index] = on[1, : 12 + index] = True
        image = (60 * on[0] + 120 * on[1] + 20 + index).to(torch.uint8)[None].repeat(3, 1, 1)
        labels = torch.zeros(32, 32, dtype=torch.uint8)
        labels[-1] = 255
        return Sample(image, labels, f"p{index}", planes=on & (labels != 255))


def recipe(**changes: Any) -> dict[str, Any]:
    wish = {"steps": 2, "batch_size": 2, "workers": 0, "accelerator": "cpu", "precision": "float32", "audit": False}
    return {"model": SMALL, "train": {**wish, **changes.pop("train", {})}, **changes}


def batch(data: Any = None) -> Batch:
    samples = [(data or Overlapping())[n] for n in range(2)]
    return Batch(
        torch.stack([s.image for s in samples]),
        torch.stack([s.labels for s in samples]),
        tuple(s.name for s in samples),
        planes=torch.stack([s.planes for s in samples if s.planes is not None]),
    )


@pytest.mark.parametrize("name", [name for name in OF_PLANES if name != "class_bce"])
def test_losses_take_planes_of_a_batch_and_ignored_pixels_have_no_say(name: str) -> None:
    truth = batch()
    assert truth.planes is not None
    by_hand = torch.where(truth.labels[:, None] == 255, 255, truth.planes.long())
    logits = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0), requires_grad=True)
    values = [LOSSES[name]()(SemanticLogits(logits), each) for each in (truth, by_hand)]
    of_batch, of_labels = (v if isinstance(v, torch.Tensor) else sum(v.values(), torch.zeros(())) for v in values)
    assert torch.equal(of_batch, of_labels)
    of_batch.backward()
    assert logits.grad is not None and (logits.grad[:, :, -1] == 0).all()
    of_some = name in ("ohem", "lovasz_softmax", "lovasz_hinge")  # what is right enough has no say either
    assert (logits.grad[:, :, :-1] != 0).all() or of_some
    sure = SemanticLogits(torch.where(truth.planes, 40.0, -40.0))
    best = LOSSES[name]()(sure, truth)
    assert (best if isinstance(best, torch.Tensor) else sum(best.values(), torch.zeros(()))) < 1e-5


def test_the_usual_loss_of_planes_learns_both_classes_where_they_overlap(tmp_path: Path) -> None:
    wish = recipe(train={"steps": 60, "batch_size": 4}, optimizer={"lr": 0.05})
    network = nn.Sequential(nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Conv2d(16, 3, 1))
    last = intarsia.train(wish, model=network, data=Overlapping(), out=tmp_path, quiet=True)
    stored = intarsia.checkpoint.load(last)
    assert stored.recipe["loss"]["name"] == "dice_bce" and stored.labels == SPACE
    sample = Overlapping()[3]
    predictor = intarsia.Predictor.load(last, model=network)
    answer = predictor.answers(predictor.output(sample.image[None]))[0]
    assert sample.planes is not None and answer.planes.shape == (3, 32, 32)  # type: ignore[union-attr]
    counted = sample.labels != 255
    agree = (answer.planes == sample.planes)[:, counted].float().mean(dim=1)  # type: ignore[union-attr]
    assert (agree > 0.9).all() and not answer.planes[2].any()  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["dsspn", "crf_rnn", "dpn", "piecewise"])
def test_networks_whose_classes_exclude_each_other_are_refused(name: str, tmp_path: Path) -> None:
    """The score of DSSPN is the logarithm of a probability: under a sigmoid it would never pass one half."""
    chosen = {"name": name, **ARCHITECTURES[name].smallest}
    with pytest.raises(TrainingError, match=f"{name} gives each pixel one class, and the data has several labels"):
        intarsia.train({**recipe(), "model": chosen}, data=Overlapping(), out=tmp_path, quiet=True)


@pytest.mark.parametrize("name", ["cross_entropy", "dice_ce"])
def test_losses_of_one_label_are_refused_with_those_that_take_planes(name: str, tmp_path: Path) -> None:
    words = f"the loss {name} takes one label a pixel.*use bce or dice or soft_dice or dice_bce"
    with pytest.raises(TrainingError, match=words):
        intarsia.train(recipe(loss={"name": name}), data=Overlapping(), out=tmp_path, quiet=True)
    with pytest.raises(LabelError, match="one label a pixel.*use the loss bce, dice, soft_dice or dice_bce"):
        LOSSES[name]()(SemanticLogits(torch.zeros(2, 3, 32, 32)), batch())


class Plain:
    """A data set with a label space of planes, and any samples."""

    labels = SPACE

    def __init__(self, *samples: Sample) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


def test_planes_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    right = Overlapping()[0]
    other_size = right._replace(planes=torch.zeros(3, 16, 32, dtype=torch.bool))
    for samples, words in (
        (Overlapping(planes=2), r"p0: has 2 planes for 3 classes \(left, top, rare\); give one plane a class"),
        (Plain(right._replace(planes=None)), "p0: has no planes, but the label space says several labels a pixel"),
        (Plain(other_size), r"planes of bool \[3, 16, 32\] for an image of 32x32"),
        (Plain(right, right._replace(name="q", planes=torch.zeros(2, 32, 32, dtype=torch.bool))), "p0 has 3 planes and q has 2"),
    ):  # fmt: skip
        with pytest.raises(intarsia.IntarsiaError, match=words):
            intarsia.train(recipe(), data=samples, out=tmp_path, quiet=True)
    assert not (tmp_path / "last.safetensors").exists()


def test_frequencies_of_planes_are_shares_of_the_pixels_and_rare_planes_are_drawn_often(tmp_path: Path) -> None:
    """Two classes on 40 % and 10 % of the pixels that count: weights of the inverse are 1 to 4, scaled to mean 1."""
    on = torch.zeros(2, 10, 10, dtype=torch.bool)
    on[0, :4] = on[1, 3] = True
    image = torch.randint(0, 255, (3, 10, 10), dtype=torch.uint8)
    samples = [Sample(image + n, torch.zeros(10, 10, dtype=torch.uint8), f"p{n}", planes=on) for n in range(2)]
    data = Plain(*samples)
    data.labels = LabelSpace(("often", "seldom"), planes=True)  # type: ignore[misc]
    found = audit(data)
    for kind, expected in (
        ("inverse", [0.4, 1.6]),
        ("log", [1 / np.log(1.42), 1 / np.log(1.12)]),
    ):
        weights = class_weights(Loss(name="bce", class_weights=kind), data.labels, found)  # type: ignore[arg-type]
        assert weights == pytest.approx(np.array(expected) / np.mean(expected))
    wish = recipe(train={"audit": True, "balance": 1.0}, loss={"name": "dice_bce", "class_weights": "log"})
    assert intarsia.train(wish, data=Overlapping(), out=tmp_path, quiet=True).is_file()


def test_one_class_of_planes_is_enough(tmp_path: Path) -> None:
    data = Plain(*(Overlapping()[n]._replace(planes=Overlapping()[n].planes[:1]) for n in range(4)))  # type: ignore[index]
    data.labels = LabelSpace(("left",), planes=True)  # type: ignore[misc]
    wish = recipe(train={"audit": True}, loss={"name": "dice_bce", "class_weights": "log"})
    assert intarsia.train(wish, data=data, out=tmp_path, quiet=True).is_file()


def test_radiographs_of_fourteen_overlapping_classes_train_from_the_command_line(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = shared_data / "covid_cxr_multilabel"
    file, out = tmp_path / "recipe.yaml", tmp_path / "run"
    assert main(["init", str(root), "--out", str(file)]) == 0
    tree = yaml.safe_load(file.read_text())
    if tree["data"]["name"] == "covid_cxr" and not tree.get("labels", {}).get("planes"):
        tree.pop("labels", None)
        tree["data"]["planes"], tree["loss"] = True, {}
        file.write_text(yaml.safe_dump(tree))
    changes = ["model.encoder=resnet10t", "model.channels=8", "augment.crop=[64,64]", "train.steps=1", "train.batch_size=2",
               "train.workers=0", "train.audit=false", "data.val=null", "train.accelerator=cpu"]  # fmt: skip
    code = main(["train", str(file), *changes, "--out", str(out)])
    assert code == 0, capsys.readouterr().err
    stored = intarsia.checkpoint.load(out)
    assert stored.labels.planes and stored.labels.num_classes == 14
    assert stored.recipe["loss"]["name"] == "dice_bce"


def test_a_coco_export_with_overlaps_trains_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = tmp_path / "export", tmp_path / "run"
    (root / "images").mkdir(parents=True)
    tree: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "hat"}]}  # fmt: skip
    random = np.random.default_rng(0)
    for n in range(1, 5):
        Image.fromarray(random.integers(0, 255, (40, 48, 3), np.uint8)).save(root / f"images/{n}.png")
        tree["images"].append({"id": n, "file_name": f"{n}.png", "height": 40, "width": 48})
        for category, (x, y, w, h) in ((1, (4, 4, 30 + n, 30)), (2, (10, 4, 12, 10 + n))):
            ring = [x, y, x + w, y, x + w, y + h, x, y + h]
            box = {"id": len(tree["annotations"]) + 1, "image_id": n, "category_id": category, "segmentation": [ring]}
            tree["annotations"].append({**box, "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0})
    (root / "instances.json").write_text(json.dumps(tree))
    file = tmp_path / "recipe.yaml"
    labels = {"classes": ["cat", "hat"], "planes": True}
    train = {"steps": 1, "batch_size": 2, "workers": 0, "accelerator": "cpu", "cache_dir": str(tmp_path / "cache")}
    file.write_text(
        yaml.safe_dump({"model": SMALL, "data": {"name": "export", "root": str(root), "train": "all", "val": None}, "labels": labels, "train": train})
    )  # fmt: skip
    code = main(["train", str(file), "--out", str(out)])
    assert code == 0, capsys.readouterr().err
    stored = intarsia.checkpoint.load(out)
    assert stored.labels.names == ("cat", "hat") and stored.labels.planes
