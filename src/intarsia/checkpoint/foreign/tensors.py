"""The tensors in a stranger's file, read without executing anything."""

import json
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ...errors import CheckpointError, nearest
from .transformers import PREPARED

INSIDE = ("state_dict", "model", "model_state_dict", "model_state", "network", "net", "weights", "params",
          "ema", "model_ema", "ema_state_dict", "state_dict_ema", "module")  # fmt: skip
SAVED = ("model.safetensors", "pytorch_model.bin")  # in a folder that a peer's save_pretrained wrote
PARTS = {  # of a network: what stands under these alone is no network
    "encoder", "decoder", "backbone", "body", "neck", "head", "classifier", "aux_classifier", "segmentation_head",
    "classification_head", "decode_head", "auxiliary_head", "rpn", "roi_heads", "features", "layers", "blocks", "stem",
}  # fmt: skip
PADDLES = (".pdparams", ".pdopt", ".pdiparams")  # what PaddlePaddle calls its files
DEEPEST = 4  # wrappers around wrappers


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file, and the settings that a config.json and a preprocessor_config.json beside it tell.

    Args:
        path: .safetensors, or whatever torch.save wrote: a state dict, or a mapping with one under "state_dict", "model"
            or another of `INSIDE`; or a folder with model.safetensors or pytorch_model.bin, config.json, and of
            transformers' also preprocessor_config.json, which stands under its own name in the settings.

    Raises: CheckpointError when it cannot be read, or holds anything that would have to be executed.
    """
    settings: dict[str, Any] = {}
    if path.is_dir():
        saved = next((path / name for name in SAVED if (path / name).is_file()), None)
        if saved is None:
            raise CheckpointError(f"{path}: the folder holds none of {', '.join(SAVED)}; name the file")
        settings, prepared = _settings(path / "config.json"), _settings(path / f"{PREPARED}.json")
        settings, path = {**settings, **({PREPARED: prepared} if prepared else {})}, saved
    if not path.is_file():
        near = nearest(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
        raise CheckpointError(f"there is no file {str(path)!r}{near}")
    return _bare(_tree(path), path), settings


def prefixes(names: Iterable[str]) -> list[str]:
    """What may stand before the names of a network's tensors: nothing, or the names of wrappers, the outermost first.

    {"model.encoder.w", "model.decoder.w", "criterion.w"} -> ["", "criterion.", "model."]
    """
    found, level = [""], {""}
    keys = list(names)
    for _ in range(DEEPEST):
        deeper = set()
        for key in keys:
            for prefix in level:
                word, dot, _ = key.removeprefix(prefix).partition(".")
                if key.startswith(prefix) and dot and word not in PARTS and not word.isdecimal():
                    deeper.add(f"{prefix}{word}.")
        found += sorted(deeper)
        level = deeper
    return found


def _tree(path: Path) -> Any:
    if path.suffix in PADDLES:
        raise CheckpointError(
            f"{path}: is a pickle of PaddlePaddle's, and to read that is to run whatever program it names; where Paddle is installed, "
            f"turn it into {path.stem}.safetensors: safetensors.numpy.save_file({{k: v.numpy() for k, v in "
            f"paddle.load('{path.name}').items()}}, '{path.stem}.safetensors')"
        )
    with path.open("rb") as file:
        head = file.read(9)
    try:
        if path.suffix == ".safetensors" or head[8:] == b"{":
            # copies: a tensor that is mapped from the file would change with the file
            return {name: tensor.clone() for name, tensor in load_file(path).items()}
        # each tensor is read into memory of its own, which the network then keeps: mapped pages would count twice
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"a {named[1]}" if named else "something"
        raise CheckpointError(
            f"{path}: holds {what} beside its tensors, and to read that is to run whatever program it names; "
            "save the state dict alone: torch.save(network.state_dict(), path)"
        ) from error
    except Exception as error:  # whatever the readers of safetensors and torch make of a damaged file
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(
            f"{path}: is truncated, damaged, or no file of tensors ({said[0]}); get it again, or name a .pth or .safetensors file"
        ) from error


def _bare(tree: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in `tree`, out of what trainers keep beside it."""
    while isinstance(tree, Mapping) and (key := next((k for k in INSIDE if isinstance(tree.get(k), Mapping)), None)):
        tree = tree[key]
    if not isinstance(tree, Mapping) or not tree:
        raise CheckpointError(f"{path}: holds {type(tree).__name__}, not tensors by name; save network.state_dict()")
    for key, value in tree.items():
        if not isinstance(value, Tensor):
            raise CheckpointError(
                f"{path}: {key!r} is a {type(value).__name__}, not a tensor; save network.state_dict() alone"
            )
    return {str(key): value for key, value in tree.items()}


def _settings(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from error
    return tree if isinstance(tree, dict) else {}
