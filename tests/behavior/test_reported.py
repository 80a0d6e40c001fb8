"""Folders that people reported against tools of this kind: `init`, `data audit`, `data convert` and `train` give the right answer.

Those of damaged annotations are tested in tests/annotations/test_faults.py, those of splits, covered regions and one class
in tests/annotations/test_splits.py, rasters in tests/data/test_nodata.py. The last test sees that none is forgotten.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).resolve().parents[1]
TINY = ("train.minutes=null", "train.steps=1", "train.workers=0", "train.batch_size=2", "model.channels=8", "augment.crop=[32,32]")  # fmt: skip


class Right(NamedTuple):
    """What is right for a folder."""

    classes: tuple[str, ...]
    said: str  # words of what `init` prints
    found: str  # the kind of finding that the audit must have
    images: int
    shape: tuple[int, ...]  # of one image [C, H, W] as training reads it


REPORTED = {
    "coco-same-name-with-folder": Right(("background", "part"), "an export of coco (8 pictures)", "recognized", 8, (3, 64, 96)),
    "mask-in-alpha": Right(("background", "foreground"), "carry the labels in their alpha channel", "alpha", 6, (3, 64, 96)),
    "mixed-image-modes-no-cmyk": Right(("background", "foreground"), "images are read as RGB", "channels", 8, (3, 64, 96)),
    "nnunet-2d": Right(("background", "nodule"), "1 image in Dataset666_nodule/imagesTs without masks", "meaning", 6, (3, 64, 96)),
    "unicode-nfc-nfd": Right(("background", "foreground"), "they are read as one name", "composed", 6, (3, 64, 96)),
}  # fmt: skip


@pytest.mark.parametrize("name", REPORTED)
def test_reported_folders_in_every_verb(name: str, shared_data: Any, tmp_path: Path, run_cli: Run) -> None:
    from intarsia import datasets
    from intarsia.labels import LabelSpace

    folder, right, recipe = shared_data / f"reported/{name}", REPORTED[name], tmp_path / "r.yaml"
    code, out, err = run_cli("init", folder, "--out", recipe)
    assert code == 0 and right.said in out, err
    tree = yaml.safe_load(recipe.read_text())
    assert tuple(tree["labels"]["classes"]) == right.classes
    data = {key: value for key, value in tree["data"].items() if key not in ("name", "root", "train", "val")}
    space = LabelSpace.from_dict(tree["labels"])
    parts = [datasets.open(tree["data"]["name"], folder, split, space, **data) for split in ("train", "val")]
    samples = [sample for part in parts for sample in part]
    assert len(samples) == right.images and all(tuple(s.image.shape) == right.shape for s in samples)
    assert {value for s in samples for value in s.labels.unique().tolist()} == set(range(len(right.classes)))
    for source in (folder, recipe):
        code, out, err = run_cli("data", "audit", source, "--json")
        findings = json.loads(out)["findings"]
        assert code == 0, (err, findings)
        assert source == recipe or right.found in {f["kind"] for f in findings}
    code, out, err = run_cli("data", "convert", folder, "--to", "masks", "--out", tmp_path / "masks")
    assert code == 0 and len(list((tmp_path / "masks" / "masks").rglob("*.png"))) == right.images, err
    code, _, err = run_cli("train", recipe, *TINY, f"train.cache_dir={tmp_path / 'cache'}", "--out", tmp_path / "run")
    assert code == 0, err
    code, out, err = run_cli("evaluate", tmp_path / "run", folder, "--json")
    assert code == 0 and set(json.loads(out)["iou"]) == set(right.classes), err


def test_reported_labels_are_those_that_were_drawn(shared_data: Any, tmp_path: Path, run_cli: Run) -> None:
    """Channels in the order of their files, ids from the alpha channel; in samples and in a converted copy alike."""
    from intarsia.doctor import describe

    cases = shared_data / "reported/nnunet-2d"
    sample = describe(cases).open("train")[0]
    top = cases / "Dataset666_nodule"
    for channel in range(3):
        stored = np.asarray(Image.open(top / "imagesTr" / f"{sample.name}_000{channel}.png"))
        assert np.array_equal(sample.image[channel].numpy(), stored)
    assert np.array_equal(sample.labels.numpy(), np.asarray(Image.open(top / "labelsTr" / f"{sample.name}.png")) > 0)
    alpha = shared_data / "reported/mask-in-alpha"
    for sample in describe(alpha).open("train"):
        stored = np.asarray(Image.open(alpha / "masks" / f"{sample.name}.png"))[..., 3]
        assert np.array_equal(sample.labels.numpy(), stored // 255)
    assert run_cli("data", "convert", alpha, "--to", "masks", "--out", tmp_path / "out")[0] == 0
    for path in (tmp_path / "out" / "masks").rglob("*.png"):
        stored = np.asarray(Image.open(alpha / "masks" / path.name))[..., 3]
        assert np.array_equal(np.asarray(Image.open(path)), stored // 255)


def test_an_audit_counts_images_of_a_file_a_channel_once(shared_data: Any) -> None:
    from intarsia.doctor import audit

    found = {finding.kind: finding.message for finding in audit(shared_data / "reported/nnunet-2d").findings}
    assert found["unlabeled"].startswith("1 image in Dataset666_nodule/imagesTs has no mask")
    assert "annotations" not in found, "dataset.json names the classes"


def test_no_reported_folder_is_forgotten(shared_data: Any) -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("test_*.py"))
    folders = sorted(path.name for path in (shared_data / "reported").iterdir() if path.is_dir())
    assert len(folders) == 20 and [name for name in folders if name not in tests] == []
