"""A miniature of each kind of data set: four images of 20x28 that differ, in the form that the kind is stored in."""

import csv
import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import intarsia.data
from intarsia.annotations.convert import convert, read
from intarsia.data.write_shards import shard
from intarsia.labels import LabelSpace

HIGH, WIDE = 20, 28
NAMES = ("aa", "bb", "cc", "dd")
_rng = np.random.default_rng(5)


def put(path: Path, array: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def photo(*channels: int) -> np.ndarray:
    return _rng.integers(0, 255, (HIGH, WIDE, *channels), np.uint8)


def blobs(*values: int) -> np.ndarray:
    """A map whose left half is 0, and whose right half has a band of each value, at a height that varies."""
    found = np.zeros((HIGH, WIDE), np.int32)
    edges = np.linspace(0, HIGH, len(values) + 1).astype(int)
    for value, top, end in zip(values, edges, edges[1:], strict=False):
        found[top:end, WIDE // 2 + int(_rng.integers(-4, 5)) :] = value
    return found


def folder(root: Path) -> Any:
    """Gray and color images, masks in colors that are no ids, one of them a GIF."""
    colors = np.array([[0, 0, 0], [200, 0, 0]], np.uint8)
    for n, name in enumerate(NAMES):
        put(root / f"images/{name}.png", photo(3) if n % 2 else np.repeat(photo(1), 3, axis=2))
        put(root / f"masks/{name}.{'gif' if n == 2 else 'png'}", colors[blobs(1)])
    labels = LabelSpace(("ground", "roof"), values={"#000000": "ground", "#c80000": "roof"})
    return intarsia.datasets.open("folder", root, "all", labels, images="images", masks="masks", channels=3)


def drive(root: Path) -> Any:
    for n in range(21, 25):
        put(root / f"training/images/{n}_training.tif", photo(3))
        put(root / f"training/1st_manual/{n}_manual1.gif", (blobs(1) * 255).astype(np.uint8))
        put(root / f"training/mask/{n}_training_mask.gif", (blobs(0, 1) * 255).astype(np.uint8))
    return intarsia.datasets.open("drive", root, "training")


def isbi2012(root: Path) -> Any:
    for name, pages in (
        ("volume", [photo() for _ in range(4)]),
        ("labels", [(blobs(1) * 255).astype(np.uint8) for _ in range(4)]),
    ):
        first, *others = map(Image.fromarray, pages)
        root.mkdir(exist_ok=True)
        first.save(root / f"train-{name}.tif", save_all=True, append_images=others)
    return intarsia.datasets.open("isbi2012", root, "all")


def nuclei(root: Path) -> Any:
    for name in NAMES:
        put(
            root / f"stage1_train/{name}/images/{name}.png", np.dstack([photo(3), np.full((HIGH, WIDE), 255, np.uint8)])
        )
        numbers = blobs(1, 0, 2)
        for n in (1, 2):
            put(root / f"stage1_train/{name}/masks/{n}.png", ((numbers == n) * 255).astype(np.uint8))
    return intarsia.datasets.open("nuclei", root, "all")


def davis(root: Path) -> Any:
    """The object that comes second is called so in every frame; one frame has no mask."""
    for n in range(4):
        put(root / f"JPEGImages/480p/bear/{n:05}.jpg", photo(3))
        if n != 1:
            put(root / f"Annotations/480p/bear/{n:05}.png", blobs(2, 3).astype(np.uint8))
    return intarsia.datasets.open("davis", root, "all")


def cityscapes(root: Path) -> Any:
    for n in range(4):
        stem = f"ulm_00000{n}_000019"
        put(root / f"leftImg8bit/train/ulm/{stem}_leftImg8bit.png", photo(3))
        numbers = blobs(7, 26001, 26003, 29)
        ids = np.where(numbers >= 1000, numbers // 1000, numbers)
        put(root / f"gtFine/train/ulm/{stem}_gtFine_labelIds.png", ids.astype(np.uint8))
        put(root / f"gtFine/train/ulm/{stem}_gtFine_instanceIds.png", numbers.astype(np.uint16))
    return intarsia.datasets.open("cityscapes", root, "train", objects=True)


def coco_panoptic(root: Path) -> Any:
    tree: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    for n, name in enumerate(("person", "tree")):
        tree["categories"].append({"id": 90 * n + 1, "name": name, "isthing": 1 - n})
    for n in range(1, 5):
        put(root / f"val2017/{n:012}.jpg", photo(3))
        numbers = blobs(70_000, 258, 3)
        colors = np.dstack([numbers % 256, numbers // 256 % 256, numbers // 65536]).astype(np.uint8)
        put(root / f"annotations/panoptic_val2017/{n:012}.png", colors)
        tree["images"].append({"id": n, "file_name": f"{n:012}.jpg", "height": HIGH, "width": WIDE})
        kinds = [{"id": i, "category_id": c, "iscrowd": 0} for i, c in ((70_000, 1), (258, 1), (3, 91))]
        tree["annotations"].append({"image_id": n, "file_name": f"{n:012}.png", "segments_info": kinds})
    (root / "annotations/panoptic_val2017.json").write_text(json.dumps(tree))
    return intarsia.datasets.open("coco", root, "val", masks="panoptic")


def nyu_depth(root: Path) -> Any:
    """Depth is in the sample, and a fourth channel of 16 bits."""
    (root / "Depth").mkdir(parents=True)
    for n, name in enumerate(NAMES):
        put(root / f"RGB/{name}.jpg", photo(3))
        put(root / f"Label/{name}.png", blobs(1, 40).astype(np.uint8))
        far = blobs(2, 3).astype(np.float32)
        if n % 2:
            np.save(root / f"Depth/{name}.npy", far)
        else:
            put(root / f"Depth/{name}.png", (far * 1000).astype(np.uint16))
    (root / "train.txt").write_text("\n".join(NAMES))
    return intarsia.datasets.open("nyu_depth", root, "train", fused=True)


def planes(root: Path) -> Any:
    """One file for each class, which overlap."""
    rows = []
    for name in NAMES:
        put(root / f"images/{name}.png", photo())
        for n, kind in enumerate(("Left Lung", "Consolidation")):
            put(root / f"masks/{name}{n}.png", (blobs(1)[:12, :16] * 200).astype(np.uint8))
            rows.append([kind, f"{name}.png", f"masks/{name}{n}.png", "28x20", 3 * n + 2, 4 * n + 3])
    with (root / "structure.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["Template Name", "Filename", "Mask", "Resolution", "Top", "Left"], *rows])
    return intarsia.datasets.open("covid_cxr", root, "all")


def _labelme(root: Path) -> Path:
    for name in NAMES:
        put(root / f"{name}.png", photo(3))
        shapes = []
        for n, kind in enumerate(("cat", "dog")):
            left, top = (int(v) for v in _rng.integers(1, 6, 2))
            ring = [[left, top], [left + 14, top], [left + 14, top + 9], [left, top + 9]]
            shapes.append({"label": kind, "points": ring, "shape_type": "polygon", "group_id": n})
        shapes.append({"label": "cat", "points": [[1, 1]], "shape_type": "point"})
        tree = {"shapes": shapes, "imagePath": f"{name}.png", "imageHeight": HIGH, "imageWidth": WIDE}
        (root / f"{name}.json").write_text(json.dumps(tree))
    return root


def export(root: Path) -> Any:
    return intarsia.datasets.open("export", _labelme(root), "all")


def coco_export(root: Path) -> Any:
    (root / "in").mkdir()
    convert(read(_labelme(root / "in")), "coco", root / "out")
    shutil.rmtree(root / "in")
    return intarsia.datasets.open("export", root / "out", "all", uncovered="ignore")


def zipped(root: Path) -> Any:
    (root / "in").mkdir()
    shutil.make_archive(str(root / "all"), "zip", _labelme(root / "in"))
    shutil.rmtree(root / "in")
    return intarsia.datasets.open("export", root, "all", file="all.zip")


def waymo(root: Path) -> Any:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    keys = ("key.segment_context_name", "key.frame_timestamp_micros", "key.camera_name")

    def packed(array: np.ndarray) -> bytes:
        content = BytesIO()
        Image.fromarray(array).save(content, "PNG")
        return content.getvalue()

    rows = {keys[0]: ["c"] * 4, keys[1]: [7] * 4, keys[2]: [1, 2, 3, 4]}
    segments = "[CameraSegmentationLabelComponent]"
    for part, columns in (
        ("image", {"[CameraImageComponent].image": [packed(photo(3)) for _ in range(4)]}),
        ("segmentation", {f"{segments}.panoptic_label_divisor": [1000] * 4,
                          f"{segments}.panoptic_label": [packed(blobs(2001, 2002, 20000).astype(np.uint16)) for _ in range(4)]}),
    ):  # fmt: skip
        file = root / f"training/camera_{part}/c.parquet"
        file.parent.mkdir(parents=True)
        parquet.write_table(pa.table(rows | columns), file)
    return intarsia.datasets.open("waymo", root, "train")


def shards(root: Path) -> Any:
    shard([davis(root / "in")], root / "tars", size=3)
    shutil.rmtree(root / "in")
    return intarsia.datasets.open("shards", root / "tars", "all")


def _seeded(kind: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """The same miniature whatever was made before."""

    def make(root: Path) -> Any:
        global _rng
        _rng = np.random.default_rng(5)
        return kind(root)

    return make


KINDS: dict[str, Callable[[Path], Any]] = {
    kind.__name__: _seeded(kind)
    for kind in (
        folder, drive, isbi2012, nuclei, davis, cityscapes, coco_panoptic, nyu_depth, planes, export, coco_export, zipped,
        waymo, shards,
    )
}  # fmt: skip
