"""No result takes the place of another: clean copies and converted exports keep every pair, whatever it is called."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.annotations.convert import convert
from intarsia.annotations.project import Bitmap, Picture, Project, Region
from intarsia.data.pairs import Pair, Pairs
from intarsia.datasets.folder import folder
from intarsia.doctor import mend, visit
from intarsia.labels import LabelSpace
from intarsia.training.usual import init

SPACE = LabelSpace(("background", "cell"))


def pairs_of(root: Path, names: list[str]) -> Pairs:
    """Pairs of the given names; image n is all 40 n, and its mask has n pixels of the second class."""
    items = []
    for n, name in enumerate(names, 1):
        image, mask = root / "images" / f"{n}.png", root / "masks" / f"{n}.png"
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(n).integers(0, 40, (16, 16, 3))
        Image.fromarray((noise + 40 * n).astype(np.uint8)).save(image)
        labels = np.zeros((16, 16), np.uint8)
        labels.ravel()[:n] = 1
        Image.fromarray(labels).save(mask)
        items.append(Pair(name, image, mask))
    return Pairs(items, SPACE, name="own", split="all")


@pytest.mark.parametrize(
    "names, made",
    [
        (["a/b", "a_b"], ["a_b", "a_b-2"]),
        (["a/b", "A/B", "c/d"], ["a/b", "A/B-2", "c/d"]),
        (["x", "X", "x-2"], ["x", "X-3", "x-2"]),
    ],
)
def test_a_clean_copy_holds_each_image_with_its_own_mask(names: list[str], made: list[str], tmp_path: Path) -> None:
    dataset = pairs_of(tmp_path / "in", names)
    steps = mend(visit(dataset), tmp_path / "out")
    for n, name in enumerate(made, 1):
        image = np.asarray(Image.open(tmp_path / "out" / "images" / f"{name}.png"))
        mask = np.asarray(Image.open(tmp_path / "out" / "masks" / f"{name}.png"))
        assert image.min() // 40 == n and (mask == 1).sum() == n
    assert len(list((tmp_path / "out" / "images").rglob("*.png"))) == len(names)
    renamed = [s for s in steps if s["action"].startswith("written as")]
    assert len(renamed) == sum(
        new != old.replace("/", "_" if "_" in made[0] else "/") for old, new in zip(names, made, strict=True)
    )
    assert steps == json.loads((tmp_path / "out" / "fixed.json").read_text())
    tree, _ = init(tmp_path / "out")
    data = {k: v for k, v in tree["data"].items() if k not in ("name", "root", "train", "val", "holdout")}
    assert len(folder(tmp_path / "out", "all", labels=SPACE, **data)) == len(names)


@pytest.mark.parametrize("tool", ["coco", "labelme", "yolo", "supervisely", "cvat_masks", "masks", "rectlabel"])
def test_a_converted_export_keeps_every_picture_apart(tool: str, tmp_path: Path) -> None:
    pixels = np.zeros((8, 8), bool)
    pixels[2:5, 2:6] = True
    pictures = []
    for n, name in enumerate(("a/B", "A/b", "c"), 1):
        path = tmp_path / f"{n}.png"
        Image.fromarray(np.full((8, 8, 3), n, np.uint8)).save(path)
        pictures.append(Picture(name, path, 8, 8, (Region("cell", bitmap=Bitmap(0, 0, pixels)),)))
    made = convert(Project(("cell",), tuple(pictures), "own"), tool, tmp_path / "out")
    assert [p.name for p in made] == ["a/B", "A/b-2", "c"]
    assert [int(np.asarray(Image.open(p.image)).max()) for p in made if p.image] == [1, 2, 3]
    assert any("1 picture renamed" in remark for remark in made.remarks)
