"""Files in, Samples out: pairs of files, codecs, augmentation, the loader, cache and shards.

files --files--> arrays --pairs--> Sample --augment--> Sample --loader--> Batch
"""

from .pairs import Pair, Pairs, Raw

__all__ = ["Pair", "Pairs", "Raw"]
