"""Checkpoints: one safetensors file that knows everything `predict` needs; loading it never executes anything."""

from .file import load, save
from .record import Checkpoint

__all__ = ["Checkpoint", "load", "save"]
