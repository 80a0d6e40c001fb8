"""Pictures of labels: every pixel the color it must have, and a legend that covers nothing."""

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia import draw
from intarsia.draw.legend import SMALL, _knows, _Layout
from intarsia.draw.maps import HATCH, WRONG
from intarsia.errors import DataError, LabelError
from intarsia.labels import LabelSpace

SPACE = LabelSpace(("sky", "road", "car"), colors=((0, 0, 255), (128, 64, 128), (255, 0, 0)))


def labels_of(height: int, width: int, classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, (height, width)).astype(np.uint8)


def test_colorize_gives_each_class_its_color_and_ignored_pixels_a_color_of_no_class():
    labels = np.array([[0, 1], [2, 255]], np.uint8)
    picture = np.asarray(draw.colorize(labels, SPACE))
    assert [tuple(picture[0, 0]), tuple(picture[0, 1]), tuple(picture[1, 0])] == list(SPACE.colors)
    assert tuple(picture[1, 1]) in HATCH


def test_colorize_beyond_255_classes_keeps_class_255_and_ignores_65535():
    space = LabelSpace(tuple(f"c{n}" for n in range(300)))
    picture = np.asarray(draw.colorize(np.array([[255, 299, 65535]], np.int32), space))
    assert tuple(picture[0, 0]) == space.colors[255]
    assert tuple(picture[0, 1]) == space.colors[299]
    assert tuple(picture[0, 2]) in HATCH


def test_tensors_and_every_integer_type_draw_the_same():
    labels = labels_of(7, 9, 3)
    expected = np.asarray(draw.colorize(labels, SPACE))
    for other in (labels.astype(np.int64), torch.from_numpy(labels), torch.from_numpy(labels).int()):
        assert (np.asarray(draw.colorize(other, SPACE)) == expected).all()


def test_overlay_blends_by_alpha_and_leaves_ignored_pixels_alone():
    image = np.full((4, 6, 3), 100, np.uint8)
    labels = np.full((4, 6), 2, np.uint8)
    labels[:, :2] = 255
    picture = np.asarray(draw.overlay(image, labels, SPACE, alpha=0.5, boundary=0)).astype(int)
    assert (picture[:, :2] == 100).all()
    assert (abs(picture[:, 2:] - [177, 50, 50]) <= 1).all()
    bare = np.asarray(draw.overlay(image, labels, SPACE, alpha=0.0, boundary=0))
    assert (bare == image).all()
    full = np.asarray(draw.overlay(image, labels, SPACE, alpha=1.0))
    assert (full[:, 2:] == SPACE.colors[2]).all()


def test_overlay_outlines_in_the_full_color():
    image = np.zeros((40, 40, 3), np.uint8)
    labels = np.zeros((40, 40), np.uint8)
    labels[10:30, 10:30] = 2
    picture = np.asarray(draw.overlay(image, labels, SPACE, boundary=1))
    assert tuple(picture[15, 29]) == SPACE.colors[2]  # the last column of the square
    assert tuple(picture[15, 20]) != SPACE.colors[2]  # its inside is tinted only


def test_boundaries_against_a_loop():
    labels = labels_of(9, 11, 2)
    expected = np.zeros(labels.shape, bool)
    for y in range(9):
        for x in range(11):
            expected[y, x] = (x + 1 < 11 and labels[y, x] != labels[y, x + 1]) or (
                y + 1 < 9 and labels[y, x] != labels[y + 1, x]
            )
    assert (draw.boundaries(labels) == expected).all()


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7])
def test_boundaries_are_lines_of_the_asked_width(width):
    labels = np.zeros((50, 60), np.uint8)
    labels[:, 30:] = 1
    line = draw.boundaries(labels, width)
    assert (line.sum(axis=1) == width).all()
    assert line[:, 29].all()


def test_error_map_tells_right_wrong_and_ignored_apart():
    truth = np.array([[0, 1, 255, 2]], np.uint8)
    predicted = np.array([[0, 2, 1, 2]], np.uint8)
    for image in (None, np.zeros((1, 4, 3), np.uint8)):
        picture = [tuple(p) for p in np.asarray(draw.error_map(truth, predicted, SPACE, image))[0].tolist()]
        assert picture[1] == WRONG
        assert picture[2] in HATCH
        assert WRONG not in (picture[0], picture[3])
        assert min(picture[0]) > 150  # pale


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.array([[0, 255]], np.uint8), [[0, 0, 0], [255, 255, 255]]),
        (np.array([[[1, 2, 3, 4, 5]]], np.uint8), [[1, 2, 3]]),
        (np.array([[[9, 2]]], np.uint8), [[9, 9, 9]]),
        (np.array([[100, 600, 1100]], np.uint16), [[0, 0, 0], [128, 128, 128], [255, 255, 255]]),
        (torch.tensor([[[1]], [[2]], [[3]]], dtype=torch.uint8), [[1, 2, 3]]),
        (Image.new("RGBA", (1, 1), (1, 2, 3, 0)), [[1, 2, 3]]),
        (np.array([[True, False]]), [[255, 255, 255], [0, 0, 0]]),
        (np.full((1, 1), 7, np.uint16), [[0, 0, 0]]),
    ],
)
def test_any_picture_can_be_shown(image, expected):
    assert np.asarray(draw.viewable(image))[0].tolist() == expected


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (33, 57), (120, 400), (400, 330)])
@pytest.mark.parametrize("classes", [1, 2, 19, 150])
def test_the_legend_never_covers_the_picture(size, classes):
    space = LabelSpace(tuple(f"class number {n}" for n in range(classes)))
    labels = np.arange(size[0] * size[1]).reshape(size) % classes
    picture = draw.colorize(labels, space)
    sheet = draw.with_legend(picture, labels, space)
    factor = max(1, SMALL // max(size))
    enlarged = np.asarray(picture).repeat(factor, 0).repeat(factor, 1)
    assert (np.asarray(sheet)[: enlarged.shape[0], : enlarged.shape[1]] == enlarged).all()
    beside = sheet.width > enlarged.shape[1] and sheet.height >= enlarged.shape[0]
    assert beside or sheet.height > enlarged.shape[0]
    outside = np.array(sheet).astype(np.int32) @ [1 << 16, 1 << 8, 1]
    outside[: enlarged.shape[0], : enlarged.shape[1]] = 0
    counts = dict(zip(*np.unique(outside, return_counts=True), strict=True))
    for color in space.colors[: labels.max() + 1]:  # each class that occurs has its swatch outside the picture
        assert counts[color[0] << 16 | color[1] << 8 | color[2]] >= 100


def test_a_large_picture_gets_a_legend_of_readable_size():
    small = draw.with_legend(Image.new("RGB", (400, 300)), None, SPACE)
    large = draw.with_legend(Image.new("RGB", (4000, 3000)), None, SPACE)
    assert (large.height - 3000 or large.width - 4000) > 5 * (small.height - 300 or small.width - 400)


def test_rows_list_what_occurs_by_share_and_the_ignored_last():
    labels = np.full((100, 100), 1, np.uint8)
    labels[0, :30] = 255
    labels[1, :1] = 2
    assert [(r.name, r.share) for r in draw.rows(SPACE, labels)] == [
        ("road", "99.7 %"),
        ("car", "< 0.1 %"),
        ("ignored", "0.3 %"),
    ]
    labels[:] = 0
    assert [(r.name, r.share) for r in draw.rows(SPACE, labels)] == [("sky", "100.0 %")]
    labels[0, 0] = 1
    assert draw.rows(SPACE, labels)[0].share == "99.9 %"  # not all of it


def test_names_of_any_script_and_length_are_drawn():
    names = ("Straße", "Łódź", "道路", "дорога", "a" * 300, "two lines", "-", "ordinary")
    space = LabelSpace(names)
    sheet = draw.legend(space, font_size=15)
    assert sheet.width < 500
    layout = _Layout(draw.rows(space), 15)
    for text, (_, font) in zip(layout.names, layout.fonts, strict=True):
        assert text.strip()
        assert all(_knows(font, letter) for letter in text), text  # no empty boxes
        assert font.getlength(text) <= 16 * 15
    assert len(set(layout.names)) == len(names)


def test_several_columns_fill_downward():
    space = LabelSpace(tuple(f"c{n}" for n in range(7)))
    one, three = draw.legend(space), draw.legend(space, columns=3)
    assert three.width > 2 * one.width - 60
    assert three.height < one.height / 1.8


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: draw.colorize(np.full((2, 2), 37, np.uint8), SPACE), ("37", "4 px", "3 classes", "0..2", "255")),
        (lambda: draw.colorize(np.full((2, 2), -1), SPACE), ("-1", "0..2")),
        (lambda: draw.colorize(np.zeros((2, 2, 3), np.uint8), SPACE), ("(2, 2, 3)", "[H, W]")),
        (lambda: draw.colorize(np.zeros((0, 3), np.uint8), SPACE), ("(0, 3)",)),
        (lambda: draw.colorize(np.zeros((2, 2)), SPACE), ("float64", "integers")),
    ],
)
def test_labels_that_are_none_are_refused(call, words):
    with pytest.raises(LabelError) as error:
        call()
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: draw.overlay(np.zeros((2, 3, 3), np.uint8), np.zeros((3, 2), np.uint8), SPACE), ("3 x 2", "2 x 3")),
        (
            lambda: draw.overlay(np.zeros((2, 3, 3), np.uint8), np.zeros((2, 3), np.uint8), SPACE, alpha=1.5),
            ("1.5", "between 0"),
        ),
        (lambda: draw.error_map(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), SPACE), ("3 x 2", "2 x 3")),
        (lambda: draw.viewable(np.zeros((1, 2, 3, 4), np.uint8)), ("(1, 2, 3, 4)", "[H, W, C]")),
    ],
)
def test_pictures_that_do_not_fit_are_refused(call, words):
    with pytest.raises(DataError) as error:
        call()
    assert all(word in str(error.value) for word in words), error.value


def test_what_is_drawn_does_not_change_what_was_given():
    image, labels = np.full((9, 9, 3), 50, np.uint8), labels_of(9, 9, 3)
    labels[0] = 255
    before = image.copy(), labels.copy()
    draw.overlay(image, labels, SPACE)
    draw.error_map(labels, labels, SPACE, image)
    assert (image == before[0]).all()
    assert (labels == before[1]).all()


def test_a_real_street(shared_data):
    names = [
        "Sky",
        "Building",
        "Pole",
        "Road",
        "Pavement",
        "Tree",
        "SignSymbol",
        "Fence",
        "Car",
        "Pedestrian",
        "Bicyclist",
    ]
    space = LabelSpace(tuple(names), values={**dict(enumerate(names)), 11: "ignore"})
    file = sorted((shared_data / "camvid" / "val").glob("*.png"))[0]
    image, mask = Image.open(file), np.asarray(Image.open(shared_data / "camvid" / "valannot" / file.name))
    labels = space.encode(mask)
    sheet = draw.with_legend(draw.overlay(image, labels, space), labels, space)
    assert image.size <= sheet.size
    listed = {row.name: row.share for row in draw.rows(space, labels)}
    assert set(listed) == {names[n] for n in np.unique(mask) if n < 11} | ({"ignored"} if (mask == 11).any() else set())
    assert float(listed["Road"].split()[0]) == pytest.approx(100 * (mask == 3).mean(), abs=0.05)
