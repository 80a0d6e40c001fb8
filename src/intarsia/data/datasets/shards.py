"""Samples in tar files (WebDataset's form), on this machine or on a server: for sets larger than the disk.

    train-000000.tar    0001.jpg  0001.seg.png  0002.jpg  0002.seg.png  ...
    index.json          where each file lies in its tar, and the label space; written by `intarsia data shard`

A tar is read by its members' places, not from front to back: locally with a seek, from a server with a request for
those bytes alone. So shards are shuffled and resumed exactly as files are, and nothing is kept on the disk.
"""

import json
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from ...errors import DataError, IntarsiaError, nearest
from ...labels import LabelSpace
from ...structures import Sample
from ..codecs import SUFFIXES, read_image, read_labels
from ..pairs import as_tensor

MASKS = ("seg.png", "mask.png", "label.png", "seg.tif", "seg.npy")  # what follows a sample's name, for its mask


class Place(NamedTuple):
    """Where a member's bytes lie."""

    shard: str
    offset: int
    size: int
    ending: str


class Item(NamedTuple):
    """One sample of a shard."""

    name: str
    image: Place
    mask: Place | None


class Shards:
    """A data set of tar files; its items are Samples.

    Raises: DataError that names shard and member when bytes cannot be read or decoded.
    """

    def __init__(self, root: str, split: str, items: Sequence[Item], labels: LabelSpace) -> None:
        self.root, self.split, self.items, self.labels, self.name = root, split, tuple(items), labels, "shards"
        if not self.items:
            raise DataError(f"{root}: the shards of {split!r} hold no sample")

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        item = self.items[index]
        image = self._decoded(item.image, item.name, read_image)
        if item.mask is None:
            raise DataError(f"{item.image.shard}: {item.name} has no mask; a mask is called {item.name}.{MASKS[0]}")
        labels = self._decoded(item.mask, item.name, lambda path: read_labels(path, self.labels))
        if labels.shape != image.shape[:2]:
            raise DataError(
                f"{item.image.shard}: {item.name} is {image.shape[1]}x{image.shape[0]} pixels, but its mask is "
                f"{labels.shape[1]}x{labels.shape[0]}; they must be of one size"
            )
        return Sample(as_tensor(image).permute(2, 0, 1), as_tensor(labels), item.name)

    def _decoded(self, place: Place, name: str, read: Any) -> Any:
        content = _bytes(f"{self.root.rstrip('/')}/{place.shard}", place.offset, place.size)
        with tempfile.NamedTemporaryFile(suffix=f".{place.ending.rsplit('.', 1)[-1]}") as file:
            file.write(content)
            file.flush()
            try:
                return read(Path(file.name))
            except IntarsiaError as error:
                told = str(error).replace(file.name, f"{place.shard}: {name}.{place.ending}")
                raise type(error)(told) from None


def shards(root: str | Path, split: str, *, labels: LabelSpace | None = None) -> Shards:
    """Tar files of images and masks.

    Args:
        root: a folder, or the address of one (https://...), with SPLIT-*.tar and, for an address, index.json.
        split: what the names of its shards begin with.
        labels: the meaning of the masks, where index.json does not tell.
    """
    root = str(root)
    index = _index(root)
    known = sorted({name.rpartition("-")[0] for name in index["shards"]})
    names = [name for name in index["shards"] if name.rpartition("-")[0] == split]
    if not names:
        raise DataError(f"{root}: there are no shards {split}-*.tar{nearest(split, known)}")
    space = labels or (LabelSpace.from_dict(index["labels"]) if index.get("labels") else None)
    if space is None:
        raise DataError(f"{root}: its index.json tells no classes; list them under labels.classes")
    items = []
    for shard in names:
        for name, members in index["shards"][shard].items():
            places = {ending: Place(shard, offset, size, ending) for ending, (offset, size) in members.items()}
            image = next((p for e, p in places.items() if f".{e.lower()}" in SUFFIXES), None)
            if image is None:
                raise DataError(f"{shard}: {name} has no image; its members end in {', '.join(places)}")
            items.append(Item(unquote(name), image, next((places[e] for e in MASKS if e in places), None)))
    return Shards(root, split, items, space)


def splits(root: str | Path) -> tuple[str, ...]:
    """What the names of the shards begin with."""
    return tuple(sorted({name.rpartition("-")[0] for name in _index(str(root))["shards"]}))


def _index(root: str) -> dict[str, Any]:
    """index.json, or, of a folder without it, what the tars' own headers say."""
    if _remote(root):
        return json.loads(_bytes(f"{root.rstrip('/')}/index.json"))
    folder = Path(root)
    if not folder.is_dir():
        raise DataError(f"{root}: there is no such folder")
    if (folder / "index.json").is_file():
        return json.loads((folder / "index.json").read_text(encoding="utf-8"))
    tars = sorted(folder.glob("*-*.tar"))
    if not tars:
        raise DataError(f"{root}: holds no tar files called SPLIT-NUMBER.tar; `intarsia data shard` writes them")
    return {"shards": {path.name: members(path) for path in tars}}


def members(path: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """name -> ending -> (offset, size) of a tar's files: a name ends at its first dot, as in WebDataset."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.isfile():
                    folder, slash, leaf = member.name.rpartition("/")
                    name, _, ending = leaf.partition(".")
                    found.setdefault(folder + slash + name, {})[ending] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{path}: no tar file that can be read ({error}); shards are not compressed") from None
    return found


def _remote(root: str) -> bool:
    return root.startswith(("http://", "https://"))


def _bytes(place: str, offset: int = 0, size: int | None = None) -> bytes:
    """Part of a file, or all of it."""
    try:
        if not _remote(place):
            with open(place, "rb") as file:
                file.seek(offset)
                content = file.read(-1 if size is None else size)
        else:
            request = urllib.request.Request(place)
            if size is not None:
                request.add_header("Range", f"bytes={offset}-{offset + size - 1}")
            with urllib.request.urlopen(request, timeout=60) as answer:
                if size is not None and answer.status != 206:
                    raise DataError(f"{place}: the server sends whole files only; use one that answers range requests")
                content = answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise DataError(f"{place}: cannot be read ({getattr(error, 'reason', None) or error})") from None
    if size is not None and len(content) != size:
        raise DataError(f"{place}: ends at byte {offset + len(content)}, within a sample; copy the shard again")
    return content
