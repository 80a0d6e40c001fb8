"""`intarsia models --pretrained`: the public models that load by name, with score, size and licence."""

from __future__ import annotations

from typing import Any

from ..errors import ModelError, nearest
from .terminal import answer, console


def pretrained(name: str | None, as_json: bool) -> None:
    """List the public models; or show one in full.

    Raises: ModelError with the nearest name.
    """
    entries = public()
    if name is not None:
        known = {entry["name"]: entry for entry in entries}
        if name not in known:
            raise ModelError(f"there is no public model {name!r}{nearest(name, known)}")
        return answer(known[name]) if as_json else _show(known[name])
    return answer(entries) if as_json else _list(entries)


def public() -> list[dict[str, Any]]:
    """Every public model as plain data, in the table's order."""
    from ..checkpoint.foreign.public import PUBLIC
    from ..checkpoint.foreign.public.labels import CLASSES

    return [
        {
            "name": name,
            "task": row.task,
            "network": row.network,
            "data": row.data,
            "classes": CLASSES[row.labels],
            "score": row.score,
            "parameters": row.parameters,
            "licence": row.licence,
            "commercial": row.commercial,
            "file": row.file,
            "resize": row.pipeline.resize.to_dict() if row.pipeline.resize else {},
            "predict": dict(row.pipeline.predict),
            "read_from": row.read_from,
        }
        for name, row in PUBLIC.items()
    ]


def _list(entries: list[dict[str, Any]]) -> None:
    from rich.text import Text

    out = console()
    source = ""
    for entry in entries:
        before = entry["name"].partition(":")[0]
        if before != source:
            out.print(Text(f"\n{before}" if source else before, style="bold"))
            source = before
        shut = "" if entry["commercial"] else "; not for commercial use"
        out.print(entry["name"], markup=False, soft_wrap=True)
        out.print(
            Text(
                f"    {entry['task']}; {entry['network']}; {entry['data']} ({entry['classes']} classes); {entry['score']}; "
                f"{entry['parameters'] / 1e6:.1f} M parameters; licence: {entry['licence']}{shut}",
                style="dim",
            ),
            soft_wrap=True,
        )
    out.print(
        f"\n{len(entries)} public models. Use a name wherever a MODEL is asked for: `intarsia predict NAME photo.jpg --out masks`, "
        "`intarsia train RECIPE --from NAME`; see one in full with `intarsia models NAME --pretrained`.",
        markup=False,
        soft_wrap=True,
    )


def _show(entry: dict[str, Any]) -> None:
    from .terminal import facts

    lines = {key.replace("_", " "): value for key, value in entry.items() if value not in ("", {})}
    lines["parameters"] = f"{entry['parameters']:,}"
    lines["commercial"] = "allowed, as far as the licence says" if entry["commercial"] else "forbidden by the licence"
    for key in ("resize", "predict"):
        if entry[key]:
            lines[key] = ", ".join(f"{option} {value}" for option, value in entry[key].items())
    console().print(facts(lines))
