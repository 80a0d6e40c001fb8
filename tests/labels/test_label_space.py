"""The one place that maps label values, against brute force and against everything a user may write into it."""

import itertools
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.errors import LabelError
from intarsia.labels import LabelSpace, distinct_colors, infer, pack_colors, parse_color


def test_positions_are_ids_and_255_is_ignored_by_default() -> None:
    space = LabelSpace(("a", "b", "c"))
    raw = np.array([[0, 1], [2, 255]], np.uint8)
    assert space.encode(raw).tolist() == [[0, 1], [2, 255]]
    assert space.ignore_index == 255 and space.dtype is np.uint8 and not space.by_color


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_ids_and_spans_equal_a_dictionary(data: st.DataObject) -> None:
    names = ("a", "b", "c")
    cuts = sorted(data.draw(st.sets(st.integers(0, 70000), min_size=2, max_size=8)))
    values: dict[int | str, str] = {}
    meaning: dict[int, int] = {}
    for low, high in itertools.pairwise(cuts):
        last = data.draw(st.integers(low, min(high - 1, low + 50)))
        name = data.draw(st.sampled_from([*names, "ignore"]))
        values[f"{low}..{last}" if last > low else low] = name
        meaning |= dict.fromkeys(range(low, last + 1), 255 if name == "ignore" else names.index(name))
    space = LabelSpace(names, values=values)
    dtype = data.draw(st.sampled_from([np.int32, np.int64, np.uint32, np.uint64]))
    raw = np.array([data.draw(st.lists(st.sampled_from([*meaning, *cuts, 70001]), min_size=1, max_size=20))], dtype)
    expected = [meaning.get(int(v), -1) for v in raw[0]]
    assert space.classes_of(raw)[0].tolist() == expected
    if -1 in expected:
        with pytest.raises(LabelError, match=r"outside the 3 classes"):
            space.encode(raw)
    else:
        assert space.encode(raw)[0].tolist() == expected


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=2, max_size=12, unique=True), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_colors_equal_a_dictionary(colors: list[tuple[int, int, int]], seed: int) -> None:
    names = tuple(f"c{n}" for n in range(len(colors)))
    space = LabelSpace(
        names, values={f"#{r:02x}{g:02x}{b:02x}": name for (r, g, b), name in zip(colors, names, strict=True)}
    )
    picked = np.random.default_rng(seed).integers(0, len(colors), (5, 7))
    rgb = np.array(colors, np.uint8)[picked]
    assert (space.encode(pack_colors(rgb)) == picked).all()
    rgb[2, 3] = next(c for c in ((1, 2, 3), (3, 2, 1), *[(n, n, 9) for n in range(20)]) if c not in colors)
    with pytest.raises(LabelError, match=r"\(1 px\)"):
        space.encode(pack_colors(rgb))


def test_stray_values_are_named_with_their_pixels_and_what_to_do() -> None:
    space = LabelSpace(tuple(f"c{n}" for n in range(11)))
    raw = np.zeros((4, 4), np.uint8)
    raw[0, :3], raw[1, 0] = 37, 99
    with pytest.raises(LabelError) as told:
        space.encode(raw)
    assert str(told.value) == (
        "the mask holds 37 (3 px), 99 (1 px), outside the 11 classes (values 0..10, 255); add `37: <class or ignore>` to labels.values"
    )


def test_an_unknown_color_is_guessed_when_one_is_near() -> None:
    space = LabelSpace(("road", "sky"), values={"#804080": "road", "#808080": "sky"})
    assert "likely 'road'" in space.describe_stray({0x824082: 4})
    assert "likely" not in space.describe_stray({0x00FF00: 4})


def test_negative_ids_do_not_wrap_around() -> None:
    space = LabelSpace(("a", "b"))
    with pytest.raises(LabelError, match=r"holds -1 \(1 px\)"):
        space.encode(np.array([[-1, 0]], np.int32))


def test_class_255_of_300_does_not_vanish() -> None:
    space = LabelSpace(tuple(f"c{n}" for n in range(300)))
    raw = np.array([[254, 255, 256, 299, 65535]], np.uint16)
    assert space.ignore_index == 65535 and space.dtype is np.uint16
    assert space.encode(raw).tolist() == raw.tolist()
    assert space.encode(np.array([[255]], np.uint8)).tolist() == [[255]]
    assert (
        space.decide(torch.nn.functional.one_hot(torch.tensor([[[255]]]), 300).permute(0, 3, 1, 2).float()).item()
        == 255
    )


def test_255_classes_still_fit_into_a_byte() -> None:
    space = LabelSpace(tuple(f"c{n}" for n in range(255)))
    assert space.encode(np.array([[254, 255]], np.uint8)).tolist() == [[254, 255]] and space.ignore_index == 255
    assert LabelSpace(tuple(f"c{n}" for n in range(256))).ignore_index == 65535


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"names": ()}, "at least one class name"),
        ({"names": ("a", "a")}, "'a' is listed twice"),
        ({"names": ("a", "ignore")}, "'ignore' cannot be a class name"),
        ({"names": ("a", "b", "c"), "activation": "sigmoid"}, "tells two classes apart, but 3"),
        ({"names": ("a", "b"), "activation": "sigmod"}, "did you mean 'sigmoid'"),
        ({"names": ("a", "b"), "colors": ("#000000",)}, "1 colors for 2 classes"),
        ({"names": ("a", "b"), "colors": ("red", "#000000")}, "'red' is no color"),
        ({"names": ("road", "sky"), "values": {0: "raod"}}, "no class; did you mean 'road'"),
        ({"names": ("a", "b"), "values": {0: "a", "#000000": "b"}}, "mixes ids and colors"),
        ({"names": ("a", "b"), "values": {0: "a", "0": "b"}}, "a value has one meaning"),
        ({"names": ("a", "b"), "values": {"0..9": "a", 5: "b"}}, "overlaps"),
        ({"names": ("a", "b"), "values": {-1: "a"}}, "no raw value"),
        ({"names": ("a", "b"), "values": {"9..3": "a"}}, "no raw value"),
        ({"names": ("a", "b"), "values": {"#12345": "a"}}, "no raw value"),
        ({"names": ("a", "b"), "values": {True: "a"}}, "no raw value"),
        ({"names": ("a", "b"), "values": {"\u00b2": "a"}}, "no raw value"),
        ({"names": ("a", "b"), "values": {10**12: "a"}}, "no raw value"),
    ],
)
def test_what_contradicts_itself_is_refused_at_once(arguments: dict, says: str) -> None:
    with pytest.raises(LabelError, match=says):
        LabelSpace(**arguments)


def test_transparent_pixels_have_a_value_of_their_own() -> None:
    space = LabelSpace(("a",), values={"#000000": "a", "transparent": "ignore"})
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, 1] = (9, 9, 9, 0)  # whatever its color
    rgba[0, 0, 3] = rgba[0, 2, 3] = 255
    assert space.encode(pack_colors(rgba)).tolist() == [[0, 255, 0]]
    rgba[0, 2, 3] = 128
    with pytest.raises(LabelError, match="1 pixels of the mask are half transparent"):
        pack_colors(rgba)


def test_a_stray_color_beside_nothing_but_transparency_is_a_label_error() -> None:
    with pytest.raises(LabelError, match="#010101"):
        LabelSpace(("a",), values={"transparent": "a"}).encode(np.array([[0x010101]]))


@pytest.mark.parametrize(
    "space",
    [
        LabelSpace(("a", "b"), activation="sigmoid"),
        LabelSpace(("a", "b"), ("#102030", (4, 5, 6)), {"0..127": "a", "128..254": "b", 255: "ignore"}),
        LabelSpace(("a", "b"), values={"#AABBCC": "a", "transparent": "b"}),
        LabelSpace(tuple(f"c{n}" for n in range(300))),
    ],
)
def test_it_survives_plain_data_and_pickle(space: LabelSpace) -> None:
    space.classes_of(np.array([[0]]))  # its tables are built
    for other in (LabelSpace.from_dict(space.to_dict()), pickle.loads(pickle.dumps(space))):
        assert other == space and hash(other) == hash(space)


def test_made_colors_differ() -> None:
    assert len(set(distinct_colors(255))) == 255
    assert len(distinct_colors(300)) == 300


def test_parse_color_takes_what_yaml_gives() -> None:
    assert parse_color([128, 64, 128]) == parse_color("#804080") == (128, 64, 128)
    for wrong in ([1, 2], [1, 2, 256], "804080", [1.0, 2, 3]):
        with pytest.raises(LabelError, match="is no color"):
            parse_color(wrong)


def test_rows_show_every_value() -> None:
    space = LabelSpace(("bg", "vessel"), values={0: "bg", 255: "vessel", 7: "vessel"})
    assert space.rows() == [("0", "0", "bg"), ("255, 7", "1", "vessel"), ("none", "-", "ignore")]


class TestInfer:
    def test_zero_and_255_are_two_classes(self) -> None:
        space, said = infer(["background", "polyp"], [0, 255])
        assert space.encode(np.array([[0, 255]], np.uint8)).tolist() == [[0, 1]]
        assert "255 is 'polyp', not ignore" in said

    def test_zero_one_and_255_keep_255_for_ignore(self) -> None:
        space, said = infer(["background", "polyp"], [0, 1, 255])
        assert space.encode(np.array([[0, 1, 255]], np.uint8)).tolist() == [[0, 1, 255]] and "255 is ignored" in said

    def test_ids_from_one_are_not_shifted_in_silence(self) -> None:
        with pytest.raises(LabelError, match=r"ids seem to start at 1; write labels.values: \{1: a, 2: b"):
            infer(["a", "b"], [1, 2])

    def test_more_ids_than_names(self) -> None:
        with pytest.raises(LabelError, match=r"masks hold 0..4, but 3 classes are listed"):
            infer(["a", "b", "c"], range(5))

    def test_one_name_for_two_values_is_refused(self) -> None:
        for seen in ([0, 255], [0, 1]):
            with pytest.raises(LabelError, match="name"):
                infer(["polyp"], seen)

    def test_sigmoid_stays(self) -> None:
        assert infer(["a", "b"], [0, 255], "sigmoid")[0].head_size == 1


def test_decide_and_probabilities_agree() -> None:
    logits = torch.tensor([-3.0, -0.1, 0.1, 4.0]).view(1, 1, 2, 2)
    one = LabelSpace(("a", "b"), activation="sigmoid")
    assert one.decide(logits).flatten().tolist() == [0, 0, 1, 1]
    assert torch.allclose(one.probabilities(logits).sum(1), torch.ones(1, 2, 2))
    assert (one.probabilities(logits).argmax(1) == one.decide(logits)).all()
    assert one.decide(logits, threshold=0.99).sum() == 0
    three = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    space = LabelSpace(("a", "b", "c"))
    assert (space.probabilities(three).argmax(1) == space.decide(three)).all()
