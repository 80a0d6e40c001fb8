"""Small honest files of every kind that this package reads, each kind a folder: what the mutations begin with."""

import json
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "annotations"))
import written as w

from intarsia.annotations.catalogue import TOOLS
from intarsia.annotations.convert import convert
from intarsia.annotations.project import Bitmap, Picture, Project, Region
from intarsia.annotations.regions import packed, runs_of
from intarsia.checkpoint import Checkpoint, save
from intarsia.data.pairs import Pair, Pairs
from intarsia.data.write_shards import shard
from intarsia.labels import LabelSpace

SPACE = LabelSpace(("background", "cat", "dog"))
MASK = np.zeros((12, 10), np.uint8)
MASK[2:6, 2:8], MASK[7:11, 1:5] = 1, 2
IMAGE = np.random.default_rng(0).integers(0, 255, (12, 10, 3)).astype(np.uint8)


def _project(folder: Path) -> Project:
    """Two pictures with a polygon, one with a hole, a crowd, and a bitmap."""
    pictures = []
    for name in ("a", "b"):
        path = folder / f"{name}.png"
        Image.fromarray(IMAGE).save(path)
        square, hole = (np.array(points, float) / 2 for points in (w.SQUARE, w.HOLE))
        regions = (
            Region("cat", ((square,),), object="1"),
            Region("dog", ((square, hole[::-1]),), crowd=True),
            Region("dog", bitmap=Bitmap(1, 1, MASK[1:8, 1:8] > 0), object="2"),
        )
        pictures.append(Picture(name, path, 12, 10, regions))
    return Project(("cat", "dog"), tuple(pictures), "own", {"cat": (255, 0, 0), "dog": (0, 255, 0)})


def _export(tool: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        aside = folder.parent / f"{folder.name}.images"
        aside.mkdir()
        convert(_project(aside), tool, folder)

    return make


def _laid(**files: Any) -> Callable[[Path], None]:
    named = {name.replace("__", "/").replace("_dot_", "."): content for name, content in files.items()}
    return lambda folder: (w.laid(folder, named), None)[1]


def _coco_runs(folder: Path) -> None:
    runs = runs_of(w.BLOB)
    size = [w.H, w.W]
    plain = {"segmentation": {"size": size, "counts": runs}, "iscrowd": 1}
    text = {"segmentation": {"size": size, "counts": packed(runs)}}
    w.laid(folder, {"a.jpg": w.PHOTO, "x.json": w.coco(plain, text)})


def _pictures(folder: Path) -> None:
    for end in ("png", "jpg", "bmp", "gif", "tif", "webp"):
        Image.fromarray(IMAGE).save(folder / f"a.{end}")
    Image.fromarray(IMAGE[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    Image.fromarray(IMAGE[..., 0].astype(np.uint16)).save(folder / "deep.tif")
    Image.fromarray(IMAGE).save(folder / "packed.tif", compression="tiff_lzw")
    palette = Image.fromarray(MASK)
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    palette.save(folder / "palette.png")
    np.save(folder / "a.npy", IMAGE)


def _pairs(folder: Path) -> None:
    for n in range(3):
        for kind, array in (("images", IMAGE), ("masks", MASK)):
            (folder / kind).mkdir(exist_ok=True)
            Image.fromarray(array).save(folder / kind / f"{n}.png")
    (folder / "labels.yaml").write_text("classes: [background, cat, dog]\n")
    (folder / "classes.json").write_text(json.dumps([{"name": "background"}, {"name": "cat", "color": "#ff0000"}]))


def _recipe(folder: Path) -> None:
    (folder / "recipe.yaml").write_text(
        "model: {name: fpn, encoder: resnet18, channels: 64}\n"
        "data:\n  name: folder\n  root: data\n  train: train\n  val: val\n  holdout: 0.2\n"
        "labels:\n  classes: [background, cat]\n  values: {0: background, 1: cat, '2..7': cat, 255: ignore}\n"
        "augment: &usual {flip: true, scale: [0.5, 2.0], crop: [64, 64]}\n"
        "loss: {name: cross_entropy}\noptimizer: {name: adamw, lr: 2e-3}\nschedule: {name: poly, power: 0.9}\n"
        "train: {minutes: 2.1, batch_size: 16, ema: 0.99, workers: 2, cache: true}\nseed: 0\n"
    )


def _archives(folder: Path) -> None:
    aside = folder.parent / f"{folder.name}.inside"
    w.laid(aside, {"d/a.jpg": w.PHOTO, "d/x.json": w.coco({})})
    with zipfile.ZipFile(folder / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(aside.rglob("*.*")):
            archive.write(path, path.relative_to(aside))
    for end in ("tar", "tar.gz", "tar.xz"):
        with tarfile.open(folder / f"x.{end}", f"w{end.removeprefix('tar').replace('.', ':')}") as tar:  # type: ignore[call-overload]
            tar.add(aside, "d")


def _panoptic(folder: Path) -> None:
    numbers = np.zeros((12, 10, 3), np.uint8)
    numbers[..., 0] = MASK
    info = [{"id": 1, "category_id": 7, "iscrowd": 0}, {"id": 2, "category_id": 9, "iscrowd": 1}]
    tree = {
        "images": [{"id": 5, "file_name": "a.png"}],
        "annotations": [{"image_id": 5, "file_name": "a.png", "segments_info": info}],
        "categories": [
            {"id": 7, "name": "cat", "isthing": 1, "color": [1, 2, 3]},
            {"id": 9, "name": "sky", "isthing": 0},
        ],
    }
    for side in ("ours", "truth"):
        w.laid(folder, {f"{side}.json": tree, f"{side}/a.png": numbers})


def _results(folder: Path) -> None:
    truth = w.coco({"area": 100.0}, {"segmentation": {"size": [w.H, w.W], "counts": runs_of(w.BLOB)}, "area": 20})
    found = [
        {"image_id": 7, "category_id": 3, "score": 0.9, "bbox": [2, 2, 10, 10], "segmentation": [w.FLAT]},
        {
            "image_id": 7,
            "category_id": 90,
            "score": 0.5,
            "segmentation": {"size": [w.H, w.W], "counts": packed(runs_of(w.BLOB))},
        },
    ]
    w.laid(folder, {"truth.json": truth, "found.json": found})


def _shards(folder: Path) -> None:
    aside = folder.parent / f"{folder.name}.pairs"
    aside.mkdir()
    _pairs(aside)
    items = [Pair(f"n/{n}", aside / "images" / f"{n}.png", aside / "masks" / f"{n}.png") for n in range(3)]
    shard([Pairs(items, SPACE, name="own", split="train")], folder)


def _checkpoint(folder: Path) -> None:
    made = Checkpoint(
        model="fpn", options={"encoder": "resnet18"}, labels=SPACE, in_channels=3, mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0),
        recipe={}, protocol="standard", data_hash="", notes={}, progress={"step": 1},
        weights={"a": torch.arange(6.0).reshape(2, 3)}, state={"b": torch.zeros(2)},
    )  # fmt: skip
    save(folder / "last.safetensors", made)
    torch.save({"state_dict": {"a.weight": torch.ones(3, 2), "a.bias": torch.zeros(3)}}, folder / "peer.pth")


def _nuclei(folder: Path) -> None:
    Image.fromarray(IMAGE).convert("RGB").save((_made(folder / "stage1_train/i1/images")) / "i1.png")
    (folder / "t.csv").write_text("ImageId,EncodedPixels\ni1,1 3 20 5\ni1,40 2\n")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_SA = {
    "metadata": {"name": "a.jpg", "width": w.W, "height": w.H},
    "instances": [{"type": "polygon", "className": "cat", "points": w.FLAT, "groupId": 1, "exclude": []}],
}
SEEDS: dict[str, Callable[[Path], None]] = {
    **{tool: _export(tool) for tool, about in TOOLS.items() if about.write is not None},
    "coco_runs": _coco_runs,
    "labelbox_v1": _laid(a_dot_jpg=w.PHOTO, sky_dot_png=w.SKY, x_dot_json=[w.row()]),
    "labelbox_v2": _laid(a_dot_jpg=w.PHOTO, sky_dot_png=w.SKY, x_dot_ndjson=json.dumps(w.V2)),
    "labelstudio_brush": _laid(a_dot_jpg=w.PHOTO, x_dot_json=[w.task(w.POLYGON, w.BRUSH)]),
    "supervisely_stamp": _laid(
        meta_dot_json=w.META, d__ann__a_dot_jpg_dot_json=w.sly({"classTitle": "cat", "geometryType": "bitmap", "bitmap": w.STAMP}, w.SLY_POLYGON)
    ),
    "via_csv": _laid(a_dot_jpg=w.PHOTO, b_dot_jpg=w.PHOTO, via_dot_csv=w.VIA_CSV),
    "via_json": _laid(a_dot_jpg=w.PHOTO, x_dot_json={"a.jpg5": {"filename": "a.jpg", "size": 5, "regions": [w.VIA_SQUARE]}}),
    "via3": _laid(a_dot_jpg=w.PHOTO, x_dot_json=w.VIA3),
    "superannotate_own": _laid(a_dot_jpg=w.PHOTO, classes__classes_dot_json=[{"id": 1, "name": "cat"}], a_dot_jpg_dot_json=_SA),
    "scale": _laid(
        a_dot_jpg=w.PHOTO,
        x_dot_json=[{"task_id": "1", "params": {"attachment": "a.jpg"}, "response": {"annotations": [{"label": "cat", "vertices": w.POINTS}]}}],
    ),
    "pictures": _pictures,
    "folder": _pairs,
    "recipe": _recipe,
    "archives": _archives,
    "panoptic": _panoptic,
    "results": _results,
    "shards": _shards,
    "checkpoint": _checkpoint,
    "nuclei": _nuclei,
}  # fmt: skip
