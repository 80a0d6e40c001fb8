"""`intarsia publish`: a run as a repository of the Hugging Face hub, with a model card made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import CheckpointError
from .terminal import AsJson, Overwrite, answer, console


def publish(
    model: Annotated[
        str, typer.Argument(metavar="RUN", help="The folder of a run, a checkpoint, or another model's name.")
    ],
    to: Annotated[str, typer.Option("--to", help="The repository: owner/name.", metavar="NAME")] = "",
    licence: Annotated[
        str,
        typer.Option("--licence", "--license", help="Of the weights, an SPDX identifier: apache-2.0.", metavar="ID"),
    ] = "",
    scores: Annotated[
        Path | None,
        typer.Option(help="Folder that `intarsia evaluate RUN --out` wrote; none: the run's.", metavar="DIR"),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    dry_run: Annotated[
        Path | None,
        typer.Option("--dry-run", help="Write the files into this folder, and send nothing.", metavar="FOLDER"),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Publish a model on the hub: checkpoint, config and a card with data, scores, license and limits."""
    if not to and dry_run is None:
        raise CheckpointError("where to? Give --to owner/name, or --dry-run FOLDER to look at the files first")
    if dry_run is None and overwrite:
        raise CheckpointError("--overwrite is about the folder of --dry-run; a repository keeps all its versions")
    from ..evaluation import push_to_hub, save_pretrained

    if dry_run is not None:
        folder = save_pretrained(model, dry_run, licence=licence, scores=scores, name=to, overwrite=overwrite)
        if as_json:
            return answer({"folder": folder, "card": folder / "README.md"})
        return console().print(
            f"nothing was sent; {folder} holds what would be: README.md, config.json, model.safetensors",
            markup=False,
            soft_wrap=True,
        )
    address = push_to_hub(model, to, licence=licence, scores=scores, private=private)
    if as_json:
        return answer({"repository": address, "model": f"hf:{to}"})
    return console().print(f"{address}; anyone who may read it types hf:{to}", markup=False, soft_wrap=True)
