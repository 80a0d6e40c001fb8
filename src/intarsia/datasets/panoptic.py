"""Your own panoptic masks in COCO's format: PNGs whose colors are segment numbers, and a JSON file that says what each is.

FILE.json   images, annotations with segments_info, categories with isthing
FILE/*.png  number of a segment = R + 256 G + 65536 B; 0 for none
the images, anywhere below the folder, by the names that the JSON calls them
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..annotations.beside import Beside, passes
from ..annotations.coco_panoptic import label_space, read
from ..data.pairs import Pairs
from ..data.roles import TEST, TRAIN, VAL, of, role
from ..data.things import with_things
from ..errors import DataError, nearest
from ..labels import LabelSpace
from .release import held_out

TREE = """    FILE.json          with segments_info of each image
    FILE/NAME.png      a segment number in each color
    NAME.jpg           anywhere below the folder"""


def panoptic(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    file: str | None = None,
    holdout: float | None = None,
) -> Pairs:
    """Panoptic masks in COCO's format; objects are numbered, and crowds and stuff have no number.

    Args:
        split: what {split} stands for in `file`; "train" or "val" of a holdout; "all" for every image of one file.
        labels: another meaning of the categories' ids; 0 is no segment.
        file: the JSON below root; {split} stands for the split's name. Found when absent.
        holdout: share of the images, 0..1, that is "val"; which ones follows from their names alone.
    """
    root = Path(root)
    if holdout is not None and not 0 < holdout < 1:
        raise DataError(f"data.holdout is {holdout}; give the share of images to validate on, between 0 and 1")
    file, known = file or _only(root), splits(root, file=file, holdout=holdout)
    if split not in known and not (split == "all" and "{split}" not in file):
        raise DataError(
            f"{root}: there is no split {split!r} of {file}{nearest(split, known)}; or set data.holdout: 0.2"
        )
    held = holdout is not None and split in (TRAIN, VAL)
    own = splits(root, file=file)
    whole = next(iter(of(TRAIN, own)), own[0]) if held else split
    path = root / file.replace("{split}", whole)
    items, segments, categories = read(path, path.with_suffix(""), _finder(root, path.with_suffix("")))
    if held and holdout is not None:
        items = held_out(items, holdout, split)
    space = with_things(labels or label_space(categories), [c.name for c in categories if c.thing])
    return Pairs(items, space, name="panoptic", split=split, decode=segments)


def splits(root: str | Path, *, file: str | None = None, holdout: float | None = None) -> tuple[str, ...]:
    """The names that {split} stands for in the file, both sides of a holdout beside those of tests, or "all"."""
    root = Path(root)
    before, _, after = (file or "").partition("{split}")
    places = (
        [p.relative_to(root).as_posix() for p in root.glob(f"{before}*{after}")] if "{split}" in (file or "") else []
    )
    names = tuple(sorted(place[len(before) : len(place) - len(after)] for place in places))
    if holdout is not None:
        return (TRAIN, VAL, *(name for name in names if role(name) == TEST))
    return names or (("all",) if file is not None or files_of(root) else ())


def files_of(root: Path) -> list[Path]:
    """The panoptic files in a folder, and in the folders within it, that have a folder of masks of their name."""
    files = sorted({*root.glob("*.json"), *root.glob("*/*.json")}) if root.is_dir() else []
    return [f for f in files if f.with_suffix("").is_dir() and passes(f, _is_panoptic, ("segments_info", "categories"))]


def _is_panoptic(tree: Any) -> bool:
    listed = tree.get("annotations") if isinstance(tree, dict) else None
    return (
        isinstance(listed, list) and bool(listed) and all(isinstance(a, dict) and "segments_info" in a for a in listed)
    )


def _only(root: Path) -> str:
    """The one panoptic file of a folder.

    Raises: DataError where there is none, or several.
    """
    files = [path.relative_to(root).as_posix() for path in files_of(root)]
    if not files:
        raise DataError(f"{root}: holds no panoptic file; expected", TREE)
    if len(files) > 1:
        raise DataError(f"{root}: holds {len(files)} panoptic files ({', '.join(files[:4])}); name one in data.file")
    return files[0]


def _finder(root: Path, masks: Path) -> Callable[[str], Path | None]:
    """What finds an image by the name that the JSON calls it; masks are no images."""
    beside = Beside(root)
    images = {name: [p for p in paths if not p.is_relative_to(masks)] for name, paths in beside.named.items()}
    beside.named = {name: paths for name, paths in images.items() if paths}
    return beside.find
