"""Oxford-IIIT Pet: trimaps without a zero, species, breeds, and 80 real ones."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets import splits
from intarsia.datasets.pets import pets
from intarsia.errors import DataError, LabelError


def put(path: Path, array: object, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def photo(path: Path, height: int, width: int) -> Path:
    return put(path, np.full((height, width, 3), 90))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("Abyssinian_100", "beagle_1", "Abyssinian_5"):
        photo(tmp_path / f"images/{name}.jpg", 1, 4)
        put(tmp_path / f"annotations/trimaps/{name}.png", [[2, 3, 1, 1]])
    put(tmp_path / "annotations/trimaps/._Abyssinian_100.png", [[0]])  # as the archive has them
    (tmp_path / "annotations/trainval.txt").write_text(
        "# Image CLASS-ID SPECIES BREED ID\nAbyssinian_100 1 1 1\nbeagle_1 5 2 3\n"
    )
    (tmp_path / "annotations/test.txt").write_text("Abyssinian_5 1 1 1\n")
    return tmp_path


def test_one_is_the_pet_two_the_ground_three_ignored(root: Path) -> None:
    dataset = pets(root, "trainval")
    assert dataset.labels.names == ("background", "pet") and splits("pets", root) == ("trainval", "test")
    assert [dataset[n].labels.tolist() for n in range(2)] == [[[0, 255, 1, 1]]] * 2
    banded = pets(root, "test", border="class")
    assert banded.labels.names == ("background", "pet", "border") and banded[0].labels.tolist() == [[0, 2, 1, 1]]


def test_species_and_breeds(root: Path) -> None:
    species, breeds = (pets(root, "trainval", classes=c) for c in ("species", "breeds"))
    assert species.labels.names == ("background", "cat", "dog")
    assert [species[n].labels.tolist() for n in range(2)] == [[[0, 255, 1, 1]], [[0, 255, 2, 2]]]
    assert breeds.labels.names == ("background", "Abyssinian", "beagle")
    assert [breeds[n].labels.tolist() for n in range(2)] == [[[0, 255, 1, 1]], [[0, 255, 2, 2]]]
    assert pets(root, "trainval", classes="breeds", border="class")[1].labels.tolist() == [[0, 3, 2, 2]]


def test_a_holdout_is_of_trainval(root: Path) -> None:
    train, val = (pets(root, split, holdout=0.5) for split in ("train", "val"))
    assert {train.items[0].name, val.items[0].name} == {"Abyssinian_100", "beagle_1"}
    assert splits("pets", root, holdout=0.5) == ("train", "test", "val")


def test_what_is_wrong_is_said(root: Path) -> None:
    with pytest.raises(DataError, match=r"holds no images and annotations/trimaps; expected\n    images/NAME.jpg"):
        pets(root / "images", "test")
    with pytest.raises(DataError, match="no split 'train'; did you mean 'trainval'"):
        pets(root, "train")
    put(root / "annotations/trimaps/Abyssinian_5.png", [[2, 3, 1, 0]])
    for classes in ("pet", "breeds"):
        with pytest.raises(LabelError, match=r"Abyssinian_5.png: the mask holds 0 \(1 px\)"):
            pets(root, "test", classes=classes)[0]
    (root / "annotations/test.txt").write_text("Abyssinian_6 1 1 1\n")
    with pytest.raises(DataError, match="Abyssinian_6 is listed, but there is no .*Abyssinian_6.jpg"):
        pets(root, "test")
    (root / "annotations/test.txt").write_text("Abyssinian_6 1\n")
    with pytest.raises(DataError, match=r"test.txt, line 1: 'Abyssinian_6 1'; a line is NAME CLASS SPECIES BREED"):
        pets(root, "test")


def test_real_pets(shared_data: Path) -> None:
    root = shared_data / "oxford_pets"
    for split, count in (("trainval", 52), ("test", 28)):
        dataset = pets(root, split)
        assert len(dataset) == count
        for n in range(0, count, 9):
            sample = dataset[n]
            raw = np.asarray(Image.open(dataset.items[n].mask))
            assert (sample.labels.numpy() == np.select([raw == 1, raw == 2], [1, 0], 255)).all()
            assert sample.image.shape == (3, *raw.shape)
    breeds = pets(root, "test", classes="breeds")
    sample = breeds[0]
    assert {breeds.labels.names[k] for k in sample.labels.unique().tolist() if k < 255} == {
        "background", sample.name.rpartition("_")[0],
    }  # fmt: skip
