"""Checksums that tell a damaged checkpoint from a whole one: CRC-32 of each tensor and of the description.

    {"format": 1, ..., "checksums": {"": of all before it, "weights/encoder.weight": 1234, ...}}

They catch what disks and transfers do (zeroed blocks, flipped bits, swapped parts); they are no protection against intent.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from torch import Tensor, uint8

MARK = ', "checksums": '
DESCRIPTION = ""  # its name among the names of tensors


def signed(text: str, tensors: Mapping[str, Tensor]) -> str:
    """A description, a JSON object, with checksums of itself and of contiguous tensors on the CPU at its end."""
    sums = {DESCRIPTION: _crc(text)}
    sums |= {name: _sum(name, tensors[name]) for name in sorted(tensors)}
    return f"{text[:-1]}{MARK}{json.dumps(sums)}}}"


def as_written(text: str, tree: Mapping[str, Any]) -> bool:
    """Whether a description is what `signed` made, or one from before there were checksums."""
    if "checksums" not in tree:
        return True
    before, _, _ = text.rpartition(MARK)
    sums = tree["checksums"]
    return isinstance(sums, dict) and sums.get(DESCRIPTION) == _crc(f"{before}}}")


def damaged(tree: Mapping[str, Any], tensors: Mapping[str, Tensor], prefixes: tuple[str, ...]) -> list[str]:
    """Names of the tensors that are not what was written.

    Args:
        tree: the description.
        tensors: those that were read, which are all whose names begin with one of `prefixes`.
    """
    if "checksums" not in tree:
        return []
    sums = tree["checksums"]
    wanted = {name for name in sums if name != DESCRIPTION and name.startswith(prefixes)}
    changed = [name for name, tensor in tensors.items() if name in sums and _sum(name, tensor) != sums[name]]
    return [*changed, *sorted(wanted ^ tensors.keys())]


def _sum(name: str, tensor: Tensor) -> int:
    """CRC-32 over the name, type and shape of a tensor and over its bytes."""
    start = _crc(f"{name} {tensor.dtype} {list(tensor.shape)}")
    return zlib.crc32(tensor.reshape(-1).view(uint8).numpy().data, start)


def _crc(text: str) -> int:
    """CRC-32 of a text, which in a stranger's file may hold half of a character."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))
