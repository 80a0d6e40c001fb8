"""Objects that overlap keep all of their pixels: from every format that knows overlaps to the samples of the data set."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia import datasets
from intarsia.annotations.convert import convert, read
from intarsia.annotations.from_datasets import project as of_datasets
from intarsia.annotations.objects import objects_of, overlapping
from intarsia.annotations.project import Picture, Project, Region, draw_objects
from intarsia.annotations.regions import outline
from intarsia.data.augment.geometry import flipped, place
from intarsia.data.augment.mix import cutmix
from intarsia.data.cache import Cached
from intarsia.data.loader import collate
from intarsia.data.samples import as_sample
from intarsia.data.write_shards import shard
from intarsia.doctor import audit
from intarsia.errors import DataError
from intarsia.labels import LabelSpace
from intarsia.structures import Batch, Sample

H, W = 24, 30
Run = Callable[..., tuple[int, str, str]]


def box(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((H, W), bool)
    mask[top:bottom, left:right] = True
    return mask


BUD, LEAF, TIP, HOLED = box(4, 4, 8, 8), box(2, 2, 16, 20), box(10, 15, 20, 28), box(0, 0, 24, 30) & ~box(6, 6, 20, 20)
OBJECTS = {"one": BUD, "two": LEAF, "three": TIP, "four": HOLED}
LABELS = {"one": "bud", "two": "leaf", "three": "bud", "four": "frame"}


def project(image: Path | None) -> Project:
    regions = [Region(LABELS[name], outline(mask), object=name) for name, mask in OBJECTS.items()]
    lower = box(18, 0, 22, 3)
    regions.insert(2, Region("leaf", outline(lower), object="two"))  # a second piece, drawn apart from the first
    return Project(("bud", "leaf", "frame"), (Picture("a", image, H, W, tuple(regions)),), "test")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    dice = np.random.default_rng(0)
    Image.fromarray(dice.integers(0, 255, (H, W, 3), np.uint8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def expected() -> list[np.ndarray]:
    return [BUD, LEAF | box(18, 0, 22, 3), TIP, HOLED]


def test_each_object_by_itself_in_the_order_of_its_number() -> None:
    (picture,) = project(None)
    found = objects_of(picture, ("leaf", "bud"))
    assert np.array_equal(found.shapes, np.stack(expected())) and found.shapes.dtype == bool
    assert list(found.classes) == [1, 0, 1, -1] and not any(found.crowd)
    numbers = draw_objects(picture)
    assert all(found.shapes[number - 1][numbers == number].all() for number in np.unique(numbers) if number)
    brute = sum(int(sum(mask[y, x] for mask in expected()) > 1) for y in range(H) for x in range(W))
    assert overlapping(found) == brute


@pytest.mark.parametrize(
    "tool", ["coco", "cvat", "datumaro", "supervisely", "labelbox", "labelme", "labelstudio", "superannotate"]
)
def test_every_format_that_knows_overlaps_keeps_them(tool: str, tmp_path: Path, image: Path) -> None:
    convert(project(image), tool, tmp_path / "out")
    again = read(tmp_path / "out", tool)
    found = objects_of(again.pictures[0], ("bud", "leaf", "frame"))
    held = {np.asarray(mask).tobytes() for mask in found.shapes}
    assert {mask.tobytes() for mask in (BUD, TIP, HOLED)} <= held
    assert np.array_equal(np.logical_or.reduce(found.shapes), np.logical_or.reduce(expected()))
    dataset = datasets.open("export", tmp_path / "out", "all", overlaps=True)
    sample = dataset[0]
    assert sample.masks is not None and sample.masks.dtype == torch.bool
    assert np.array_equal(sample.masks.numpy(), found.shapes)
    flat = datasets.open("export", tmp_path / "out", "all")
    plain, raw = flat[0], flat.decode(flat.items[0])
    assert raw.covered[0] == "bud" and raw.under > 0  # the first object lies under the second as a whole
    assert (
        plain.masks is None and torch.equal(plain.labels, sample.labels) and torch.equal(plain.objects, sample.objects)
    )


def test_what_is_flattened_is_said(tmp_path: Path, image: Path, run_cli: Run) -> None:
    convert(project(image), "coco", tmp_path / "out")
    under = sum(int(mask.sum()) for mask in expected()) - int(np.logical_or.reduce(expected()).sum())
    (finding,) = [f for f in audit(datasets.open("export", tmp_path / "out", "all")).findings if f.kind == "under"]
    assert finding.severity == "note" and f"{under:,} px of objects in 1 picture lie under objects" in finding.message
    assert "data.overlaps: true" in finding.fix
    whole = audit(datasets.open("export", tmp_path / "out", "all", overlaps=True))
    assert not [f for f in whole.findings if f.kind == "under"]
    recipe = {"data": {"name": "export", "root": str(tmp_path / "out"), "train": "all", "val": None, "overlaps": True}}
    (tmp_path / "r.yaml").write_text(
        json.dumps({"model": {"name": "fpn", "encoder": "resnet18"}, **recipe, "train": {"steps": 1}})
    )
    code, out, err = run_cli("data", "audit", tmp_path / "r.yaml", "--json")
    assert code in (0, 1) and not [f for f in json.loads(out)["findings"] if f["kind"] == "under"], err


def sample_of(tmp_path: Path, image: Path) -> Sample:
    convert(project(image), "coco", tmp_path / "out")
    return datasets.open("export", tmp_path / "out", "all", overlaps=True)[0]


def test_masks_move_with_their_sample(tmp_path: Path, image: Path) -> None:
    sample = sample_of(tmp_path, image)
    assert torch.equal(flipped(sample).masks, sample.masks.flip(-1))
    cut = place(
        sample, np.random.default_rng(3), ignore_index=255, crop=(16, 20), scale=(1.0, 1.0), flip=True, rotate=20
    )
    assert cut.masks.shape == (4, 16, 20)
    for number in cut.objects.unique().tolist():
        assert not number or bool(cut.masks[number - 1][cut.objects == number].all())
    mixed = cutmix(sample, flipped(sample), np.random.default_rng(1))
    assert mixed.masks.shape == (8, H, W)
    for number in mixed.objects.unique().tolist():
        assert not number or bool(mixed.masks[number - 1][mixed.objects == number].all())
    batch = collate([sample, flipped(sample)])
    assert isinstance(batch, Batch) and batch.masks is not None and torch.equal(batch.masks[0], sample.masks)
    assert batch.to(torch.device("cpu")).masks[1].shape == (4, H, W)
    with pytest.raises(DataError, match="masks of float32"):
        as_sample(sample._replace(masks=sample.masks.float()), 0)


def test_cache_and_shards_keep_them(tmp_path: Path, image: Path) -> None:
    sample = sample_of(tmp_path, image)
    dataset = datasets.open("export", tmp_path / "out", "all", overlaps=True)
    assert dataset.labels.things == ("bud", "leaf", "frame") and sample.classes.tolist() == [1, 2, 1, 3]
    shard([dataset], tmp_path / "shards")
    for other in (Cached(dataset, tmp_path / "cache")[0], datasets.open("shards", tmp_path / "shards", "all")[0]):
        assert torch.equal(other.masks, sample.masks) and other.masks.dtype == torch.bool
        assert torch.equal(other.classes, sample.classes) and torch.equal(other.objects, sample.objects)


def test_crowds_are_drawn_and_are_no_objects(tmp_path: Path, image: Path) -> None:
    """The pixels of a crowd have its class and no object number; it has no row among the masks, and rows stay in step."""
    drawn = project(image)
    (picture,) = drawn.pictures
    crowd = Region("leaf", outline(box(16, 6, 20, 14)), crowd=True, object="many")
    regions = (*picture.regions[:3], crowd, *picture.regions[3:])
    convert(replace(drawn, pictures=(picture._replace(regions=regions),)), "coco", tmp_path / "out")
    for overlaps in (False, True):
        sample = datasets.open("export", tmp_path / "out", "all", overlaps=overlaps)[0]
        assert (sample.labels[16:20, 6:14] == 2).all() and not sample.objects[16:20, 6:14].any()
        assert len(sample.objects.unique()) - 1 == 3  # the first lies under others as a whole
    assert np.array_equal(sample.masks, np.stack(expected())) and sample.classes.tolist() == [1, 2, 1, 3]
    for number in sample.objects.unique().tolist():
        assert not number or bool(sample.masks[number - 1][sample.objects == number].all())


def test_what_overlaps_goes_from_a_data_set_into_a_tool(tmp_path: Path, image: Path) -> None:
    """COCO to a data set to COCO again: all masks, classes and the crowd."""
    drawn = project(image)
    (picture,) = drawn.pictures
    crowd = Region("leaf", outline(box(16, 6, 20, 14)), crowd=True, object="many")
    regions = (*picture.regions[:3], crowd, *picture.regions[3:])
    convert(replace(drawn, pictures=(picture._replace(regions=regions),)), "coco", tmp_path / "out")
    for more in ({}, {"planes": True}):
        dataset = datasets.open("export", tmp_path / "out", "all", overlaps=True, **more)
        convert(of_datasets([dataset]), "coco", tmp_path / "again" / str(len(more)))
        again = datasets.open("export", tmp_path / "again" / str(len(more)), "all", overlaps=True, **more)
        assert torch.equal(again[0].masks, dataset[0].masks) and torch.equal(again[0].labels, dataset[0].labels)
        names = [[d.labels.names[k] for k in d[0].classes] for d in (dataset, again)]
        assert names[0] == names[1] and len(names[0]) == 4
        (told,) = read(tmp_path / "again" / str(len(more)), "coco").pictures
        assert [r.label for r in told.regions if r.crowd] == ["leaf"]


def test_only_things_are_told_apart(tmp_path: Path, image: Path) -> None:
    whole = sample_of(tmp_path, image)
    names = ("background", "bud", "leaf", "frame")
    for overlaps in (False, True):
        space = LabelSpace(names, things=("bud",))
        sample = datasets.open("export", tmp_path / "out", "all", labels=space, overlaps=overlaps)[0]
        assert torch.equal(sample.objects > 0, (sample.labels == 1)) and torch.equal(sample.labels, whole.labels)
    assert sample.classes.tolist() == [1, 1] and torch.equal(sample.masks, whole.masks[[0, 2]])
    assert sample.objects.max() == 2 and sample.masks[1][sample.objects == 2].all()
