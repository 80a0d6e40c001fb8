"""Every public docstring reads like a manual: a verb or a noun first, and no words of our own in any sentence."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import source_tree

# What opens a clause that hangs in the air: `As plain data` is no sentence, and `Those that pass` names nothing.
OPENINGS = (
    "and as because but everything if its of or so that those whatever when while who whose "
    "he his it it's she their these they this we you"
).split()
# Words that mean something else here than in the field: a value that is `stray` is unknown, what is `told` is shown.
PRIVATE = "said standing stray strays told ward wards".split()
CODE = re.compile(r"`[^`]*`|^ *[\w, ]+: ", re.MULTILINE)  # `name`, and the names of arguments before a colon
ORDINARY = re.compile(r"\btold apart\b")  # as any dictionary has it


def docstrings(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, int, str]]:
    """Name, line and docstring of a module, and of its public classes and functions."""
    if isinstance(tree, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        if text := ast.get_docstring(tree):
            yield inside or "the module", getattr(tree, "lineno", 1), text
        if isinstance(tree, ast.Module | ast.ClassDef):
            for node in tree.body:
                name = getattr(node, "name", "_")
                if not name.startswith("_"):
                    yield from docstrings(node, f"{inside}.{name}".lstrip("."))


def faults(text: str) -> list[str]:
    """Words of a docstring that it must not begin with, or must not have; names of parameters and of code are no words."""
    opening = text.split()[0].strip(",:;.").lower()
    found = re.findall(r"[a-z]+", CODE.sub("", ORDINARY.sub("", text)).lower())
    return [f"begins with {opening!r}"] * (opening in OPENINGS) + [f"has {word!r}" for word in found if word in PRIVATE]


@pytest.mark.parametrize("path", source_tree.files(), ids=source_tree.where)
def test_docstrings_begin_with_a_verb_or_a_noun_and_have_no_private_words(path: Path) -> None:
    found = [
        f"{source_tree.where(path)}:{number}: {name} {fault}: {text.splitlines()[0]}"
        for name, number, text in docstrings(source_tree.tree(path))
        for fault in faults(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("As plain data for JSON.", "begins with 'as'"),
        ("Those of the names that are for one role.", "begins with 'those'"),
        ("What can be said of two models.", "has 'said'"),
        ("The class number, or -1 for a stray one.", "has 'stray'"),
        ("Read a file.\n\n    Raises: DataError for one that nobody told of.", "has 'told'"),
    ],
)
def test_planted_lines_are_found(line: str, fault: str) -> None:
    assert faults(line) == [fault]


def test_ordinary_english_passes() -> None:
    assert not faults("Objects of one class, which are told apart by their numbers.")
    assert not faults("Return plain data for JSON; NaN where there is no number.")
    assert not faults("Write a set.\n\nArgs:\n    said: gets a sentence, see `told_pages`.")
    planted = ast.parse(
        '"""A room."""\nclass A:\n    """One."""\n    def b(self):\n        """Told."""\n    def _c(self):\n        """As."""\n'
    )
    assert [name for name, *_ in docstrings(planted)] == ["the module", "A", "A.b"]
