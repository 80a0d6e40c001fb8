"""Reads the package's source for the house tests: files, the rooms they stand in, and what they import."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "intarsia"


class Import(NamedTuple):
    """One name that a file imports."""

    line: int
    inside: bool  # of this package
    target: tuple[str, ...]  # ("models", "catalogue", "ARCHITECTURES"), or ("torch", "nn")
    late: bool  # within a function, or for type checkers only


def files(folder: Path = PACKAGE) -> list[Path]:
    """Every Python file below a folder."""
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def room(path: Path, package: Path = PACKAGE) -> str:
    """The room a file stands in: "models", or for a file at the top its own name."""
    return path.relative_to(package).with_suffix("").parts[0]


def where(path: Path) -> str:
    """A file as it is named in a message."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


@cache
def tree(path: Path) -> ast.Module:
    """A file, parsed once for all tests: whoever changes a tree parses one of their own."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def imports(path: Path, package: Path = PACKAGE) -> tuple[Import, ...]:
    """Every import of a file, wherever it stands."""
    folder = path.relative_to(package).parts[:-1]

    def visit(node: ast.AST, late: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(
                    node.lineno, alias.name.split(".")[0] == package.name, _own(alias.name.split("."), package), late
                )
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                module = (*folder[: len(folder) - node.level + 1], *module)
            inside = bool(node.level) or (bool(module) and module[0] == package.name)
            for alias in node.names:
                yield Import(
                    node.lineno,
                    inside,
                    _own([*module, alias.name], package) if not node.level else (*module, alias.name),
                    late,
                )
        late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            late = True
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr):  # which holds no statement
                yield from visit(child, late)

    return tuple(visit(tree(path), False))


def _own(parts: list[str], package: Path) -> tuple[str, ...]:
    return tuple(parts[1:]) if parts[0] == package.name else tuple(parts)
