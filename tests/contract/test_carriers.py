"""Whatever a sample may know goes through the cache, shards, the loader and the audit unchanged: one set of each kind."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kinds import HIGH, NAMES, WIDE, blobs, cityscapes, coco_panoptic, nyu_depth, photo, planes, put
from test_datasets import same, samples

import intarsia.data
from intarsia.annotations.convert import convert
from intarsia.annotations.project import Picture, Project, Region
from intarsia.annotations.regions import outline
from intarsia.data.cache import Cached
from intarsia.data.loader import Loader
from intarsia.data.write_shards import shard
from intarsia.doctor import mend, visit
from intarsia.doctor.describe import describe
from intarsia.errors import DataError
from intarsia.structures import Sample


def overlapping(root: Path, **options: Any) -> Any:
    """Boxes of two classes over each other, a crowd among them, as COCO."""
    pictures = []
    for n, name in enumerate(NAMES):
        image = put(root / f"images/{name}.png", photo(3))
        boxes = [("cat", 2, 2, 12, 14), ("dog", 6, 8, 18, 22), ("cat", 10 + n, 4, 19, 12), ("dog", 0, 20, 6, 27)]
        regions = []
        for number, (label, *sides) in enumerate(boxes):
            mask = np.zeros((HIGH, WIDE), bool)
            mask[sides[0] : sides[2], sides[1] : sides[3]] = True
            regions.append(Region(label, outline(mask), crowd=number == 3, object=str(number)))
        pictures.append(Picture(name, image, HIGH, WIDE, tuple(regions)))
    convert(Project(("cat", "dog"), tuple(pictures), "test"), "coco", root / "out")
    return intarsia.datasets.open("export", root / "out", "all", **options)


def step(root: Path) -> Any:
    for n in range(4):
        put(root / f"images/train/0001/{n:06}.png", photo(3))
        classes, track = blobs(13, 0, 13, 11), blobs(1, 0, 2, 1)
        known = np.where(classes > 0, classes, 0)
        put(root / f"panoptic_maps/train/0001/{n:06}.png", np.dstack([known, 0 * known, track]).astype(np.uint8))
    return intarsia.datasets.open("kitti_step", root, "train", previous=True)


def several(root: Path) -> Any:
    planes(root)
    return intarsia.datasets.open("covid_cxr", root, "all", planes=True)


def class_folders(root: Path) -> Any:
    for n, name in enumerate(NAMES):
        put(root / f"{'cat' if n % 2 else 'dog'}/{name}.png", photo(3))
    return intarsia.datasets.open("class_folders", root, "all")


CARRIED: dict[str, tuple[Callable[[Path], Any], set[str]]] = {
    "panoptic": (coco_panoptic, {"objects"}),
    "depth": (nyu_depth, {"depth"}),
    "overlapping": (lambda root: overlapping(root, overlaps=True), {"objects", "masks", "classes"}),
    "previous": (step, {"objects", "previous"}),
    "planes": (several, {"planes"}),
    "planes with objects": (lambda root: overlapping(root, planes=True, overlaps=True), {"planes", "masks", "classes"}),
    "tags": (class_folders, {"tags"}),
}


@pytest.fixture(params=list(CARRIED))
def carried(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, set[str]]:
    make, parts = CARRIED[request.param]
    (tmp_path / "data").mkdir()
    return make(tmp_path / "data"), parts


def parts_of(sample: Sample) -> set[str]:
    return {what for what in sample._fields[3:] if getattr(sample, what) is not None}


def test_through_the_cache_and_shards(carried: tuple[Any, set[str]], tmp_path: Path) -> None:
    dataset, parts = carried
    for sample in samples(dataset):
        assert parts_of(sample) == parts
        assert all(getattr(sample, what).numel() for what in parts)
    assert any(bool(getattr(sample, what).any()) for sample in samples(dataset) for what in parts)
    kept = Cached(dataset, tmp_path / "cache")
    same(pickle.loads(pickle.dumps(kept)), dataset)
    assert not Cached(pickle.loads(pickle.dumps(dataset)), tmp_path / "cache").built
    shard([dataset], tmp_path / "tars", size=3)
    again = intarsia.datasets.open("shards", tmp_path / "tars", dataset.split)
    same(again, dataset)
    assert again.labels == dataset.labels
    same(Cached(again, tmp_path / "cache"), dataset)
    shard([again], tmp_path / "tars again", size=2)
    same(intarsia.datasets.open("shards", tmp_path / "tars again", dataset.split), dataset)


def test_through_the_loader(carried: tuple[Any, set[str]]) -> None:
    dataset, _ = carried
    batch = next(Loader(dataset, batch_size=4, seed=1).stream())
    held = {sample.name: sample for sample in samples(dataset)}
    for n, name in enumerate(batch.names):
        for what, mine, its in zip(held[name]._fields, batch.sample(n), held[name], strict=True):
            assert (mine is None) == (its is None), what
            if isinstance(its, torch.Tensor):
                assert mine.dtype == its.dtype and torch.equal(mine.nan_to_num(-1), its.nan_to_num(-1)), what


def test_through_the_audit(carried: tuple[Any, set[str]]) -> None:
    dataset, parts = carried
    if parts != {"tags"}:  # whose pictures have no masks to look at
        assert [finding.message for finding in visit(dataset).audit.errors] == []


@pytest.mark.parametrize(("kind", "part"), [(cityscapes, "objects"), (coco_panoptic, "objects"), (nyu_depth, "depth")])
def test_through_a_clean_copy_and_init(kind: Callable[[Path], Any], part: str, tmp_path: Path) -> None:
    """What `init` writes for the clean copy of a set with objects or depth reads them again."""
    dataset = kind(tmp_path / "data")
    mend(visit(dataset), tmp_path / "clean")
    known = describe(tmp_path / "clean")
    options = {
        key: value for key, value in known.data.items() if key not in ("name", "root", "train", "val", "holdout")
    }
    split = next(iter(intarsia.datasets.splits("folder", tmp_path / "clean")))
    again = intarsia.datasets.open("folder", tmp_path / "clean", split, known.labels, **options)
    assert again.labels.things == dataset.labels.things
    held = {sample.name.rpartition("/")[2]: sample for sample in samples(dataset)}
    assert len(again) == 4
    for sample in samples(again):
        its = held[sample.name.rpartition("/")[2]]
        assert torch.equal(sample.labels, its.labels)
        assert torch.equal(getattr(sample, part).nan_to_num(-1), getattr(its, part).nan_to_num(-1))


def test_a_clean_copy_is_read_by_its_masks_where_all_of_them_look_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers of objects, which differ more from picture to picture, are no classes."""
    monkeypatch.setattr("kinds._rng", np.random.default_rng(0))
    mend(visit(cityscapes(tmp_path / "data")), tmp_path / "clean")
    assert describe(tmp_path / "clean").data["masks"] == "masks/train"


def test_things_of_other_labels_are_told_apart_in_shards_too(tmp_path: Path) -> None:
    """Masks and classes are kept in raw values, so that shards are read in another meaning as files are."""
    dataset = overlapping(tmp_path / "data", overlaps=True)
    shard([dataset], tmp_path / "tars")
    cats = type(dataset.labels)(dataset.labels.names, values=dataset.labels.values, things=("cat",))
    found = intarsia.datasets.open("shards", tmp_path / "tars", "all", cats)[0]
    assert found.classes.tolist() == [1, 1] and len(found.masks) == 2 and found.objects.unique().tolist() == [0, 1, 2]
    assert torch.equal(found.masks, dataset[0].masks[[0, 2]])


def test_what_strangers_write_into_shards_is_refused(tmp_path: Path) -> None:
    import json

    shard([class_folders(tmp_path / "data")], tmp_path / "tars")
    index = json.loads((tmp_path / "tars/index.json").read_text())
    name = next(iter(index["tags"]["all"]))
    for wrong in ([7], [-1], ["cat"], None, 3):
        index["tags"]["all"][name] = wrong
        (tmp_path / "tars/index.json").write_text(json.dumps(index))
        with pytest.raises(DataError, match=rf"no list of class numbers \(0..1\) under tags for '{name}'"):
            intarsia.datasets.open("shards", tmp_path / "tars", "all")
    index["tags"] = 5
    (tmp_path / "tars/index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="no list of class numbers"):
        intarsia.datasets.open("shards", tmp_path / "tars", "all")
