"""Memory of attention between all places of a map (DANet) and along rows and columns, twice (CCNet): 97x97, 512 channels.

Counted are the bytes of all tensors that exist at once, beside the map that goes in and the one that comes out (in training
with its gradient), on torch's meta device, so that the figures are those of any machine without an allocator's rounding.
One JSON line is appended to benchmarks/results/attention_memory.jsonl.

    python benchmarks/attention_memory.py
"""

import json
import weakref
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from intarsia.models.attention.ccnet import CrissCrossAttention
from intarsia.models.attention.danet import PositionAttention

RESULTS = Path(__file__).parent / "results" / "attention_memory.jsonl"


class Peak(TorchDispatchMode):
    """The most bytes that tensors made meanwhile took at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0

    def freed(self, size: int) -> None:
        self.now -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        known = {x.untyped_storage()._cdata for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        for x in tree_leaves(out):
            if isinstance(x, Tensor) and x.untyped_storage()._cdata not in known:
                storage = x.untyped_storage()
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self.freed, storage.nbytes())
        return out


def peak(passes: list[nn.Module], trained: bool) -> float:
    """MiB at most, forward, and in training back as well."""
    x = torch.empty(1, 512, 97, 97, device="meta", requires_grad=True)
    with Peak() as tracked, torch.set_grad_enabled(trained):
        y = x
        for attend in passes:
            y = attend(y)
        if trained:
            y.backward(torch.empty_like(y))
    return (tracked.most - (1 + trained) * x.untyped_storage().nbytes()) / 2**20


def main() -> None:
    with torch.device("meta"):
        criss_cross, all_places = CrissCrossAttention(512), PositionAttention(512)
    line: dict[str, Any] = {"map": [97, 97], "channels": 512, "torch": torch.__version__}
    for name, trained in (("evaluation", False), ("training", True)):
        ours, theirs = peak([criss_cross] * 2, trained), peak([all_places], trained)
        line[name] = {"ccnet_mib": round(ours, 1), "danet_mib": round(theirs, 1), "share": round(ours / theirs, 3)}
    line["weights"] = {"ccnet": 2 * 97 * 97 * (97 + 97), "danet": (97 * 97) ** 2}
    with RESULTS.open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line, indent=2))


if __name__ == "__main__":
    main()
