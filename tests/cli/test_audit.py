"""`data audit` of folders: a page with pictures, a clean copy, and the verdict as exit code."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from intarsia.output import RECORD


def test_a_page_and_a_clean_copy_of_a_folder(run_cli, photos: Path, tmp_path: Path) -> None:
    mask = np.array(Image.open(photos / "masks/scene_0.png"))
    mask[:3, :3] = 37
    Image.fromarray(mask).save(photos / "masks/scene_0.png")
    (photos / "images/scene_1.png").write_bytes(b"")
    page, clean = tmp_path / "new" / "page.html", tmp_path / "clean"
    code, out, err = run_cli("data", "audit", photos, "--out", page, "--fix", clean)
    assert (code, err) == (1, "") and f"page: {page}" in out and "1 files changed, 1 left out" in out
    text = page.read_text()
    assert "37 (9 px)" in text and "<script" not in text and "http" not in text.split("<body>")[1]
    assert text.count("data:image/jpeg;base64,") >= 2 and "outside 0, 1, 2" in text
    steps = json.loads((clean / "fixed.json").read_text())
    assert [Path(s["file"]).name for s in steps] == ["scene_0.png", "scene_1.png"]
    assert sorted(p.name for p in clean.iterdir() if p.name != RECORD) == [
        "fixed.json",
        "images",
        "labels.yaml",
        "masks",
    ]
    assert run_cli("data", "audit", clean)[0] == 0
    recipe = tmp_path / "r.yaml"
    assert run_cli("init", clean, "--out", recipe)[0] == 0
    changes = ["train.steps=1", "train.batch_size=2", "train.workers=0", "model.channels=8", "augment.crop=[32, 32]"]
    assert run_cli("train", recipe, *changes, "--out", tmp_path / "run")[0] == 0
    assert (tmp_path / "run/audit.json").is_file()


def test_a_clean_copy_of_a_recipes_data_set(run_cli, recipe: Path, photos: Path, tmp_path: Path) -> None:
    taken = photos / "images/scene_3.png"
    Image.open(taken).save(photos / "images/scene_4.png")
    Image.open(photos / "masks/scene_3.png").save(photos / "masks/scene_4.png")
    code, out, _ = run_cli("data", "audit", recipe, "--json", "--fix", tmp_path / "clean", "--out", tmp_path / "p.html")
    tree = json.loads(out)
    kinds = {f["kind"] for f in tree["findings"]}
    assert kinds & {"duplicates", "duplicates_across"} and (code == 1) == ("duplicates_across" in kinds)
    assert "the same image is" in tree["fixed"]["steps"][0]["action"] and tree["page"] == str(tmp_path / "p.html")
    assert len(tree["together"]) == 3 and tree["objects"]["disk"]["regions"] > 0
    again = json.loads(run_cli("data", "audit", tmp_path / "clean", "--json")[1])
    assert sum(again["images"].values()) == 5 and list(again["classes"]) == ["ground", "disk", "bar"]
    assert not [f for f in again["findings"] if f["severity"] == "error"]


def test_what_cannot_be_written_or_is_not_there_is_told_before_anything_is_read(
    run_cli, photos: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(photos.parent)
    taken = tmp_path / "taken"
    (taken / "more").mkdir(parents=True)
    for words, said in (
        (("data", "audit", photos, "--out", taken), "is a folder; give the page a file's name"),
        (("data", "audit", photos, "--fix", taken), "is there already; name a new folder"),
        (("data", "audit", photos, "--split", "test"), "there is no split 'test' in this folder; choose from 'all'"),
        (("init", tmp_path / "gone"), "there is no such folder"),
    ):
        code, out, err = run_cli(*words)
        assert (code, out) == (2, "") and said in err
    code, out, _ = run_cli("data", "audit", photos)
    assert code == 0 and out.startswith("6 images of 3 channels, 8 bits;")
    photos.rename("pets")
    code, _, err = run_cli("data", "audit", "pets")
    assert code == 2 and "--root" in err and "the folder of that name here is ./pets" in err
    assert run_cli("data", "audit", "./pets")[0] == 0


def test_a_data_set_some_folders_down_is_named(run_cli, shared_data: Path) -> None:
    code, _, err = run_cli("data", "audit", "drive", "--root", shared_data)
    assert code == 2 and f"but {shared_data / 'drive'} does; give that folder with --root" in err
