"""What networks of any library return, as SemanticLogits: tensors, mappings, tuples, and objects with `logits`.

tensor [B, K, H, W]                          the logits
{"out": ..., "aux": ...}                     torchvision's segmentation networks; "aux" is their auxiliary head
{"logits": ...}, object.logits               as the networks of this package
(logits, more, ...)                          the first; of the rest, maps of as many classes are auxiliary heads
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..structures import SemanticLogits

MAIN = ("out", "logits")  # keys of a mapping that hold the logits
AUXILIARY = "aux"
ALLOWED = (
    "return SemanticLogits, a tensor [B, K, H, W], a mapping with that tensor under 'out' or 'logits', a tuple "
    "whose first item it is, or another output of intarsia.structures"
)


def semantic(output: Any) -> SemanticLogits | None:
    """The logits of an output, and its auxiliary heads; None where there are none to be found."""
    if isinstance(output, SemanticLogits):
        return output
    if isinstance(output, Tensor):
        return SemanticLogits(output)
    if isinstance(getattr(output, "logits", None), Tensor):
        heads = getattr(output, "auxiliary", ())
        return SemanticLogits(output.logits, heads if isinstance(heads, tuple) else ())
    if isinstance(output, Mapping):
        logits = next((output[key] for key in MAIN if isinstance(output.get(key), Tensor)), None)
        head = output.get(AUXILIARY)
        return None if logits is None else SemanticLogits(logits, (head,) if isinstance(head, Tensor) else ())
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        logits, *more = output
        heads = tuple(m for m in more if isinstance(m, Tensor) and m.ndim == 4 and m.shape[:2] == logits.shape[:2])
        return SemanticLogits(logits, heads)
    return None


def spelled(output: Any) -> str:
    """What an output is, for a sentence: "a dict with 'a' and 'b'", "a tuple of 2"."""
    kind = type(output).__name__
    if isinstance(output, Mapping):
        return f"a {kind} with the keys {', '.join(map(repr, list(output)[:5])) or 'none'}"
    if isinstance(output, tuple | list):
        return f"a {kind} of {len(output)}"
    return f"a {kind}"
