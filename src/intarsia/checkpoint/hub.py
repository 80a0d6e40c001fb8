"""Checkpoints as repositories of the Hugging Face hub: a folder of three files, sent there, and opened by `hf:owner/name`.

model.safetensors   the checkpoint, without what only its training needs, and without places of its user's machine
config.json         what it is, for programs that do not read the header
README.md           the model card
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..output import Output
from ..version import __version__
from .download import FOLDERS, HUB, OFFLINE, offline
from .file import LAST, describes, save
from .record import Checkpoint

WEIGHTS, CONFIG, CARD = FOLDERS[0], "config.json", "README.md"
FILES = (WEIGHTS, CONFIG, CARD)
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
PLACE = re.compile(
    r"(?:[/~\\]|[A-Za-z]:[\\/]|[a-z][a-z0-9+.-]*://)"
)  # how a place on somebody's machine or server begins


def published(path: Path) -> Path:
    """The checkpoint in a folder that `write_pretrained` wrote, or the hub gave back; any other path as it is."""
    inside = path / WEIGHTS
    ours = path.is_dir() and not (path / LAST).is_file() and inside.is_file() and describes(inside)
    return inside if ours else path


def write_pretrained(checkpoint: Checkpoint, folder: str | Path, card: str, *, overwrite: bool = False) -> Path:
    """Write a checkpoint as a repository of the hub has it; returns the folder.

    Args:
        card: the text of README.md.
        overwrite: also replace files that this program did not write, or that were changed since.

    Raises: DataError for a folder that holds somebody else's files of these names; CheckpointError for a checkpoint that
        cannot be stored.
    """
    results = Output(folder, FILES, overwrite=overwrite)
    shipped = public(checkpoint)
    with results.file(WEIGHTS) as file:
        save(file, shipped)
    results.text(CONFIG, json.dumps(config_of(shipped), indent=1, ensure_ascii=False) + "\n")
    results.text(CARD, card)
    return results.folder


def public(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint as it may be shown: no state of its training, and no folder or address of its user's machine."""
    return replace(
        checkpoint,
        recipe=_without_places(checkpoint.recipe),
        notes=_without_places(checkpoint.notes),
        calibration=_without_places(checkpoint.calibration),
        state={},
        progress={},
    )


def config_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a checkpoint is, in the few words of a repository's config.json."""
    return {
        "library_name": "intarsia",
        "intarsia_version": __version__,
        "architecture": checkpoint.model,
        "options": {key: value for key, value in checkpoint.options.items() if key != "pretrained"},
        "classes": list(checkpoint.labels.names),
        "in_channels": checkpoint.in_channels,
        "image_mean": list(checkpoint.mean),
        "image_std": list(checkpoint.std),
    }


def send(folder: Path, to: str, *, private: bool = False, message: str = "") -> str:
    """Send a folder's three files to a repository of the hub, as one commit; the repository is made where there is none.

    Args:
        to: "owner/name".
        private: whether a new repository is; one that is there keeps what it is.
        message: of the commit.

    Returns: the address of the repository.

    Raises: CheckpointError for a name that is none, without a login, and where the hub does not take it.
    """
    check_name(to)
    hub = _client()
    endpoint = os.environ.get("HF_ENDPOINT") or HUB
    api = hub.HfApi(endpoint=endpoint)
    parts = [hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in FILES]
    try:
        api.create_repo(to, private=private or None, exist_ok=True)
        api.create_commit(to, parts, commit_message=message or "Publish the model")
    except Exception as error:  # whatever its client and the transport below make of a connection
        raise CheckpointError(f"{to}: {_refusal(error, to)}") from error
    return f"{endpoint.rstrip('/')}/{to}"


def check_name(to: str) -> None:
    """Raises: CheckpointError for what is no name of a repository, and where connections are forbidden."""
    if not NAME.fullmatch(to):
        raise CheckpointError(f"{to!r} names no repository of the hub; write owner/name, such as me/camvid-unet")
    if offline():
        raise CheckpointError(f"{to}: {OFFLINE.replace('downloaded', 'sent')}; unset it")


def _client() -> Any:
    """huggingface_hub.

    Raises: CheckpointError where it is not installed, or nobody is logged in.
    """
    try:
        import huggingface_hub
    except ImportError:
        raise CheckpointError("publishing needs huggingface_hub; type: pip install huggingface-hub") from None
    if not huggingface_hub.get_token():
        raise CheckpointError(
            "the hub wants to know who publishes; type `hf auth login`, or set HF_TOKEN to a token that may write"
        )
    return huggingface_hub


def _refusal(error: Exception, to: str) -> str:
    """What the hub has against it, in a sentence."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__) is not None and len(chain) < 10:
        chain.append(cause)
    statuses = [getattr(getattr(one, "response", None), "status_code", None) for one in chain]
    if 401 in statuses:
        return "the hub does not know this token; type `hf auth login` with one that may write"
    if 403 in statuses or 404 in statuses:
        return f"this token may not write there; is {to.partition('/')[0]} your name, or a team of yours?"
    said = next((text for one in reversed(chain) if (text := str(one).strip())), type(error).__name__)
    return (
        f"the hub did not take the files ({said.splitlines()[0]}); what is there is unchanged, so type the same again"
    )


def _without_places(tree: Any, key: str = "") -> Any:
    """The same plain data; of folders and files of one machine only the last name stays, of data's root nothing."""
    if isinstance(tree, Mapping):
        return {name: _without_places(value, str(name)) for name, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_without_places(value, key) for value in tree]
    if not isinstance(tree, str | Path):
        return tree
    text = str(tree)
    if key == "root":
        return None
    return re.split(r"[/\\]", text.rstrip("/\\"))[-1] if PLACE.match(text) else text
