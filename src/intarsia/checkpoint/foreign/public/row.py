"""One public model: what its weights are, where they lie, and how pictures are prepared for them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..pipeline import AS_IT_IS, Pipeline


class Public(NamedTuple):
    """Weights that somebody published, and that a loader of `foreign` reads.

    Args:
        task: "semantic", "instance" or "panoptic".
        network: architecture and encoder, as people call them.
        data: the data set it was trained on.
        labels: key of `LABELS`, whose classes are its maps, in order.
        score: as published, with its protocol.
        parameters: of evaluation, without heads that only training has.
        licence: of the weights.
        file: where they lie: an address, or for a hub's id the name of the file in it.
        read_from: where name, classes, size and licence were read.
        digest: the first hexadecimal digits of the file's SHA-256; "" where none is published.
        options: for `load_foreign`: what no tensor tells.
        pipeline: how its makers prepare a picture.
        commercial: whether the licence lets anyone earn money with it.
    """

    task: str
    network: str
    data: str
    labels: str
    score: str
    parameters: int
    licence: str
    file: str
    read_from: str
    digest: str = ""
    options: Mapping[str, Any] = MappingProxyType({})
    pipeline: Pipeline = AS_IT_IS
    commercial: bool = True
