"""What a user calls a picture, as an array of the channels that a network was trained on.

files, folders, patterns  --expand-->  paths
path | PIL | array | tensor  --read-->  [H, W, C] uint8 | uint16  --fit_channels-->  [H, W, in_channels]
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..data.clips import form_of
from ..data.files.codecs import read_image
from ..data.files.formats import SUFFIXES, told_unread, unread
from ..data.regions.source import is_large
from ..documents import read_lines
from ..errors import DataError, nearest
from ..naming import distinct, key

_CHANNEL = re.compile(r"(.+)_\d{4}")  # nnU-Net's names of files that hold one channel
VOLUMES = (".nii", ".nii.gz")  # are read where they are named, or where a folder holds nothing else
DICOM = (".dcm", ".dicom")
LIST = "@"  # begins an input that is a file of paths
RESULTS = ("overlays", "probabilities", "uncertainty")  # folders of results beside the label maps


def expand(inputs: str | Path | Iterable[str | Path]) -> list[Path]:
    """The picture files that files, folders and patterns such as "day*/*.jpg" stand for, in order and each once.

    Of a folder, the picture files directly in it are taken, sorted by name, hidden ones left out; "folder/**/*.png"
    goes deeper. A file named in full is taken whatever its suffix; "@list.txt" is a file that lists paths, one a line, from its own folder.

    Raises: DataError for an input that is missing, a list with files that are missing, and a folder or pattern without pictures.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    found: dict[Path, None] = {}
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            found.update(dict.fromkeys(_pictures_in(path)))
        elif path.exists():
            found[path] = None
        elif str(text).startswith(LIST):
            found.update(dict.fromkeys(_listed(Path(str(text)[1:]))))
        elif glob.has_magic(str(text)):
            found.update(dict.fromkeys(_matching(str(text))))
        else:
            near = nearest(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
            near = near if near.startswith("; did") else ""
            raise DataError(f"there is no picture, folder or pattern {str(text)!r}{near}")
    if not found:
        raise DataError("no pictures given; name files, folders, or patterns such as 'day*/*.jpg'")
    return list(found)


def given_pictures(inputs: str | Path | Iterable[str | Path], whole_folders: bool = False) -> list[Path]:
    """The pictures that inputs stand for, as `expand`; stores of arrays are pictures, and on request every folder is.

    Raises: as `expand`.
    """
    inputs = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    found: dict[Path, None] = {}
    for one in inputs:
        folder = Path(one).is_dir()
        if folder and (whole_folders or is_large(Path(one))):
            found[Path(one) if Path(one).name not in ("", "..") else Path(one).resolve()] = None  # results need a name
        else:
            found.update(dict.fromkeys(expand([one])))
    return list(found) if inputs else expand([])


def channel_files(path: Path) -> tuple[Path, ...]:
    """The files of a picture in a folder of nnU-Net's, where each channel is a file: NAME_0000.png, NAME_0001.png, ...

    Such a folder has a dataset.json in it or beside it; of any other, the file alone.
    """
    found = _CHANNEL.fullmatch(path.stem)
    if found is None or not any((folder / "dataset.json").is_file() for folder in path.absolute().parents[:2]):
        return (path,)
    return tuple(sorted(path.parent.glob(f"{glob.escape(found[1])}_[0-9][0-9][0-9][0-9]{glob.escape(path.suffix)}")))


def whole_pictures(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The first file of each picture, and what each picture is called: see `channel_files`."""
    named: dict[Path, Path] = {}
    for path in paths:
        files = channel_files(path)
        named[files[0]] = path.with_stem(path.stem[:-5]) if files != (path,) else path
    return list(named), list(named.values())


def result_names(paths: Sequence[Path]) -> list[str]:
    """What to call the results of pictures, without ending: the stems of their names while no two are alike.

    Else each is called by its place below the folder that all of them share, such as "day1/a" and "day2/a"; and what is
    still alike, as `a.jpg` beside `a.png` or beside `A.jpg`, gets a number: "a", "a-2". A folder of pictures that is called
    as one of results becomes "overlays-2".
    """
    stems = [path.stem for path in paths]
    if len({key(stem) for stem in stems}) == len(stems):
        return stems
    places = [Path(os.path.abspath(path)) for path in paths]
    with suppress(ValueError):  # several drives share no folder
        shared = os.path.commonpath([place.parent for place in places])
        stems = [place.relative_to(shared).with_suffix("").as_posix() for place in places]
        stems = [f"{first}-2/{rest}" if rest and key(first) in RESULTS else f"{first}{slash}{rest}"
                 for first, slash, rest in (stem.partition("/") for stem in stems)]  # fmt: skip
    return distinct(stems)


def left_out(inputs: str | Path | Iterable[str | Path]) -> str:
    """One sentence about the files in the folders among `inputs` whose kind is not read; "" where there are none."""
    inputs = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    folders = [Path(text) for text in inputs if Path(text).is_dir()]
    taken = {p for folder in folders if not any(map(_is_picture, folder.iterdir())) for p in _volumes_in(folder)}
    return told_unread([path for path in unread(folders) if path not in taken])


def _volumes_in(folder: Path) -> list[Path]:
    ends = (*VOLUMES, *DICOM)
    return sorted(p for p in folder.iterdir() if p.name.lower().endswith(ends) and not p.name.startswith("."))


def _pictures_in(folder: Path) -> list[Path]:
    inside = sorted(p for p in folder.iterdir() if _is_picture(p)) or _volumes_in(folder)
    if not inside:
        deeper = sum(1 for p in folder.rglob("*") if _is_picture(p))
        where = f"; {deeper} lie deeper: write '{folder}/**/*'" if deeper else ""
        raise DataError(f"{folder}: the folder holds no pictures ({', '.join(SUFFIXES)}){where}")
    return inside


def _listed(path: Path) -> list[Path]:
    lines = [line.strip() for line in read_lines(path)]
    listed = [path.parent / line for line in lines if line and not line.startswith("#")]
    if not listed:
        raise DataError(f"{path}: the list names no pictures; write one path a line")
    missing = [one for one in listed if not one.exists()]
    if missing:
        shown = ", ".join(map(str, missing[:3])) + (", ..." if len(missing) > 3 else "")
        count = f"{len(missing)} of its {len(listed)} files {'is' if len(missing) == 1 else 'are'} missing"
        raise DataError(f"{path}: {count}: {shown}; correct the list")
    return listed


def _matching(pattern: str) -> list[Path]:
    matches = [Path(p) for p in sorted(glob.glob(pattern, recursive=True))]
    if not matches:
        raise DataError(f"nothing matches the pattern {pattern!r}")
    inside = [p for p in matches if _is_picture(p) or p.name.lower().endswith((*VOLUMES, *DICOM))]
    if not inside:
        raise DataError(f"none of the {len(matches)} matches of {pattern!r} is a picture ({', '.join(SUFFIXES)})")
    return inside


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not path.is_dir()


def read(image: str | Path | Image.Image | np.ndarray | Tensor) -> np.ndarray:
    """Any picture as [H, W, C] uint8 or uint16.

    Args:
        image: a file, an image of PIL's (taken as it is, not turned upright), an array [H, W] or [H, W, C], or a tensor
            [C, H, W] or [H, W]; raw integers, as a `Sample` holds them.

    Raises: DataError when it cannot be read, or holds other numbers than 8 or 16 bit.
    """
    if isinstance(image, str | Path):
        return read_image(image)
    if isinstance(image, Image.Image):
        pixels = _from_pillow(image)
    elif isinstance(image, Tensor):
        pixels = np.asarray(image.detach().cpu())
        pixels = pixels.transpose(1, 2, 0) if pixels.ndim == 3 else pixels
    elif isinstance(image, np.ndarray):
        pixels = image
    else:
        raise DataError(
            f"a {type(image).__name__} is no picture; give a path, a PIL image, an array [H, W, C] or a tensor [C, H, W]"
        )
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise DataError(
            f"a picture of shape {pixels.shape} cannot be read; give one array [H, W, C] or tensor [C, H, W], not empty"
        )
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.dtype == np.int32 and pixels.min() >= 0 and pixels.max() <= 65535:
        pixels = pixels.astype(np.uint16)  # how tensors hold 16-bit values
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DataError(
            f"a picture of {pixels.dtype} numbers of {pixels.min()}..{pixels.max()}; give raw values, 8 bit (uint8) or 16 bit (uint16): "
            "the predictor normalizes them itself"
        )
    return pixels


def _from_pillow(image: Image.Image) -> np.ndarray:
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode not in ("L", "LA", "RGB", "RGBA") and not image.mode.startswith("I"):
        raise DataError(f"a picture in {image.mode} colors; convert it to gray, RGB or RGBA")
    pixels = np.asarray(image)
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def fit_channels(pixels: np.ndarray, in_channels: int) -> tuple[np.ndarray, str]:
    """A picture in the network's number of channels, where that loses nothing, and a sentence about what was done.

    Gray is repeated into red, green and blue; a colored file that holds only gray gives up two of its three equal
    channels; an alpha channel that is opaque everywhere is left out.

    Args:
        pixels: [H, W, C] uint8 or uint16.

    Returns: [H, W, in_channels], and the sentence, empty when nothing was done.

    Raises: DataError when anything would be lost or made up.
    """
    have, done = pixels.shape[2], []
    if have == in_channels:
        return pixels, ""
    if have in (2, 4) and in_channels in (1, 3):
        opaque = np.iinfo(pixels.dtype).max
        if half := int((pixels[..., -1] != opaque).sum()):
            raise DataError(
                f"the picture has {have} channels, the last of which, alpha, is not opaque in {half} pixels, and the network "
                f"was trained on {in_channels}; lay the picture on a background first"
            )
        pixels, done = pixels[..., :-1], ["the opaque alpha channel was left out"]
    if pixels.shape[2] == 1 and in_channels == 3:
        return np.repeat(pixels, 3, axis=2), "; ".join([*done, "gray was repeated into red, green and blue"])
    if pixels.shape[2] == 3 and in_channels == 1:
        if (pixels != pixels[..., :1]).any():
            raise DataError(
                "the picture is in color, and the network was trained on gray ones; convert it to gray first, as the training images were"
            )
        return pixels[..., :1], "; ".join([*done, "one of three equal channels was kept"])
    if pixels.shape[2] == in_channels:
        return pixels, "; ".join(done)
    if in_channels > form_of(in_channels)[0] == pixels.shape[2]:
        raise DataError(
            f"the picture has {have} channels and the network was trained on {in_channels}: if these are frames of videos with "
            "the frame before, give `intarsia predict` a folder of frames or a video, and leave out --task"
        )
    turned = (
        f"; its first axis has {in_channels}: give arrays as [H, W, C] and tensors as [C, H, W]"
        if in_channels in pixels.shape[:2]
        else ""
    )
    raise DataError(
        f"the picture has {have} channels and the network was trained on {in_channels}; give pictures like those it was trained on{turned}"
    )


def to_tensor(pixels: np.ndarray) -> Tensor:
    """[H, W, C] uint8 or uint16 to [1, C, H, W] uint8 or int32, channels last in memory."""
    pixels = pixels.astype(np.int32) if pixels.dtype == np.uint16 else pixels
    if not pixels.flags.writeable or not pixels.flags.c_contiguous:
        pixels = pixels.copy()  # torch warns of read-only arrays, which decoders give, and refuses negative strides
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]
