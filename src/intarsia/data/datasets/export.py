"""What an annotation tool exported, trained on as it is: masks are drawn when a sample is read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import DataError, nearest
from ...labels import LabelSpace
from ..exports.convert import read
from ..exports.record import Picture, Project, draw, draw_objects, label_space
from ..pairs import Pair, Pairs, Raw
from .folder import held_out


@dataclass(frozen=True)
class Drawing:
    """Decodes a picture: its regions drawn, later ones over earlier ones, and numbered in their order."""

    source: str
    classes: tuple[str, ...]
    pictures: dict[str, Picture] = field(repr=False)  # what they are made of is among each pair's files

    def __call__(self, item: Pair) -> Raw:
        picture = self.pictures[item.name]
        return Raw(draw(picture, self.classes), draw_objects(picture), kept=True)


def drawn(
    project: Project, pictures: Sequence[Picture], place: Path, split: str, labels: LabelSpace | None, uncovered: str
) -> Pairs:
    """Some pictures of an export as a data set.

    Args:
        place: the export itself, a file or a folder.

    Raises: DataError when pictures are missing.
    """
    lost = [picture.name for picture in pictures if picture.image is None]
    if lost:
        shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        raise DataError(f"{project.source}: the images of {shown} are not found beside the export; put them there")
    packed = place.suffix == ".zip"  # its images lie elsewhere each time that it is opened
    around = place if packed or place.is_dir() else place.parent  # masks may lie beside a file that tells their names
    items = [
        Pair(picture.name, picture.image, place, (around,) if packed else (picture.image, around))
        for picture in pictures
        if picture.image is not None
    ]
    return Pairs(
        items,
        labels or label_space(project, uncovered),
        name=project.source,
        split=split,
        decode=Drawing(project.source, project.classes, {picture.name: picture for picture in pictures}),
        remarks=project.remarks,
    )


def export(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    tool: str | None = None,
    file: str | None = None,
    uncovered: str = "background",
    holdout: float | None = None,
) -> Pairs:
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
    pictures = list(project.pictures)
    if holdout is not None and split != "all":
        pictures = held_out(pictures, holdout, split)
    elif holdout is None and split != "all" and (file is None or "{split}" not in file):
        raise DataError(
            f"{root}: has no splits, so {split!r} is unknown; set data.holdout: 0.2 for a random fifth as 'val', or ask for 'all'"
        )
    return drawn(project, pictures, place, split, labels, uncovered)


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
