"""The tables of the lectures name networks, files and costs as the catalogue has them."""

import re

from source_tree import PACKAGE, ROOT

ROW = re.compile(
    r"^\| (B\d+) \| (.+?) \| (.+?) \| ([\d.]+) \| `(\w+)( .+?)?` \| `(.+?)` \| (\S+)(?: M)? \| (\S+) \|", re.M
)
TABLES = {"PASCAL VOC": 27, "Cityscapes": 29, "COCO-Stuff": 11}


def test_every_row_of_the_three_tables_is_there() -> None:
    text = (ROOT / "docs" / "lectures.md").read_text(encoding="utf-8")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert {part.split(",")[0].removesuffix(" 2012"): len(ROW.findall(part)) for part in parts} == TABLES


def test_rows_have_the_files_and_costs_of_the_catalogue() -> None:
    from intarsia.models.catalogue import ARCHITECTURES

    text = (ROOT / "docs" / "lectures.md").read_text(encoding="utf-8")
    for row, method, _, _, name, options, file, parameters, gflops in ROW.findall(text):
        if name not in ARCHITECTURES:
            assert parameters == gflops == "-", method
            continue
        assert (PACKAGE / file).is_file(), method
        entry = ARCHITECTURES[name]
        if not options and parameters != "-":
            assert (parameters, gflops) == (f"{entry.parameters / 1e6:.1f}", f"{entry.gflops:.1f}"), method
        assert row in entry.deck_row.split(", ") or row in ("B16", "B37"), method
