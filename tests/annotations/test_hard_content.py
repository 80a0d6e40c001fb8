"""What is hard to keep: holes in holes, pieces, one pixel, names, folders, turned photos; and that losses are told."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from intarsia.annotations.beside import name_of, size_of
from intarsia.annotations.catalogue import TOOLS
from intarsia.annotations.convert import convert, read
from intarsia.annotations.project import Bitmap, Picture, Project, Region, draw, draw_objects, planes
from intarsia.annotations.regions import fill, keyhole, outline, rectangle
from intarsia.annotations.remarks import joined
from intarsia.data.files.codecs import read_image
from intarsia.errors import DataError

WRITABLE = [name for name, tool in TOOLS.items() if tool.write]
FLAT = {"masks", "cvat_masks"}  # one mask a picture: of overlapping regions the last is kept
NO_CROWDS = {"yolo", "cvat_masks"}
SIZE = (24, 32)
masks = arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def boxes(*corners: tuple[int, ...]) -> np.ndarray:
    """y0, x0, y1, x1 of what is drawn, one after the other; a fifth number 0 takes away."""
    mask = np.zeros(SIZE, bool)
    for y0, x0, y1, x1, *put in corners:
        mask[y0:y1, x0:x1] = put != [0]
    return mask


RINGS = boxes((2, 2, 22, 30), (4, 4, 20, 28, 0), (6, 6, 18, 26), (8, 8, 16, 24, 0), (10, 10, 14, 20))
PIECES = boxes((1, 1, 5, 5), (10, 10, 15, 15), (18, 3, 20, 9))
CORNERS = boxes((3, 3, 4, 4), (4, 4, 5, 5), (5, 5, 6, 6), (4, 6, 5, 7))
EDGES = boxes((0, 0, 24, 1), (23, 31, 24, 32))
HARD = {"holes in holes": RINGS, "pieces": PIECES, "pixels that touch at corners": CORNERS, "borders": EDGES}


def drawn_as(form: str, mask: np.ndarray, label: str = "cat", **about: object) -> Region:
    if form == "polygons":
        return Region(label, outline(mask), **about)
    return Region(label, bitmap=Bitmap(0, 0, mask), **about)


def project(
    folder: Path,
    regions: dict[str, list[Region]],
    classes: tuple[str, ...] = ("cat", "dog"),
    image: Callable[[Path], None] | None = None,
    ending: str = ".png",
) -> Project:
    pictures = []
    for n, (name, held) in enumerate(regions.items()):
        path = folder / f"{name}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if image is None:
            Image.fromarray(np.full((*SIZE, 3), n, np.uint8)).save(path)
        else:
            image(path)
        pictures.append(Picture(name, path, *SIZE, tuple(held)))
    return Project(classes, tuple(pictures), "test")


def partition(numbers: np.ndarray) -> set[bytes]:
    return {np.packbits(numbers == n).tobytes() for n in np.unique(numbers) if n}


def named(picture: Picture, classes: tuple[str, ...]) -> np.ndarray:
    return np.array(["", *classes], dtype=object)[draw(picture, classes)]


def same(before: Project, after: Project, overlaps: bool = True) -> None:
    """Class maps, objects and planes, pictures told by their content."""
    assert len(before.pictures) == len(after.pictures)
    found = {p.image.read_bytes(): p for p in after if p.image is not None}
    for old in before:
        assert old.image is not None
        new = found[old.image.read_bytes()]
        assert (named(old, before.classes) == named(new, after.classes)).all(), old.name
        assert partition(draw_objects(old)) == partition(draw_objects(new)), old.name
        if overlaps:
            ours = dict(zip(after.classes, planes(new, after.classes), strict=True))
            for label, plane in zip(before.classes, planes(old, before.classes), strict=True):
                assert np.array_equal(plane, ours.get(label, np.zeros_like(plane))), (old.name, label)


@given(masks)
def test_one_ring_with_bridges_fills_the_same_pixels(mask: np.ndarray) -> None:
    parts = outline(mask)
    if parts:
        assert np.array_equal(fill([[keyhole(parts)]], *mask.shape), mask)


@given(st.tuples(*[st.floats(0, 9)] * 4))
def test_a_bridge_there_and_back_leaves_no_trace(ends: tuple[float, ...]) -> None:
    a, b = np.array(ends[:2]), np.array(ends[2:])
    assert not fill([[np.array([a, b, a, b])]], 10, 10).any()


@pytest.mark.parametrize("form", ["polygons", "bitmap"])
@pytest.mark.parametrize("content", HARD)
@pytest.mark.parametrize("tool", WRITABLE)
def test_hard_shapes_come_back(tool: str, content: str, form: str, tmp_path: Path) -> None:
    lone = boxes((21, 14, 22, 15))
    regions = [drawn_as(form, HARD[content]), drawn_as(form, lone, "dog"), drawn_as(form, boxes((5, 20, 6, 21)))]
    before = project(tmp_path / "in", {"a": regions, "nothing on it": []})
    convert(before, tool, tmp_path / "out")
    same(before, read(tmp_path / "out", tool), overlaps=tool not in FLAT)


@pytest.mark.parametrize("tool", WRITABLE)
def test_the_order_of_drawing_survives(tool: str, tmp_path: Path) -> None:
    a, b, c = boxes((2, 2, 12, 12)), boxes((6, 6, 18, 18)), boxes((8, 1, 11, 30))
    regions = [drawn_as("polygons", m, l) for m, l in ((a, "cat"), (b, "dog"), (c, "cat"), (a & b, "dog"))]
    before = project(tmp_path / "in", {"a": regions})
    moved = convert(before, tool, tmp_path / "out")
    same(before, read(tmp_path / "out", tool), overlaps=tool not in FLAT)
    if tool in FLAT:
        hidden = int((sum(m.astype(int) for m in (a, b, c, a & b)) > 1).sum())
        assert moved.remarks == (
            f"{hidden} px lie in several regions, of which the one drawn last is kept; the first in a",
        )


@pytest.mark.parametrize("tool", WRITABLE)
def test_corners_between_pixels_and_on_their_middles_survive(tool: str, tmp_path: Path) -> None:
    """A corner on a pixel's middle decides who owns it: a share or percent that is rounded must not move it."""
    rng = np.random.default_rng(1)
    corners = [rng.integers(0, 2 * np.array(SIZE[::-1]), (5, 2)) / 2 for _ in range(6)]
    corners += [np.round(rng.random((5, 2)) * SIZE[::-1], 2) for _ in range(6)]
    regions = [Region(("cat", "dog")[n % 2], ((points.astype(float),),)) for n, points in enumerate(corners)]
    before = project(tmp_path / "in", {str(n): [region] for n, region in enumerate(regions)})
    convert(before, tool, tmp_path / "out")
    same(before, read(tmp_path / "out", tool))


@pytest.mark.parametrize("tool", WRITABLE)
def test_objects_of_several_regions_are_one_object_again(tool: str, tmp_path: Path) -> None:
    one, two, three = boxes((2, 2, 8, 8)), boxes((6, 6, 12, 12)), boxes((20, 20, 22, 22))
    regions = [
        drawn_as("polygons", one, object="x"), drawn_as("polygons", two, "dog", object="y"),
        drawn_as("polygons", three, object="x"),
    ]  # fmt: skip
    before = project(tmp_path / "in", {"a": regions})
    moved = convert(before, tool, tmp_path / "out")
    assert not any("object" in remark for remark in moved.remarks)
    same(before, read(tmp_path / "out", tool), overlaps=tool not in FLAT)


@pytest.mark.parametrize("tool", WRITABLE)
def test_an_object_that_another_is_drawn_into_stays_one_or_is_told(tool: str, tmp_path: Path) -> None:
    one, two, three = boxes((2, 2, 12, 12)), boxes((6, 6, 18, 18)), boxes((8, 1, 11, 30))
    regions = [
        drawn_as("polygons", one, object="x"), drawn_as("polygons", two, "dog", object="y"),
        drawn_as("polygons", three, object="x"),
    ]  # fmt: skip
    before = project(tmp_path / "in", {"a": regions})
    assert joined(before.pictures[0]).regions == before.pictures[0].regions
    moved = convert(before, tool, tmp_path / "out")
    if tool == "yolo":
        assert moved.remarks == ("1 object written as several: other regions are drawn between their pieces",)
    else:
        same(before, read(tmp_path / "out", tool), overlaps=tool not in FLAT)


@pytest.mark.parametrize("tool", WRITABLE)
def test_crowds_survive_or_are_told(tool: str, tmp_path: Path) -> None:
    regions = [drawn_as("bitmap", PIECES, crowd=True), drawn_as("polygons", boxes((21, 20, 23, 22)))]
    moved = convert(project(tmp_path / "in", {"a": regions}), tool, tmp_path / "out")
    (after,) = read(tmp_path / "out", tool)
    crowds = [region.mask(*SIZE) for region in after.regions if region.crowd]
    if tool in NO_CROWDS:
        assert not crowds and moved.remarks[-1] == "1 crowd written as objects: this format knows no crowds"
    else:
        assert np.array_equal(np.any(crowds, axis=0), PIECES)


@pytest.mark.parametrize("tool", WRITABLE)
def test_classes_without_a_region_survive_or_are_told(tool: str, tmp_path: Path) -> None:
    classes = (
        "zebra",
        "big cat, small",
        'say "hi"',
        "x/y",
        "straße 猫",
        "<tag>&amp",
        "back\\slash",
        "null",
        "1",
        "ignore",
    )
    held = {name: boxes((2 * n, 3 * n, 2 * n + 2, 3 * n + 2)) for n, name in enumerate(classes) if n}
    regions = [drawn_as("polygons", mask, name) for name, mask in held.items()]
    before = project(tmp_path / "in", {"a": regions}, classes)
    moved = convert(before, tool, tmp_path / "out")
    after = read(tmp_path / "out", tool)
    same(before, after)
    if tool == "labelbox":
        assert moved.remarks == ("no region is of zebra, and this format names no other classes",)
    else:
        assert after.classes == classes and not moved.remarks


@pytest.mark.parametrize("tool", WRITABLE)
def test_names_with_folders_dots_and_blanks(tool: str, tmp_path: Path) -> None:
    names = ("one/a", "two/a", "one_a", "my photo.v1", "my photo.v2", "ü ber.2.x", "a#1%20?b")
    regions = {name: [drawn_as("polygons", boxes((n, n, n + 5, n + 9)))] for n, name in enumerate(names)}
    before = project(tmp_path / "in", regions)
    moved = convert(before, tool, tmp_path / "out")
    assert all(picture.image is not None and picture.image.is_file() for picture in moved)
    same(before, read(tmp_path / "out", tool))


def test_two_images_for_one_place_are_refused(tmp_path: Path) -> None:
    before = project(tmp_path / "in", {"a": [], "ds/a": []})
    with pytest.raises(DataError, match=r"ds/a: the image of another picture lies at .*/ds/img/a\.png already"):
        convert(before, "supervisely", tmp_path / "out")


@pytest.mark.parametrize("tool", WRITABLE)
def test_photos_that_lie_on_their_side(tool: str, tmp_path: Path) -> None:
    def turned(path: Path) -> None:
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(np.zeros((SIZE[1], SIZE[0], 3), np.uint8)).save(path, exif=exif)

    before = project(tmp_path / "in", {"a": [drawn_as("polygons", PIECES)]}, image=turned, ending=".jpg")
    assert before.pictures[0].image is not None
    assert size_of(before.pictures[0].image) == read_image(before.pictures[0].image).shape[:2] == SIZE
    convert(before, tool, tmp_path / "out")
    after = read(tmp_path / "out", tool)
    assert (after.pictures[0].height, after.pictures[0].width) == SIZE
    same(before, after)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", [".jpg", ".tif", ".png"])
def test_sizes_are_those_of_the_image_as_it_is_read(ending: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(np.zeros((4, 7, 3), np.uint8)).save(tmp_path / f"a{ending}", exif=exif)
    assert size_of(tmp_path / f"a{ending}") == read_image(tmp_path / f"a{ending}").shape[:2]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("tool", WRITABLE)
def test_images_of_many_channels_and_bits(tool: str, kind: type, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")

    def scene(path: Path) -> None:
        tifffile.imwrite(path, np.zeros((*SIZE, 5), kind), photometric="minisblack", planarconfig="contig")

    before = project(tmp_path / "in", {"a": [drawn_as("polygons", PIECES)]}, image=scene, ending=".tif")
    convert(before, tool, tmp_path / "out")
    same(before, read(tmp_path / "out", tool))


@pytest.mark.parametrize("big", [False, True])
def test_a_scene_of_many_channels_has_its_place_on_earth(big: bool, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="tifffile is not installed")
    keys = (1, 1, 0, 1, 3072, 0, 1, 32633)
    place = [
        (33550, 12, 3, (0.3, 0.3, 0.0), True),
        (33922, 12, 6, (0, 0, 0, 356243.7, 5812345.1, 0), True),
        (34735, 3, 8, keys, True),
    ]

    def scene(path: Path) -> None:
        tifffile.imwrite(
            path, np.full((*SIZE, 5), int.from_bytes(path.stem.encode()), np.uint16), photometric="minisblack", planarconfig="contig", bigtiff=big, extratags=place,
        )  # fmt: skip

    held = {str(n): [Region("dog", ((rectangle(n + 0.5, n + 1.5, n + 7.5, n + 6.5),),))] for n in range(12)}
    first = {"a": [drawn_as("polygons", boxes((2, 4, 6, 8)))]}
    before = project(tmp_path / "in", {**first, **held}, image=scene, ending=".tif")
    convert(before, "geojson", tmp_path / "out")
    tree = json.loads((tmp_path / "out" / "images" / "a.geojson").read_text())
    ((corners,),) = tree["features"][0]["geometry"]["coordinates"]
    expected = [(x, y) for x in (356244.9, 356246.1) for y in (5812343.3, 5812344.5)]
    assert np.allclose(sorted(corners[:-1]), expected, rtol=0, atol=1e-6)
    assert tree["crs"]["properties"]["name"].endswith(":32633")
    same(before, read(tmp_path / "out"))


def test_an_image_of_another_size_than_is_told_is_refused(tmp_path: Path) -> None:
    before = project(tmp_path / "in", {"a": []}, image=lambda path: Image.new("RGB", (64, 48)).save(path))
    with pytest.raises(DataError, match=r"a.png is 64x48 pixels, but its annotation of a is 32x24 \(the same shape"):
        convert(before, "coco", tmp_path / "out")


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("a.jpg", "a"),
        ("sub/dir/a.b.jpg", "sub/dir/a.b"),
        ("../../../a.jpg", "a"),
        ("/home/x/a.jpg", "a"),
        ("C:\\data\\a.jpg", "a"),
        ("sub\\a.jpg", "sub/a"),
        ("https://x.org/q/a%201.jpg?sig=1", "a 1"),
        ("images/train/a.jpg", "train/a"),
        ("a.v1", "a.v1"),
    ],
)
def test_a_pictures_name_stays_below_the_folder(called: str, name: str) -> None:
    assert name_of(called) == name


@pytest.mark.parametrize("tool", WRITABLE)
def test_nothing_is_written_outside_of_the_folder(tool: str, tmp_path: Path) -> None:
    """An export that calls its images by paths of another computer, or by ways upward."""
    (tmp_path / "in").mkdir()
    images = []
    for n, called in enumerate((str(tmp_path / "in" / "abs.png"), "../in/up.png")):
        Image.new("RGB", (6, 5)).save(tmp_path / "in" / called.split("/")[-1])
        images.append({"id": n, "file_name": called, "height": 5, "width": 6})
    tree = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "in" / "instances.json").write_text(json.dumps(tree))
    before = {path: path.read_bytes() for path in (tmp_path / "in").rglob("*")}
    moved = convert(read(tmp_path / "in"), tool, tmp_path / "out")
    assert [picture.name for picture in moved] == ["abs", "in/up"]
    assert {path: path.read_bytes() for path in (tmp_path / "in").rglob("*")} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_what_a_format_loses_stands_on_the_console(
    run_cli: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    regions = [drawn_as("bitmap", PIECES, crowd=True), drawn_as("bitmap", RINGS, "dog")]
    convert(project(tmp_path / "in", {"a": regions}), "coco", tmp_path / "coco")
    code, _, err = run_cli("data", "convert", tmp_path / "coco", "--to", "yolo", "--out", tmp_path / "yolo")
    assert code == 0 and "yolo: 1 crowd written as objects" in err
    code, _, err = run_cli("data", "convert", tmp_path / "coco", "--to", "masks", "--out", tmp_path / "masks")
    hidden = int((PIECES & RINGS).sum())
    assert code == 0 and hidden and f"{hidden} px lie in several regions" in err
