"""What every verb prints with: a console for people, one JSON document for programs."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..characters import in_json, one_line, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output instead of text.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Also replace files that this program did not write, or that were changed.")
]
Root = Annotated[
    str | None,
    typer.Option(
        help="Folder of a data set that is given by name; of an export, one outside of it in which its images may lie.",
        metavar="DIR",
    ),
]


def console(error: bool = False) -> Console:
    """A console for standard output or standard error; logs and pipes get plain text of 100 columns.

    Whatever is printed on it has its control and bidirectional characters spelled out (`characters.printable`).
    """
    from rich.console import Console
    from rich.segment import Segment

    class Shown(Console):
        """rich's console, which sends the escapes of its own styles and nobody else's."""

        def render(self, *arguments: Any, **options: Any) -> Iterator[Segment]:
            for text, style, control in super().render(*arguments, **options):
                yield Segment(text if control else printable(text), style, control)

    stream = sys.stderr if error else sys.stdout
    made = Shown(file=stream, highlight=False, soft_wrap=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = 100
    return made


def table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table with ruled head; a column whose name starts with ">" is set flush right.

    A cell is one line: line feeds and tabs, which names out of a stranger's file may hold, are spelled.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for name in columns:
        made.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(one_line(str(cell))) for cell in row))
    return made


def facts(lines: Mapping[str, object]) -> Table:
    """Labels and what they stand for, one a line; long texts are wrapped beside their label."""
    from rich.table import Table
    from rich.text import Text

    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim")
    made.add_column()
    for label, text in lines.items():
        made.add_row(f"  {label}", Text(str(text)))
    return made


def answer(tree: object) -> None:
    """Print the one JSON document; numbers that are none become null, since JSON knows no NaN."""
    print(in_json(json.dumps(plain(tree), ensure_ascii=False, allow_nan=False)))


def plain(tree: object) -> Any:
    """`tree` of mappings, sequences, paths and numbers of any library, as what JSON can hold."""
    if isinstance(tree, Mapping):
        return {str(key): plain(value) for key, value in tree.items()}
    if isinstance(tree, str) or tree is None or isinstance(tree, bool | int):
        return tree
    if isinstance(tree, float):
        return tree if math.isfinite(tree) else None
    if isinstance(tree, Path):
        return str(tree)
    if hasattr(tree, "tolist"):  # arrays, tensors and their scalars
        return plain(tree.tolist())
    if isinstance(tree, Iterable):
        return [plain(item) for item in tree]
    raise TypeError(f"{type(tree).__name__} cannot be written as JSON")


def refuse(message: str, as_json: bool) -> int:
    """Say why nothing was done, on standard error and (with --json) on standard output; returns exit code 2."""
    from rich.text import Text

    line = Text.assemble(("error: ", "bold red"), message)
    console(error=True).print(line, soft_wrap=True)
    if as_json:
        answer({"error": message})
    return 2


def percent(share: float | None) -> str:
    """A share of 0..1 as people read it in a table: "61.2", or "-" where there is none."""
    return "-" if share is None or math.isnan(share) else f"{100 * share:.1f}"


def duration(seconds: float) -> str:
    """Seconds as "9 s", "3 min 20 s" or "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
