"""What an annotation tool exported, trained on as it is: masks are drawn when a sample is read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ...errors import DataError, nearest
from ...labels import LabelSpace
from ...structures import Sample
from ..codecs import read_image
from ..exports.convert import read
from ..exports.record import Picture, Project, draw, draw_objects, label_space
from ..pairs import as_tensor
from .folder import held_out


class Drawn:
    """A data set of pictures with regions; its items are Samples with object numbers.

    Raises: DataError when pictures are missing.
    """

    def __init__(self, project: Project, pictures: Sequence[Picture], labels: LabelSpace, split: str) -> None:
        self.project, self.items, self.labels, self.split = project, tuple(pictures), labels, split
        self.name, self.remarks = project.source, project.remarks
        lost = [picture.name for picture in self.items if picture.image is None]
        if lost:
            shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
            raise DataError(f"{project.source}: the images of {shown} are not found beside the export; put them there")

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        picture = self.items[index]
        assert picture.image is not None
        image = read_image(picture.image)
        if image.shape[:2] != (picture.height, picture.width):
            raise DataError(
                f"{picture.image} is {image.shape[1]}x{image.shape[0]} pixels, but was annotated as "
                f"{picture.width}x{picture.height}; put the image there that was annotated"
            )
        labels = self.labels.encode(draw(picture, self.project.classes))
        objects = torch.from_numpy(draw_objects(picture).astype(np.int32))
        return Sample(as_tensor(image).permute(2, 0, 1), as_tensor(labels), picture.name, objects)


def export(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    tool: str | None = None,
    file: str | None = None,
    uncovered: str = "background",
    holdout: float | None = None,
) -> Drawn:
    """The export of an annotation tool.

    Args:
        labels: another meaning of the same classes: raw value 0 is what no region covers, n the n-th class.
        tool: its name, see `intarsia data convert --help`; found out when absent.
        file: the export within root, such as "annotations/instances_{split}.json"; {split} stands for the split's name.
        uncovered: the class of pixels that no region covers, or "ignore".
        holdout: share of the pictures, 0..1, that is "val"; which ones follows from their names alone.
    """
    root = Path(root)
    place = root if file is None else root / file.replace("{split}", split)
    if not place.exists():
        raise DataError(f"{place}: there is no such file or folder{nearest(split, splits(root, file=file))}")
    project = read(place, tool)
    pictures = project.pictures
    if holdout is not None and split != "all":
        pictures = held_out(list(pictures), holdout, split)
    elif holdout is None and split != "all" and (file is None or "{split}" not in file):
        raise DataError(
            f"{root}: has no splits, so {split!r} is unknown; set data.holdout: 0.2 for a random fifth as 'val', or ask for 'all'"
        )
    return Drawn(project, pictures, labels or label_space(project, uncovered), split)


def splits(root: str | Path, *, file: str | None = None, holdout: float | None = None) -> tuple[str, ...]:
    """The splits that `file` stands for, "train" and "val" of a holdout, or "all"."""
    if holdout is not None:
        return ("train", "val")
    if file is None or "{split}" not in file:
        return ("all",)
    before, _, after = file.partition("{split}")
    found = Path(root).glob(before + "*" + after)
    return tuple(
        sorted(str(p.relative_to(root))[len(before) : len(str(p.relative_to(root))) - len(after)] for p in found)
    )
