"""`intarsia models --classical`: the methods from before deep learning, with their parameters."""

from __future__ import annotations

from typing import Any

from ..errors import ModelError, nearest
from .terminal import answer, console, table


def list_classical(name: str | None, as_json: bool) -> None:
    """List the methods; or show one with its parameters.

    Raises: ModelError with the nearest name.
    """
    entries = {entry["name"]: entry for entry in methods()}
    if name is not None:
        from ..classical import PREFIX

        known = name if name.startswith(PREFIX) else f"{PREFIX}{name}"
        if known not in entries:
            raise ModelError(f"there is no classical method {name!r}{nearest(known, entries)}")
        return answer(entries[known]) if as_json else _show(entries[known])
    if as_json:
        return answer(list(entries.values()))
    out = console()
    rows = [(e["name"], str(e["year"]), e["title"], ", ".join(e["parameters"])) for e in entries.values()]
    out.print(table(None, ("name", ">year", "method", "parameters"), rows))
    out.print(
        "Use one wherever a MODEL is asked for: intarsia predict classical:otsu photo.jpg\n"
        "Parameters follow after colons: classical:slic:segments=400:polarity=dark; see them with "
        "`intarsia models --classical NAME`",
        markup=False,
        soft_wrap=True,
    )
    return None


def methods() -> list[dict[str, Any]]:
    """Every method as plain data, oldest first."""
    from ..classical import METHODS, OPTIONS, PREFIX, defaults

    return [
        {
            "name": f"{PREFIX}{name}",
            "title": method.title,
            "family": method.family,
            "year": method.year,
            "says": method.says,
            "parameters": {
                key: {"default": value, "says": OPTIONS[key].says, "choices": list(OPTIONS[key].choices)}
                for key, value in defaults(method.run).items()
            },
        }
        for name, method in METHODS.items()
    ]


def _show(entry: dict[str, Any]) -> None:
    out = console()
    out.print(f"{entry['title']} ({entry['year']})", markup=False)
    out.print(entry["says"], markup=False)
    rows = [
        (key, str(known["default"]), ", ".join(known["choices"]), known["says"])
        for key, known in entry["parameters"].items()
    ]
    out.print(table(None, ("parameter", ">default", "choices", "what it is"), rows))
