"""Checkpoints: one safetensors file that knows everything `predict` needs; loading it never executes anything.

`load_foreign` reads those of other libraries.
"""

from .file import load, save
from .foreign import Foreign, load_foreign
from .record import Checkpoint
from .wrapped import bare, fitted, state_of

__all__ = ["Checkpoint", "Foreign", "bare", "fitted", "load", "load_foreign", "save", "state_of"]
