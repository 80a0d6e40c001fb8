"""Names without magic, and classes that are composed, not inherited."""

import ast
import re

import pytest
import source_tree
from source_tree import PACKAGE, ROOT, where

NOTHING = {"utils", "util", "common", "helpers", "helper", "base", "core", "misc", "manager", "managers"}
FAMILIES = {  # the family of errors, and the sections of a recipe, all frozen alike
    "errors.py",
    "config/answers.py",
    "config/frozen.py",
    "config/learning.py",
    "config/pictures.py",
    "config/schema.py",
}
BUILTIN = {"ValueError", "RuntimeError", "Exception", "AssertionError", "NotImplementedError", "IOError"}
BRITISH = re.compile(
    r"\b(colours?|coloured|normalis\w+|initialis\w+|behaviour\w*|centres?|greys?|greyscale|optimis\w+|"
    r"minimis\w+|maximis\w+|visualis\w+|neighbours?\w*|artefacts?|generalis\w+|recognis\w+|summaris\w+)\b",
    re.IGNORECASE,
)
PRIVATE = re.compile(r"(?<![\w.])/(work|opt/venv|root)/|/tmp/plan|file:///opt")


def test_no_name_says_nothing() -> None:
    folders = [PACKAGE, ROOT / "tests", ROOT / "benchmarks", ROOT / "examples"]
    wrong = [where(p) for folder in folders for p in folder.rglob("*") if p.stem.lower().strip("_") in NOTHING]
    assert not wrong


def test_classes_do_not_inherit_from_ours() -> None:
    wrong = []
    for path in source_tree.files():
        if path.relative_to(PACKAGE).as_posix() in FAMILIES:
            continue
        ours = {target[-1] for _, inside, target, _ in source_tree.imports(path) if inside}
        nodes = [node for node in ast.walk(source_tree.tree(path)) if isinstance(node, ast.ClassDef)]
        ours |= {node.name for node in nodes}
        for node in nodes:
            bases = [ast.unparse(base) for base in node.bases]
            wrong += [
                f"{where(path)}:{node.lineno}: class {node.name}({b})"
                for b in bases
                if b.split(".")[0].split("[")[0] in ours
            ]
            wrong += [
                f"{where(path)}:{node.lineno}: {node.name} is a mixin"
                for b in [node.name, *bases]
                if b.lower().endswith("mixin")
            ]
            wrong += [f"{where(path)}:{node.lineno}: {node.name} is abstract" for b in bases if b in ("ABC", "abc.ABC")]
    assert not wrong, "\n".join(wrong)


def test_constructors_name_every_option() -> None:
    wrong = []
    for path in source_tree.files():
        for node in ast.walk(source_tree.tree(path)):
            if isinstance(node, ast.FunctionDef) and node.name == "__init__" and node.args.kwarg:
                wrong.append(f"{where(path)}:{node.lineno}: a constructor with **kwargs hides its options")
    assert not wrong, "\n".join(wrong)


def test_errors_come_from_the_family() -> None:
    """A bare ValueError would reach the user as a traceback instead of a sentence."""
    wrong = []
    for path in source_tree.files():
        for node in ast.walk(source_tree.tree(path)):
            if isinstance(node, ast.Raise) and node.exc is not None:
                name = ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
                if name in BUILTIN:
                    wrong.append(f"{where(path)}:{node.lineno}: raise {name}; use the family of intarsia.errors")
    assert not wrong, "\n".join(wrong)


def test_everything_public_says_what_it_is() -> None:
    wrong = []
    for path in source_tree.files():
        module = source_tree.tree(path)
        if not ast.get_docstring(module):
            wrong.append(f"{where(path)}: no docstring")
        for node in module.body:
            if (
                isinstance(node, ast.FunctionDef | ast.ClassDef)
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
            ):
                inherits = (
                    isinstance(node, ast.ClassDef) and path == PACKAGE / "errors.py"
                )  # the drawing above them says it
                command = any("command" in ast.unparse(d) or "callback" in ast.unparse(d) for d in node.decorator_list)
                if not inherits and not command:
                    wrong.append(f"{where(path)}:{node.lineno}: {node.name} has no docstring")
    assert not wrong, "\n".join(wrong)


def test_spelling_is_american() -> None:
    wrong = []
    for path in [*source_tree.files(), *ROOT.glob("*.md")]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            wrong += [
                f"{where(path)}:{number}: {m[0]}" for m in BRITISH.finditer(re.sub(r"\"\w+\"", "", line))
            ]  # a quoted word may be a key of a stranger's file
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", ["src", "tests", "examples", "docs", "benchmarks", "."])
def test_nothing_names_one_machine(folder: str) -> None:
    """Paths of the machine that a file was written on mean nothing on any other."""
    suffixes = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".html", ".jinja", ".jsonl", ""}
    found = (ROOT / folder).glob("*") if folder == "." else (ROOT / folder).rglob("*")
    files = [
        p
        for p in found
        if p.is_file() and p.suffix in suffixes and "__pycache__" not in p.parts and p.name != "test_names.py"
    ]
    wrong = [
        f"{where(path)}:{number}: {line.strip()[:80]}"
        for path in files
        if path.name not in (".git",)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if PRIVATE.search(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_room_has_tests() -> None:
    rooms = {source_tree.room(p) for p in source_tree.files()} - {
        "__init__",
        "__main__",
        "errors",
        "characters",
        "documents",
        "limits",
        "machine",
        "matched",
        "naming",
        "output",
        "polygons",
        "structures",
        "version",
    }
    tested = {p.name for p in (ROOT / "tests").iterdir() if any(p.glob("test_*.py"))}
    assert rooms <= tested, f"no tests for {sorted(rooms - tested)}"
