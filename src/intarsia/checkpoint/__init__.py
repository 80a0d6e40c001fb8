"""Checkpoints: one safetensors file that knows everything `predict` needs; loading it never executes anything.

`load_foreign` reads those of other libraries; `build` makes their variants of our networks, too.
"""

from .dense import dense
from .file import load, save
from .foreign import NETWORKS, VARIANTS, Foreign, build, load_foreign, output_of
from .graphs import is_graph, read_graph
from .record import Checkpoint
from .resizing import Resizing, resizing_of
from .resolve import is_foreign, resolve
from .wrapped import bare, fitted, state_of

__all__ = [
    "NETWORKS",
    "VARIANTS",
    "Checkpoint",
    "Foreign",
    "Resizing",
    "bare",
    "build",
    "dense",
    "fitted",
    "is_foreign",
    "is_graph",
    "load",
    "load_foreign",
    "output_of",
    "read_graph",
    "resizing_of",
    "resolve",
    "save",
    "state_of",
]
