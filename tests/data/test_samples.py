"""What a data set of the user hands out is refused in one sentence where its parts do not fit; what fits goes on."""

from typing import Any

import numpy as np
import pytest
import torch

from intarsia.data.loader import Loader
from intarsia.data.pairs import Pair, Pairs, Raw
from intarsia.data.samples import as_sample, filled
from intarsia.errors import DataError
from intarsia.labels import LabelSpace
from intarsia.structures import Sample


def sample(**parts: Any) -> Sample:
    return Sample(torch.zeros(3, 4, 6, dtype=torch.uint8), torch.zeros(4, 6, dtype=torch.uint8), "a")._replace(**parts)


MASKS = torch.ones(2, 4, 6, dtype=torch.bool)
WRONG = {
    "objects of another size": ({"objects": torch.zeros(4, 5)}, r"objects of float32 \[4, 5\] for an image of 4x6"),
    "objects below 0": ({"objects": torch.full((4, 6), -1)}, "objects of int64 .*; give whole numbers"),
    "objects before of another size": ({"previous": torch.zeros(4, 5, dtype=torch.int32)}, "objects one frame before of"),
    "fewer classes than masks": ({"masks": MASKS, "classes": torch.tensor([1])}, "1 classes for 2 objects; .*row of masks"),
    "more classes than masks": ({"masks": MASKS, "classes": torch.arange(3)}, "3 classes for 2 objects"),
    "fewer classes than objects": (
        {"objects": torch.full((4, 6), 5), "classes": torch.arange(4)}, "4 classes for 5 objects; .*object number from 1",
    ),
    "classes that are no numbers": ({"masks": MASKS, "classes": torch.rand(2)}, "classes of float32 .*one an object"),
    "an object without a mask": ({"objects": torch.full((4, 6), 3), "masks": MASKS}, "object 3 has no mask, there are 2"),
    "masks of another size": ({"masks": MASKS[:, :3]}, "masks of bool .*one an object"),
    "planes of another size": ({"planes": MASKS[:, :3]}, "planes of bool .*one plane a class"),
    "tags that are numbers": ({"tags": torch.tensor([0, 1])}, "tags of int64 .*bool \\[K\\], one a class"),
    "depth in whole numbers": ({"depth": torch.zeros(4, 6, dtype=torch.int16)}, "depth of int16 .*floating-point meters"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_parts_that_do_not_fit_are_named(what: str) -> None:
    parts, told = WRONG[what]
    with pytest.raises(DataError, match=rf"^a: {told}"):
        as_sample(sample(**parts), 0)


def test_parts_that_fit_get_their_types() -> None:
    given = sample(
        objects=torch.ones(4, 6, dtype=torch.uint8), depth=torch.ones(4, 6, dtype=torch.float64), masks=MASKS,
        classes=torch.tensor([1, 2], dtype=torch.int32), tags=torch.tensor([True, False]),
        previous=torch.ones(4, 6, dtype=torch.int64),
    )  # fmt: skip
    made = as_sample(given, 0)
    assert made.objects.dtype == made.previous.dtype == torch.int32
    assert made.depth.dtype == torch.float32 and made.classes.dtype == torch.int64
    none = as_sample(sample(objects=torch.zeros(4, 6, dtype=torch.int32), classes=torch.zeros(0, dtype=torch.long)), 0)
    assert not len(none.classes)  # an image without objects is one


def test_images_without_objects_are_batched_with_others() -> None:
    some = sample(objects=torch.ones(4, 6, dtype=torch.int32), masks=MASKS, classes=torch.tensor([1, 2]))
    none = sample(
        objects=torch.zeros(4, 6, dtype=torch.int32), masks=MASKS[:0], classes=torch.tensor([], dtype=torch.long)
    )
    batch = next(Loader([some, none._replace(name="b")], batch_size=2).stream())
    assert sorted(map(len, batch.masks)) == sorted(map(len, batch.classes)) == [0, 2]


def test_samples_of_other_numbers_of_tags_fit_into_no_batch() -> None:
    two = [sample(tags=torch.tensor([True, False])), sample(tags=torch.tensor([True]), name="b")]
    with pytest.raises(
        DataError, match="has [12] tags and . has [12]: they fit into no batch; give every sample one tag"
    ):
        next(Loader(two, batch_size=2).stream())


def test_a_sample_without_labels_gets_each_part_that_any_other_has() -> None:
    bare = sample(labels=torch.full((4, 6), 255, dtype=torch.uint8))
    others = [sample(depth=torch.ones(4, 6)), sample(objects=torch.ones(4, 6, dtype=torch.int32))]
    made = filled([bare, *others], 255)[0]
    assert made.depth is not None and made.depth.isnan().all()
    assert made.objects is not None and not made.objects.any()


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (Raw(np.zeros((4, 6), np.uint8), np.ones((4, 5), np.int32)), "its objects .* are 5x4"),
        (Raw(np.zeros((4, 6), np.uint8), masks=np.ones((1, 3, 6), bool), kinds=np.array([1])), "its masks .* are 6x3"),
        (Raw(np.zeros((4, 6), np.uint8), masks=np.ones((2, 4, 6), bool), kinds=np.array([1])), "1 classes for 2 masks"),
        (Raw(np.zeros((4, 6), np.uint8), depth=np.ones((2, 6))), "its depth is 6x2"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_named(raw: Raw, told: str, tmp_path: Any) -> None:
    items = [Pair("a", tmp_path / "a.png", tmp_path / "m.png")]
    dataset = Pairs(items, LabelSpace(("x", "y")), name="own", split="all", decode=lambda item: raw)
    with pytest.raises(DataError, match=told):
        dataset.sample(items[0], np.zeros((4, 6, 3), np.uint8), raw)
