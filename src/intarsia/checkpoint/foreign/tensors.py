"""The tensors in a stranger's file, read without executing anything."""

import json
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ...errors import CheckpointError, nearest

INSIDE = ("state_dict", "model", "model_state_dict", "model_state", "network", "net", "weights")
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")  # of DistributedDataParallel, compile, Lightning
SAVED = "model.safetensors"  # in a folder that a peer's save_pretrained wrote


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file, and the settings that a config.json beside it tells.

    Args:
        path: .safetensors, or whatever torch.save wrote: a state dict, or a mapping with one under "state_dict" or
            "model"; or a folder with model.safetensors and config.json.

    Raises: CheckpointError when it cannot be read, or holds anything that would have to be executed.
    """
    settings: dict[str, Any] = {}
    if path.is_dir() and (path / SAVED).is_file():
        settings, path = _settings(path / "config.json"), path / SAVED
    if not path.is_file():
        near = nearest(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
        raise CheckpointError(f"there is no file {str(path)!r}{near}")
    return _bare(_tree(path), path), settings


def _tree(path: Path) -> Any:
    with path.open("rb") as file:
        head = file.read(9)
    try:
        if path.suffix == ".safetensors" or head[8:] == b"{":
            return load_file(path)
        # only files of torch's present format can be mapped; older ones are read whole
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"a {named[1]}" if named else "something"
        raise CheckpointError(
            f"{path}: holds {what} beside its tensors, and to read that is to run whatever program it names; "
            "save the state dict alone: torch.save(network.state_dict(), path)"
        ) from error
    except Exception as error:  # whatever the readers of safetensors and torch make of a damaged file
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(f"{path}: is truncated, damaged, or no file of tensors ({said[0]})") from error


def _bare(tree: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in `tree`, without the wrappings of trainers around it and around its names."""
    while isinstance(tree, Mapping) and (key := next((k for k in INSIDE if isinstance(tree.get(k), Mapping)), None)):
        tree = tree[key]
    if not isinstance(tree, Mapping) or not tree:
        raise CheckpointError(f"{path}: holds {type(tree).__name__}, not tensors by name; save network.state_dict()")
    for key, value in tree.items():
        if not isinstance(value, Tensor):
            raise CheckpointError(
                f"{path}: {key!r} is a {type(value).__name__}, not a tensor; save network.state_dict() alone"
            )
    tensors = {str(key): value for key, value in tree.items()}
    while prefix := next((p for p in PREFIXES if all(key.startswith(p) for key in tensors)), None):
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors


def _settings(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from error
    return tree if isinstance(tree, dict) else {}
