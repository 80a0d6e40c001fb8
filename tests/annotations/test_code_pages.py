"""Exports that are not in UTF-8: read in the code page that their bytes speak for, with a remark, or refused by name."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from written import CVAT, PHOTO, SQUARE, VOC, VOC_POLYGON, A, coco, cvat, labelme, laid, shape

from intarsia.annotations.convert import read
from intarsia.documents import code_page, read_text
from intarsia.errors import DataError

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("words", "encoding", "page"),
    [
        (["裂缝"], "gb18030", "gb18030"),
        (["猫", "狗"], "gb18030", "gb18030"),
        (["裂缝", "镕"], "gbk", "gb18030"),  # whose second byte is no high one
        (["Straße"], "cp1252", "cp1252"),
        (["Größe", "Bäume", "forêt", "niño"], "latin-1", "cp1252"),
        (["été"], "cp1252", "cp1252"),
        (["дорога"], "cp1251", ""),
    ],
)
def test_what_bytes_speak_for(words: list[str], encoding: str, page: str, tmp_path: Path) -> None:
    tree = labelme(*(shape("polygon", SQUARE, word) for word in words))
    content = json.dumps(tree, ensure_ascii=False, indent=1).encode(encoding)
    assert code_page(content) == page
    laid(tmp_path, {**A, "a.json": content})
    if not page:
        with pytest.raises(DataError, match=r"is no export|a.json: .*is not in UTF-8; save it as UTF-8"):
            read(tmp_path, "labelme")
        return
    project = read(tmp_path)
    assert project.classes == tuple(words)
    (remark,) = project.remarks
    assert remark.startswith("1 file not in UTF-8, read in ") and "(the first: a.json)" in remark
    with pytest.raises(DataError, match="a.json: is not in UTF-8, it seems to be in .*; save it as UTF-8"):
        read_text(tmp_path / "a.json")  # where nobody tells it to people


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le-bom"])
def test_marks_of_byte_order_say_enough(encoding: str, tmp_path: Path) -> None:
    text = json.dumps(coco({}, categories=[{"id": 3, "name": "裂缝"}]), ensure_ascii=False)
    content = b"\xff\xfe" + text.encode("utf-16-le") if encoding.endswith("bom") else text.encode(encoding)
    project = read(laid(tmp_path, {**A, "x.json": content}), "coco")
    assert project.classes == ("裂缝",) and not project.remarks


def test_other_readers_alike(tmp_path: Path) -> None:
    xml = (CVAT % cvat('<polygon label="cat" points="2,2;12,2;12,12"/>')).replace("cat", "裂缝").encode("gb18030")
    chinese = {**A, "annotations.xml": xml}
    declared = {**A, "annotations.xml": b'<?xml version="1.0" encoding="GB2312"?>' + xml}
    voc = {**A, "a.xml": f"<annotation>{VOC}{VOC_POLYGON}</annotation>".replace("cat", "forêt").encode("cp1252")}
    listed = {
        "data.yaml": "train: images\nnames: [forêt]\n".encode("cp1252"),
        "images/a.jpg": PHOTO,
        "labels/a.txt": "",
    }
    lines = {
        "classes.txt": "猫\n狗\n".encode("gb18030"),
        "images/a.jpg": PHOTO,
        "labels/a.txt": "0 0.1 0.1 0.5 0.1 0.5 0.6\n",
    }
    for name, files, word, count in (
        ("a", chinese, "裂缝", 1), ("b", declared, "裂缝", 0), ("c", voc, "forêt", 1), ("d", listed, "forêt", 1), ("e", lines, "猫", 1),
    ):  # fmt: skip
        project = read(laid(tmp_path / name, files))
        assert word in project.classes and sum("not in UTF-8" in r for r in project.remarks) == count, name


def test_reported_labelme_in_a_chinese_code_page(shared_data: Path, tmp_path: Path, run_cli: Run) -> None:
    folder = shared_data / "reported" / "labelme-gb2312-beside"
    code, out, _ = run_cli("init", folder, "--out", tmp_path / "r.yaml")
    assert code == 0 and "4 files not in UTF-8, read in GB18030" in out and "裂缝" in (tmp_path / "r.yaml").read_text()
    code, out, _ = run_cli("data", "audit", folder)
    assert code == 0 and "4 files not in UTF-8" in out
    code, _, err = run_cli("data", "convert", folder, "--to", "coco", "--out", tmp_path / "coco")
    assert code == 0 and "4 files not in UTF-8" in err
