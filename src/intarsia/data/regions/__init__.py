"""Pictures whose regions are read without decoding the rest: TIFF, slides, Zarr, folders of tiles, PNG.

    path - open_source -> Source - read(top, left, height, width)

Prediction reads pictures beyond memory so; training reads crops of large pictures and masks so.
"""

from .source import Source, is_large, open_source

__all__ = ["Source", "is_large", "open_source"]
