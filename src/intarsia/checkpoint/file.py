"""A checkpoint on disk: written whole or not at all, and read without executing anything.

{"weights/<name>": tensor, "state/<name>": tensor}       any safetensors reader lists and reads them
metadata {"intarsia": JSON}                              "format": 1, everything else a Checkpoint knows, checksums
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import CheckpointError, IntarsiaError, nearest
from ..labels import LabelSpace
from ..output import replaced
from . import checksum
from .record import Checkpoint

FORMAT = 1
LAST = "last.safetensors"
SUFFIX = ".safetensors"
LARGEST_HEADER = 100_000_000  # bytes; what the safetensors format allows
KEY = "intarsia"
PLAIN: dict[str, Any] = {"model": (str, type(None)), "options": dict, "labels": dict, "in_channels": int, "mean": list, "std": list,
         "recipe": dict, "protocol": str, "data_hash": str, "notes": dict, "progress": dict}  # fmt: skip
LATER: dict[str, Any] = {
    "calibration": dict,
    "resize": dict,
}  # added without a new format: files that lack them have the default


def save(path: str | Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint; a file that stood there before is replaced only once the new one is complete on the disk.

    Args:
        path: a file ending in .safetensors, or a folder, which gets last.safetensors. Folders are made; a symbolic
            link stays, and the file it points to is replaced.

    Returns: the path of the file.

    Raises: CheckpointError when it cannot be written (a full disk, no permission, content that is no plain data); the
        previous file is then untouched.
    """
    path = _file_in(Path(path))
    if path.suffix != SUFFIX:
        raise CheckpointError(f"{path}: a checkpoint is a safetensors file; name it {path.stem}{SUFFIX}")
    tensors = _storable({"weights": checkpoint.weights, "state": checkpoint.state})
    metadata = {KEY: checksum.signed(described(checkpoint), tensors)}
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise CheckpointError(f"{path}: is no ordinary file and cannot become a checkpoint; choose another name")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replaced(target, durable=True) as fresh:
            save_file(tensors, fresh, metadata)
    except (OSError, SafetensorError) as error:
        kept = "; the previous file is untouched" if target.is_file() else ""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CheckpointError(
            f"{path}: the checkpoint could not be written ({reason}){kept}; free some space, or choose another folder"
        ) from error
    return path


def load(path: str | Path, state: bool = False) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed.

    Args:
        path: a file, or the folder of a run, whose last.safetensors is read.
        state: read also the tensors that only training needs; without it `state` is empty.

    Raises: CheckpointError saying what the file is instead: missing, truncated, damaged, a pickle, a stranger's, a newer one.
    """
    given, path = Path(path), _file_in(Path(path))
    if not path.is_file():
        raise CheckpointError(_absent(given, path))
    try:
        text = _description(path)
        tree = parsed(path, text)
        prefixes = ("weights/", "state/") if state else ("weights/",)
        with safe_open(path, framework="pt") as file:
            # copies: a tensor mapped from the file would change with the file
            tensors = {key: file.get_tensor(key).clone() for key in file.keys() if key.startswith(prefixes)}  # noqa: SIM118
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: the file is truncated or damaged ({error}); copy it again, or use another checkpoint of the run"
        ) from error
    if wrong := checksum.damaged(tree, tensors, prefixes):
        more = f" and {len(wrong) - 1} more are" if len(wrong) > 1 else " is"
        raise CheckpointError(
            f"{path}: the file is damaged: tensor {wrong[0]}{more} not what was written; copy it again, or use another "
            "checkpoint of the run"
        )
    return made(path, tree, _below("weights/", tensors), _below("state/", tensors))


def made(path: Path, tree: Mapping[str, Any], weights: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Checkpoint:
    """A checkpoint of its description and its tensors.

    Raises: CheckpointError for a description that is damaged.
    """
    try:
        return Checkpoint(
            **{key: tree[key] for key in PLAIN if key not in ("labels", "mean", "std")},
            labels=LabelSpace.from_dict(tree["labels"]),
            mean=tuple(tree["mean"]),
            std=tuple(tree["std"]),
            **{key: tree[key] for key in LATER if key in tree},
            weights=weights,
            state=state,
        )
    except (IntarsiaError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: the description inside the checkpoint is damaged ({_short(error)}); use another checkpoint of the run"
        ) from error


def describes(path: Path) -> bool:
    """Whether a file is a checkpoint of ours, sound or not: a safetensors file with our description in its header."""
    try:
        return bool(_description(path))
    except (CheckpointError, OSError):
        return False


def progress_of(path: Path) -> Mapping[str, Any]:
    """What a checkpoint says of the run that wrote it, without reading its tensors.

    Raises: CheckpointError as `load`.
    """
    try:
        return dict(parsed(path, _description(path)).get("progress") or {})
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error


def _file_in(path: Path) -> Path:
    """The file meant by a path: last.safetensors of a folder."""
    return path / LAST if path.is_dir() or (not path.suffix and not path.is_file()) else path


def described(checkpoint: Checkpoint) -> str:
    """Write all but the tensors as JSON; the keys of mappings become strings, tuples become lists."""
    tree: dict[str, Any] = {"format": FORMAT}
    for key in (*PLAIN, *LATER):
        value = getattr(checkpoint, key)
        tree[key] = _plain(value.to_dict() if key == "labels" else value, key)
    return json.dumps(tree, ensure_ascii=False)


def _plain(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{place}[{n}]") for n, item in enumerate(value)]
    raise CheckpointError(
        f"{place} holds a {type(value).__name__}, which a checkpoint cannot keep; give numbers, texts, lists and mappings of them"
    )


def _storable(rooms: Mapping[str, Mapping[str, Any]]) -> dict[str, Tensor]:
    """Tensors under their keys in the file, on the CPU, contiguous, each with a memory of its own."""
    stored: dict[str, Tensor] = {}
    memories: set[int] = set()
    for room, tensors in rooms.items():
        for name, tensor in tensors.items():
            if not isinstance(tensor, Tensor):
                raise CheckpointError(
                    f"{room}[{name!r}] is a {type(tensor).__name__}, not a tensor; keep plain data in `progress` or `notes`"
                )
            if tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized:
                raise CheckpointError(
                    f"{room}[{name!r}] is a {'meta' if tensor.is_meta else 'sparse or quantized'} tensor; only dense ones with values can be kept"
                )
            tensor = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
            storage = tensor.untyped_storage()
            if storage.nbytes() != tensor.nbytes or storage.data_ptr() in memories:
                tensor = tensor.clone(memory_format=torch.contiguous_format)
            memories.add(tensor.untyped_storage().data_ptr() or -1 - len(memories))  # empty tensors have no memory
            stored[f"{room}/{name}"] = tensor
    return stored


def _absent(given: Path, path: Path) -> str:
    if given.is_dir():
        others = sorted(p.name for p in given.glob(f"*{SUFFIX}"))
        instead = (
            f"; it holds {', '.join(others[:5])}: name one of them"
            if others
            else "; train first, or name the checkpoint's file"
        )
        return f"{given}: the folder holds no {LAST}{instead}"
    if path.exists():
        return f"{path}: is no ordinary file; name a checkpoint"
    beside = given.parent.iterdir() if given.parent.is_dir() else ()
    near = nearest(given.name, sorted(p.name for p in beside if p.suffix == SUFFIX or (p / LAST).is_file()))
    return f"there is no checkpoint {str(given)!r}{near}"


def _description(path: Path) -> str:
    """The JSON under our key in the header of a safetensors file, read without a byte of the tensors."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(9)
        length = int.from_bytes(head[:8], "little")
        if len(head) < 9 or head[8:] != b"{" or not 2 <= length <= LARGEST_HEADER:
            raise CheckpointError(f"{path}: {_stranger(path, size, head)}")
        if length + 8 > size:
            raise CheckpointError(
                f"{path}: the file is truncated ({size} bytes, its header alone needs {length + 8}); copy it again, or use another checkpoint of the run"
            )
        header = head[8:] + file.read(length - 1)
    try:
        metadata = json.loads(header).get("__metadata__") or {}
        text = metadata.get(KEY)
    except (ValueError, RecursionError, AttributeError):
        raise CheckpointError(
            f"{path}: the header of the file is damaged; copy it again, or use another checkpoint of the run"
        ) from None
    if not isinstance(text, str):
        raise CheckpointError(
            f"{path}: a safetensors file, but no checkpoint of intarsia (it does not say which network and labels it is for); "
            "give a file that `intarsia train` wrote"
        )
    return text


def parsed(path: Path, text: str) -> dict[str, Any]:
    """The description of a checkpoint, whose keys and checksum are as they were written.

    Raises: CheckpointError for one that is damaged, or newer than this version.
    """
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        tree = None
    version = tree.get("format") if isinstance(tree, dict) else None
    if not isinstance(tree, dict) or not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise CheckpointError(
            f"{path}: the description inside the checkpoint is damaged; use another checkpoint of the run"
        )
    if version > FORMAT:
        raise CheckpointError(
            f"{path}: has checkpoint format {version}, and this version reads up to {FORMAT}; type: pip install --upgrade intarsia"
        )
    for key, kind in (*PLAIN.items(), *((k, v) for k, v in LATER.items() if k in tree)):
        if not isinstance(tree.get(key, ...), kind) or isinstance(tree[key], bool):
            raise CheckpointError(
                f"{path}: the description inside the checkpoint is damaged ({key} is missing or of the wrong kind); use another checkpoint of the run"
            )
    if not checksum.as_written(text, tree):
        raise CheckpointError(
            f"{path}: the description inside the checkpoint is damaged; copy it again, or use another checkpoint of the run"
        )
    return tree


def _stranger(path: Path, size: int, head: bytes) -> str:
    """What a file is that is no safetensors file, and what to do."""
    if not size:
        return "the file is empty; copy it again, or use another checkpoint of the run"
    if size < 9:
        return f"the file is truncated ({size} bytes); copy it again, or use another checkpoint of the run"
    if (
        head.startswith(b"PK\x03\x04")
        or (head[:1] == b"\x80" and head[1] <= 5)
        or path.suffix in (".pt", ".pth", ".pkl", ".ckpt")
    ):
        return (
            "a pickle (a PyTorch file), which could run any program when it is read, so it is not opened; "
            "give a .safetensors file that `intarsia train` wrote"
        )
    return "no checkpoint of intarsia, nor any safetensors file; give a file that `intarsia train` wrote"


def _short(error: Exception) -> str:
    text = str(error)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key[len(prefix) :]: tensor for key, tensor in tensors.items() if key.startswith(prefix)}
