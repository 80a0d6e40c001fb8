"""The one rule on values: which masks are black and white, which hold grays of two classes, and what stands for no label."""

import pytest

from intarsia.errors import LabelError
from intarsia.labels import infer, two_classes, two_ends, unlabeled, white


@pytest.mark.parametrize(
    ("values", "top"),
    [
        ({0, 255}, 255),
        ({255}, 255),
        ({0, 65535}, 65535),
        ({65535}, 65535),
        ({0}, None),
        ({0, 1}, None),
        ({0, 1, 255}, None),
        ({0, 128, 255}, None),
        ({0, 255, 65535}, None),
        (set(), None),
    ],
)
def test_black_and_white_by_the_values_of_all_masks(values: set[int], top: int | None) -> None:
    assert white(values) == top


def test_masks_of_one_value_are_decided_together_with_the_others() -> None:
    every = [{0}, {255}, {0, 255}]
    assert two_classes({0: 9, 255: 9}, every)[0] == {0: 0, 255: 1}
    assert two_classes({0: 9}, [{0}]) == ({}, "")  # nothing but black says nothing
    assert two_classes({0: 5, 1: 5, 255: 9}, [{0, 1}, {0, 255}, {0}])[0] == {0: 0, 1: 1, 255: 1}  # stored in two ways
    assert two_classes({0: 5, 1: 5, 255: 9}, [{0, 1, 255}, {0, 255}])[0] == {}  # beside 1 in one mask: ignored
    assert two_classes({0: 5, 2: 5, 255: 9}, [{0, 2}, {0, 255}])[0] == {}


def test_grays_between_are_two_classes_and_ids_of_many_are_not() -> None:
    thin = {0: 500, 255: 150, **dict.fromkeys(range(10, 250, 10), 12)}  # thin lines, resized
    assert two_classes(thin, [set(thin)])[0] == {"0..127": 0, "128..255": 1} and two_ends(thin)
    jpeg = {0: 900, 255: 900, **dict.fromkeys((1, 2, 3, 252, 253, 254, 120), 3)}
    assert two_classes(jpeg, [set(jpeg)])[0] == {"0..127": 0, "128..255": 1}
    stuff = {**dict.fromkeys(range(182), 5), 255: 600, 0: 900}  # COCO-Stuff: every id up to 181, and 255
    assert two_classes(stuff, [set(stuff)]) == ({}, "")
    assert unlabeled(stuff) == [255]


@pytest.mark.parametrize(
    ("values", "void"),
    [
        ({0, 1, 255}, [255]),
        (set(range(21)) | {255}, [255]),
        ({0, 255}, []),
        ({0, 128, 255}, []),
        ({0, 85, 170, 255}, []),
        (set(range(256)), []),
        (set(range(300)) | {65535}, [65535]),
    ],
)
def test_what_stands_for_no_label(values: set[int], void: list[int]) -> None:
    assert unlabeled(values) == void


def test_names_alone_are_read_by_the_same_rule() -> None:
    space, told = infer(("background", "cell"), {0, 65535})
    assert dict(space.values) == {0: "background", 65535: "cell"} and "65535 is 'cell', not ignore" in told
    with pytest.raises(LabelError, match="masks hold 0 and 65535 alone, but 3 classes are listed"):
        infer(("a", "b", "c"), {0, 65535})
