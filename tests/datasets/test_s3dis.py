"""S3DIS: rooms as clouds of points."""

from pathlib import Path

import pytest

import intarsia.data
from intarsia.datasets.s3dis import LABELS, s3dis
from intarsia.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for area, room in (("Area_1", "office_1"), ("Area_1", "office_2"), ("Area_5", "hallway_6")):
        folder = tmp_path / area / room / "Annotations"
        folder.mkdir(parents=True)
        (folder / "chair_1.txt").write_text("0.5 1.25 2 10 20 30\n1 1 1 255 0 0\n")
        (folder / "chair_2.txt").write_text("3 3 3 1 2 3\n")
        (folder / "stairs_1.txt").write_text("4 4 4 1.000000 2.000000 3.000000\n")
        (folder / "wall_1.txt").write_text("-5.5 4 4 1 2 3\n")
        (folder.parent / f"{room}.txt").write_text("0.5 1.25 2 10 20 30\n")
    return tmp_path


def test_points_colors_classes_and_objects(root: Path) -> None:
    dataset = s3dis(root, "Area_1")
    assert len(dataset) == 2 and intarsia.datasets.splits("s3dis", root) == ("Area_1", "Area_5")
    cloud = dataset[0]
    assert cloud.name == "Area_1/office_1" and cloud.points[0].tolist() == [0.5, 1.25, 2]
    assert cloud.colors[:2].tolist() == [[10, 20, 30], [255, 0, 0]]
    assert [LABELS.names[n] for n in cloud.labels] == ["chair", "chair", "chair", "clutter", "wall"]
    assert cloud.objects.tolist() == [1, 1, 2, 3, 4] and cloud.points[4, 0] == -5.5
    assert len(s3dis(root, "Area_1+Area_5")) == 3


def test_the_releases_damaged_lines_are_found(root: Path) -> None:
    path = root / "Area_5/hallway_6/Annotations/wall_1.txt"
    path.write_bytes(b"1 1 1 0 0 0\n2 2 2 185\x00187 1 1\n")
    with pytest.raises(DataError, match=r"wall_1\.txt, line 2: '2 2 2 185\\x00187 1 1' is no point"):
        s3dis(root, "Area_5")[0]
    path.write_bytes(b"1 1 1 103.0\x100000 0 0\n")
    with pytest.raises(DataError, match=r"wall_1\.txt, line 1"):
        s3dis(root, "Area_5")[0]
    path.write_text("1 1 1 0 0\n")
    with pytest.raises(DataError, match=r"wall_1\.txt, line 1.*six numbers"):
        s3dis(root, "Area_5")[0]
    path.write_text("1 1 1 0 0 300\n")
    with pytest.raises(DataError, match=r"wall_1\.txt: colors from 0 to 300; they are 0\.\.255"):
        s3dis(root, "Area_5")[0]


def test_what_is_wrong_is_named(root: Path, run_cli) -> None:
    with pytest.raises(DataError, match="there is no Area_7/ROOM/Annotations; did you mean 'Area_"):
        s3dis(root, "Area_7")
    code, _, err = run_cli("data", "audit", "s3dis", "--root", root)
    assert code == 2 and "s3dis holds clouds of points; only images and their masks can be audited" in " ".join(
        err.split()
    )
    (root / "Area_1/office_1/Annotations/chiar_1.txt").write_text("1 1 1 0 0 0\n")
    with pytest.raises(DataError, match=r"chiar_1\.txt: there is no class 'chiar' of S3DIS; did you mean 'chair'"):
        s3dis(root, "Area_1")[0]
