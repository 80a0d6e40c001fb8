"""Checkpoints: one safetensors file that knows everything `predict` needs; loading it never executes anything.

`load_foreign` reads those of other libraries; `build` makes their variants of our networks, too.
"""

from .dense import dense
from .file import load, save
from .foreign import NETWORKS, VARIANTS, Foreign, build, load_foreign, output_of
from .record import Checkpoint
from .wrapped import bare, fitted, state_of

__all__ = [
    "NETWORKS",
    "VARIANTS",
    "Checkpoint",
    "Foreign",
    "bare",
    "build",
    "dense",
    "fitted",
    "load",
    "load_foreign",
    "output_of",
    "save",
    "state_of",
]
