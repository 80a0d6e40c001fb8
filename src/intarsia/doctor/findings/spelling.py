"""Images and masks whose names are one to a reader, but not to a computer: other case, spaces, or accents."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...data.folders.layout import Layout
from ...data.pairs import Pair
from ..finding import Finding, Sight

Left = tuple[list[str], list[str]]


def alike(root: Path, layout: Layout, left: Left) -> tuple[list[Pair], Left]:
    """Of the files that `pair` left over: those whose names agree when read loosely, and the rest.

    A name that two files of one side share is nobody's.
    """
    images = {name: _read(name, layout.image_suffix) for name in left[0]}
    masks = {name: _read(name, layout.mask_suffix) for name in left[1]}
    if layout.images == layout.masks and layout.mask_suffix:  # side by side: what looks like a mask in another case
        odd = [n for n in images if _loose(Path(n).stem).endswith(_loose(layout.mask_suffix))]
        masks |= {n: _read(n, layout.mask_suffix) for n in odd}
        images = {n: key for n, key in images.items() if n not in odd}
    often = [Counter(side.values()) for side in (images, masks)]
    partner = {key: name for name, key in masks.items() if key and often[1][key] == 1}
    found = [(name, partner[key]) for name, key in images.items() if key in partner and often[0][key] == 1]
    items = [Pair(Path(a).stem.strip(), root / a, root / b) for a, b in found]
    taken = {name for both in found for name in both}
    return items, ([n for n in left[0] if n not in taken], [n for n in left[1] if n not in taken])


def spelled(items: Sequence[Pair]) -> Iterator[Finding]:
    """The finding about such pairs."""
    if items:
        several = len(items) > 1
        first = items[0]
        yield Finding(
            "spelling",
            "warning",
            f"{len(items)} {'images have masks whose names differ' if several else 'image has a mask whose name differs'} in case, spaces or accents only (the first: {first.image.name!r} and {first.mask.name if first.mask else ''!r}), so training would leave {'them' if several else 'it'} out.",
            tuple(str(path) for i in items[:5] for path in (i.image, i.mask) if path)[:5],
            "Rename them so that they agree; --fix writes both under one name.",
            tuple(Sight(i.name, i.image, i.mask) for i in items[:5]),
        )


def _read(name: str, suffix: str) -> str:
    return _loose(Path(name).stem).removesuffix(_loose(suffix)).strip("_")


def _loose(name: str) -> str:
    """A name without what readers overlook."""
    return re.sub(r"[\s_\-]+", "_", unicodedata.normalize("NFKC", name).casefold().strip()).strip("_")
