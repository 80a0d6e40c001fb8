"""The table of the doctor's kinds of findings holds every kind that its code makes; each is planted, and has a row in docs/doctor.md."""

import ast
import json
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin
from planted import FAULTS, NAMES, Random, colored, folder, images, load, masks, of, save

from intarsia.data.pairs import Pair, Pairs
from intarsia.datasets.folder import folder as opened
from intarsia.doctor import KINDS, Diagnosis, visit
from intarsia.doctor.finding import SEVERITIES
from intarsia.labels import LabelSpace

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "intarsia"
READ_BACK = {SOURCE / "doctor" / "remember.py"}  # what an audit said before


def calls() -> Iterator[tuple[Path, ast.Call, ast.FunctionDef | None]]:
    """Every call that makes a finding, and the function that it stands in: of `Finding`, or of what takes a kind first."""
    trees = {
        p: ast.parse(p.read_text(encoding="utf-8")) for p in (SOURCE / "doctor").rglob("*.py") if p not in READ_BACK
    }
    makers = {"Finding"}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and [a.arg for a in node.args.args if a.arg != "self"][:1] == ["kind"]:
                makers.add(node.name)
    for path, tree in trees.items():
        inside: dict[ast.AST, ast.FunctionDef] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                inside |= dict.fromkeys(ast.walk(node), node)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in makers:
                yield path, node, inside.get(node)


def literals(node: ast.expr) -> set[str]:
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and n.value in SEVERITIES}


def test_every_kind_that_is_made_is_in_the_table_with_its_severity() -> None:
    made: dict[str, set[str]] = {}
    wrong = []
    for path, call, inside in calls():
        first = call.args[0] if call.args else None
        if isinstance(first, ast.Constant):
            made.setdefault(str(first.value), set()).update(literals(call.args[1]))
        elif not (isinstance(first, ast.Name) and first.id == "kind" and inside is not None):
            wrong.append(f"{path.name}:{call.lineno}: a kind that is not written down")
    assert not wrong
    assert set(made) == set(KINDS)
    assert not {kind: told for kind, told in made.items() if not told <= set(KINDS[kind].severity)}


def test_the_table_says_what_each_kind_is() -> None:
    for kind, row in KINDS.items():
        assert row.severity and list(row.severity) == sorted(row.severity, key=SEVERITIES.index), kind
        assert row.title and row.title[-1] not in ".;" and row.mended == bool(row.mended_by), kind


def test_each_kind_has_its_row_in_the_documentation() -> None:
    rows = [
        line for line in (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8").splitlines() if line[:3] == "| `"
    ]
    told = {
        cells[0].strip(" `"): [c.strip() for c in cells[1:4]] for cells in (r.strip("| ").split(" | ") for r in rows)
    }
    wish = {k: [" or ".join(r.severity), r.title, r.mended_by or "a person"] for k, r in KINDS.items()}
    assert {kind: row for kind, row in told.items() if kind in KINDS} == wish


# Kinds that no fault in `planted` stands for, each planted here.


def plain(root: Path, random: Random) -> Diagnosis:
    return visit(folder(root, random))


def encoding(root: Path, random: Random) -> Diagnosis:
    colored(folder(root, random), random)
    return visit(opened(root, "train", labels=LabelSpace(NAMES), images="images/{split}", masks="masks/{split}"))


def nodata(root: Path, random: Random) -> Diagnosis:
    for path in masks(folder(root, random)):
        mask, tags = load(path), TiffImagePlugin.ImageFileDirectory_v2()
        mask[:8] = 9
        tags[42113] = "9"
        Image.fromarray(mask).save(path.with_suffix(".tif"), tiffinfo=tags)
        path.unlink()
    return visit(root)


def sizes(root: Path, random: Random) -> Diagnosis:
    hit = masks(folder(root, random))[0]
    for path in (hit, of(hit)):
        save(path, load(path)[:50, :80])
    return visit(root)


def coco(root: Path, random: Random, points: int) -> Diagnosis:
    tree: dict[str, list[dict[str, object]]] = {"images": [], "annotations": [], "categories": []}
    tree["categories"] = [{"id": 1, "name": "disk"}, {"id": 2, "name": "box"}]
    for n, path in enumerate(images(folder(root / "all", random), "train")):
        save(root / "images" / f"{n}.png", load(path))
        tree["images"].append({"id": n, "file_name": f"{n}.png", "width": 100, "height": 72})
        corners = [10, 10, 60, 12, 40, 50][: points if n == 3 else 6]
        row = {"id": n, "image_id": n, "category_id": 1 + n % 2, "segmentation": [corners], "iscrowd": 0}
        tree["annotations"].append({**row, "bbox": [10, 10, 50, 40], "area": 900})
    for path in sorted((root / "all").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (root / "all").rmdir()
    (root / "annotations.json").write_text(json.dumps(tree))
    return visit(root)


def layout(root: Path, random: Random) -> Diagnosis:
    for n, path in enumerate(masks(folder(root / "all", random, 8, 0))):  # as KITTI is packed
        for name in ("image_2", "semantic"):
            (root / "training" / name).mkdir(parents=True, exist_ok=True)
        of(path).rename(root / "training/image_2" / f"{n:06}_10.png")
        path.rename(root / "training/semantic" / f"{n:06}_10.png")
    return visit(root)


def rivals(root: Path, random: Random) -> Diagnosis:
    for path in masks(folder(root, random)):
        save(root / "labels" / path.parent.name / path.name, load(path))
    return visit(root)


def spelling(root: Path, random: Random) -> Diagnosis:
    path = masks(folder(root, random))[0]
    path.rename(path.with_stem(path.stem.upper()))
    return visit(root)


def left_out(root: Path, random: Random) -> Diagnosis:
    (folder(root, random) / "images" / "train" / "more.heic").write_bytes(b"x")
    return visit(root)


def unlabeled(root: Path, random: Random) -> Diagnosis:
    save(folder(root, random) / "more" / "a.png", load(images(root)[0])[::-1].copy())
    return visit(root)


def annotations(root: Path, random: Random) -> Diagnosis:
    place = folder(root, random) / "json"
    place.mkdir()
    (place / "a.json").write_text("{}")
    return visit(root)


def planes(root: Path, random: Random, wide: bool = False, gone: bool = False) -> Diagnosis:
    for n, path in enumerate(masks(folder(root / "all", random, 8, 0))):
        for k, name in enumerate(NAMES[1:], 1):
            plane = load(path) == k
            if wide and name == "disk":
                plane[:] = True
            if not (gone and n == 2 and name == "box"):
                save(root / "set" / "masks" / name / path.name, plane.astype(np.uint8) * np.uint8(255))
        save(root / "set" / "images" / path.name, load(of(path)))
    return visit(root / "set")


def inferred(root: Path, random: Random) -> Diagnosis:
    for path in masks(folder(root, random)):
        save(path, (load(path) > 0).astype(np.uint8) * np.uint8(255))
    return visit(opened(root, "train", labels=LabelSpace(NAMES[:2]), images="images/{split}", masks="masks/{split}"))


def objects(root: Path, random: Random) -> Diagnosis:
    for path in masks(folder(root, random)):
        mask = np.zeros(load(path).shape, np.uint8)
        for n in range(int(random.integers(3, 60))):
            mask[8 * (n // 12) : 8 * (n // 12) + 5, 8 * (n % 12) : 8 * (n % 12) + 5] = n + 1
        save(path, mask)
    return visit(root)


def one_class(root: Path, random: Random) -> Diagnosis:
    folder(root, random)
    items = [Pair(path.stem, of(path), path) for path in masks(root)]
    labels = LabelSpace(("thing",), values=dict.fromkeys(range(4), "thing"))
    return visit(Pairs(items, labels, name="own", split="all"))


def picture(root: Path, random: Random) -> Diagnosis:
    colored(folder(root, random), random)
    save(masks(root)[1], load(of(masks(root)[1])))
    return visit(root)


def all_ignored(root: Path, random: Random) -> Diagnosis:
    for n, path in enumerate(masks(folder(root, random))):
        mask = load(path)
        mask[: 72 if n == 5 else 2] = 255
        save(path, mask)
    return visit(root)


def scarce(root: Path, random: Random) -> Diagnosis:
    hit = masks(folder(root, random))[6]
    mask = load(hit)
    mask[10:40, 10:40] = 9
    save(hit, mask)
    return visit(root)


def near_duplicates(root: Path, random: Random) -> Diagnosis:
    image, mask = images(folder(root, random), "train")[4], masks(root, "train")[4]
    noise = random.normal(0, 3, load(image).shape)
    save(image.with_stem("zz"), np.clip(load(image) + noise, 0, 255).astype(np.uint8))
    save(mask.with_stem("zz"), load(mask))
    return visit(root)


def swapped(root: Path, random: Random) -> Diagnosis:
    one, two, *_ = masks(folder(root, random, 40, 0))
    first, second = load(one), load(two)
    save(one, second)
    save(two, first)
    return visit(root)


def unusual(root: Path, random: Random) -> Diagnosis:
    hit = masks(folder(root, random, 24, 0))[3]
    save(hit, np.where(np.arange(100) < 96, np.uint8(3), load(hit)))
    return visit(root)


def composed(root: Path, random: Random) -> Diagnosis:
    for n, path in enumerate(masks(folder(root, random))):
        of(path).rename(of(path).with_stem(unicodedata.normalize("NFC", f"é{n}")))
        path.rename(path.with_stem(unicodedata.normalize("NFD", f"é{n}")))
    return visit(root)


def under(root: Path, random: Random) -> Diagnosis:
    coco(root, random, 6)
    tree = json.loads((root / "annotations.json").read_text())
    row = {**tree["annotations"][0], "id": 99, "segmentation": [[30, 10, 60, 12, 40, 50]]}
    (root / "annotations.json").write_text(json.dumps({**tree, "annotations": [*tree["annotations"], row]}))
    return visit(root)


PLANTED: dict[str, Callable[[Path, Random], Diagnosis]] = {
    "encoding": encoding,
    "nodata": nodata,
    "sizes": sizes,
    "recognized": lambda root, random: coco(root, random, 6),
    "annotation": lambda root, random: coco(root, random, 4),
    "layout": layout,
    "rivals": rivals,
    "spelling": spelling,
    "composed": composed,
    "left_out": left_out,
    "unlabeled": unlabeled,
    "annotations": annotations,
    "overlap": lambda root, random: planes(root, random, wide=True),
    "covered": lambda root, random: planes(root, random, wide=True),
    "under": under,
    "lacking": lambda root, random: planes(root, random, gone=True),
    "meaning": plain,
    "inferred": inferred,
    "objects": objects,
    "one_class": one_class,
    "picture": picture,
    "all_ignored": all_ignored,
    "scarce": scarce,
    "near_duplicates": near_duplicates,
    "swapped": swapped,
    "unusual": unusual,
}


OF_OBJECTS = {kind for kind in KINDS if kind.startswith("objects_")}  # planted in test_instances.py


def test_each_kind_is_planted() -> None:
    alone = {fault.kinds[0] for fault in FAULTS.values() if len(fault.kinds) == 1}
    assert alone | set(PLANTED) | OF_OBJECTS == set(KINDS)


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_kind_is_found(kind: str, tmp_path: Path) -> None:
    found = PLANTED[kind](tmp_path / "set", np.random.default_rng([1, *kind.encode()])).audit
    assert kind in {f.kind for f in found.findings}, [(f.kind, f.message) for f in found.findings]
    assert all(f.severity in KINDS[f.kind].severity for f in found.findings)
    assert {f["title"] for f in found.to_dict()["findings"]} <= {row.title for row in KINDS.values()}
