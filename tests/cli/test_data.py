"""`data audit` and `init`: a folder is looked at before anything trains."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image


def test_a_sound_folder_is_sound(run_cli, recipe: Path) -> None:
    code, out, err = run_cli("data", "audit", recipe)
    assert (code, err) == (0, "")
    assert all(name in out for name in ("ground", "disk", "bar"))
    assert "0 errors" in out or "nothing wrong" in out


def test_the_audit_as_json(run_cli, recipe: Path) -> None:
    code, out, _ = run_cli("data", "audit", recipe, "--json")
    tree = json.loads(out)
    assert code == 0
    assert tree["channels"] == 3
    assert tree["images"] == {"train": 4, "val": 2}
    assert sum(entry["pixels"] for entry in tree["classes"].values()) == 4 * 48 * 64


def test_a_stray_value_is_an_error_with_file_count_and_cure(run_cli, recipe: Path, photos: Path) -> None:
    for path in (photos / "masks").iterdir():
        mask = np.asarray(Image.open(path)).copy()
        mask[:2, :5] = 37
        Image.fromarray(mask).save(path)
    text = recipe.read_text().replace("labels: {", "labels: {values: {0: ground, 1: disk, 2: bar}, ")
    recipe.write_text(text)
    code, out, _ = run_cli("data", "audit", recipe)
    assert code == 1
    flat = " ".join(out.split())
    assert "37" in flat
    assert "10" in flat  # pixels
    assert "scene_" in flat
    assert "labels.values" in flat
    assert json.loads(run_cli("data", "audit", recipe, "--json")[1])["findings"]


def test_a_mask_of_another_size(run_cli, recipe: Path, photos: Path) -> None:
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(photos / "masks" / "scene_0.png")
    code, out, _ = run_cli("data", "audit", recipe)
    assert code == 1
    assert "scene_0" in out
    assert "30" in out


def test_unreadable_files(run_cli, recipe: Path, photos: Path) -> None:
    (photos / "images" / "scene_0.png").write_text("this is text")
    code, out, _ = run_cli("data", "audit", recipe)
    assert code == 1
    assert "scene_0.png" in out


def test_unmatched_names_are_shown(run_cli, recipe: Path, photos: Path) -> None:
    (photos / "masks" / "scene_0.png").rename(photos / "masks" / "scnee_0.png")
    code, out, _ = run_cli("data", "audit", recipe)
    assert "scene_0" in out
    assert "scnee_0" in out
    assert code in (0, 1)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("no_such_place", "there is no folder, data set or recipe 'no_such_place'"),
        ("camvd", "did you mean 'camvid'?"),
        ("camvid", "root"),
        ("gone.yaml", "there is no recipe 'gone.yaml'"),
    ],
)
def test_a_source_that_is_none(run_cli, source: str, words: str) -> None:
    code, out, err = run_cli("data", "audit", source)
    assert (code, out) == (2, "")
    assert words in err


def test_a_folder_that_is_gone(run_cli, recipe: Path, tmp_path: Path) -> None:
    code, _, err = run_cli("data", "audit", recipe, "--root", tmp_path / "gone")
    assert code == 2
    assert f"{tmp_path / 'gone'}: there is no such folder" in err


def test_a_folder_without_pairs(run_cli, tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / "empty" / name).mkdir(parents=True)
    code, _, err = run_cli("init", tmp_path / "empty", "--out", tmp_path / "r.yaml")
    assert code == 2
    assert str(tmp_path / "empty") in err
    assert not (tmp_path / "r.yaml").exists()


def test_init_writes_a_recipe_that_trains(run_cli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    code, text, err = run_cli("init", photos, "--out", out, "--classes", "ground, disk,bar")
    assert (code, err) == (0, "")
    assert "bar" in text
    assert f"intarsia train {out}" in text
    written = yaml.safe_load(out.read_text())
    assert written["labels"]["classes"] == ["ground", "disk", "bar"]
    assert written["data"]["name"] == "folder"
    assert run_cli("data", "audit", out)[0] == 0
    changes = ["train.steps=1", "train.batch_size=2", "train.workers=0", "model.channels=8", "augment.crop=[32, 32]"]
    code, text, err = run_cli("train", out, *changes, "--out", tmp_path / "run")
    assert code == 0, err


def test_init_keeps_what_is_there(run_cli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    out.write_text("precious")
    code, _, err = run_cli("init", photos, "--out", out, "--classes", "a,b,c")
    assert code == 2
    assert "is there already" in err
    assert out.read_text() == "precious"
    assert run_cli("init", photos, "--out", out, "--classes", "a,b,c", "--force")[0] == 0


def test_init_with_too_few_classes(run_cli, photos: Path, tmp_path: Path) -> None:
    code, _, err = run_cli("init", photos, "--out", tmp_path / "r.yaml", "--classes", "ground,disk")
    assert code == 2
    assert "2 classes" in err


def test_init_where_there_is_nothing(run_cli, tmp_path: Path) -> None:
    code, _, err = run_cli("init", tmp_path / "gone", "--out", tmp_path / "r.yaml")
    assert code == 2
    assert "gone" in err


def test_terms_of_use_are_told_once(run_cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    told = [run_cli("data", "audit", "voc", "--root", tmp_path) for _ in range(2)]
    assert [code for code, _, _ in told] == [2, 2]
    assert ["Flickr's terms" in err for _, _, err in told] == [True, False]


def test_samples_are_shown_before_and_after_augmentation(run_cli, photos: Path, recipe: Path, tmp_path: Path) -> None:
    for source in (photos, recipe):
        out = tmp_path / "sheets" / "samples.png"
        code, told, err = run_cli("data", "show", source, "--count", 2, "--times", 2, "--out", out)
        assert (code, err) == (0, "") and "2 of" in told
        with Image.open(out) as picture:
            assert picture.width > 4 * 180 and picture.height > 2 * 180


def test_a_folder_becomes_shards_that_can_be_audited(run_cli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "tars"
    code, told, err = run_cli("data", "shard", photos, "--out", out, "--size", 2)
    assert code == 0 and "5 train, 1 val samples in" in told and "are held out as val" in err
    assert len(list(out.glob("*.tar"))) >= 3
    assert run_cli("data", "audit", "shards", "--root", out)[0] == 0


def test_an_export_is_converted_and_trained_on(run_cli, photos: Path, tmp_path: Path) -> None:
    """Index masks become COCO, COCO becomes masks again; both are opened as data sets."""
    from intarsia.datasets import open as open_data

    (photos / "labels.yaml").write_text("classes: [ground, disk, bar]\nuncovered: ground\n")
    code, out, err = run_cli("data", "convert", photos, "--to", "coco", "--out", tmp_path / "coco")
    assert (code, err) == (0, "") and "6 pictures" in out and "2 classes (disk, bar)" in out
    code, out, _ = run_cli(
        "data", "convert", tmp_path / "coco", "--to", "masks", "--out", tmp_path / "masks", "--uncovered", "ground"
    )
    assert code == 0
    for n in range(6):
        name = f"scene_{n}.png"
        before, after = (np.asarray(Image.open(top / "masks" / name)) for top in (photos, tmp_path / "masks"))
        assert np.array_equal(before, after)
    data = open_data("export", tmp_path / "coco", "train", holdout=0.34)
    assert len(data) == 4 and data.labels.names == ("background", "disk", "bar")
    assert data[0].objects is not None and data[0].objects.max() >= 1
    assert run_cli("data", "audit", tmp_path / "masks")[0] == 0


def test_tools_are_listed(run_cli) -> None:
    code, out, err = run_cli("data", "tools")
    assert (code, err) == (0, "") and "LabelMe" in out and "VGG Image Annotator" in out
    assert set(json.loads(run_cli("data", "tools", "--json")[1])) >= {"coco", "labelme", "via", "masks"}
    code, _, err = run_cli("data", "convert", "nowhere", "--to", "coco", "--out", "x")
    assert code == 2 and "there is no folder, data set or recipe 'nowhere'" in err
