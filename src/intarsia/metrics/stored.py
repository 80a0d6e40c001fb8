"""The records of images that `evaluate` writes as images.safetensors, of whatever sort, read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import DataError
from .image_matches import ImageMatches
from .image_tags import ImageTags
from .per_image import ImageCounts
from .records import ImageSums, read

READERS: dict[str, Any] = {
    "panoptic": ImageSums.of_file,
    "depth": ImageSums.of_file,
    "tracking": ImageSums.of_file,
    "weighted tracking": ImageSums.of_file,
    "mask AP": ImageMatches.of_file,
    "box AP": ImageMatches.of_file,
    "tags": ImageTags.of_file,
    "several tags": ImageTags.of_file,
}


def load(path: str | Path) -> ImageCounts | ImageSums | ImageMatches | ImageTags:
    """Read the records of images that `save` of any of them wrote.

    Raises: DataError when there is no such file, or it holds something else.
    """
    found = read(path)
    if found is None:
        return ImageCounts.load(path)
    kind, told, arrays = found
    if kind not in READERS:
        raise DataError(f"{path}: holds records of a kind that this version does not know, {kind!r}")
    try:
        records: ImageSums | ImageMatches | ImageTags = READERS[kind](kind, told, arrays)
    except (LookupError, ValueError, TypeError) as error:
        raise DataError(f"{path}: its records do not fit together ({str(error)[:200]})") from None
    return records
