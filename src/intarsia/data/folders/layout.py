"""How a folder of images and masks is laid out: finding a release and its files, and which mask belongs to which image."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...documents import read_text
from ...errors import DataError, TwiceNamed
from ...naming import climbs
from ..files.codecs import read_image
from ..files.formats import SUFFIXES
from ..pairs import Pair
from .planes import files_of, stacked

CHANNEL, FIRST = "{channel}", "0000"  # nnU-Net's: a file a channel, counted from 0


def composed(name: str) -> str:
    """A name with its accents as part of the letters (Unicode NFC): some systems write them apart, and mean the same."""
    return unicodedata.normalize("NFC", name)


class Layout(NamedTuple):
    """Where images and masks lie below a root, in the words of the data set `folder`."""

    images: str  # a folder; "{split}" stands for the split's name, "*" for any one folder
    masks: str  # the same; with "{class}", "{name}/{class}" or "{name}/{object}" at its end, see `planes`
    image_suffix: str = (
        ""  # how an image's file name ends after the part that it shares with its mask; {channel}: 0000, 0001, ...
    )
    mask_suffix: str = ""
    splits: tuple[str, ...] = ()  # names that {split} was seen to take
    pairs: int = 0  # how many were found
    rivals: tuple[str, ...] = ()  # other folders of masks that would fit as well


def pair(
    root: Path, layout: Layout, split: str, twice: list[TwiceNamed] | None = None
) -> tuple[list[Pair], tuple[list[str], list[str]]]:
    """The pairs of a split, in the order of their names, and what was left over: (images, masks) without a partner.

    Args:
        twice: gets the errors about names that stand for two files, of which the commoner type is taken then.

    Raises: DataError when a folder is missing, or when one name stands for two files and `twice` is absent.
    """
    if stacked(layout.masks):
        return _stacks(root, layout, split, twice)
    both_sides = (layout.images, layout.image_suffix, "images"), (layout.masks, layout.mask_suffix, "masks")
    images, masks = (
        _named(root, pattern, split, suffix, what, other[1] if other[0] == pattern else "", twice)
        for (pattern, suffix, what), other in zip(both_sides, both_sides[::-1], strict=True)
    )
    both = sorted(set(images) & set(masks))
    items = [_also(Pair(name, images[name], masks[name]), layout.image_suffix) for name in both]
    left = [str(images[n].relative_to(root)) for n in sorted(set(images) - set(masks))]
    right = [str(masks[n].relative_to(root)) for n in sorted(set(masks) - set(images))]
    return items, (left, right)


def composed_differently(items: Iterable[Pair]) -> str:
    """One sentence about images and masks whose names are one to a reader and differ in their bytes; "" where none do."""
    odd = [
        i.name
        for i in items
        if i.mask is not None
        and unicodedata.is_normalized("NFC", i.image.name) != unicodedata.is_normalized("NFC", i.mask.name)
    ]
    if not odd:
        return ""
    return (
        f"{len(odd)} of the images' and masks' names have their accents as part of the letters on one side and apart on the "
        f"other (Unicode NFC and NFD; the first: {odd[0]}); they are read as one name"
    )


def image_of(item: Pair) -> np.ndarray:
    """The image of a pair [H, W, C], of which each channel may be a file of its own.

    Raises: DataError when a file cannot be read, and where the channels differ in size or bits.
    """
    parts = [path for path in item.files or () if path != item.mask] if item.mask and item.mask.is_file() else []
    if len(parts) < 2:
        return read_image(item.image)
    return channels_of(parts)


def channels_of(files: Sequence[Path]) -> np.ndarray:
    """The image [H, W, C] of files that hold its channels.

    Raises: DataError when a file cannot be read, and where the channels differ in size or bits.
    """
    channels = [read_image(path) for path in files]
    for path, channel in zip(files, channels, strict=True):
        if channel.shape[:2] != channels[0].shape[:2] or channel.dtype != channels[0].dtype:
            raise DataError(
                f"{path}: has another size, or other numbers, than {files[0].name}, a channel of the same image"
            )
    return np.concatenate(channels, axis=2)


def _also(item: Pair, suffix: str) -> Pair:
    """A pair with all files of its image, where a file holds one channel: NAME_0000.png, NAME_0001.png, ..."""
    if CHANNEL not in suffix:
        return item
    before, _, after = suffix.partition(CHANNEL)
    start = item.image.name[: len(item.image.name) - len(ending(item.image.name, suffix.replace(CHANNEL, FIRST)) or "")]
    files = [item.image]
    while (more := item.image.with_name(f"{start}{before}{len(files):04d}{after or item.image.suffix}")).is_file():
        files.append(more)
    return item.also(*files[1:]) if len(files) > 1 else item


def _stacks(
    root: Path, layout: Layout, split: str, twice: list[TwiceNamed] | None
) -> tuple[list[Pair], tuple[list[str], list[str]]]:
    """The same of masks in several planes; the mask of a pair is the folder that holds its planes."""
    images = _named(root, layout.images, split, layout.image_suffix, "images", "", twice)
    planes = files_of(root, layout.masks, split, layout.mask_suffix)
    folder = {
        name: files[0][1].parent if "{name}" in layout.masks else files[0][1].parent.parent
        for name, files in planes.items()
    }
    items = [
        Pair(name, images[name], folder[name], (images[name], *(path for _, path in planes[name])))
        for name in sorted(set(images) & set(planes))
    ]
    left = [str(images[n].relative_to(root)) for n in sorted(set(images) - set(planes))]
    right = [str(planes[n][0][1].relative_to(root)) for n in sorted(set(planes) - set(images))]
    return items, (left, right)


def _named(
    root: Path, pattern: str, split: str, suffix: str, what: str, other: str, twice: list[TwiceNamed] | None = None
) -> dict[str, Path]:
    """The files of a folder pattern whose names end in `suffix`, by the name without it."""
    folders = (
        sorted(f for f in root.glob(pattern.replace("{split}", split)) if f.is_dir())
        if pattern not in ("", ".")
        else [root]
    )
    if not folders:
        raise DataError(f"{root / pattern.replace('{split}', split)}: there is no such folder of {what}")
    suffix = suffix.replace(CHANNEL, FIRST)
    found: dict[str, Path] = {}
    for folder in folders:
        prefix = f"{_stars(pattern.replace('{split}', split), folder.relative_to(root))}" if "*" in pattern else ""
        inside = sorted(folder.iterdir())
        types = Counter(path.suffix.lower() for path in inside)
        for path in inside:
            end = ending(path.name, suffix)
            if end is None or (other and len(other) > len(suffix) and ending(path.name, other) is not None):
                continue
            name = composed(prefix + path.name[: len(path.name) - len(end)])
            if name in found:
                error = TwiceNamed(
                    f"{found[name]} and {path} are both {what} named {name!r}; keep one, or set {what[:-1]}_suffix to the ending you want",
                    first=found[name],
                    second=path,
                )
                if twice is None:
                    raise error
                twice.append(error)
                path = max(found[name], path, key=lambda p: types[p.suffix.lower()])
            found[name] = path
    return found


def ending(name: str, suffix: str) -> str | None:
    """What stands after the shared part of a file's name: `suffix`, and the extension where it names none; None if it does not fit."""
    dot = name.rfind(".")
    if name.startswith(".") or name[dot:].lower() not in SUFFIXES:
        return None
    if "." in suffix:
        return suffix if name.endswith(suffix) and len(name) > len(suffix) else None
    return name[dot - len(suffix) :] if name[:dot].endswith(suffix) and dot > len(suffix) else None


def _stars(pattern: str, folder: Path) -> str:
    """What the stars of a pattern stand for in one folder, as the beginning of a name: "Tile 1_"."""
    parts = zip(Path(pattern).parts, folder.parts, strict=True)
    return "".join(f"{part}_" for wish, part in parts if "*" in wish)


def listed(root: Path, file: Path, layout: Layout | None) -> list[Pair]:
    """The pairs that a list file names: a line holds an image and its mask, or one name that the layout's folders hold.

    Paths may carry the prefix of another machine: leading folders are dropped until the rest exists below `root`.

    Raises: DataError with the number of the first line that names nothing.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(f"{file}: there is no such list of files") from None
    except UnicodeDecodeError:
        raise DataError(f"{file}: not a text file; a list holds an image and a mask a line") from None
    images: Mapping[str, Path] | None = None
    masks: Mapping[str, Path] = {}
    items = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = [w.strip() for w in re.split(r"[\t,;]", line.strip()) if w.strip()]
        words = line.split() if len(words) == 1 else words
        if len(words) > 1 and all(Path(w).suffix.lower() in SUFFIXES for w in words[:2]):
            image, mask = (_below(root, file.parent, w) for w in words[:2])
            if image and mask:
                items.append(Pair(_short(image.name, layout.image_suffix if layout else ""), image, mask))
                continue
            if layout is None:
                entry = words[1] if image else words[0]
                raise DataError(
                    f"{file}, line {number}: {entry!r} is not below {root}, with or without its leading folders; correct the list, or add the file"
                )
        if layout is None:
            raise DataError(
                f"{file}, line {number}: {line.strip()!r} names no image and mask; write two paths a line, or say in which folders the names are (images, masks)"
            )
        if images is None:
            images = _named(
                root,
                layout.images,
                file.stem,
                layout.image_suffix,
                "images",
                layout.mask_suffix if layout.images == layout.masks else "",
            )
            masks = _named(
                root,
                layout.masks,
                file.stem,
                layout.mask_suffix,
                "masks",
                layout.image_suffix if layout.images == layout.masks else "",
            )
        name = next(
            (
                n
                for w in (line.strip(), words[0])
                for n in (composed(w), composed(_short(Path(w).name, layout.image_suffix)))
                if n in images
            ),
            None,
        )
        if name is None or name not in masks:
            what, where = ("image", layout.images) if name is None else ("mask", layout.masks)
            raise DataError(
                f"{file}, line {number}: no {what} for {line.strip()!r} in {root / where}; correct the list, or add the file"
            )
        items.append(_also(Pair(name, images[name], masks[name]), layout.image_suffix))
    return items


def words_of(file: Path) -> list[str]:
    """The words of a list, names or paths below the data set's folder.

    Raises: DataError when it cannot be read, and for a word that leads out of the folder.
    """
    words = read_text(file).split()
    if odd := next((word for word in words if climbs(word)), None):
        raise DataError(f"{file}: lists {odd[:80]!r}, which leads out of the data set's folder; correct the list")
    return words


def _short(name: str, suffix: str) -> str:
    end = ending(name, suffix)
    return name[: len(name) - len(end)] if end else Path(name).stem


def _below(root: Path, beside: Path, entry: str) -> Path | None:
    parts = [p for p in Path(entry.replace("\\", "/")).parts if p not in ("/", ".", "..")]
    for start in range(len(parts)):
        for folder in (root, beside):
            if (path := folder.joinpath(*parts[start:])).is_file():
                return path
    return None


def nothing(folders: Mapping[str, Iterable[str]]) -> str:
    """The sentence about files that do not match: five names of each side."""
    shown = [
        f"{folder or '.'}: {', '.join(sorted(names)[:5])}"
        for folder, names in sorted(folders.items(), key=lambda f: -len(list(f[1])))[:2]
    ]
    return f"no image has a mask of its name ({'; '.join(shown)}); masks need the image's name, or one more ending such as _mask"
