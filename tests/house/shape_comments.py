"""Hold every shape comment, such as `# [B, 512, H/8, W/8]`, against the tensor of the statement it ends.

The package is imported a second time through a loader that adds a check behind each statement with such a comment; then
the networks run, on torch's meta device, where full-size networks cost nothing. A claim counts as checked only when a
tensor was compared with it, and a shape may be written only with numbers and declared names: the run's B, K, H, W, the
integers among the function's own variables, the integer attributes of its `self`, and those of a variable that is a
module, such as `decode.channels`.

    # [B, c, h, w]                    the one tensor; or, of a list, each
    # [B, c, h, w], [B, c, h/2, w/2]  the tensors of a tuple, in order
    # [B, 64, H/2, W/2], ..., [B, 2048, H/32, W/32]   the first and the last of several
"""

import ast
import importlib
import importlib.abc
import importlib.machinery
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from math import ceil
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from torch import Tensor, nn

CLAIM = re.compile(r"#\s*((?:\.\.\.,\s*)?\[.*)")
SHAPE = re.compile(r"\[[^\]]*\]|\.\.\.")
HOOK, SILENT = "__shape_claim__", "__shape_silent__"


class Claim(NamedTuple):
    """One comment: where it stands and what it says."""

    file: str
    line: int
    shapes: tuple[tuple[str, ...], ...]  # () stands for "..."
    text: str


class Book:
    """What was claimed, what was checked, and what turned out wrong."""

    def __init__(self) -> None:
        self.written: dict[tuple[str, int], Claim] = {}
        self.checked: set[tuple[str, int]] = set()
        self.wrong: list[str] = []
        self.silent: set[str] = set()  # statements of `forward` that change a shape and say nothing
        self.symbols: Mapping[str, int] = {}

    def check(self, key: tuple[str, int], value: Any, local: Mapping[str, Any]) -> Any:
        """Compare the tensors of `value` with the claim at `key`; returns `value`."""
        claim, tensors = self.written[key], list(tensors_of(value))
        if not tensors:
            return value
        self.checked.add(key)
        try:
            names = declared(local, self.symbols)
            for shape, tensor in paired(claim, tensors):
                sizes = [evaluate(dimension, names) for dimension in shape]
                if sizes != list(tensor.shape):
                    said = ", ".join(shape)
                    raise AssertionError(
                        f"a tensor is {list(tensor.shape)}, the comment says [{said}] = {list(map(str, sizes))}"
                    )
        except (AssertionError, KeyError) as error:
            self.wrong.append(f"{claim.file}:{claim.line}: {error.args[0]}")
        return value

    def look(self, place: str, before: Mapping[str, Any], names: tuple[str, ...], value: Any) -> Any:
        """Note a statement without a comment whose tensors have shapes that none of its operands has."""
        known = {t.shape for name in names for t in tensors_of(before.get(name))}
        if any(t.shape not in known for t in tensors_of(value)):
            self.silent.add(place)
        return value


def tensors_of(value: Any) -> Iterator[Tensor]:
    """The tensors of a tensor, or of a tuple or list of whatever depth, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_of(item)


def paired(claim: Claim, tensors: list[Tensor]) -> list[tuple[tuple[str, ...], Tensor]]:
    """Each claimed shape with the tensor it is about."""
    shapes = claim.shapes
    if () in shapes:
        head, tail = shapes[: shapes.index(())], shapes[shapes.index(()) + 1 :]
        if len(head) + len(tail) > len(tensors):
            raise AssertionError(f"{len(head) + len(tail)} shapes claimed, there are {len(tensors)} tensors")
        return list(zip(head, tensors, strict=False)) + list(
            zip(tail, tensors[len(tensors) - len(tail) :], strict=True)
        )
    if len(shapes) == 1:
        return [(shapes[0], tensor) for tensor in tensors]
    if len(shapes) != len(tensors):
        raise AssertionError(f"{len(shapes)} shapes claimed, there are {len(tensors)} tensors")
    return list(zip(shapes, tensors, strict=True))


def declared(local: Mapping[str, Any], symbols: Mapping[str, int]) -> dict[str, int]:
    """The names that a shape may use; the run's symbols win."""
    owner = vars(local["self"]) if "self" in local else {}
    integers = {key: value for source in (owner, local) for key, value in source.items() if type(value) is int}
    modules = {key: value for key, value in local.items() if isinstance(value, nn.Module)}
    integers |= {
        f"{key}.{name}": size for key, m in modules.items() for name, size in vars(m).items() if type(size) is int
    }
    return {**integers, **symbols}


def evaluate(dimension: str, names: Mapping[str, int]) -> Fraction:
    """The value of `2*c`, `H/8`, `ceil(h/2)` or `h + 2`; exact, so that H/8 of a size that 8 does not divide fits nothing."""

    def value(node: ast.expr) -> Fraction:
        match node:
            case ast.Constant(value=int(number)):
                return Fraction(number)
            case ast.Name() | ast.Attribute():
                if (name := ast.unparse(node)) not in names:
                    raise KeyError(
                        f"{name!r} in [.. {dimension} ..] is not declared: it is neither a symbol nor an integer variable"
                    )
                return Fraction(names[name])
            case ast.Call(func=ast.Name(id="ceil"), args=[part]):
                return Fraction(ceil(value(part)))
            case ast.BinOp(left=left, op=op, right=right):
                a, b = value(left), value(right)
                match op:
                    case ast.Add():
                        return a + b
                    case ast.Sub():
                        return a - b
                    case ast.Mult():
                        return a * b
                    case ast.Div():
                        return a / b
        raise AssertionError(f"[.. {dimension} ..] is no product, sum or quotient of numbers and names")

    try:
        return value(ast.parse(dimension, mode="eval").body)
    except SyntaxError:
        raise AssertionError(f"[.. {dimension} ..] cannot be read") from None


def claims_of(source: str, file: str) -> dict[int, Claim]:
    """Every comment that starts with a shape, by its line."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (match := CLAIM.match(token.string)):
            parts = SHAPE.findall(match[1])
            shapes = tuple(() if p == "..." else tuple(d.strip() for d in p[1:-1].split(",")) for p in parts)
            found[token.start[0]] = Claim(file, token.start[0], shapes, token.string)
    return found


def instrument(source: str, file: str, book: Book, *, architecture: bool = False) -> ast.Module:
    """The module's tree with a check behind each statement that makes a claim.

    Args:
        architecture: note silent changes of shape in methods called `forward`, too.

    Raises: ValueError for a claim that ends no assignment and no return.
    """
    claims, tree = claims_of(source, file), ast.parse(source)
    taken: set[int] = set()

    def call(hook: str, *arguments: ast.expr) -> ast.Call:
        return ast.Call(ast.Name(hook, ast.Load()), list(arguments), [])

    def constant(value: Any) -> ast.expr:
        return ast.Tuple([constant(v) for v in value], ast.Load()) if isinstance(value, tuple) else ast.Constant(value)

    def loaded(target: ast.expr) -> ast.expr:
        return ast.parse(ast.unparse(target), mode="eval").body

    class Weave(ast.NodeTransformer):
        inside: list[str] = []

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            self.inside.append(node.name)
            self.generic_visit(node)
            self.inside.pop()
            return node

        def statement(self, node: Any, targets: list[ast.expr]) -> Any:
            line, here = node.end_lineno, call("locals")
            if line in claims and self.inside:
                book.written[file, line] = claims[line]
                taken.add(line)
                key = constant((file, line))
                if isinstance(node, ast.Return):
                    node.value = call(HOOK, key, node.value, here)
                    return node
                held = ast.Tuple([loaded(t) for t in targets], ast.Load())
                if (
                    len(targets) == 1
                    and isinstance(targets[0], ast.Tuple)
                    and any(isinstance(t, ast.Starred) for t in targets[0].elts)
                ):
                    held = ast.Tuple(loaded(targets[0]).elts, ast.Load())  # type: ignore[attr-defined]
                return [node, ast.Expr(call(HOOK, key, held, here))]
            if (
                architecture
                and self.inside[-1:] == ["forward"]
                and not isinstance(node, ast.Return)
                and node.value is not None
            ):
                names = tuple({n.id for n in ast.walk(node) if isinstance(n, ast.Name)})
                copied = call("dict", here)
                node.value = call(SILENT, constant(f"{file}:{node.lineno}"), copied, constant(names), node.value)
            return node

        def visit_Assign(self, node: ast.Assign) -> Any:
            return self.statement(node, node.targets)

        def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
            return self.statement(node, [node.target])

        def visit_AugAssign(self, node: ast.AugAssign) -> Any:
            return self.statement(node, [node.target])

        def visit_Return(self, node: ast.Return) -> Any:
            return self.statement(node, [])

    tree = ast.fix_missing_locations(Weave().visit(tree))
    if stray := sorted(set(claims) - taken):
        raise ValueError(f"{file}:{stray[0]}: {claims[stray[0]].text!r} ends no assignment and no return of a function")
    return tree


def run_source(source: str, book: Book, file: str = "planted.py", *, architecture: bool = False) -> dict[str, Any]:
    """The names that a module of this source defines, its claims under watch."""
    space: dict[str, Any] = {HOOK: book.check, SILENT: book.look}
    exec(compile(instrument(source, file, book, architecture=architecture), file, "exec"), space)
    return space


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, root: Path, book: Book) -> None:
        super().__init__(name, path)
        self.root, self.book = root, book

    def get_code(self, fullname: str) -> Any:
        path = Path(self.get_filename(fullname))
        file = path.relative_to(self.root).as_posix()
        tree = instrument(path.read_text(), file, self.book, architecture=file.startswith("models/"))
        return compile(tree, str(path), "exec")

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update({HOOK: self.book.check, SILENT: self.book.look})
        super().exec_module(module)


@contextmanager
def watched(package: str, root: Path, rooms: tuple[str, ...], book: Book) -> Iterator[Callable[[str], ModuleType]]:
    """Import a second copy of `package` whose rooms are under watch; the first copy comes back afterwards."""
    prefixes = tuple(f"{package}.{room}" for room in rooms)

    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
            if not name.startswith(prefixes):
                return None
            spec = importlib.machinery.PathFinder.find_spec(name, path)
            if spec is not None and spec.origin:
                spec.loader = _Loader(name, spec.origin, root, book)
            return spec

    mine = lambda name: name == package or name.startswith(f"{package}.")  # noqa: E731
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if mine(name)}
    finder = Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield importlib.import_module
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if mine(name)]:
            del sys.modules[name]
        sys.modules.update(kept)
