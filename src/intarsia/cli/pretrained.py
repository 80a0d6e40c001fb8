"""`intarsia models --pretrained`: the public models that load by name, with score, size and licence."""

from __future__ import annotations

from typing import Any

from ..errors import ModelError, counted, nearest
from .terminal import answer, console

COLUMNS = (("network", 26), ("task", 8), ("classes", 7), ("data", 14), ("score", 12), ("size", 7), ("licence", 14))
LICENCES = {"none": "none stated", "MIT,": "MIT", "Apache-2.0": "Apache-2.0"}  # its first word: in the table
DATA = {"COCO, pictures with VOC's classes": "COCO as VOC", "VOC 2012 with SBD": "VOC with SBD"}


def pretrained(name: str | None, as_json: bool) -> None:
    """List the public models, or those in whose row each of some words stands; or show one in full.

    Raises: ModelError with the nearest name.
    """
    entries = public()
    known = {entry["name"]: entry for entry in entries}
    if name in known:
        return answer(known[name]) if as_json else _show(known[name])
    if name is not None:
        words = name.lower().split()
        entries = [entry for entry in entries if words and ":" not in name and all(w in _told(entry) for w in words)]
        if not entries:
            raise ModelError(f"there is no public model {name!r}{nearest(name, known)}")
    return answer(entries) if as_json else _list(entries)


def _told(entry: dict[str, Any]) -> str:
    """All that the table says of a model, and its whole licence, in small letters."""
    shut = "" if entry["commercial"] else "non-commercial"
    return " ".join(str(entry[key]) for key in ("name", "network", "task", "data", "licence")).lower() + f" {shut}"


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
    """Print each model's name, and under it a row of a table of at most 100 columns."""
    from rich.text import Text

    out = console()
    out.print(Text(_row([name for name, _ in COLUMNS]), style="bold"), soft_wrap=True)
    source = ""
    for entry in entries:
        before = entry["name"].partition(":")[0]
        out.print(("\n" if before != source else "") + entry["name"], markup=False, soft_wrap=True)
        source = before
        cells = [
            entry["network"], entry["task"], entry["classes"], DATA.get(entry["data"], entry["data"]), _score(entry["score"]),
            f"{entry['parameters'] / 1e6:.1f} M", _licence(entry),
        ]  # fmt: skip
        out.print(Text(_row(cells), style="dim"), soft_wrap=True)
    out.print(
        f"\n{counted(len(entries), 'public model')}. Use a name wherever a MODEL is asked for: "
        "`intarsia predict NAME photo.jpg --out masks`, `intarsia train RECIPE --from NAME`; see one in full with "
        '`intarsia models NAME --pretrained`, and fewer with words: `intarsia models "segformer cityscapes" --pretrained`. '
        "`--from` also takes torchvision's classifiers and timm's encoders: torchvision:resnet50, hf:timm/NAME.",
        markup=False,
        soft_wrap=True,
    )


def _row(cells: list[Any]) -> str:
    """One line of the table: each cell in its column's width, cut where it is longer; numbers flush right."""
    parts = []
    for cell, (name, width) in zip(cells, COLUMNS, strict=True):
        text = str(cell)
        text = text if len(text) <= width else f"{text[: width - 1]}…"
        parts.append(text.rjust(width) if name in ("classes", "size") else text.ljust(width))
    return f"    {' '.join(parts)}".rstrip()


def _score(told: str) -> str:
    """The last of the scores, such as "mask AP 34.6", without its protocol."""
    found = [part for part in told.split(", ") if part.startswith(("mIoU", "mask AP", "box AP", "PQ"))]
    return found[-1] if found else "-"


def _licence(entry: dict[str, Any]) -> str:
    if not entry["commercial"]:
        return "non-commercial"
    return LICENCES.get(entry["licence"].split()[0], entry["licence"])


def _show(entry: dict[str, Any]) -> None:
    from .terminal import facts

    lines = {key.replace("_", " "): value for key, value in entry.items() if value not in ("", {})}
    lines["parameters"] = f"{entry['parameters']:,}"
    lines["commercial"] = "allowed, as far as the licence says" if entry["commercial"] else "forbidden by the licence"
    for key in ("resize", "predict"):
        if entry[key]:
            lines[key] = ", ".join(f"{option} {value}" for option, value in entry[key].items())
    console().print(facts(lines))
