"""Masks of several planes: a file for each class or object, and arrays of one map for each class."""

from pathlib import Path

import numpy as np
import pytest
from planted import NAMES, load, save, scene

from intarsia.data.files.codecs import decode_mask
from intarsia.datasets.folder import folder
from intarsia.doctor import audit
from intarsia.doctor.diagnose import diagnose
from intarsia.doctor.mend import mend
from intarsia.errors import LabelError
from intarsia.labels import LabelSpace
from intarsia.training.usual import init

SPLITS = ("train", "train", "train", "train", "val", "val")
BY_NAME = np.array([0, 3, 1, 2])  # ground, disk, bar, box -> background, bar, box, disk


def class_folders(place: Path, name: str, mask: np.ndarray) -> None:
    for n in (1, 2, 3):
        save(place / NAMES[n] / f"{name}.png", (mask == n).astype(np.uint8) * np.uint8(255))


def name_folders(place: Path, name: str, mask: np.ndarray) -> None:
    for n in set(np.unique(mask)) - {0}:
        save(place / name / f"{NAMES[n]}.png", (mask == n).astype(np.uint8))


def numbered_classes(place: Path, name: str, mask: np.ndarray) -> None:
    for n in set(np.unique(mask)) - {0}:
        half = np.arange(mask.shape[1]) < 50
        for part, side in enumerate((half, ~half)):
            save(place / name / f"{name}_{NAMES[n]}_{part}.png", ((mask == n) & side).astype(np.uint8) * np.uint8(255))


def objects(place: Path, name: str, mask: np.ndarray) -> None:
    for n in set(np.unique(mask)) - {0}:
        save(place / name / f"{n:03d}.png", (mask == n).astype(np.uint8) * np.uint8(255))


def array(place: Path, name: str, held: np.ndarray) -> None:
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / f"{name}.npy", held)


def ids(place: Path, name: str, mask: np.ndarray) -> None:
    array(place, name, mask.astype(np.int64))


def first(place: Path, name: str, mask: np.ndarray) -> None:
    array(place, name, np.stack([mask == n for n in range(4)]))


def last(place: Path, name: str, mask: np.ndarray) -> None:
    array(place, name, np.stack([mask == n for n in range(4)], axis=-1).astype(np.float32))


def without_ground(place: Path, name: str, mask: np.ndarray) -> None:
    array(place, name, np.stack([mask == n for n in (1, 2, 3)]).astype(np.uint8))


FORMS = {
    "class_folders": (class_folders, BY_NAME, ("background", "bar", "box", "disk")),
    "name_folders": (name_folders, BY_NAME, ("background", "bar", "box", "disk")),
    "numbered_classes": (numbered_classes, BY_NAME, ("background", "bar", "box", "disk")),
    "objects": (objects, np.array([0, 1, 1, 1]), ("background", "object")),
    "ids": (ids, np.arange(4), ("class_0", "class_1", "class_2", "class_3")),
    "first": (first, np.arange(4), ("class_0", "class_1", "class_2", "class_3")),
    "last": (last, np.arange(4), ("class_0", "class_1", "class_2", "class_3")),
    "without_ground": (without_ground, np.array([3, 0, 1, 2]), ("class_0", "class_1", "class_2", "class_3")),
}


def made(root: Path, form: str, flat: bool) -> dict[str, np.ndarray]:
    random = np.random.default_rng(len(form))
    truth = {}
    for n, split in enumerate(SPLITS):
        image, mask = scene(random)
        name = f"s{n}x"
        place = "" if flat else split
        save(root / "images" / place / f"{name}.png", image)
        FORMS[form][0](root / "masks" / place, name, mask)
        truth[name] = FORMS[form][1][mask]
    return truth


@pytest.mark.parametrize("flat", [True, False], ids=["flat", "splits"])
@pytest.mark.parametrize("form", FORMS)
def test_planes_are_read_alike_by_audit_recipe_and_training(tmp_path: Path, form: str, flat: bool) -> None:
    truth, classes = made(tmp_path / "set", form, flat), FORMS[form][2]
    found = diagnose(tmp_path / "set")
    assert not found.audit.errors and not found.audit.warnings and found.audit.names == classes
    assert found.audit.images == ({"all": 6} if flat else {"train": 4, "val": 2})
    mend(found, tmp_path / "out")
    written = {p.stem: load(p) for p in (tmp_path / "out/masks").rglob("*.png")}
    assert written.keys() == truth.keys() and all((written[n] == truth[n]).all() for n in truth)
    recipe, told = init(tmp_path / "set")
    assert recipe["labels"]["classes"] == list(classes)
    if form != "ids":
        assert "later ones on top" in told or "one-hot" in told
    options = {k: recipe["data"][k] for k in ("images", "masks", "holdout") if k in recipe["data"]}
    held = [
        folder(tmp_path / "set", split, labels=LabelSpace.from_dict(recipe["labels"]), **options)
        for split in ("train", "val")
    ]
    samples = {s.name: s.labels.numpy() for part in held for s in (part[n] for n in range(len(part)))}
    assert samples.keys() == truth.keys() and all((samples[n] == truth[n]).all() for n in truth)
    assert not audit(*held).errors


def test_overlaps_are_told_and_the_later_class_is_on_top(tmp_path: Path) -> None:
    made(tmp_path, "name_folders", True)
    path = tmp_path / "masks/s2x/box.png"
    box, disk = load(path), load(tmp_path / "masks/s2x/disk.png")
    box[disk > 0] = 1
    save(path, box)
    found = diagnose(tmp_path).audit
    (told,) = [f for f in found.findings if f.kind == "overlap"]
    assert told.severity == "warning" and f"{int((disk > 0).sum())} px of 1 masks" in told.message
    assert "s2x" in told.places[0] and "later class covers the earlier" in told.message
    recipe, _ = init(tmp_path)
    data = folder(
        tmp_path, "all", labels=LabelSpace.from_dict(recipe["labels"]), images="images", masks="masks/{name}/{class}"
    )
    (sample,) = [data[n] for n in range(6) if data[n].name == "s2x"]
    assert (sample.labels.numpy()[disk > 0] == 3).all()


def test_a_plane_that_no_class_names_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    made(tmp_path, "name_folders", True)
    space = LabelSpace(("background", "bar", "boxx", "disk"))
    with pytest.raises(LabelError, match="masks of 'box', which labels.classes does not name.*boxx"):
        folder(tmp_path, "all", labels=space, images="images", masks="masks/{name}/{class}")


def test_colors_in_an_array_are_no_planes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8))
    assert decode_mask(tmp_path / "a.npy")[0].shape == (20, 30, 3)


@pytest.mark.parametrize("form", ["objects", "numbered_classes", "name_folders"])
def test_files_of_objects_number_them_and_files_of_classes_do_not(tmp_path: Path, form: str) -> None:
    made(tmp_path, form, True)
    recipe, _ = init(tmp_path)
    space = LabelSpace.from_dict(recipe["labels"])
    data = folder(tmp_path, "all", labels=space, images="images", masks=recipe["data"]["masks"])
    for sample in (data[n] for n in range(6)):
        if form == "name_folders":
            assert sample.objects is None
            continue
        numbers = sample.objects.numpy()
        assert ((numbers > 0) == (sample.labels.numpy() > 0)).all()
        held = [load(path) > 0 for path in (tmp_path / "masks" / sample.name).iterdir()]
        assert len(np.unique(numbers[numbers > 0])) == sum(part.any() for part in held)
        assert all(len(np.unique(numbers[part])) <= 1 for part in held)  # one number for each file
