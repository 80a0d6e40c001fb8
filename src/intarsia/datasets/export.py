"""What an annotation tool exported, trained on as it is: masks are drawn when a sample is read."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..annotations.convert import read
from ..annotations.objects import objects_of
from ..annotations.project import Picture, Project, label_space, paint
from ..annotations.project import planes as planes_of
from ..annotations.remarks import said
from ..annotations.splits import declared, part, to_train_on
from ..data.dataset import Fault
from ..data.pairs import Pair, Pairs, Raw
from ..data.roles import KNOWN, TEST, TRAIN, VAL, of, role
from ..data.things import with_things
from ..errors import DataError, LabelError, nearest
from ..labels import IGNORE, LabelSpace
from ..structures import Objects
from .release import held_out

INSTANCES = (
    "coco",
    "yolo",
)  # tools whose annotations are objects, one and all; where others draw, labels.things says which


@dataclass(frozen=True)
class Drawing:
    """Decodes a picture: its regions drawn, later ones over earlier ones, and numbered in their order.

    A crowd, many objects that were not told apart, is drawn in its class and has no number.
    """

    source: str
    classes: tuple[str, ...]
    numbers: tuple[int, ...]  # the raw value of what no region covers, 0, and of each of the classes
    pictures: dict[str, Picture] = field(repr=False)  # what they are made of is among each pair's files
    overlaps: bool = False  # whether each object keeps all of its pixels beside

    def __call__(self, item: Pair) -> Raw:
        picture = self.pictures[item.name]
        table = np.array(self.numbers, np.uint8 if max(self.numbers) < 256 else np.uint16)
        painted = paint(picture, self.classes)
        seen = painted.objects
        if painted.crowds:
            seen = np.where(np.isin(seen, painted.crowds), 0, seen)
        raw = Raw(table[painted.values], seen, kept=True, covered=painted.covered, under=painted.under)
        if not self.overlaps:
            return raw
        masks, kinds, objects = told_apart(objects_of(picture, self.classes), painted.objects)
        return raw._replace(objects=objects, masks=masks, kinds=table[kinds + 1], under=0)

    def rows(self, item: Pair) -> tuple[np.ndarray, np.ndarray]:
        """Draw each object with all of its pixels: masks [M, H, W] bool, and the raw value of the class of each, [M]."""
        table = np.array(self.numbers, np.uint8 if max(self.numbers) < 256 else np.uint16)
        masks, kinds, _ = told_apart(objects_of(self.pictures[item.name], self.classes), None)
        return masks, table[kinds + 1]


def told_apart(drawn: Objects, numbers: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Masks [M, H, W], classes [M] and object numbers of what is no crowd and has a class; numbers follow the rows."""
    masks, kinds = np.asarray(drawn.shapes), np.asarray(drawn.classes)
    stays = (kinds >= 0) & ~np.asarray(drawn.crowd, bool)
    if numbers is not None:
        numbers = np.concatenate([[0], np.cumsum(stays) * stays]).astype(np.int32)[numbers]
    return masks[stays], kinds[stays], numbers


@dataclass(frozen=True)
class Stack:
    """Decodes a picture of several labels a pixel: the regions of each class by themselves, so that overlaps survive."""

    names: tuple[str, ...]
    pictures: dict[str, Picture] = field(repr=False)  # what they are made of is among each pair's files
    overlaps: bool = False  # whether each object has its own mask beside

    def __call__(self, item: Pair) -> Raw:
        picture = self.pictures[item.name]
        held = planes_of(picture, (*self.names, IGNORE))
        raw = Raw(np.zeros(held.shape[1:], np.uint8), planes=held[:-1], ignored=held[-1])
        if not self.overlaps:
            return raw
        masks, kinds, _ = told_apart(objects_of(picture, self.names), None)
        return raw._replace(masks=masks, kinds=kinds)


def stacked(project: Project, labels: LabelSpace, pictures: Sequence[Picture], overlaps: bool) -> Stack:
    """What reads the pictures of a project for a label space of planes, whose classes go by their names.

    Raises: LabelError for a class of the project that the labels do not name.
    """
    for name in project.classes:
        if name not in (*labels.names, IGNORE):
            raise LabelError(
                f"{project.source}: holds regions of {name!r}, which labels.classes does not name{nearest(name, labels.names)}"
            )
    return Stack(labels.names, {picture.name: picture for picture in pictures}, overlaps)


def numbers(
    project: Project, labels: LabelSpace | None, uncovered: str, classes: Sequence[str] | None, several: bool
) -> tuple[int, ...]:
    """The raw value of what no region covers, 0, and of each class of a project.

    One split may list its classes in another order than the next, or lack one. So they go by their names, and by their
    places only where `labels` calls them something else and there is but one list.

    Args:
        labels: the label space that will read the raw values; None: the project's own.
        classes: the names in the order of the raw values from 1 on, where somebody listed them.
        several: whether there are other splits, whose lists may differ.

    Raises: LabelError for a class that has no raw value, or that of uncovered pixels.
    """
    if classes is not None:
        if lacking := [name for name in project.classes if name not in classes]:
            raise LabelError(f"{project.source}: data.classes lists no {lacking[0]!r}{nearest(lacking[0], classes)}")
        return (0, *(classes.index(name) + 1 for name in project.classes))
    if labels is None:
        return tuple(range(len(project.classes) + 1))
    known = {name: raw for raw, name in labels.values.items() if isinstance(raw, int) and raw > 0}
    known |= {uncovered: known.get(uncovered, 0)} if labels.values.get(0) == uncovered else {}
    if all(name in known for name in project.classes):
        return (0, *(known[name] for name in project.classes))
    lacking = [name for name in project.classes if name not in known]
    if labels.values.get(0) in project.classes:
        raise LabelError(
            f"{project.source}: value 0 stands for what no region covers, but the labels call it {labels.values[0]!r}; "
            f"write labels.values with 0: {uncovered}, and the classes from 1 on"
        )
    if several:
        raise LabelError(
            f"{project.source}: {lacking[0]!r} is none of the labels' names, and the splits may list their classes in "
            "different orders; list the tool's names in data.classes, in the order of labels.values from 1 on"
        )
    return tuple(range(len(project.classes) + 1))


def drawn(
    project: Project,
    pictures: Sequence[Picture],
    place: Path,
    split: str,
    labels: LabelSpace | None,
    uncovered: str,
    classes: Sequence[str] | None = None,
    several: bool = False,
    planes: bool = False,
    overlaps: bool = False,
) -> Pairs:
    """Some pictures of an export as a data set.

    Args:
        place: the export itself, a file or a folder.
        classes, several: see `numbers`.
        planes: several labels a pixel; also where `labels` has `planes`.
        overlaps: whether each object keeps all of its pixels, see `export`.

    Raises: DataError when the images of all pictures are missing; those of some are faults.
    """
    lost = [picture.name for picture in pictures if picture.image is None]
    why = f" ({project.outside})" if project.outside else ""
    if lost and len(lost) == len(pictures):
        shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        raise DataError(f"{project.source}: the images of {shown} are not found beside the export{why}; put them there")
    gone = [Fault(place, name, "", f"its image is not found beside the export{why}; put it there") for name in lost]
    packed = place.suffix == ".zip"  # its images lie elsewhere each time that it is opened
    around = place if packed or place.is_dir() else place.parent  # masks may lie beside a file that tells their names
    items = [
        Pair(picture.name, picture.image, place, (around,) if packed else (picture.image, around))
        for picture in pictures
        if picture.image is not None
    ]
    whole = replace(project, classes=tuple(classes or project.classes))
    space = labels or label_space(whole, uncovered)
    if project.source in INSTANCES and (overlaps or not (planes or space.planes)):
        space = with_things(space, project.classes)
    if labels is None and planes:
        names = tuple(name for name in whole.classes if name != IGNORE)
        things = space.things if overlaps else ()
        colors = tuple(space.colors[space.names.index(name)] for name in names)
        space = LabelSpace(names, colors, planes=True, things=things)
    if planes and not space.planes:
        raise LabelError(
            "data.planes asks for several labels a pixel; write labels.planes: true too, or leave labels out"
        )
    decode: Drawing | Stack
    if space.planes:
        decode = stacked(project, space, pictures, overlaps)
    else:
        raw_values = numbers(project, labels, uncovered, classes, several)
        known = {picture.name: picture for picture in pictures}
        decode = Drawing(project.source, project.classes, raw_values, known, overlaps)
    return Pairs(
        items,
        space,
        name=project.source,
        split=split,
        decode=decode,
        remarks=said(pictures, project.remarks),
        faults=(*(fault for picture in pictures for fault in picture.faults), *gone, *project.loose),
    )


def export(
    root: str | Path,
    split: str,
    *,
    labels: LabelSpace | None = None,
    tool: str | None = None,
    file: str | None = None,
    classes: list[str] | None = None,
    uncovered: str = "background",
    planes: bool = False,
    overlaps: bool = False,
    holdout: float | None = None,
    roles: dict[str, str] | None = None,
) -> Pairs:
    """The export of an annotation tool.

    Args:
        split: the name of a split that the export declares or {split} stands for; "train", "val" or "test" for all that
            are for that; "train" or "val" of a holdout; "all" for every picture.
        labels: another meaning of the same classes: raw value 0 is what no region covers; classes go by their names, or,
            where `labels` has other names, by their order: n is the n-th.
        tool: its name, see `intarsia data convert --help`; found out when absent.
        file: the export within root, such as "annotations/instances_{split}.json"; {split} stands for the split's name.
        classes: the tool's class names in the order of the raw values from 1 on; as the export lists them when absent.
        uncovered: the class of pixels that no region covers, or "ignore".
        planes: several labels a pixel: a plane for each class, so that regions that overlap keep all of their pixels;
            objects are not numbered then. Also where `labels` has `planes`.
        overlaps: whether each object keeps all of its pixels as a mask of its own (`Sample.masks`, [M, H, W]), also those
            that others are drawn over, with its class (`Sample.classes`, [M]); labels and object numbers show the last one
            drawn, as without.
        holdout: share of the pictures, 0..1, that is "val"; which ones follows from their names alone. Of an export that
            declares splits, a share of those to train on.
        roles: what splits are for whose names do not say so: {batch_7: val}; train, val, test or none.

    Raises: DataError for a split that is not there, or a holdout where a split to validate on is declared.
    """
    root = Path(root)
    several = file is not None and "{split}" in file
    held = holdout is not None and split in (TRAIN, VAL)
    place = root if file is None else root / file.replace("{split}", _file_of(root, file, split, held))
    if not place.exists():
        raise DataError(f"{place}: there is no such file or folder{nearest(split, splits(root, file=file))}")
    project = read(place, tool, root)  # whatever lies below the folder that the user named may be used
    pictures = list(project.pictures)
    known = declared(pictures, roles)
    if held and holdout is not None:
        pictures = held_out(pictures if several else to_train_on(pictures, known, root), holdout, split)
    elif split != "all" and not several:
        pictures = part(pictures, split, known, root)
    return drawn(project, pictures, place, split, labels, uncovered, classes, several, planes, overlaps)


def splits(
    root: str | Path,
    *,
    tool: str | None = None,
    file: str | None = None,
    holdout: float | None = None,
    roles: dict[str, str] | None = None,
) -> tuple[str, ...]:
    """The splits that an export declares or `file` stands for, "train" and "val" of a holdout beside those of tests, or "all"."""
    root = Path(root)
    if file is not None and "{split}" in file:
        before, _, after = file.partition("{split}")
        places = [p.relative_to(root).as_posix() for p in root.glob(before + "*" + after)]
        names = sorted(place[len(before) : len(place) - len(after)] for place in places)
        return tuple(names) if holdout is None else (TRAIN, VAL, *(name for name in names if role(name) == TEST))
    known = declared(read(root if file is None else root / file, tool), roles)
    if holdout is not None:
        return (TRAIN, VAL, *known.of(TEST))
    return tuple(
        sorted(known.counts, key=lambda name: KNOWN.index(role(name, roles)) if role(name, roles) in KNOWN else 3)
    ) or ("all",)


def _file_of(root: Path, file: str, split: str, held: bool) -> str:
    """What {split} stands for: the split's name, and for both sides of a holdout that of the training split."""
    if not held or "{split}" not in file:
        return split
    return next(iter(of(TRAIN, splits(root, file=file))), split)
