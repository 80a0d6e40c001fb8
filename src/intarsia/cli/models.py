"""`intarsia models`: the catalogue of architectures, filtered; and one of them in full."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from ..errors import ModelError, nearest
from .architectures import FAMILIES, about, rows
from .classical import list_classical
from .pretrained import pretrained as list_public
from .terminal import AsJson, answer, console, facts, table

WIDE = 120  # columns of a terminal in which an idea fits beside its numbers
ENCODERS = {  # names by which timm's families of pyramids are known; a test builds each
    "resnet18": "resnet",
    "resnext50_32x4d": "resnext",
    "seresnet50": "seresnet",
    "resnest50d": "resnest",
    "res2net50_26w_4s": "res2net",
    "regnetx_004": "regnet",
    "densenet121": "densenet",
    "dpn68": "dpn",
    "vgg16": "vgg",
    "mobilenetv2_100": "mobilenet",
    "efficientnet_b0": "efficientnet",
    "hrnet_w18": "hrnet",
    "convnext_tiny": "convnext",
    "swin_tiny_patch4_window7_224": "swin",
}
INTERNAL = ("build", "smallest", "full", "deck_row")  # fields of an entry that are for those who keep the table
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}


def models(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Show one architecture: its idea, its drawing, its options. With --pretrained: one model, or words to look for.",
        ),
    ] = None,
    family: Annotated[
        str | None, typer.Option(metavar="FAMILY", help="Only this one: resolution, context, ...")
    ] = None,
    since: Annotated[int | None, typer.Option(metavar="YEAR", help="Only papers of this year or later.")] = None,
    until: Annotated[int | None, typer.Option(metavar="YEAR", help="Only papers of this year or earlier.")] = None,
    max_parameters: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Only networks of at most so many parameters, such as 10M.")
    ] = None,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="The public models whose weights load by name, instead.")
    ] = False,
    classical: Annotated[
        bool, typer.Option("--classical", help="The methods from before deep learning, instead.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as the README holds it.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the architectures, with paper and size; or show one in full."""
    filters = {"family": family, "since": since, "until": until, "max_parameters": max_parameters}
    if pretrained and classical:
        raise ModelError("--pretrained and --classical are two lists; ask for one")
    if pretrained:
        if given := [key for key, value in filters.items() if value is not None]:
            raise ModelError(f"--{given[0].replace('_', '-')} filters the architectures; leave it or --pretrained out")
        return list_public(name, as_json)
    if classical or (name or "").startswith("classical:"):
        if given := [key for key, value in filters.items() if value is not None]:
            raise ModelError(f"--{given[0].replace('_', '-')} filters the architectures; leave it or --classical out")
        return list_classical(name, as_json)
    if name is not None:
        if given := [key for key, value in filters.items() if value is not None]:
            raise ModelError(f"--{given[0].replace('_', '-')} filters the list; leave it out to see {name!r}")
        tree = described(name)
        return answer(tree) if as_json else _show(tree)
    every = catalogue() if as_json else rows()
    entries = chosen(every, family, since, until, count(max_parameters))
    if as_json:
        return answer(entries)
    if markdown:
        return print(as_markdown(entries))
    return _list(entries)


def catalogue() -> list[dict[str, Any]]:
    """Every architecture as plain data, in the table's order."""
    from ..models.catalogue import ARCHITECTURES

    return [_entry(name) for name in ARCHITECTURES]


def chosen(
    entries: list[dict[str, Any]],
    family: str | None = None,
    since: int | None = None,
    until: int | None = None,
    most: int | None = None,
) -> list[dict[str, Any]]:
    """The `entries` that pass every filter given.

    Args:
        most: parameters.

    Raises: ModelError for a family that there is not, or years in the wrong order.
    """
    families = list(dict.fromkeys(e["family"] for e in entries))
    if family is not None and family not in families:
        raise ModelError(f"there is no family {family!r}{nearest(family, families)}")
    if since is not None and until is not None and since > until:
        raise ModelError(f"no year is both since {since} and until {until}; give the earlier one to --since")
    return [
        e
        for e in entries
        if family in (None, e["family"])
        and (since is None or e["year"] >= since)
        and (until is None or e["year"] <= until)
        and (most is None or e["parameters"] <= most)
    ]


def count(text: str | None) -> int | None:
    """ "10M", "2.5 M", "800k" or "3000000" as a number.

    Raises: ModelError when it is none.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGB]?)", text.strip().upper())
    if found is None:
        raise ModelError(f"--max-parameters is {text!r}; write a number, such as 10M, 800k or 3000000")
    return round(float(found[1]) * UNITS[found[2]])


def by_family(entries: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Family -> its entries, oldest first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for e in sorted(entries, key=lambda e: e["year"]):
        groups.setdefault(e["family"], []).append(e)
    return {family: groups[family] for family in FAMILIES if family in groups}


def as_markdown(entries: list[dict[str, Any]]) -> str:
    """The catalogue as the README's tables, one a family; a test compares the two."""
    parts = []
    for family, group in by_family(entries).items():
        lines = [f"**{family}**: {about(family)}", ""]
        lines += ["| name | year | paper | parameters | GFLOPs | idea |", "|---|---:|---|---:|---:|---|"]
        for e in group:
            shown, link = paper(e)
            idea = e["idea"].replace("|", "\\|")
            size = f"{millions(e['parameters'])} | {e['gflops']:.1f}"
            lines.append(f"| `{e['name']}` | {e['year']} | [{shown}]({link}) | {size} | {idea} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def paper(entry: dict[str, Any]) -> tuple[str, str]:
    """What to show of an entry's paper, and where it lies: ("1411.4038", "https://arxiv.org/abs/1411.4038")."""
    kind, _, number = entry["paper"].partition(":")
    if kind == "https":  # of proceedings that number nothing
        return "paper", entry["paper"]
    return (number, f"https://arxiv.org/abs/{number}") if kind == "arXiv" else ("doi", f"https://doi.org/{number}")


def described(name: str) -> dict[str, Any]:
    """One architecture with its drawing, its encoders and its options; or a variant, with what it is a variant of.

    Raises: ModelError with the nearest name.
    """
    import inspect

    from .. import config
    from ..checkpoint import VARIANTS
    from ..models.catalogue import ARCHITECTURES

    if name not in ARCHITECTURES and name not in VARIANTS:
        from ..classical import LEARNED

        if name in LEARNED:
            raise ModelError(
                f"{name} is a classifier of features and no network; `intarsia recipe explain model.{name}` says what it takes"
            )
        raise ModelError(f"there is no architecture {name!r}{nearest(name, [*ARCHITECTURES, *VARIANTS])}")
    build = VARIANTS[name].build if name in VARIANTS else ARCHITECTURES[name].build
    known = {"model": {name: build}}
    parameters, hints = config.signature(build, skip=config.GIVEN["model"])
    options = [config.explain(f"model.{name}.{option}", known) for option in parameters]
    if name in VARIANTS:
        header = (inspect.getdoc(build) or "").split("\n\n")[0]
        about_it = {"name": name, "variant_of": VARIANTS[name].model, "peer": VARIANTS[name].peer}
        return {**about_it, "encoders": encoders(hints), "options": options, "header": header}
    module = inspect.getmodule(build)
    header = inspect.getdoc(module) or ""
    return {**_entry(name), "encoders": encoders(hints), "options": options, "header": header}


def encoders(hints: dict[str, Any]) -> list[str]:
    """What the option `encoder` takes: all of them if they are few, else one of each family of timm; none without it."""
    if "encoder" not in hints:
        return []
    few = [name for name in typing.get_args(hints["encoder"]) if isinstance(name, str)]
    return few or list(ENCODERS)


def millions(number: int) -> str:
    """31043521 as "31.0 M"."""
    return f"{number / 1e6:.1f} M"


def _entry(name: str) -> dict[str, Any]:
    from ..models.catalogue import ARCHITECTURES

    entry = ARCHITECTURES[name]
    options = {"num_classes": 21, **entry.full}
    tree = {key: value for key, value in entry._asdict().items() if key not in INTERNAL}
    return {"name": name, "family": entry.family, **tree, "output": entry.output.__name__, "counted_with": options}


def _list(entries: list[dict[str, Any]]) -> None:
    """Family after family; the ideas stand beside the numbers, or below them where the terminal is narrow."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    out = console()
    if not entries:
        return out.print("No architecture is all of that; leave a filter out.")
    wide = out.width >= WIDE
    heads = ("name", "year", "params", "GFLOPs", "paper", *(("idea",) if wide else ()))
    widths = (max(len(e["name"]) for e in entries), 4, 7, 6, 16, *((None,) if wide else ()))

    def grid(*cells: str, style: str = "") -> Table:
        made = Table.grid(padding=(0, 2))
        for head, width in zip(heads, widths, strict=True):
            right = "right" if head in ("params", "GFLOPs") else "left"
            made.add_column(width=width, justify=right, overflow="fold")  # type: ignore[arg-type]
        made.add_row(*(Text(cell, style=style) for cell in cells))
        return made

    out.print(grid(*heads, style="dim"))
    for family, group in by_family(entries).items():
        out.print(Text(f"\n{family}: {about(family)}", style="bold"))
        for e in group:
            cells = [e["name"], str(e["year"]), millions(e["parameters"]), f"{e['gflops']:.1f}"]
            cells.append(e["paper"] if e["paper"].startswith("arXiv:") else paper(e)[0])
            out.print(grid(*cells, *([e["idea"]] if wide else [])))
            if not wide:
                out.print(Padding(Text(e["idea"], style="dim"), (0, 0, 0, 4)))
    out.print(
        f"\n{len(entries)} architectures, of the paper's size, for its number of classes or 21. Parameters are those of evaluation, "
        "without heads that only training has; GFLOPs are for one image of 512x512, a multiply-add counting two. Narrow the list with --family, --since, --until and --max-parameters; "
        "see one in full with `intarsia models NAME`."
    )
    return None


def _show(tree: dict[str, Any]) -> None:
    out = console()
    out.print(tree["header"], markup=False, soft_wrap=True)
    out.print()
    lines = _variant_facts(tree) if "variant_of" in tree else _facts(tree)
    out.print(facts({key: text for key, text in lines.items() if text}))
    out.print()
    rows = [(o["key"].split(".")[-1], o["type"], o["default"], o["meaning"]) for o in tree["options"]]
    columns = ("option", "type", "default", "meaning")
    out.print(table("Options, as keys of a recipe's model and as keywords of intarsia.build", columns, rows))
    out.print(f"Layer by layer: intarsia summary {tree['name']}", markup=False)


def _facts(tree: dict[str, Any]) -> dict[str, str]:
    """What is known of an architecture beside its header."""
    counted = ", ".join(f"{key}={value!r}" for key, value in tree["counted_with"].items())
    return {
        "family": f"{tree['family']}: {about(tree['family'])}",
        "paper": f"{tree['title']}, {tree['year']}, {paper(tree)[1]}",
        "parameters": f"{tree['parameters']:,} in evaluation with {counted}",
        "training heads": tree["training_only"] and f"{tree['training_only']:,} parameters more, in training only",
        "GFLOPs": f"{tree['gflops']:.1f} for one image of 512x512; a multiply-add counts two",
        "encoders": _told(tree),
        "reported": tree["reported"]
        and f"mIoU: {tree['reported']}  (V: PASCAL VOC test, C: Cityscapes, S: COCO-Stuff)",
        "measured": tree["measured"],
        "export": tree["no_graph"] and f"none: {tree['no_graph']}",
    }


def _variant_facts(tree: dict[str, Any]) -> dict[str, str]:
    """What is known of a variant."""
    model = tree["variant_of"]
    return {
        "variant of": f"{model}, as {tree['peer']} builds it; see `intarsia models {model}` for its paper and its drawing",
        "use": f"model: {{name: {tree['name']}}} in a recipe, or intarsia.build({tree['name']!r}, 21)",
        "encoders": _told(tree),
    }


def _told(tree: dict[str, Any]) -> str:
    """What the option `encoder` takes, in a sentence."""
    from ..config.explain import EVERYWHERE

    names = ", ".join(tree["encoders"])
    if tree["encoders"] != list(ENCODERS):
        return names
    own = next((o["meaning"] for o in tree["options"] if o["key"].endswith(".encoder")), "").rstrip(".")
    if own and not own.startswith(EVERYWHERE["encoder"].rstrip(".")):
        return f"{own}; of timm's families one each is {names}"
    dilated = any(o["key"].endswith(".output_stride") for o in tree["options"])
    which = " and that can be dilated, as ResNets and their like can" if dilated else ""
    return f"any network of timm that yields a feature pyramid{which}; one of each family is {names}"
