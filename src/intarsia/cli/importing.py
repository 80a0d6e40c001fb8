"""`intarsia import`: a public model or another library's file in, a checkpoint of this program out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import CheckpointError
from .terminal import AsJson, answer, console


def bring(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A public model (`intarsia models --pretrained`), or a .pth, .pt or .safetensors file or a folder of another library.",
        ),
    ],
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="What the file does not tell of its network: encoder=regnetx_004"),
    ] = None,
    out: Annotated[Path, typer.Option(help="The checkpoint to write, a .safetensors file.", metavar="FILE")] = Path(
        "imported.safetensors"
    ),
    classes: Annotated[
        str, typer.Option(help="Names of the classes, in the order of the network's maps: sky,road,car.")
    ] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a checkpoint of a public model or of another library's file."""
    from .. import checkpoint as files
    from ..output import Output

    if out.suffix != ".safetensors":
        raise CheckpointError(
            f"--out is {str(out)!r}; a checkpoint is a .safetensors file, such as {out.stem}.safetensors"
        )
    chosen = options_of(options or [])
    made = files.resolve(model, labels=_labels(classes), options=chosen, say=_say)
    made.build()  # whose errors say what does not fit
    Output(out.parent, [out.name], overwrite=overwrite)
    path = files.save(out, made)
    names = made.labels.names
    if as_json:
        return answer(
            {
                "checkpoint": path,
                "model": made.model,
                "options": dict(made.options),
                "classes": names,
                "resize": dict(made.resize),
                "notes": dict(made.notes),
            }
        )
    terminal = console()
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    terminal.print(f"wrote {path}: {made.model}, for the classes {shown}", markup=False, soft_wrap=True)
    if licence := made.notes.get("licence"):
        terminal.print(f"licence of the weights: {licence}", markup=False, soft_wrap=True)
    terminal.print(f"  intarsia predict {path} PICTURE --out masks", markup=False, soft_wrap=True)
    terminal.print(f"  intarsia train RECIPE --from {path}", markup=False, soft_wrap=True)
    return None


def options_of(given: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE, each value as YAML has it: numbers, words, lists such as [6,12,18].

    Raises: CheckpointError for what is no such pair.
    """
    import yaml

    chosen: dict[str, Any] = {}
    for pair in given:
        key, equals, text = pair.partition("=")
        if not equals or not key.isidentifier():
            raise CheckpointError(f"{pair!r} is no option; write KEY=VALUE, such as encoder=resnet18")
        try:
            chosen[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise CheckpointError(f"{pair!r}: the value cannot be read; write a number, a word or [1,2,3]") from None
    return chosen


def _labels(classes: str) -> Any:
    from ..labels import LabelSpace

    names = tuple(name.strip() for name in classes.split(",") if name.strip())
    return LabelSpace(names) if names else None


def _say(sentence: str) -> None:
    console(error=True).print(sentence, markup=False, soft_wrap=True)
