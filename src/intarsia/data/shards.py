"""Samples in tar files (WebDataset's form), on this machine or on a server: for sets larger than the disk.

    train-000000.tar    0001.jpg  0001.seg.png  0002.jpg  0002.seg.png  ...
                        0001.objects.npy  0001.depth.npy  where they are known; 0003.unlabeled instead of a mask
                        0001.planes.npy   several labels a pixel, a bit each: [ceil(K / 8), H, W]; then 0001.seg.npy
                                          is 0 where pixels count, else the ignore index
                        0001.masks.npy 0001.kinds.npy   each object with all of its pixels, a bit each, and the raw
                                          values of their classes: [ceil(M / 8), H, W] and [M]
                        0001.before.npy   raw values and object numbers of the frame before: [2, H, W]
    index.json          where each file lies in its tar, the label space, and the classes of whole pictures where they
                        are known (tags); written by `intarsia data shard`

A tar is read by its members' places, not from front to back: locally with a seek, from a server with a request for
those bytes alone. So shards are shuffled and resumed exactly as files are, and nothing is kept on the disk.
"""

import hashlib
import http.client
import json
import os
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import numpy as np

from ..characters import HIDDEN
from ..errors import DataError, IntarsiaError, LabelError, nearest
from ..labels import LabelSpace
from ..limits import ANSWER, MEMBER
from ..output import begun, swept
from .bits import unpacked
from .files.codecs import raw_of, read_image
from .files.formats import SUFFIXES
from .files.npy import load
from .pairs import Pair, Pairs, Raw

MASKS = ("seg", "mask", "label")  # what stands between a sample's name and its mask's type
UNLABELED = "unlabeled"  # an empty member instead of a mask: nothing in the image has a label


class Place(NamedTuple):
    """Where a member's bytes lie."""

    shard: str
    offset: int
    size: int
    ending: str


@dataclass(frozen=True)
class Tars:
    """Where the members of samples lie, by name and by what they are."""

    root: str
    stamp: str  # of a server's index, which changes with it; local tars have times of their own
    places: dict[str, dict[str, Place]] = field(repr=False)

    def read(self, name: str, what: str, decode: Callable[[Path], Any]) -> Any:
        """What `decode` makes of a member.

        Raises: DataError or LabelError that names shard and member.
        """
        place = self.places[name][what]
        content = _bytes(f"{self.root.rstrip('/')}/{place.shard}", place.offset, place.size)
        with tempfile.NamedTemporaryFile(prefix=begun(), suffix=f".{place.ending.rsplit('.', 1)[-1]}") as file:
            file.write(content)
            file.flush()
            try:
                return decode(Path(file.name))
            except IntarsiaError as error:
                told = str(error).replace(file.name, f"{place.shard}: {name}.{place.ending}")
                raise type(error)(told) from None


def shards(root: str | Path, split: str, *, labels: LabelSpace | None = None) -> Pairs:
    """Tar files of images and masks.

    Args:
        root: a folder, or the address of one (https://...), with SPLIT-*.tar and, for an address, index.json.
        split: what the names of its shards begin with.
        labels: the meaning of the masks, where index.json does not tell.

    Raises: DataError when there are no such shards, or a sample has no image or no mask.
    """
    root = str(root)
    index, stamp = _index(root)
    known = sorted({name.rpartition("-")[0] for name in index["shards"]})
    names = [name for name in index["shards"] if name.rpartition("-")[0] == split]
    if not names:
        raise DataError(f"{root}: there are no shards {split}-*.tar{nearest(split, known)}")
    space = labels or _labels(root, index)
    if space is None:
        raise DataError(f"{root}: its index.json tells no classes; list them under labels.classes")
    items: list[Pair] = []
    held: dict[str, dict[str, Place]] = {}
    for shard in names:
        file = Path(shard if _remote(root) else f"{root}/{shard}")
        for name, members in index["shards"][shard].items():
            called = unquote(name)
            called = f"{shard.removesuffix('.tar')}/{called}" if called in held else called
            held[called] = _sorted(shard, name, {e: Place(shard, at, size, e) for e, (at, size) in members.items()})
            mask = file if "mask" in held[called] else None
            items.append(Pair(called, file, mask, () if _remote(root) else None))
    swept(Path(tempfile.gettempdir()))  # members that killed processes were reading
    tars = Tars(root, stamp, held)
    read, decode = partial(_image, tars), partial(_decode, tars, space)
    tags = _tags(root, index, split, space, items)
    return Pairs(items, space, name="shards", split=split, image=read, decode=decode, tags=tags)


def _tags(
    root: str, index: dict[str, Any], split: str, space: LabelSpace, items: list[Pair]
) -> dict[str, list[int]] | None:
    """The classes of each picture as a whole, by its name; None where the index tells of none.

    Raises: DataError for tags that are no class numbers, or do not tell of every picture.
    """
    tags = index.get("tags", {}).get(split) if isinstance(index.get("tags", {}), dict) else index["tags"]
    if tags is None:
        return None
    for item in items:
        numbers = tags.get(item.name) if isinstance(tags, dict) else None
        if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n < space.num_classes for n in numbers):
            raise DataError(
                f"{root}: its index.json has no list of class numbers (0..{space.num_classes - 1}) under tags for "
                f"{item.name!r}; `intarsia data shard` writes it"
            )
    found: dict[str, list[int]] = tags
    return found


def _labels(root: str, index: dict[str, Any]) -> LabelSpace | None:
    """The label space that an index tells, if it tells one."""
    if not index.get("labels"):
        return None
    try:
        return LabelSpace.from_dict(index["labels"])
    except LabelError as error:
        raise LabelError(f"{root}: its index.json: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(
            f"{root}: its index.json tells classes that cannot be read ({error}); list them under labels.classes"
        ) from None


def _sorted(shard: str, name: str, members: dict[str, Place]) -> dict[str, Place]:
    """The members of a sample by what they are."""
    found = {"image": next((p for e, p in members.items() if f".{e.lower()}" in SUFFIXES), None)}
    if found["image"] is None:
        raise DataError(f"{shard}: {name} has no image; its members end in {', '.join(members)}")
    masks = [f"{word}{suffix}" for word in MASKS for suffix in SUFFIXES]
    found["mask"] = next((members[e] for e in masks if e in members), None)
    if found["mask"] is None and UNLABELED not in members:
        raise DataError(f"{shard}: {name} has no mask; a mask is called {name}.seg.png")
    for what in ("objects", "depth", "planes", "masks", "kinds", "before"):
        found[what] = members.get(f"{what}.npy")
    return {what: place for what, place in found.items() if place is not None}


def _image(tars: Tars, item: Pair) -> np.ndarray:
    image: np.ndarray = tars.read(item.name, "image", read_image)
    return image


def _decode(tars: Tars, labels: LabelSpace, item: Pair) -> Raw:
    known = [what for what in ("objects", "depth", "kinds") if what in tars.places[item.name]]
    parts: dict[str, Any] = {what: tars.read(item.name, what, load) for what in known}
    if "kinds" in parts and (parts["kinds"].ndim != 1 or parts["kinds"].dtype.kind not in "iu"):
        raise DataError(
            f"{item.name}: kinds of shape {list(parts['kinds'].shape)}; write a whole number for each object"
        )
    classes, nodata = tars.read(item.name, "mask", lambda path: raw_of(path, labels.by_color))
    if "masks" in tars.places[item.name]:
        count = len(parts["kinds"]) if "kinds" in parts else None
        parts["masks"] = tars.read(item.name, "masks", partial(_planes, count, "masks"))
    if "before" in tars.places[item.name]:
        before = tars.read(item.name, "before", load)
        if before.ndim != 3 or len(before) != 2 or before.dtype.kind not in "iu":
            raise DataError(f"{item.name}: before of shape {list(before.shape)}; write whole numbers [2, H, W]")
        parts["before"] = Raw(before[0], before[1], kept=True)
    if not labels.planes:
        return Raw(classes, **parts, nodata=nodata, kept=True)
    if "planes" not in tars.places[item.name]:
        raise DataError(
            f"{item.name}: has one mask and no planes, but labels.planes asks for {labels.num_classes}, one a class; leave "
            "labels.planes out"
        )
    planes = tars.read(item.name, "planes", partial(_planes, labels.num_classes, "planes"))
    return Raw(classes, **parts, kept=True, planes=planes, ignored=classes == labels.ignore_index)


def _planes(count: int | None, what: str, path: Path) -> np.ndarray:
    """The planes or masks [count, H, W] of a member: one bit each, or as bool; any number of them as bool where count is None.

    Raises: DataError for anything else.
    """
    held = load(path)
    if count is not None and held.ndim == 3 and held.dtype == np.uint8 and len(held) == -(-count // 8):
        return unpacked(held, count)
    if held.ndim == 3 and held.dtype == bool and count in (len(held), None):
        return held
    bits = "" if count is None else f", or a bit each in uint8 [{-(-count // 8)}, H, W]"
    raise DataError(
        f"{path}: {held.dtype} of shape {list(held.shape)} is no {'' if count is None else f'{count} '}{what}; write bool "
        f"[{'M' if count is None else count}, H, W]{bits}"
    )


def splits(root: str | Path) -> tuple[str, ...]:
    """What the names of the shards begin with."""
    return tuple(sorted({name.rpartition("-")[0] for name in _index(str(root))[0]["shards"]}))


def _index(root: str) -> tuple[dict[str, Any], str]:
    """index.json, or, of a folder without it, what the tars' own headers say; and what tells a server's from a later one."""
    if _remote(root):
        place = f"{root.rstrip('/')}/index.json"
        content, changed = _asked(urllib.request.Request(place), most=ANSWER)
        return _checked(place, content), f"{changed} {hashlib.blake2b(content, digest_size=16).hexdigest()}"
    folder = Path(root)
    if not folder.is_dir():
        raise DataError(f"{root}: there is no such folder")
    if (file := folder / "index.json").is_file():
        if (size := file.stat().st_size) > ANSWER:
            raise DataError(f"{file}: {size:,} bytes; an index of at most {ANSWER:,} is read")
        return _checked(file, file.read_bytes()), ""
    tars = sorted(folder.glob("*-*.tar"))
    if not tars:
        raise DataError(f"{root}: holds no tar files called SPLIT-NUMBER.tar; `intarsia data shard` writes them")
    return {"shards": {path.name: members(path) for path in tars}}, ""


def _checked(place: str | Path, content: bytes) -> dict[str, Any]:
    """An index as it must be: shards, their samples, their members, and where each begins and how long it is.

    Raises: DataError for anything else, such as the page of an error that a server sends.
    """
    told = f"{place}: no index of shards"
    write = "`intarsia data shard` writes it"
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError, MemoryError):
        kind = "a page of HTML" if content[:200].lstrip().lower().startswith((b"<!doctype", b"<html")) else "no JSON"
        raise DataError(f"{told} but {kind}; {write}, and check the address") from None
    shards = tree.get("shards") if isinstance(tree, dict) else None
    if not isinstance(shards, dict):
        raise DataError(f"{told}: it has no mapping `shards`; {write}")
    for shard, samples in shards.items():
        if not _plain(shard):
            raise DataError(f"{told}: it names {shard!a}, and a shard is a file SPLIT-NUMBER.tar in the same folder")
        if not isinstance(samples, dict):
            raise DataError(f"{told}: {shard} holds no mapping of samples; {write}")
        for name, found in samples.items():
            if not isinstance(found, dict) or not all(map(_is_place, found.values())):
                raise DataError(
                    f"{told}: {shard}: {name!a} has no members with [offset, size], sizes of at most {MEMBER:,}; {write}"
                )
    index: dict[str, Any] = tree
    return index


def _plain(shard: str) -> bool:
    """Whether a shard's name stays in its folder."""
    return bool(shard) and "/" not in shard and "\\" not in shard and not HIDDEN.search(shard)


def _is_place(value: Any) -> bool:
    whole = isinstance(value, list | tuple) and len(value) == 2 and all(type(number) is int for number in value)
    return whole and 0 <= value[0] < 1 << 62 and 0 <= value[1] <= MEMBER


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
    except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError) as error:
        raise DataError(f"{path}: no tar file that can be read ({error}); shards are not compressed") from None
    return found


def _remote(root: str) -> bool:
    return root.startswith(("http://", "https://"))


def _bytes(place: str, offset: int, size: int) -> bytes:
    """Part of a file."""
    if _remote(place):
        request = urllib.request.Request(place, headers={"Range": f"bytes={offset}-{offset + size - 1}"})
        content = _asked(request, expected=206, most=size)[0] if size else b""
    else:
        try:
            with open(place, "rb") as file:
                file.seek(offset)
                content = file.read(min(size, max(0, os.fstat(file.fileno()).st_size - offset)))
        except OSError as error:
            raise DataError(f"{place}: cannot be read ({error})") from None
    if len(content) != size:
        raise DataError(f"{place}: ends at byte {offset + len(content)}, within a sample; copy the shard again")
    return content


def _asked(request: urllib.request.Request, most: int, expected: int = 200) -> tuple[bytes, str]:
    """What a server answers, and when it says that this was changed.

    Raises: DataError when it answers otherwise, or with more than `most` bytes, which are not read.
    """
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            if answer.status != expected:
                raise DataError(
                    f"{request.full_url}: the server sends whole files only; use one that answers range requests"
                )
            content = answer.read(most + 1)
            if len(content) > most:
                raise DataError(
                    f"{request.full_url}: the server sends more than the {most:,} bytes that were asked for"
                )
            return content, f"{answer.headers.get('ETag')} {answer.headers.get('Last-Modified')}"
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{request.full_url}: cannot be read ({getattr(error, 'reason', None) or error})") from None
