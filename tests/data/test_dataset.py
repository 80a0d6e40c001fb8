"""What a data set is is written down once: two methods, and abilities that are asked by functions instead of names."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Subset

import intarsia
from intarsia.data import Pair, Pairs, Raw
from intarsia.data.cache import Cached
from intarsia.data.dataset import (
    Dataset,
    Notes,
    images_of,
    labels_of,
    names_of,
    notes_of,
    place_of,
    split_of,
    title_of,
)
from intarsia.datasets.s3dis import Rooms
from intarsia.errors import DataError
from intarsia.labels import LabelSpace
from intarsia.structures import Sample

SPACE = LabelSpace(("a", "b"))


class Bare:
    """The least that a user's data set may be."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        return Sample(torch.zeros(3, 8, 9, dtype=torch.uint8), torch.zeros(8, 9, dtype=torch.uint8), str(index))


class Named(Bare):
    """One that knows something of itself."""

    labels, name, split = SPACE, "mine", "val"


def blank(item: Pair) -> np.ndarray:
    return np.zeros((8, 9, 3), np.uint8)


def nothing(item: Pair) -> Raw:
    return Raw(np.zeros((8, 9), np.uint8))


def pairs(tmp_path: Path) -> Pairs:
    place = tmp_path / "a.png"
    place.write_bytes(b"x")
    return Pairs(
        [Pair("one", place, place)], SPACE, name="files", split="train", image=blank, decode=nothing,
        inferred="0 is a", unmatched=(["b.png"], []), remarks=["c is left out"],
    )  # fmt: skip


def test_two_methods_are_enough_and_nothing_is_made_up() -> None:
    bare = Bare()
    assert isinstance(bare, Dataset) and images_of(bare, "scored") is bare
    assert labels_of(bare) is None and split_of(bare) is None and title_of(bare) == "Bare"
    assert notes_of(bare) == Notes() and names_of(bare) == [] and place_of(bare, 1) == "sample 1"
    assert isinstance([bare[0]], Dataset) and place_of({}, 0) == "sample 0"


def test_what_a_data_set_knows_is_found(tmp_path: Path) -> None:
    mine, ours = Named(), pairs(tmp_path)
    assert (labels_of(mine), title_of(mine), split_of(mine)) == (SPACE, "mine", "val")
    assert labels_of(Subset(mine, [0])) is SPACE and labels_of(Subset(Subset(mine, [0]), [0])) is SPACE
    assert (title_of(ours), split_of(ours), names_of(ours)) == ("files", "train", ["one"])
    assert notes_of(ours)[:3] == ("0 is a", (("b.png",), ()), ("c is left out",))
    assert place_of(ours, 0).endswith("a.png") and place_of(ours, 7) == "sample 7"
    cached = Cached(ours, tmp_path / "cache")
    assert isinstance(cached, Dataset) and labels_of(cached) is SPACE and names_of(cached) == ["one"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (iter([1]), "a data set of type list_iterator, whose samples have no numbers, cannot be scored"),
        (7, "a data set of type int, whose samples have no numbers, cannot be scored; give one with __len__"),
        (Rooms((), SPACE, "Area_1"), "s3dis holds clouds of points; only images and their masks can be scored"),
    ],
)
def test_what_is_no_data_set_of_images_is_one_sentence(given: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        images_of(given, "scored")


def test_no_ability_of_a_data_set_is_asked_by_a_name_in_a_string() -> None:
    """24 places did, with nine names."""
    asked = re.compile(
        r"(?:get|has)attr\(\s*(?:self\.)?(?:dataset\w*|datasets\[\d\]|data|train|val|material\.\w+)\s*,\s*[\"']"
    )
    root = Path(intarsia.__file__).parent
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in sorted(root.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if asked.search(line)
    ]
    assert not found
