"""An audit is remembered until a file changes; what is read again is what was made."""

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import FAULTS, folder, load, save

from intarsia.datasets import open as open_dataset
from intarsia.doctor import audit
from intarsia.doctor.remember import remembered
from intarsia.labels import LabelSpace
from intarsia.training.usual import init


def splits(root: Path, **changed: Any) -> list[Any]:
    recipe, _ = init(root)
    data = dict(recipe["data"])
    name, place, *names = (data.pop(key) for key in ("name", "root", "train", "val"))
    tree = {**recipe["labels"], **changed}
    return [open_dataset(name, place, split, LabelSpace.from_dict(tree), **data) for split in names]


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A set with some faults that leave it readable, so that findings have places, pictures and spots."""
    root = folder(tmp_path / "set", np.random.default_rng(3))
    for kind in ("specks", "leaked", "twice", "one_mirrored"):
        FAULTS[kind].plant(root, np.random.default_rng(7))
    return root


def test_what_is_remembered_is_what_was_found(planted: Path, tmp_path: Path) -> None:
    made, known = remembered(*splits(planted), folder=tmp_path / "kept")
    again, known_then = remembered(*splits(planted), folder=tmp_path / "kept")
    assert (known, known_then) == (False, True) and len(made.findings) >= 3
    assert any(sight.spot for finding in made.findings for sight in finding.sights)
    for each in fields(made):
        one, two = getattr(made, each.name), getattr(again, each.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == two.dtype and one.shape == two.shape and np.array_equal(one, two), each.name
        else:
            assert one == two and type(one) is type(two), each.name
    assert list(made.sizes) == list(again.sizes) and again.to_dict() == audit(*splits(planted)).to_dict()


def test_any_change_is_looked_at_again(planted: Path, tmp_path: Path) -> None:
    def known(**changed: Any) -> bool:
        return remembered(*splits(planted, **changed), folder=tmp_path / "kept")[1]

    assert [known(), known()] == [False, True]
    mask = sorted((planted / "masks/train").iterdir())[2]
    labels = load(mask)
    save(mask, labels.copy())
    os.utime(mask, ns=(1, 1))  # the same pixels, at another time: nobody can tell without looking
    assert [known(), known()] == [False, True]
    assert not known(classes=["a", "b", "c", "d"], values=dict(enumerate("abcd")))
    sorted((planted / "images/val").iterdir())[0].unlink()
    assert not known()


def test_half_a_file_and_a_folder_that_cannot_be_written_cost_time_only(planted: Path, tmp_path: Path) -> None:
    held = splits(planted)
    assert not remembered(*held, folder=tmp_path / "kept")[1]
    (file,) = (tmp_path / "kept").iterdir()
    file.write_text(file.read_text()[:100])
    found, known = remembered(*held, folder=tmp_path / "kept")
    assert not known and found.to_dict() == audit(*held).to_dict() and remembered(*held, folder=tmp_path / "kept")[1]
    (tmp_path / "no").write_text("a file")
    assert not remembered(*held, folder=tmp_path / "no" / "kept")[1]


def test_other_data_sets_are_looked_at_every_time(tmp_path: Path) -> None:
    scenes = [open_dataset("shapes", None, "val", count=4)]
    assert [remembered(*scenes, folder=tmp_path)[1] for _ in range(2)] == [False, False]
    assert not any(tmp_path.iterdir())
