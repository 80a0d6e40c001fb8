"""From a peer's names of tensors to ours: tables of patterns, and what comes of applying one.

    ("decoder.blocks.{n}.conv1.0.*", "decode.{n}.conv.0.conv.*")

`{n}` stands for a number and `*` for the rest of the name; both keep what they stood for. The first row that fits counts.
Tensors that lie one upon the other in one of ours end in their place there: `a.key.*` -> `b.key_value.*@0`, `a.value.*` ->
`b.key_value.*@1`. One that holds several of ours is cut first, by `Found.cuts`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...labels import LabelSpace
from .pipeline import AS_IT_IS, Pipeline

Row = tuple[str, str]
STRANGE = "no part of the network it was taken for"


class Found(NamedTuple):
    """A peer's network, recognized by the names and shapes of its tensors."""

    peer: str  # as a person would call it: "torchvision's DeepLab v3"
    model: str  # of our catalogue, or a variant of it
    num_classes: int
    in_channels: int
    options: Mapping[str, Any]  # of our constructor: what the file shows, and what had to be assumed
    names: Sequence[Row]  # the peer's name -> ours
    left: Sequence[Row] = ()  # the peer's name -> why it is of no use here; before `names`
    spare: Sequence[Row] = ()  # the peer's name -> why our network may be without it, where it has no such tensor
    change: Callable[[str, Tensor], Tensor] | None = None  # (our name, the peer's tensor) -> ours
    assumed: tuple[str, ...] = ()  # of `options`: those that leave no trace in the tensors, at the peer's defaults
    classes: tuple[str, ...] = ()  # names of the classes, where so many are a known data set's
    labels: LabelSpace | None = None  # the classes with their colors, where the file or its config.json names them
    pipeline: Pipeline = AS_IT_IS  # what the peer does with a picture first, where the file or its config.json tells
    part: bool = False  # whether only the encoder is known, so that the network cannot answer
    cuts: Sequence[tuple[str, Sequence[tuple[int, str]]]] = ()  # the peer's name -> (how many parts of the whole, ours)


class Renamed(NamedTuple):
    """A peer's tensors after the tables have been applied."""

    ours: dict[str, Tensor]  # our name -> the tensor as our network holds it
    taken: dict[str, str]  # the peer's name -> ours, the first of several
    left: dict[str, str]  # the peer's name -> why it has none


def rename(tensors: Mapping[str, Tensor], found: Found) -> Renamed:
    """Give every tensor its name in our network, or a reason why it has none."""
    renamed = Renamed({}, {}, {})
    pieces: dict[str, dict[str, Tensor]] = {}  # our name -> {place: tensor}
    for key, tensor in tensors.items():
        if reason := _first(key, found.left):
            renamed.left[key] = reason
        elif parts := _cut(key, tensor, found):
            renamed.taken[key] = next(iter(parts))
            renamed.ours.update(parts)
        elif name := _first(key, found.names):
            name, _, place = name.partition("@")
            renamed.taken[key] = name
            if place:
                pieces.setdefault(name, {})[place] = tensor
            else:
                renamed.ours[name] = found.change(name, tensor) if found.change else tensor
        else:
            renamed.left[key] = STRANGE
    for name, parts in pieces.items():
        renamed.ours[name] = torch.cat([parts[place] for place in sorted(parts)])
    return renamed


def _cut(key: str, tensor: Tensor, found: Found) -> dict[str, Tensor]:
    """The tensors of ours that one of the peer's holds, one upon the other; none if it holds one."""
    for pattern, parts in found.cuts:
        if names := [_first(key, [(pattern, ours)]) for _, ours in parts if _first(key, [(pattern, ours)])]:
            whole = sum(share for share, _ in parts)
            sizes = [len(tensor) * share // whole for share, _ in parts]
            return dict(zip(names, tensor.split(sizes), strict=True))
    return {}


def fold_biases(renamed: Renamed, names: Iterable[str]) -> None:
    """Let the norm behind a convolution take over a bias that our convolution has not: the mean it subtracts.

    Args:
        names: of our network's tensors.
    """
    known = set(names)
    for key, name in renamed.taken.items():
        mean = f"{name.removesuffix('.conv.bias')}.norm.running_mean"
        if name not in known and name.endswith(".conv.bias") and mean in renamed.ours:
            renamed.ours[mean] = renamed.ours[mean] - renamed.ours.pop(name)
            renamed.taken[key] = mean


def conv_norm(peer: str, ours: str, first: int = 0) -> list[Row]:
    """The rows of a convolution and its norm, which peers number and we name.

    Args:
        first: the convolution's number; the norm's is the next.
    """
    return [(f"{peer}.{first}.*", f"{ours}.conv.*"), (f"{peer}.{first + 1}.*", f"{ours}.norm.*")]


def numbers(keys: Iterable[str], pattern: str) -> list[int]:
    """The numbers that the first `{n}` of `pattern` stands for among `keys`, in order."""
    return sorted({int(m.group("n")) for key in keys if (m := _compiled(pattern).fullmatch(key))})


def reason_for(key: str, rows: Sequence[Row]) -> str:
    """What the first row that fits says of a peer's tensor; nothing if none fits."""
    return _first(key, rows)


def _first(key: str, rows: Sequence[Row]) -> str:
    for peer, ours in rows:
        if match := _compiled(peer).fullmatch(key):
            return ours.replace("*", "{rest}").format(**match.groupdict()) if match.groupdict() else ours
    return ""


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    text = re.escape(pattern).replace(r"\*", "(?P<rest>.+)")
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>\\d+)", text))
