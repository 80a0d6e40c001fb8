"""What is written is read again, pixel for pixel: every tool that can be written, and any two of them."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.annotations.catalogue import TOOLS
from intarsia.annotations.convert import convert, read, recognized
from intarsia.annotations.project import Bitmap, Picture, Project, Region, draw, draw_objects
from intarsia.annotations.regions import outline
from intarsia.errors import DataError

WRITABLE = [name for name, tool in TOOLS.items() if tool.write]
NO_CROWDS = {"yolo", "cvat_masks"}  # what its format cannot say
CLASSES = ("road", "car", "sky blue")


def project(folder: Path, seed: int = 0) -> Project:
    """Three pictures: polygons, bitmaps, overlaps, pieces, a crowd, pixels that nothing covers."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for n, (height, width) in enumerate([(24, 30), (31, 20), (16, 16)]):
        image = folder / f"photo_{n}.tif"
        Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8)).save(image)
        regions = []
        for k in range(4):
            mask = np.zeros((height, width), bool)
            y, x = (int(rng.integers(0, side - 6)) for side in (height, width))
            mask[y : y + 6, x : x + 6] = True
            if k == 1:
                mask[y + 2 : y + 4, x + 2 : x + 4] = False
            bitmap = k % 2 == 1
            regions.append(
                Region(
                    CLASSES[k % 3],
                    () if bitmap else outline(mask),
                    Bitmap(0, 0, mask) if bitmap else None,
                    crowd=k == 3,
                    object=f"object {k}",
                )
            )
        pictures.append(Picture(f"photo_{n}", image, height, width, tuple(regions)))
    return Project(CLASSES, tuple(pictures), "test", {"car": (200, 10, 20)})


def drawn(project: Project, classes=CLASSES) -> dict[str, list]:
    """Class names of every pixel, by picture."""
    names = ["", *project.classes]
    return {
        p.name: [["" if names[v] == "background" else names[v] for v in row] for row in draw(p, project.classes)]
        for p in project
    }


def partition(numbers: np.ndarray) -> set[frozenset]:
    return {frozenset(map(tuple, np.argwhere(numbers == v))) for v in np.unique(numbers) if v}


@pytest.mark.parametrize("tool", WRITABLE)
def test_what_is_written_is_read_again(tool: str, tmp_path: Path) -> None:
    before = project(tmp_path / "in")
    convert(before, tool, tmp_path / "out")
    assert recognized(tmp_path / "out") == tool
    after = read(tmp_path / "out")
    assert drawn(after) == drawn(before)
    assert {p.name: (p.height, p.width) for p in after} == {p.name: (p.height, p.width) for p in before}
    assert all(p.image is not None and p.image.is_file() for p in after)


@pytest.mark.parametrize("tool", WRITABLE)
def test_objects_and_crowds_survive(tool: str, tmp_path: Path) -> None:
    before = project(tmp_path / "in")
    convert(before, tool, tmp_path / "out")
    after = read(tmp_path / "out", tool)
    for old, new in zip(before, after, strict=True):
        visible = [r._replace(label="x") for r in new.regions if r.label != "background"]
        assert partition(draw_objects(new._replace(regions=tuple(visible)))) == partition(draw_objects(old))
        if tool not in NO_CROWDS:
            assert sum(r.crowd for r in new.regions) == sum(r.crowd for r in old.regions)


@pytest.mark.parametrize(("first", "second"), [p for p in product(WRITABLE, repeat=2) if p[0] != p[1]])
def test_any_two_of_them(first: str, second: str, tmp_path: Path) -> None:
    before = project(tmp_path / "in")
    convert(before, first, tmp_path / "a")
    convert(read(tmp_path / "a"), second, tmp_path / "b")
    assert drawn(read(tmp_path / "b")) == drawn(before)


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(DataError, match="is no export of a known annotation tool"):
        read(tmp_path / "full")
    with pytest.raises(DataError, match="there is no annotation tool 'cocoo'; did you mean 'coco'"):
        read(tmp_path / "full", "cocoo")
    with pytest.raises(DataError, match="there is no such file or folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is not empty"):
        convert(project(tmp_path / "in"), "coco", tmp_path / "full")
    with pytest.raises(DataError, match="did you mean 'labelme'"):
        convert(project(tmp_path / "in"), "labelm", tmp_path / "out")
