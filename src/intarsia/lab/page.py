"""The page of the documentation that explains the operators, with its pictures."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from .catalogue import OPERATORS
from .given import table

HEAD = """# The operators, drawn

Written by `intarsia lab --docs docs`, pictures and text; a test writes them again and compares. Each function is in
`intarsia.blocks`, to be read and called; `intarsia lab NAME --numbers "1 2;3 4"` or `--image photo.jpg` draws the same
for your own numbers or picture.
"""


def write_page(folder: str | Path) -> list[Path]:
    """Write operators.md into a folder and its pictures into images/operators beneath it; returns all files."""
    folder = Path(folder)
    written = []
    for name, entry in OPERATORS.items():
        figure = entry.draw(table(entry.numbers)) if entry.numbers else entry.draw()
        written.append(figure.sheet.save(folder / "images" / "operators" / f"{name}.png"))
    page = folder / "operators.md"
    page.write_text(page_text(), encoding="utf-8")
    return [*written, page]


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
