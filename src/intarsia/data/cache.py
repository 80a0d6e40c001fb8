"""Decoded samples in one file on disk, written once and read through the page cache by every worker and every run.

    samples.bin   image and labels of each sample, and all else that it has (planes and masks a bit each), one behind the other
    index.json    the key they were made from; shapes, types and offsets

The key is a hash of this program's version, of path, size and time of every file that a sample is read from, of the label
space, and of the functions that read them with their options: when any of these changes, the cache is built again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import torch

from ..errors import DataError
from ..output import begun, swept
from ..structures import Sample
from ..version import __version__
from .bits import packed, unpacked
from .dataset import holds
from .files.ahead import ahead
from .pairs import Pairs

_MAPS = ("objects", "depth", "classes", "previous")  # parts of a sample that are written as they are


class Cached:
    """A data set of files whose samples come from a cache on disk.

    Args:
        dataset: of pairs of files.
        folder: where caches lie; each data set has a folder of its own in it, named by its key.
        tell: gets (samples written, samples in all) while the cache is built.

    Raises: DataError when a sample cannot be read, the data set is not one of files, or the disk is full.
    """

    def __init__(self, dataset: Pairs, folder: str | Path, *, tell: Callable[[int, int], None] | None = None) -> None:
        if not isinstance(dataset, Pairs):
            what = holds(dataset)
            raise DataError(f"only data sets of image and mask files are cached on disk, not {what}; use cache: true")
        self.dataset, self.labels, self.name, self.split = dataset, dataset.labels, dataset.name, dataset.split
        self.items = dataset.items
        key = key_of(dataset)
        self.folder = Path(folder) / key[:16]
        self.built = not (self.folder / "index.json").is_file()
        if self.built:
            _build(dataset, self.folder, key, tell)
        self.index = json.loads((self.folder / "index.json").read_text(encoding="utf-8"))
        self.bytes = int(self.index["bytes"])

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        entry = self.index["samples"][index]
        image = self._take(entry["image"]).permute(2, 0, 1)
        maps = {key: self._take(entry[key]) for key in _MAPS if key in entry}
        planes = self._planes(entry["planes"], self.labels.num_classes) if "planes" in entry else None
        masks = self._planes(entry["masks"], entry["objects_drawn"]) if "masks" in entry else None
        tags = self.dataset.tagged(self.items[index])  # which follow from the data set, not from pixels
        return Sample(image, self._take(entry["labels"]), entry["name"], **maps, planes=planes, masks=masks, tags=tags)

    def _planes(self, where: dict[str, Any], count: int) -> torch.Tensor:
        return torch.from_numpy(unpacked(self._take(where).numpy(), count))

    def _take(self, where: dict[str, Any]) -> torch.Tensor:
        """One array of a sample: read, not mapped, so that what was read before is no memory of this process."""
        dtype, shape = np.dtype(where["dtype"]), where["shape"]
        held = np.fromfile(self.folder / "samples.bin", dtype, int(np.prod(shape)), offset=where["offset"])
        return torch.from_numpy(held.reshape(shape))


def key_of(dataset: Pairs) -> str:
    """What tells a data set of files from another, and from itself before a file changed: 32 hexadecimal digits.

    Raises: DataError for a file that is missing, or a hook that says not what it does.
    """
    digest = hashlib.blake2b(digest_size=16)
    hooks = [_told(hook) for hook in (dataset.image_hook, dataset.mask_hook)]
    digest.update(repr((__version__, dataset.labels.to_dict(), dataset.channels, hooks)).encode())
    seen: dict[Path, bytes] = {}
    for item in dataset.items:
        digest.update(repr((item.name, item.mask is None)).encode())
        files = (item.image, item.mask) if item.files is None else item.files
        for path in filter(None, files):
            if path not in seen:
                seen[path] = hashlib.blake2b(repr(_stamp(path)).encode(), digest_size=16).digest()
            digest.update(seen[path])
    return digest.hexdigest()


def _stamp(path: Path) -> list[tuple[str, int, int]]:
    """Path, size and time of a file, or of every file of a folder that holds the parts of masks."""
    try:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        return [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    except OSError:
        raise DataError(f"{path}: there is no such file") from None


def _told(hook: Any) -> str:
    """Which function reads a part of a sample, and what was given to it beforehand.

    Raises: DataError for what would look different in every process.
    """
    if hook is None:
        return ""
    if isinstance(hook, partial):
        return f"{_told(hook.func)} {hook.args!r} {hook.keywords!r}"
    if is_dataclass(hook):
        return f"{type(hook).__module__} {hook!r}"
    if not isinstance(hook, FunctionType):
        raise DataError(
            f"a part of the data set is read by {type(hook).__name__}, whose options the cache cannot see; "
            "read it by a function, a functools.partial or a dataclass"
        )
    return f"{hook.__module__}.{hook.__qualname__}"


def _build(dataset: Pairs, folder: Path, key: str, tell: Callable[[int, int], None] | None) -> None:
    made = folder.parent / begun()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        swept(folder.parent)
        made.mkdir()
        entries, offset = [], 0
        with (made / "samples.bin").open("wb") as file:
            for count, sample in enumerate(_read(dataset), 1):
                entry: dict[str, Any] = {"name": sample.name}
                held: dict[str, torch.Tensor | None] = {"image": sample.image.permute(1, 2, 0), "labels": sample.labels}
                held |= {what: getattr(sample, what) for what in _MAPS}
                arrays = {what: array.numpy() for what, array in held.items() if array is not None}
                if sample.planes is not None:
                    arrays["planes"] = packed(sample.planes.numpy())
                if sample.masks is not None:
                    arrays["masks"], entry["objects_drawn"] = packed(sample.masks.numpy()), len(sample.masks)
                for what, array in arrays.items():
                    raw = np.ascontiguousarray(array)
                    entry[what] = {"offset": offset, "shape": list(raw.shape), "dtype": raw.dtype.str}
                    offset += file.write(raw.data)
                entries.append(entry)
                if tell:
                    tell(count, len(dataset))
        index = {"key": key, "bytes": offset, "samples": entries}
        (made / "index.json").write_text(json.dumps(index), encoding="utf-8")
        if folder.exists():  # of another process that was quicker, or half of one that was killed
            shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    except OSError as error:
        if not (folder / "index.json").is_file():
            raise DataError(
                f"{folder}: the cache cannot be written ({error.strerror or error}); free room, or use cache: false"
            ) from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _read(dataset: Pairs) -> Iterator[Sample]:
    """All samples in order, decoded by a few threads, a few ahead."""
    return ahead(dataset.__getitem__, range(len(dataset)), most=8)
