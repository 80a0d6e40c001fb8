"""Masks of one class a file, in a folder for each class: found, paired, and laid over each other.

images/NAME.jpg  masks/car/NAME.png  masks/road/NAME.png       masks: "masks/{class}"
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import DataError, nearest
from ..labels import LabelSpace
from .codecs import SUFFIXES, decode_mask
from .find import IMAGES, MASKS
from .layout import Layout, pair
from .pairs import Pair, Raw

CLASS = "{class}"  # stands for a class's name in the folder of masks


def folders_of(root: Path, layout: Layout) -> tuple[Path, ...]:
    """The folders of masks that hold one class each, where the masks found are one of them."""
    home = root / layout.masks
    if "{split}" in layout.masks or "*" in layout.masks or home.parent == root.parent or home == root:
        return ()
    images = root / layout.images
    siblings = [p for p in sorted(home.parent.iterdir()) if p.is_dir() and p not in (images, images.parent)]
    if len(siblings) < 2 or home not in siblings:
        return ()
    names = {f.name for f in home.iterdir()}
    alike = [p for p in siblings if p == home or 2 * len(names & {f.name for f in p.iterdir()}) >= len(names)]
    if len(alike) < 2 or any(MASKS.search(p.name) or IMAGES.fullmatch(p.name) for p in alike):
        return ()
    for folder in alike:
        for path in sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES)[:4]:
            try:
                stored, _ = decode_mask(path)
            except DataError:
                continue
            if (stored.ndim == 3 and (stored[..., :3] != stored[..., :1]).any()) or len(np.unique(stored)) > 2:
                return ()
    return tuple(alike)


def laid_over(parts: Mapping[int, Path]) -> np.ndarray:
    """One mask of several files: [H, W], 0 where nothing is painted, else the number of the last file that paints there.

    Args:
        parts: number -> file, the lowest first; files that are not there paint nothing.

    Raises: DataError when a file cannot be read, they differ in size, or there is none.
    """
    whole: np.ndarray | None = None
    for number, path in parts.items():
        if not path.is_file():
            continue
        part = decode_mask(path)[0]
        part = part if part.ndim == 2 else part[..., :3].max(axis=2)
        if whole is None:
            whole = np.zeros(part.shape, np.uint8 if max(parts) < 256 else np.uint16)
        if whole.shape != part.shape:
            raise DataError(f"{path}: {part.shape[1]}x{part.shape[0]} pixels, unlike the masks of its other classes")
        whole[part > part.max(initial=0) // 2] = number
    if whole is None:
        raise DataError(f"{next(iter(parts.values()))}: there is no such file, nor one of another class")
    return whole


def planes(
    root: Path, split: str, layout: Layout, labels: LabelSpace
) -> tuple[list[Pair], partial[Raw], tuple[list[str], list[str]]]:
    """The pairs of such folders, their decoder, and the images that no class has a mask for.

    Args:
        layout: whose masks hold {class}.
        labels: the first class is what nothing covers; the others lie over each other in their order.

    Raises: DataError when a folder is no class, or a class but the first has no folder.
    """
    plain = LabelSpace(labels.names, labels.colors)
    if dict(labels.values) != dict(plain.values):
        raise DataError(f"{root}: masks of one class a file have no values; leave out labels.values")
    pattern = layout.masks.replace("{split}", split)
    before, _, after = pattern.partition(CLASS)
    depth = len(Path(before + "x").parts) - 1
    seen = {p.relative_to(root).parts[depth] for p in root.glob(pattern.replace(CLASS, "*")) if p.is_dir()}
    known = {name[len(before.rpartition("/")[2]) : len(name) - len(after.partition("/")[0])] for name in seen}
    if strange := sorted(known - set(labels.names)):
        raise DataError(
            f"{root}: {pattern.replace(CLASS, strange[0])} is of no class{nearest(strange[0], labels.names)}; "
            "list it under labels.classes"
        )
    if lacking := [name for name in labels.names[1:] if name not in known]:
        raise DataError(f"{root}: there is no folder {pattern.replace(CLASS, lacking[0])} for {lacking[0]!r}")
    images: dict[str, Path] = {}
    parts: dict[str, dict[int, Path]] = {}
    bare: set[str] | None = None
    strays: list[str] = []
    for number, name in enumerate(labels.names):
        if name in known:
            found, left = pair(root, layout._replace(masks=layout.masks.replace(CLASS, name)), split)
            bare = set(left[0]) if bare is None else bare & set(left[0])
            strays += left[1]
            for item in found:
                assert item.mask is not None
                images[item.name] = item.image
                parts.setdefault(item.name, {})[number] = item.mask
    items = [
        Pair(name, images[name], next(iter(parts[name].values())), (images[name], *parts[name].values()))
        for name in sorted(parts)
    ]
    return items, partial(_decode, parts), (sorted(bare or ()), strays)


def _decode(parts: dict[str, dict[int, Path]], item: Pair) -> Raw:
    return Raw(laid_over(parts[item.name]))
