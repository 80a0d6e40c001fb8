"""Nuclei of the 2018 Data Science Bowl: one mask file for each nucleus, or run lengths in a table.

Caicedo et al. "Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl." Nature Methods 2019.
doi:10.1038/s41592-019-0612-7

    stage1_train/ID/images/ID.png  stage1_train/ID/masks/*.png          0 and 255
    stage1_train_labels.csv: ImageId,EncodedPixels                       start length ..., from 1, column by column
"""

import csv
from functools import partial
from pathlib import Path

import numpy as np

from ..annotations.beside import size_of
from ..data.files.codecs import decode_mask
from ..data.pairs import Pair, Pairs, Raw
from ..data.things import with_things
from ..documents import read_lines
from ..errors import DataError
from ..labels import LabelSpace
from .release import held_out

Runs = dict[str, list[list[int]]]  # of each image: of each nucleus: start, length, start, length, ...
LABELS = LabelSpace(("background", "nucleus"), ((20, 20, 40), (120, 200, 255)), {0: "background", 1: "nucleus"})


def nuclei(
    root: str | Path, split: str, *, labels: LabelSpace | None = None, part: str = "stage1_train", table: str | None = None,
    holdout: float = 0.2,
) -> Pairs:  # fmt: skip
    """The 2018 Data Science Bowl, with object numbers.

    Args:
        split: "train", "val" or "all": there is no official split of the training images.
        part: folder of the images.
        table: read the masks from this CSV of run lengths instead of from files.
        holdout: share of the images that is "val"; which ones follows from their names alone.
    """
    home = next((h for h in (Path(root) / part, Path(root)) if any(h.glob("*/images"))), None)
    if home is None:
        raise DataError(f"{root}: holds no {part}/ID/images; set data.root to the folder with {part}")
    items = []
    for folder in sorted(home.glob("*/images")):
        images = sorted(folder.glob("*.png"))
        if len(images) != 1:
            raise DataError(f"{folder}: holds {len(images)} images; there is one for each ID")
        masks = Path(root) / table if table else folder.parent / "masks"
        if not masks.exists():
            raise DataError(
                f"{masks}: is not there, but {images[0].name} needs it; test images have no masks of their own"
            )
        items.append(Pair(folder.parent.name, images[0], masks))
    runs = _runs(Path(root) / table) if table else None
    if runs is not None and (missing := [item.name for item in items if item.name not in runs]):
        raise DataError(f"{Path(root) / str(table)}: has no line for {missing[0]} ({len(missing)} images in all)")
    if split != "all":
        items = held_out(items, holdout, split)
    space = with_things(labels or LABELS, ("nucleus",))
    return Pairs(items, space, name="nuclei", split=split, channels=3, decode=partial(_decode, runs))


def splits(root: str | Path) -> tuple[str, ...]:
    """Both sides of the holdout."""
    return ("train", "val")


def _decode(runs: Runs | None, item: Pair) -> Raw:
    height, width = size_of(item.image)
    numbers = _files(item, height, width) if runs is None else _drawn(runs[item.name], height, width, item)
    return Raw((numbers > 0).astype(np.uint8), numbers)


def _files(item: Pair, height: int, width: int) -> np.ndarray:
    numbers = np.zeros((height, width), np.int32)
    assert item.mask is not None
    files = sorted(item.mask.glob("*.png"))
    if not files:
        raise DataError(f"{item.mask}: holds no mask; there is one PNG for each nucleus")
    for number, path in enumerate(files, 1):
        mask = decode_mask(path)[0]
        mask = mask[..., 0] if mask.ndim == 3 else mask
        if mask.shape != (height, width):
            raise DataError(f"{path} is {mask.shape[1]}x{mask.shape[0]} pixels, but its image is {width}x{height}")
        numbers[mask > 127] = number
    return numbers


def _runs(path: Path) -> Runs:
    """Run lengths of each nucleus, by image."""
    held: Runs = {}
    rows, number = csv.DictReader(read_lines(path)), 1
    while True:
        try:
            if (row := next(rows, None)) is None:
                return held
            number = rows.line_num
            held.setdefault(row["ImageId"], []).append([int(word) for word in (row["EncodedPixels"] or "").split()])
        except (KeyError, ValueError, AttributeError, csv.Error):
            raise DataError(f"{path}, line {number}: expected ImageId,EncodedPixels with pairs of numbers") from None


def _drawn(nuclei: list[list[int]], height: int, width: int, item: Pair) -> np.ndarray:
    numbers = np.zeros(height * width, np.int32)
    for number, runs in enumerate(nuclei, 1):
        if len(runs) % 2:
            raise DataError(f"{item.mask}: {item.name} has a start without a length; runs are pairs of numbers")
        for start, length in zip(runs[::2], runs[1::2], strict=True):
            if start < 1 or length < 0 or start - 1 + length > numbers.size:
                raise DataError(
                    f"{item.mask}: a run of {length} pixels from {start} leaves {item.name}, which is {width}x{height}"
                )
            numbers[start - 1 : start - 1 + length] = number
    return numbers.reshape(height, width, order="F")
