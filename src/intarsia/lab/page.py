"""The page of the documentation that explains the operators, with its pictures."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from ..output import Output
from .catalogue import OPERATORS
from .given import table

HEAD = """# The operators, drawn

Written by `intarsia lab --docs docs`, pictures and text; a test writes them again and compares. Each function is in
`intarsia.blocks`, to be read and called; `intarsia lab NAME --numbers "1 2;3 4"` or `--image photo.jpg` draws the same
for your own numbers or picture.
"""


def write_page(folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write operators.md into a folder and its pictures into images/operators beneath it; returns all files.

    Args:
        overwrite: also replace files that this program did not write, or that were changed since.

    Raises: DataError when such a file is there.
    """
    pictures = {name: f"images/operators/{name}.png" for name in OPERATORS}
    results = Output(folder, [*pictures.values(), "operators.md"], overwrite=overwrite)
    written = []
    for name, entry in OPERATORS.items():
        figure = entry.draw(table(entry.numbers)) if entry.numbers else entry.draw()
        with results.file(pictures[name]) as file:
            figure.sheet.save(file)
        written.append(results.folder / pictures[name])
    return [*written, results.text("operators.md", page_text())]


def page_text() -> str:
    """The page itself."""
    parts = [HEAD]
    for name, entry in OPERATORS.items():
        functions = ", ".join(f"`{function}`" for function in entry.functions.split(", "))
        parts.append(
            f"## {entry.title}\n\n![{entry.title}: {entry.idea}](images/operators/{name}.png)\n\n"
            f"    {entry.formula}\n\n{fill(entry.text, 120)}\n\n{functions}; `intarsia lab {name}`\n"
        )
    return "\n".join(parts)
