"""The plan of the house: a room imports lower floors only, and architectures never each other."""

from pathlib import Path

import pytest
import source_tree
from source_tree import PACKAGE, where

FLOORS = [
    {"errors", "structures", "matched", "characters", "version"},
    {"labels", "blocks", "limits", "naming", "output", "polygons", "machine"},
    {"documents"},
    {"config", "encoders", "losses", "metrics", "postprocess", "data"},
    {"models", "annotations", "draw", "classical"},
    {"datasets"},
    {"checkpoint"},
    {"inference", "doctor"},
    {"report", "serving"},
    {"evaluation"},
    {"training", "export"},
    {"study", "lab"},
    {"cli", "__init__"},
    {"__main__"},
]
FLOOR = {room: n for n, rooms in enumerate(FLOORS) for room in rooms}
ONLY = {
    "models": {"encoders", "blocks", "structures", "matched", "errors"},
    "losses": {"blocks", "structures", "matched", "errors"},
    "postprocess": {"labels", "blocks", "structures", "errors", "polygons"},
}
STANDING = (  # the rooms that exist today
    "errors structures matched characters version limits machine naming output polygons documents labels blocks config encoders losses metrics postprocess data models "
    "annotations draw classical checkpoint datasets inference doctor evaluation report training study lab cli"
).split()


def violations(package: Path) -> list[str]:
    """Every import that goes up, sideways, or past a narrowed room's few neighbors."""
    wrong = []
    for path in source_tree.files(package):
        room = source_tree.room(path, package)
        if room not in FLOOR:
            wrong.append(f"{path}: there is no room {room!r} in the plan")
            continue
        for line, inside, target, _ in source_tree.imports(path, package):
            if not inside:
                continue
            other = target[0] if target and target[0] in FLOOR else "__init__"
            if other == room:
                if room == "models" and _is_architecture(path, package) and len(target) > 1:
                    wrong.append(f"{path}:{line}: an architecture imports another; what they share moves to blocks")
                continue
            if room == "__init__":
                continue  # the face imports every room, when a name is first used
            if FLOOR[other] >= FLOOR[room]:
                wrong.append(f"{path}:{line}: {room} (floor {FLOOR[room]}) imports {other} (floor {FLOOR[other]})")
            elif other not in ONLY.get(room, FLOOR):
                wrong.append(f"{path}:{line}: {room} imports {other}; it may only know {', '.join(sorted(ONLY[room]))}")
    return wrong


def _is_architecture(path: Path, package: Path) -> bool:
    parts = path.relative_to(package).parts
    return len(parts) >= 3 and path.name != "__init__.py" and parts[1] != "catalogue"


def test_rooms_import_downwards() -> None:
    wrong = violations(PACKAGE)
    assert not wrong, "\n".join(wrong)


def test_the_rooms_of_the_plan_stand() -> None:
    """The tests of this folder look at rooms; a room that is missing would pass all of them."""
    missing = [
        room for room in STANDING if not ((PACKAGE / f"{room}.py").exists() or any((PACKAGE / room).glob("*.py")))
    ]
    assert not missing


def test_the_package_imports_itself_relatively() -> None:
    wrong = []
    for path in source_tree.files():
        text = path.read_text(encoding="utf-8").splitlines()
        wrong += [
            f"{where(path)}:{line}"
            for line, inside, _, _ in source_tree.imports(path)
            if inside and ("import intarsia" in text[line - 1] or "from intarsia" in text[line - 1])
        ]
    assert not wrong


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("labels.py", "from .data import open", "labels (floor 1) imports data (floor 3)"),
        ("errors.py", "def f():\n    from .structures import Sample", "errors (floor 0) imports structures"),
        ("metrics/confusion.py", "from ..models import build", "metrics (floor 3) imports models (floor 4)"),
        (
            "losses/dice.py",
            "from ..labels import LabelSpace",
            "losses imports labels; it may only know blocks, errors, matched, structures",
        ),
        ("models/masks/a.py", "from .b import B", "an architecture imports another"),
        ("models/masks/a.py", "from ..context.b import B", "an architecture imports another"),
        ("models/masks/a.py", "from ...labels import LabelSpace", "models imports labels"),
        ("training/loop.py", "from .. import cli", "training (floor 10) imports cli (floor 12)"),
        ("doctor/audit.py", "import intarsia.inference", "doctor (floor 7) imports inference (floor 7)"),
        ("doctor/audit.py", "from .. import Predictor", "doctor (floor 7) imports __init__ (floor 12)"),
        ("magic.py", "", "no room 'magic'"),
    ],
)
def test_a_planted_import_is_found(tmp_path: Path, name: str, line: str, words: str) -> None:
    package = tmp_path / "intarsia"
    (package / name).parent.mkdir(parents=True)
    (package / name).write_text(line + "\n")
    found = violations(package)
    assert len(found) == 1
    assert words in found[0]
