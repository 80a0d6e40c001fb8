"""What a cluster is asked to answer: every input becomes one list, and results are called after places below the input."""

from collections.abc import Callable
from pathlib import Path

import pytest

from intarsia.errors import DataError
from intarsia.inference.cluster.pictures import pictures_of
from intarsia.inference.cluster.stores import brought, place_of

Draw = Callable[[Path, int], Path]
pytest.importorskip("pyarrow", reason="tables and stores are read by pyarrow")


def test_a_folder_and_a_prefix(tmp_path: Path, draw: Draw) -> None:
    for name in ("a.png", "b.jpg", "deep/a.png", ".hidden.png"):
        draw(tmp_path / "in" / name, 0)
    (tmp_path / "in" / "notes.psd").write_bytes(b"8BPS")
    folder = pictures_of([tmp_path / "in"])
    assert folder.images == [str(tmp_path / "in" / "a.png"), str(tmp_path / "in" / "b.jpg")]
    assert folder.names == ["a", "b"] and "notes.psd" in folder.left_out
    prefix = pictures_of([f"file://{tmp_path}/in"])  # everything below a prefix
    assert prefix.names == ["a", "b", "deep/a"] and prefix.images[2] == str(tmp_path / "in" / "deep" / "a.png")
    assert "notes.psd" in prefix.left_out
    pattern = pictures_of([str(tmp_path / "in" / "**" / "*.png")])
    assert pattern.names == ["a", "deep/a"]


def test_names_do_not_depend_on_other_pictures(tmp_path: Path, draw: Draw) -> None:
    """A picture that comes later changes no name, but for one of the same name with another ending."""
    draw(tmp_path / "in" / "a.png", 0)
    assert pictures_of([tmp_path / "in"]).names == ["a"]
    draw(tmp_path / "in" / "b.png", 0)
    draw(tmp_path / "in" / "b.jpg", 0)
    assert pictures_of([tmp_path / "in"]).names == ["a", "b.jpg", "b.png"]
    draw(tmp_path / "more" / "a.png", 0)
    assert pictures_of([tmp_path / "in", tmp_path / "more"]).names == ["in/a", "in/b.jpg", "in/b.png", "more/a"]
    single = pictures_of([tmp_path / "in" / "a.png", tmp_path / "more" / "a.png"])
    assert single.names == ["in/a", "more/a"]
    assert pictures_of([tmp_path / "in" / "a.png", tmp_path / "in" / "a.png"]).names == ["a"]


def test_an_address_that_fsspec_knows(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "in" / "a b#1.png", 4)
    found = pictures_of([f"fsspec+file://{tmp_path}/in"])
    assert found.names == ["a b#1"] and found.images[0].startswith("fsspec+file://")
    copy = brought(found.images[0], tmp_path)
    assert copy.read_bytes() == (tmp_path / "in" / "a b#1.png").read_bytes()
    with pytest.raises(DataError, match=r"c\.png: there is no such file"):
        brought(f"fsspec+file://{tmp_path}/in/c.png", tmp_path)
    with pytest.raises(DataError, match=r"nope://x: cannot be opened .*such as s3://bucket/folder"):
        place_of("nope://x/y")
    with pytest.raises(DataError, match="there is no such file, folder or prefix"):
        pictures_of([f"fsspec+file://{tmp_path}/out"])


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_a_table_of_paths(tmp_path: Path, draw: Draw, ending: str) -> None:
    draw(tmp_path / "day" / "a.png", 0)
    draw(tmp_path / "b.png", 0)
    cells = {"id": ["1", "2", "3"], "Image": ["day/a.png", str(tmp_path / "b.png"), "s3://bucket/deep/c.png"]}
    path = table(tmp_path / f"list{ending}", cells)
    found = pictures_of([path])
    assert found.images == [str(tmp_path / "day" / "a.png"), str(tmp_path / "b.png"), "s3://bucket/deep/c.png"]
    assert found.names == ["day/a", "b", "bucket/deep/c"]


def table(path: Path, cells: dict[str, list[str]]) -> Path:
    """Write a table in the form of its ending."""
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table(cells), path)
        return path
    comma = "\t" if path.suffix == ".tsv" else ","
    rows = [list(cells), *zip(*cells.values(), strict=True)]
    path.write_text("\n".join(comma.join(row) for row in rows), encoding="utf-8")
    return path


def test_tables_that_are_wrong(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "a.png", 0)
    gone = table(tmp_path / "gone.csv", {"path": ["a.png", "b.png", "c.png", "d.png", "e.png"]})
    with pytest.raises(
        DataError, match=r"gone.csv: 4 of its 5 files are missing: .*b.png, .*c.png, .*d.png, \.\.\.; corr"
    ):
        pictures_of([gone])
    with pytest.raises(DataError, match=r"empty.csv: the table names no pictures; write one path a row"):
        pictures_of([table(tmp_path / "empty.csv", {"path": []})])
    with pytest.raises(DataError, match=r"no column of paths \(path, image, .*did you mean 'paths'\?; rename"):
        pictures_of([table(tmp_path / "other.csv", {"paths": ["a.png"], "size": ["3"]})])
    with pytest.raises(DataError, match=r"no column of paths .*did you mean 'pth'"):
        pictures_of([table(tmp_path / "other.parquet", {"pth": ["a.png"]})])
    with pytest.raises(DataError, match=r"hole.csv: row 2 has no path in column 'path'"):
        pictures_of([table(tmp_path / "hole.csv", {"path": ["a.png", ""], "n": ["1", "2"]})])
    with pytest.raises(DataError, match=r"nothing.csv: there is no such file"):
        pictures_of([tmp_path / "nothing.csv"])
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"torn.parquet: no Parquet that can be read"):
        pictures_of([tmp_path / "torn.parquet"])
    (tmp_path / "blank.csv").write_text("")
    with pytest.raises(DataError, match=r"blank.csv: has no column of paths .*it has no columns"):
        pictures_of([tmp_path / "blank.csv"])
