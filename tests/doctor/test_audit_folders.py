"""Real folders with traps: each trap is told, and the clean copy has none."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.doctor import audit
from intarsia.doctor.diagnose import diagnose
from intarsia.doctor.diagnosis import Diagnosis
from intarsia.doctor.mend import mend
from intarsia.errors import DataError, LabelError
from intarsia.training.usual import init


def looked_at(shared_data: Path, name: str, out: Path) -> tuple[Diagnosis, dict[str, str], Diagnosis]:
    """The folder, what was done to each file, and the clean copy, which holds no error and can be trained on."""
    found = diagnose(shared_data / name)
    steps = {s["file"]: s["action"] for s in mend(found, out)}
    again = diagnose(out)
    assert not found.audit.errors and not again.audit.errors
    recipe, told = init(out)
    assert "labels.yaml" in told and recipe["labels"]["classes"] == list(again.labels.names)
    return found, steps, again


def message(found: Diagnosis, kind: str) -> str:
    (hit,) = [f for f in found.audit.findings if f.kind == kind]
    return hit.message


def test_palettes_whose_order_differs_and_names_whose_colors_lie(shared_data: Path, tmp_path: Path) -> None:
    found, steps, again = looked_at(shared_data, "dubai_aerial", tmp_path / "out")
    assert "palette files in which an index has another color" in message(found, "palette_order")
    assert "colors that no mask holds, of Water (#50e3c2)" in message(found, "names")
    assert (
        sum("palette indices written as the classes of their colors" in s for s in steps.values())
        == found.audit.forms["png palette"]
    )
    source = shared_data / "dubai_aerial/Tile 2/masks/image_part_001.png"
    colors = np.asarray(Image.open(source).convert("RGB"))
    painted = np.asarray(Image.open(tmp_path / "out/masks/Tile 2_image_part_001.png").convert("RGB"))
    known = (painted != 255).any(axis=2)
    assert known.mean() > 0.99 and (painted[known] == colors[known]).all()
    assert again.audit.forms == {"png palette": len(again.splits[0].cases)}


def test_jpeg_masks_become_two_classes(shared_data: Path, tmp_path: Path) -> None:
    found, steps, again = looked_at(shared_data, "kvasir5", tmp_path / "out")
    assert "from JPEG; below 128 is one class" in message(found, "smeared") and len(steps) == 5
    for path in (tmp_path / "out/masks").iterdir():
        gray = np.asarray(Image.open(shared_data / "kvasir5/masks" / f"{path.stem}.jpg").convert("L"))
        assert (np.asarray(Image.open(path)) == (gray >= 128)).mean() > 0.9999
    assert again.audit.names == ("background", "foreground")


def test_smoothed_grays_are_cut_at_127_and_unlabeled_images_told(shared_data: Path, tmp_path: Path) -> None:
    found, _, again = looked_at(shared_data, "lung_cxr17", tmp_path / "out")
    assert "from smoothing or resampling" in message(found, "smeared")
    assert "7 images in test_images have no masks" in message(found, "unlabeled")
    name = "CHNCXR_0001_0"
    gray = np.asarray(Image.open(shared_data / f"lung_cxr17/train_masks/{name}_mask.png"))
    assert (np.asarray(Image.open(tmp_path / f"out/masks/{name}.png")) == (gray > 127)).all()
    assert again.audit.images == {"all": 10}


def test_trimaps_have_two_classes_and_a_rest(shared_data: Path, tmp_path: Path) -> None:
    found, steps, again = looked_at(shared_data, "oxford_pets", tmp_path / "out")
    assert "1 is the foreground, 2 the background, and 3, not classified, is ignored" in message(found, "meaning")
    assert "start at 1" in message(found, "off_by_one")
    assert set(steps.values()) == {"2 -> background; 3 -> ignore"}
    copies = sorted((tmp_path / "out/masks").rglob("*.png"))
    assert len(copies) == len(steps)
    for copy in copies:
        before = np.asarray(Image.open(shared_data / f"oxford_pets/annotations/trimaps/{copy.name}"))
        assert (np.asarray(Image.open(copy)) == np.array([9, 1, 0, 255])[before]).all()
    assert 0.05 < again.audit.ignored < 0.3


def test_masks_beside_polygons_and_unlabeled_images(shared_data: Path, tmp_path: Path) -> None:
    found, steps, again = looked_at(shared_data, "whales", tmp_path / "out")
    assert "40 images without a mask" in message(found, "unmatched")
    assert "148 .json files of annotations" in message(found, "annotations")
    assert set(steps.values()) == {"left out: no mask belongs to it"} and len(steps) == 40
    assert again.audit.images == {"all": 148}


def test_numbers_of_objects_are_no_classes(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for place, top in (("images", 256), ("masks", 900)):
        (tmp_path / place).mkdir()
        for n in range(3):
            array = np.kron(random.integers(0, top, (20, 20)), np.ones((4, 4), int))
            Image.fromarray(array.astype(np.uint8 if top == 256 else np.uint16)).save(tmp_path / place / f"{n}.png")
    with pytest.raises(LabelError, match="numbers of objects"):
        audit(tmp_path)


def test_a_copy_goes_into_a_new_folder_outside_the_source(tmp_path: Path) -> None:
    for place in ("images", "masks"):
        (tmp_path / "set" / place).mkdir(parents=True)
        for n in range(2):
            Image.fromarray(np.full((40, 40), n, np.uint8)).save(tmp_path / "set" / place / f"{n}.png")
    found = diagnose(tmp_path / "set")
    with pytest.raises(DataError, match="never written to"):
        mend(found, tmp_path / "set" / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(DataError, match="is there already"):
        mend(found, tmp_path / "full")
    assert mend(found, tmp_path / "out") == json.loads((tmp_path / "out/fixed.json").read_text())
