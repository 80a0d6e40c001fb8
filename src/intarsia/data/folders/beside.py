"""Maps of object numbers and of depth that lie in folders of their own, beside the masks, under the same names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import DataError, LabelError, nearest
from ..files.codecs import raw_of, stored_mask
from ..files.formats import SUFFIXES
from ..files.id_maps import read_ids
from ..files.npy import load
from ..files.object_masks import SUFFIX, read_object_masks
from ..pairs import Pair, Raw


@dataclass(frozen=True)
class Beside:
    """Decodes a mask and the maps beside it."""

    by_color: bool  # how a mask is read where nothing else decodes it
    objects: Mapping[str, Path] | None = field(repr=False)  # by the pair's name; each is among the pair's files
    depth: Mapping[str, Path] | None = field(repr=False)
    told: str  # what else decodes masks, for a cache
    decode: Callable[[Pair], Raw] | None = field(repr=False)
    kinds: Mapping[str, int] = field(default_factory=dict)  # name of a class -> its raw value, for objects that overlap

    def __call__(self, item: Pair) -> Raw:
        assert item.mask is not None
        if self.decode is None:
            classes, nodata = raw_of(item.mask, self.by_color)
            raw = Raw(classes, nodata=nodata)
        else:
            raw = self.decode(item)
        if self.objects is not None:
            raw = self._with_objects(raw, self.objects[item.name])
        return raw if self.depth is None else raw._replace(depth=meters(self.depth[item.name]))

    def _with_objects(self, raw: Raw, path: Path) -> Raw:
        """The same with the object numbers of a map, or with the masks of objects that overlap."""
        if path.suffix.lower() != SUFFIX:
            return raw._replace(objects=read_ids(path).astype(np.int64))
        found = read_object_masks(path)
        if unknown := [name for name in found.classes if name not in self.kinds]:
            raise LabelError(
                f"{path}: holds objects of {unknown[0]!r}, which labels.classes does not name{nearest(unknown[0], self.kinds)}"
            )
        kinds = np.array([self.kinds[name] for name in found.classes], np.int64)
        return raw._replace(objects=found.objects, masks=found.masks, kinds=kinds)


def meters(path: Path) -> np.ndarray:
    """Read a map of depth: whole numbers are millimeters, others meters; 0, below 0 and what is no number are unknown.

    Returns: [H, W] float32, nan where unknown.

    Raises: DataError for a file of several channels.
    """
    far = load(path) if path.suffix == ".npy" else stored_mask(path).array
    far = far[..., 0] if far.ndim == 3 and far.shape[2] == 1 else far
    if far.ndim != 2:
        raise DataError(f"{path}: an array of shape {list(far.shape)}; depth is one number for each pixel, [H, W]")
    known = far.astype(np.float32) / (1000 if far.dtype.kind in "iu" else 1)
    return np.where(np.isfinite(known) & (known > 0), known, np.float32(np.nan))


def beside(root: Path, folder: str, items: Sequence[Pair], what: str) -> dict[str, Path]:
    """Find the file of each pair in a folder of maps, by the name of the pair or of its mask.

    Args:
        folder: below root.
        what: the key that names it, for messages.

    Raises: DataError where the folder or a file is missing, or two files have one name.
    """
    home = root / folder
    if not home.is_dir():
        known = [path.name for path in root.iterdir() if path.is_dir()]
        raise DataError(f"{home}: there is no such folder, which data.{what} names{nearest(folder, known)}")
    found: dict[str, Path] = {}
    for path in sorted(home.rglob("*")):
        if path.suffix.lower() in SUFFIXES or (what == "objects" and path.suffix.lower() == SUFFIX):
            name = path.relative_to(home).with_suffix("").as_posix()
            if name in found:
                raise DataError(f"{found[name]} and {path} are of one name; keep one of them")
            found[name] = path
    maps = {}
    for item in items:
        names = (item.name, item.mask.stem if item.mask else "", item.image.stem)
        fitting = next((found[name] for name in names if name in found), None)
        if fitting is None and item.mask is not None:
            raise DataError(f"{home}: holds no map of {item.name}; data.{what} needs one for each mask")
        if fitting is not None:
            maps[item.name] = fitting
    return maps
