"""The table of the family `structured`: architectures that model how labels and parts of a picture depend on each other."""

from .entry import Entry

STRUCTURED: dict[str, Entry] = {}
